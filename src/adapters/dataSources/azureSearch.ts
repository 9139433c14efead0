/** Azure AI Search as a source: every query type, by the REST API's definition as the vendor's library speaks it. */
import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import type { SearchField, SearchIndex, SearchOptions, SimpleField, VectorQuery } from '@azure/search-documents';
import { SourceError, type DataSource, type ScoreScale, type SourceQuery } from '../../dataSources/ports';
import type { ConfigurationOf, ParametersOf } from '../../wire/dataSources';
import type { OutgoingGuard } from '../outgoingGuard';
import { azureSearchClients, type AzureSearchClients, type SearchDocument } from './azureSearchClient';
import {
  askedFields,
  documentsOf,
  queriedFields,
  type DocumentFields,
  type FoundRecord,
  type IndexFields,
} from './documentFields';
import { hashedKey, KeptAnswers, RecentlyUsed } from '../recentlyUsed';
import { paramOf, sourceFailure } from './sourceCalls';

/** Clients that are kept, one an endpoint and credential; identities likewise. */
const MAX_CLIENTS = 200;
const MAX_DEFINITIONS_EACH = 20;
const DEFINITION_LIFE_MS = 5 * 60_000;
/** Neighbours that each vector gives to a fusion: the semantic ranker takes fifty documents. */
const MIN_NEIGHBOURS = 50;
/** Of one search's documents: they may come in many parts, each as large as an answer may be. */
const MAX_CHARACTERS = 16_000_000;

type Parameters = ParametersOf<'azure_search'>;

interface Opened {
  clients: AzureSearchClients;
  definitions: KeptAnswers<SearchIndex>;
}

/** What of an index is asked. */
interface Plan {
  fields: DocumentFields;
  /** Searched by a vector, ours or the index's own. */
  vectors: readonly string[];
  images: readonly string[];
}

export interface AzureSearchOptions {
  guard: OutgoingGuard;
  /** The server's managed identity, or the user assigned one of that ARM resource id; default: `ManagedIdentityCredential`. */
  identity?: (resourceId?: string) => TokenCredential;
  /** Unix milliseconds. */
  now?: () => number;
}

/**
 * Opens indexes of Azure AI Search. The opener reads the index's definition where the fields mapping does not say which fields to search, and
 * throws {@link SourceError}: `invalid` for parameters that do not go together, `refused_address`, and what the service answers.
 */
export function azureSearch(
  options: AzureSearchOptions,
): (configuration: ConfigurationOf<'azure_search'>) => Promise<DataSource> {
  const { guard, now = Date.now } = options;
  const opened = new RecentlyUsed<Opened>(MAX_CLIENTS);
  const identities = new RecentlyUsed<TokenCredential>(MAX_CLIENTS);
  const identity = (resourceId?: string) =>
    identities.get(resourceId ?? '', () => (options.identity ?? managedIdentity)(resourceId));

  return async ({ parameters }) => {
    const { endpoint, authentication } = parameters;
    const key = hashedKey(endpoint, authentication);
    const { clients, definitions } = opened.get(key, () => ({
      clients: azureSearchClients(guard, endpoint, authentication, identity),
      definitions: new KeptAnswers({ most: MAX_DEFINITIONS_EACH, milliseconds: DEFINITION_LIFE_MS, now }),
    }));
    const definition = () =>
      definitions
        .get(parameters.index_name, () => clients.indexes.getIndex(parameters.index_name))
        .catch((error) => {
          throw unreadableDefinition(sourceFailure(error, clients.service));
        });
    const plan = await planOf(parameters, definition);
    return sourceOf(parameters, plan, clients);
  };
}

const managedIdentity = (resourceId?: string): TokenCredential =>
  resourceId === undefined ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ resourceId });

function unreadableDefinition(error: unknown): unknown {
  if (!(error instanceof SourceError) || error.kind !== 'authentication') return error;
  const message = `${error.message} To read the index's fields it takes an admin key or the role Search Service Contributor; or name the fields in fields_mapping.`;
  return new SourceError('authentication', message, error.param, { cause: error });
}

const searchesText = ({ query_type }: Parameters): boolean => query_type !== 'vector';
const searchesVectors = ({ query_type }: Parameters): boolean => query_type.startsWith('vector');
const isSemantic = ({ query_type }: Parameters): boolean => /semantic/.test(query_type);

async function planOf(parameters: Parameters, definition: () => Promise<SearchIndex>): Promise<Plan> {
  const { fields_mapping: mapping, embedding_dependency: dependency } = parameters;
  const images = searchesVectors(parameters) ? (mapping?.image_vector_fields ?? []) : [];
  const mappedVectors = searchesVectors(parameters)
    ? (mapping?.vector_fields ?? (images.length > 0 ? [] : undefined))
    : [];
  const { fields, vectors } = await queriedFields(mapping, mappedVectors, async () => indexFields(await definition()));
  if (fields.content.length === 0) {
    throw invalid('fields_mapping.content_fields', 'The index has no text that can be read; name its content fields.');
  }
  if (searchesVectors(parameters)) checkVectors(parameters, vectors, images, dependency !== undefined);
  return { fields, vectors, images };
}

function checkVectors(
  parameters: Parameters,
  vectors: readonly string[],
  images: readonly string[],
  embeds: boolean,
): void {
  if (vectors.length === 0 && images.length === 0) {
    throw invalid(
      'fields_mapping.vector_fields',
      `A query of type ${parameters.query_type} needs vector fields, and the index has none.`,
    );
  }
  if (vectors.length > 0 && !embeds) {
    throw invalid(
      'embedding_dependency',
      `A query of type ${parameters.query_type} on ${vectors.join(', ')} needs an embedding dependency.`,
    );
  }
}

const invalid = (name: string, message: string): SourceError =>
  new SourceError('invalid', `Azure AI Search: ${message}`, paramOf(name));

const isText = (type: string): boolean => type === 'Edm.String' || type === 'Collection(Edm.String)';

const isSimple = (field: SearchField): field is SimpleField =>
  field.type !== 'Edm.ComplexType' && field.type !== 'Collection(Edm.ComplexType)';

/** Top-level fields whose values are answered. */
function retrievableFields({ fields }: SearchIndex, wanted: (field: SimpleField) => boolean): string[] {
  const answered = ({ hidden, vectorSearchDimensions }: SimpleField) => hidden !== true && !vectorSearchDimensions;
  return fields
    .filter(isSimple)
    .filter((field) => answered(field) && wanted(field))
    .map(({ name }) => name);
}

const indexFields = (index: SearchIndex): IndexFields => ({
  names: retrievableFields(index, () => true),
  texts: retrievableFields(index, ({ type, searchable }) => isText(type) && searchable !== false),
  vectors: vectorFields(index),
});

const vectorFields = ({ fields }: SearchIndex): string[] =>
  fields
    .filter(isSimple)
    .filter(({ vectorSearchDimensions }) => vectorSearchDimensions)
    .map(({ name }) => name);

function sourceOf(parameters: Parameters, plan: Plan, clients: AzureSearchClients): DataSource {
  const client = clients.documents(parameters.index_name);
  const integrated = parameters.embedding_dependency?.type === 'integrated';
  return {
    wantsVector: plan.vectors.length > 0 && !integrated,
    scale: scaleOf(parameters, plan),
    async search(query, signal) {
      const vectors = vectorQueries(plan, query, integrated);
      const common = {
        top: query.limit,
        select: askedFields(plan.fields),
        filter: parameters.filter,
        abortSignal: signal,
        ...(vectors.length > 0 && { vectorSearchOptions: { queries: vectors } }),
      };
      const asked: SearchOptions<SearchDocument> = isSemantic(parameters)
        ? {
            ...common,
            queryType: 'semantic',
            // A part of an answer, unranked, would pass for a ranked one.
            semanticSearchOptions: { configurationName: parameters.semantic_configuration, errorMode: 'fail' },
          }
        : { ...common, queryType: 'simple' };
      try {
        const { results } = await client.search(searchesText(parameters) ? query.text : undefined, asked);
        const records: FoundRecord[] = [];
        let characters = 0;
        for await (const { document, score, rerankerScore } of results) {
          characters += JSON.stringify(document).length;
          if (characters > MAX_CHARACTERS)
            throw invalid(
              'top_n_documents',
              'The documents found are too large together; set a lower top_n_documents.',
            );
          records.push({ fields: document, score, rerankScore: rerankerScore ?? undefined });
          if (records.length === query.limit) break;
        }
        return documentsOf(clients.service.name, records, plan.fields);
      } catch (error) {
        throw sourceFailure(error, clients.service, signal);
      }
    },
  };
}

/** One list of neighbours has a similarity as its score; several, or one beside the text's, are fused by rank. */
function scaleOf(parameters: Parameters, { vectors, images }: Plan): ScoreScale {
  if (!searchesVectors(parameters)) return 'text';
  return parameters.query_type === 'vector' && vectors.length + images.length === 1 ? 'similarity' : 'rank';
}

function vectorQueries(
  { vectors, images }: Plan,
  { text, vector, limit }: SourceQuery,
  integrated: boolean,
): VectorQuery<SearchDocument>[] {
  const kNearestNeighborsCount = Math.max(limit, MIN_NEIGHBOURS);
  const queries: VectorQuery<SearchDocument>[] = [];
  if (vectors.length > 0 && integrated) {
    queries.push({ kind: 'text', text, fields: [...vectors], kNearestNeighborsCount });
  } else if (vectors.length > 0) {
    if (!vector) throw new TypeError('A query on vector fields came without its vector.');
    queries.push({ kind: 'vector', vector: Array.from(vector), fields: [...vectors], kNearestNeighborsCount });
  }
  // Only the index's own vectorizer knows how its images were embedded.
  if (images.length > 0) queries.push({ kind: 'text', text, fields: [...images], kNearestNeighborsCount });
  return queries;
}
