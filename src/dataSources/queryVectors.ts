/** Vectors of the search queries, made by what the request's `embedding_dependency` names. */
import type { Scope } from '../scope';
import type { EmbeddingDependency } from '../wire/dataSources';
import { SourceError, type DataSource, type EmbeddingDeployments, type EmbeddingEndpoint } from './ports';

export interface QueryVectorPorts {
  embeddingDeployments: EmbeddingDeployments;
  embeddingEndpoint: EmbeddingEndpoint;
}

const PARAM = 'data_sources[0].parameters.embedding_dependency';

/**
 * One vector per text, or undefined where the source makes its own or needs none. Throws {@link SourceError}, ModelError, or the signal's reason.
 */
export async function queryVectors(
  { embeddingDeployments, embeddingEndpoint }: QueryVectorPorts,
  { wantsVector }: DataSource,
  dependency: EmbeddingDependency | undefined,
  texts: string[],
  scope: Scope,
  signal: AbortSignal,
): Promise<Float32Array[] | undefined> {
  if (!wantsVector) return undefined;
  const vectors =
    dependency?.type === 'endpoint'
      ? await embeddingEndpoint.embed(dependency, texts, signal)
      : dependency?.type === 'deployment_name'
        ? await embeddingDeployments.embed(dependency, texts, scope, signal)
        : undefined;
  if (vectors) return vectors;
  throw new SourceError(
    'invalid',
    'It is searched by vectors, and nothing makes them: name an embedding endpoint or deployment.',
    PARAM,
  );
}
