/** Elasticsearch as a source: full text and nearest neighbours, by the vendor's library. */
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import {
  BaseConnection,
  Client,
  type ClientOptions,
  type ConnectionRequestOptions as RequestOptions,
  type ConnectionRequestOptionsAsStream as StreamOptions,
  type ConnectionRequestParams as RequestParams,
  type ConnectionRequestResponse,
  type ConnectionRequestResponseAsStream,
  type estypes,
} from '@elastic/elasticsearch';
import { SourceError, type DataSource } from '../../dataSources/ports';
import type { ConfigurationOf, ParametersOf } from '../../wire/dataSources';
import type { OutgoingGuard } from '../outgoingGuard';
import { askedFields, documentsOf, queriedFields, type DocumentFields, type IndexFields } from './documentFields';
import { hashedKey, KeptAnswers, RecentlyUsed } from '../recentlyUsed';
import { callService, paramOf, sourceFailure, type CalledService } from './sourceCalls';

/** Clients that are kept, one an endpoint and credential. */
const MAX_CLIENTS = 200;
const MAX_MAPPINGS_EACH = 20;
const MAPPING_LIFE_MS = 5 * 60_000;
/** Neighbours that each shard looks at: more find the nearest more surely. */
const MIN_CANDIDATES = 100;
const MAX_CANDIDATES = 10_000;
const JSON_TYPE = 'application/json';

type Parameters = ParametersOf<'elasticsearch'>;

interface Opened {
  client: Client;
  service: CalledService;
  mappings: KeptAnswers<estypes.MappingTypeMapping[]>;
}

interface Plan {
  fields: DocumentFields;
  vectors: readonly string[];
}

/**
 * Opens indexes of Elasticsearch. The opener reads the index's mapping where the fields mapping does not say which fields to search, and
 * throws {@link SourceError}: `invalid` for parameters that do not go together, and what the service answers.
 *
 * @param options.now Unix milliseconds.
 */
export function elasticsearch(options: {
  guard: OutgoingGuard;
  now?: () => number;
}): (configuration: ConfigurationOf<'elasticsearch'>) => Promise<DataSource> {
  const opened = new RecentlyUsed<Opened>(MAX_CLIENTS);
  return async ({ parameters }) => {
    const { endpoint, authentication } = parameters;
    const key = hashedKey(endpoint, authentication);
    const { username, password, search, hash } = new URL(endpoint);
    if (username || password || search || hash)
      throw invalid('endpoint', 'the endpoint must hold no user, password or query; credentials go in authentication.');
    const found = opened.get(key, () => open(options.guard, options.now ?? Date.now, endpoint, authentication));
    return sourceOf(parameters, await planOf(parameters, found), found);
  };
}

function open(
  guard: OutgoingGuard,
  now: () => number,
  endpoint: string,
  authentication: Parameters['authentication'],
): Opened {
  const isPair = authentication.type === 'key_and_key_id';
  const secret = isPair ? authentication.key : authentication.encoded_api_key;
  const service: CalledService = { name: 'Elasticsearch', secrets: [secret] };
  const options: ClientOptions = {
    node: endpoint,
    auth: { apiKey: isPair ? { id: authentication.key_id, api_key: authentication.key } : secret },
    Connection: guardedConnection(guard, service),
    // The caller is told at once, and decides itself.
    maxRetries: 0,
  };
  const mappings = new KeptAnswers<estypes.MappingTypeMapping[]>({
    most: MAX_MAPPINGS_EACH,
    milliseconds: MAPPING_LIFE_MS,
    now,
  });
  return { client: new Client(options), service, mappings };
}

/** The library makes its connections itself, of a class that it is given. */
function guardedConnection(guard: OutgoingGuard, service: CalledService): typeof BaseConnection {
  return class GuardedConnection extends BaseConnection {
    override request(params: RequestParams, options: RequestOptions): Promise<ConnectionRequestResponse>;
    override request(params: RequestParams, options: StreamOptions): Promise<ConnectionRequestResponseAsStream>;
    override async request(
      { method, path, headers, body, querystring }: RequestParams,
      options: RequestOptions | StreamOptions,
    ): Promise<ConnectionRequestResponse | ConnectionRequestResponseAsStream> {
      const prefix = this.url.pathname.replace(/\/$/, '');
      const answer = await callService(guard, service, {
        url: new URL(`${this.url.origin}${prefix}${path}${querystring ? `?${querystring}` : ''}`),
        method,
        headers: plainHeaders({ ...this.headers, ...headers }),
        body: typeof body === 'string' ? body : undefined,
        signal: options.signal,
      });
      const head = { statusCode: answer.status, headers: answer.headers };
      if ('asStream' in options) return { ...head, body: Readable.from([answer.body]) };
      return { ...head, body: answer.body.toString('utf8') };
    }
  };
}

/**
 * The library asks for the form of its own major version, which the one before refuses. What is asked here is the same in all of them, and all take plain JSON. The length of what
 * is sent is for who sends it to say.
 */
const plainHeaders = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (value === undefined || name === 'content-length') return [];
      return [[name, name === 'accept' || name === 'content-type' ? JSON_TYPE : String(value)]];
    }),
  );

async function planOf(parameters: Parameters, { client, service, mappings }: Opened): Promise<Plan> {
  const { index_name: index, fields_mapping: mapping, query_type, embedding_dependency: dependency } = parameters;
  const read = async () => Object.values(await client.indices.getMapping({ index })).map((each) => each.mappings);
  const mappedVectors = query_type === 'vector' ? mapping?.vector_fields : [];
  const { fields, vectors } = await queriedFields(mapping, mappedVectors, async () => {
    try {
      return indexFields(await mappings.get(index, read));
    } catch (error) {
      throw sourceFailure(error, service);
    }
  });
  if (fields.content.length === 0) {
    throw invalid('fields_mapping.content_fields', `the index ${index} has no text fields; name its content fields.`);
  }
  if (query_type === 'vector' && vectors.length === 0) {
    throw invalid('fields_mapping.vector_fields', `the index ${index} has no dense_vector fields to query.`);
  }
  if (query_type === 'vector' && !dependency) {
    throw invalid(
      'embedding_dependency',
      `a query of type vector on ${vectors.join(', ')} needs an embedding dependency.`,
    );
  }
  return { fields, vectors };
}

const invalid = (name: string, message: string): SourceError =>
  new SourceError('invalid', `Elasticsearch: ${message}`, paramOf(name));

interface FieldType {
  name: string;
  type: string;
}

const namesOf = (types: readonly FieldType[], wanted: RegExp): string[] => [
  ...new Set(types.filter(({ type }) => wanted.test(type)).map(({ name }) => name)),
];

function indexFields(mappings: readonly estypes.MappingTypeMapping[]): IndexFields {
  const types = mappings.flatMap(({ properties }) => fieldTypes(properties));
  return {
    names: namesOf(types, /text|keyword|wildcard/),
    texts: namesOf(types, /^(text|match_only_text|search_as_you_type)$/),
    vectors: namesOf(types, /^dense_vector$/),
  };
}

function fieldTypes(properties: estypes.MappingTypeMapping['properties'], prefix = ''): FieldType[] {
  return Object.entries(properties ?? {}).flatMap(([name, property]) => [
    { name: prefix + name, type: property.type ?? 'object' },
    // Nested documents are searched by queries of their own.
    ...(property.type === undefined || property.type === 'object'
      ? fieldTypes(property.properties, `${prefix}${name}.`)
      : []),
  ]);
}

function sourceOf(parameters: Parameters, { fields, vectors }: Plan, { client, service }: Opened): DataSource {
  const { index_name: index, query_type, embedding_dependency: dependency } = parameters;
  const isVector = query_type === 'vector';
  const modelId = dependency?.type === 'model_id' ? dependency.model_id : undefined;
  return {
    wantsVector: isVector && modelId === undefined,
    scale: isVector ? 'similarity' : 'text',
    async search({ text, vector, limit }, signal) {
      const neighbours = (): estypes.KnnSearch[] =>
        vectors.map((field) => ({
          field,
          k: limit,
          num_candidates: Math.min(MAX_CANDIDATES, Math.max(MIN_CANDIDATES, limit * 10)),
          ...(modelId === undefined
            ? { query_vector: Array.from(vector ?? []) }
            : { query_vector_builder: { text_embedding: { model_id: modelId, model_text: text } } }),
        }));
      try {
        const { hits } = await client.search(
          {
            index,
            size: limit,
            _source: askedFields(fields),
            ...(isVector
              ? { knn: neighbours() }
              : { query: { multi_match: { query: text, fields: [...fields.content] } } }),
          },
          { signal },
        );
        // Scores of several fields come added up.
        const share = isVector ? vectors.length : 1;
        const records = hits.hits.map(({ _source, _score }) => {
          const originalScore = _score ?? 0;
          return { fields: _source, score: originalScore / share, originalScore };
        });
        return documentsOf(service.name, records, fields);
      } catch (error) {
        throw aboutModel(sourceFailure(error, service, signal), modelId);
      }
    },
  };
}

/** Elasticsearch answers 404 for a model too. */
function aboutModel(failure: unknown, modelId: string | undefined): unknown {
  const isModel =
    modelId !== undefined &&
    failure instanceof SourceError &&
    failure.kind === 'not_found' &&
    /model/i.test(failure.message);
  return isModel
    ? new SourceError(failure.kind, failure.message, paramOf('embedding_dependency.model_id'), { cause: failure })
    : failure;
}
