/**
 * Every source × query type × authentication × vectorization of the tables in the contract (components.md sections 6.1 to 6.5), over HTTP: each finds the right
 * document of the same library.
 */
import type OpenAI from 'openai';
import { startAzureSearch, type AzureSearchServer } from '../sources/azureSearch';
import { startElasticsearch, type ElasticsearchServer } from '../sources/elasticsearch';
import { startEmbeddings, type EmbeddingServer } from '../sources/embeddings';
import { startIdentity, type IdentityServer } from '../sources/identity';
import { atlasSource, cosmosSource, startMongoLibrary, type MongoLibrary } from '../sources/mongoLibrary';
import { startPinecone, type PineconeServer } from '../sources/pinecone';
import { startHost, type Host } from '../support/host';
import { answerWith, contextOf } from '../support/petStore';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const QUERY = 'How long does the warranty of the pump last?';
const RESOURCE_ID = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mine';

interface Servers {
  upstream: ScriptedUpstream;
  search: AzureSearchServer;
  elastic: ElasticsearchServer;
  pinecone: PineconeServer;
  atlas: MongoLibrary;
  cosmos: MongoLibrary;
  embeddings: EmbeddingServer;
  identity: IdentityServer;
}
let servers: Servers;
let host: Host;
beforeAll(async () => {
  const [upstream, search, elastic, pinecone, atlas, cosmos, embeddings] = await Promise.all([
    startScriptedUpstream(),
    startAzureSearch(),
    startElasticsearch(),
    startPinecone(),
    startMongoLibrary('atlas'),
    startMongoLibrary('vcore'),
    startEmbeddings(),
  ]);
  const identity = await startIdentity(() => search.token);
  servers = { upstream, search, elastic, pinecone, atlas, cosmos, embeddings, identity };
  const hosts = [search, elastic, pinecone, embeddings].map(({ url }) => new URL(url).host);
  host = await startHost({
    env: {
      ...identity.env,
      OPENAI_BASE_URL: upstream.url,
      DATA_SOURCE_ALLOWED_HOSTS: [...hosts, atlas.host, cosmos.host].join(','),
      PINECONE_CONTROLLER_HOST: pinecone.url,
    },
  });
  answerWith(upstream, 'Two years [doc1].', [QUERY]);
}, 60_000);
afterAll(async () => {
  await host.stop();
  await Promise.all(Object.values(servers).map((server) => server.close()));
});

type Part = Record<string, unknown>;
/** Parts of the parameters by the names of the tables, made once the servers run. */
type Choices = Record<string, () => Part>;

const authentication = (choices: Record<string, () => Part>): Choices =>
  Object.fromEntries(Object.entries(choices).map(([name, of]) => [name, () => ({ authentication: of() })]));
const embedding = (choices: Record<string, () => Part>): Choices =>
  Object.fromEntries(Object.entries(choices).map(([name, of]) => [name, () => ({ embedding_dependency: of() })]));

const endpointBy = (credential: () => Part) => () => ({
  type: 'endpoint',
  endpoint: servers.embeddings.endpoint,
  authentication: credential(),
});
const endpoints = {
  'endpoint (api_key)': endpointBy(() => ({ type: 'api_key', key: servers.embeddings.key })),
  'endpoint (access_token)': endpointBy(() => ({ type: 'access_token', access_token: servers.embeddings.token })),
};
const deployment = { deployment_name: () => ({ type: 'deployment_name', deployment_name: 'embed' }) };
const none: Choices = { none: () => ({}) };
const own: Choices = { own: () => ({}) };

interface Table {
  base: () => Part;
  /** By query type, with what may embed its queries. */
  queryTypes: Record<string, Choices>;
  authentications: Choices;
}

const fields = { content_fields: ['content'], title_field: 'title', url_field: 'url', filepath_field: 'filepath' };
const searchVectors: Choices = {
  ...embedding({ ...endpoints, ...deployment, integrated: () => ({ type: 'integrated' }) }),
  // The index's own vectorizer embeds pictures and what is asked of them.
  'none (image vectors alone)': () => ({ fields_mapping: { ...fields, image_vector_fields: ['image_vector'] } }),
};
const tables: Record<string, Table> = {
  azure_search: {
    base: () => ({
      endpoint: servers.search.url,
      index_name: servers.search.indexName,
      semantic_configuration: 'default',
      fields_mapping: { ...fields, vector_fields: ['contentvector'] },
    }),
    queryTypes: {
      simple: none,
      semantic: none,
      vector: searchVectors,
      vector_simple_hybrid: searchVectors,
      vector_semantic_hybrid: searchVectors,
    },
    authentications: authentication({
      api_key: () => ({ type: 'api_key', key: servers.search.queryKey }),
      access_token: () => ({ type: 'access_token', access_token: servers.search.token }),
      system_assigned_managed_identity: () => ({ type: 'system_assigned_managed_identity' }),
      user_assigned_managed_identity: () => ({
        type: 'user_assigned_managed_identity',
        managed_identity_resource_id: RESOURCE_ID,
      }),
    }),
  },
  elasticsearch: {
    base: () => ({
      endpoint: servers.elastic.url,
      index_name: servers.elastic.indexName,
      fields_mapping: { ...fields, vector_fields: ['contentvector'] },
    }),
    queryTypes: {
      simple: none,
      vector: embedding({
        ...endpoints,
        ...deployment,
        model_id: () => ({ type: 'model_id', model_id: servers.elastic.modelId }),
      }),
    },
    authentications: authentication({
      key_and_key_id: () => ({ type: 'key_and_key_id', key: servers.elastic.key, key_id: servers.elastic.keyId }),
      encoded_api_key: () => ({ type: 'encoded_api_key', encoded_api_key: servers.elastic.encodedApiKey }),
    }),
  },
  pinecone: {
    base: () => ({
      environment: servers.pinecone.environment,
      index_name: servers.pinecone.indexName,
      fields_mapping: fields,
    }),
    queryTypes: { '': embedding(deployment) },
    authentications: authentication({ api_key: () => ({ type: 'api_key', key: servers.pinecone.apiKey }) }),
  },
  // Each takes one authentication, which its source already holds.
  mongo_db: {
    base: () => atlasSource(servers.atlas, '').parameters,
    queryTypes: { '': embedding({ ...endpoints, ...deployment }) },
    authentications: own,
  },
  azure_cosmos_db: {
    base: () => cosmosSource(servers.cosmos, '').parameters,
    queryTypes: { '': embedding({ ...endpoints, ...deployment }) },
    authentications: own,
  },
};

const matrix = Object.entries(tables).flatMap(([type, { base, queryTypes, authentications }]) =>
  Object.entries(queryTypes).flatMap(([queryType, vectorizations]) =>
    Object.entries(authentications).flatMap(([authenticated, credential]) =>
      Object.entries(vectorizations).flatMap(([vectorized, vectorization]) =>
        [false, true].map((stream) => ({
          title: [type, queryType, authenticated, vectorized, stream ? 'streamed' : 'whole'].filter(Boolean).join(', '),
          stream,
          source: () => ({
            type,
            parameters: {
              ...base(),
              ...(queryType && { query_type: queryType }),
              ...credential(),
              ...vectorization(),
            },
          }),
        })),
      ),
    ),
  ),
);
console.log(
  `data sources over HTTP: ${matrix.length} combinations of source, query type, authentication, vectorization and form`,
);

it.each(matrix)('finds the right document: $title', async ({ source, stream }) => {
  const body: OpenAI.ChatCompletionCreateParamsNonStreaming & { data_sources: object[] } = {
    model: 'gpt-4o',
    messages: [{ role: 'user', content: QUERY }],
    data_sources: [source()],
  };
  let context: ReturnType<typeof contextOf>;
  if (stream) {
    const chunks = await host.azure().chat.completions.create({ ...body, stream });
    for await (const { choices } of chunks) context ??= contextOf(choices[0]?.delta);
  } else {
    const { choices } = await host.azure().chat.completions.create(body);
    context = contextOf(choices[0]?.message);
  }
  expect(context?.citations?.[0]).toMatchObject({
    title: 'Warranty',
    filepath: 'manual/warranty.md',
    content: expect.stringContaining('The warranty lasts two years'),
  });
});

it('asked for the tokens of both identities, and once each', () => {
  expect([...servers.identity.asked].sort()).toEqual([RESOURCE_ID, undefined]);
});
