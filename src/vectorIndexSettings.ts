/** Where the vectors of vector stores are. */
import { z } from 'zod';
import { checked } from './checkedSettings';
import { ConfigError } from './configError';
import { serviceUrl } from './modelBackends';

export type VectorIndexSettings =
  | { kind: 'lancedb' }
  | {
      kind: 'azure_search';
      endpoint: string;
      indexName: string;
      /** Absent: the identity that the process has in Azure. */
      apiKey?: string;
      /** The service's semantic ranker orders what full text finds. */
      ranksByMeaning: boolean;
    };

export const vectorIndexSettings = z.object({
  VECTOR_INDEX: z.enum(['lancedb', 'azure_search'], { error: 'must be lancedb or azure_search' }).default('lancedb'),
  AZURE_SEARCH_ENDPOINT: serviceUrl.optional(),
  AZURE_SEARCH_API_KEY: z.string().trim().min(1).optional(),
  AZURE_SEARCH_INDEX: z
    .string()
    .trim()
    .regex(
      /^[a-z0-9](?:-?[a-z0-9]){1,127}$/,
      'must be 2 to 128 lower-case letters, digits and single dashes between them',
    )
    .default('vector-stores'),
  AZURE_SEARCH_SEMANTIC_RANKER: z.enum(['on', 'off'], { error: 'must be on or off' }).default('off'),
});

/** Throws {@link ConfigError} for the first setting that is wrong. */
export function readVectorIndex(given: Record<string, string | undefined>): VectorIndexSettings {
  const values = checked(vectorIndexSettings, given);
  if (values.VECTOR_INDEX === 'lancedb') return { kind: 'lancedb' };
  if (values.AZURE_SEARCH_ENDPOINT === undefined) {
    throw new ConfigError(
      'AZURE_SEARCH_ENDPOINT',
      'must be the address of the search service, such as https://name.search.windows.net, where VECTOR_INDEX is azure_search.',
    );
  }
  return {
    kind: 'azure_search',
    endpoint: values.AZURE_SEARCH_ENDPOINT,
    indexName: values.AZURE_SEARCH_INDEX,
    apiKey: values.AZURE_SEARCH_API_KEY,
    ranksByMeaning: values.AZURE_SEARCH_SEMANTIC_RANKER === 'on',
  };
}
