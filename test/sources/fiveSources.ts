/** One server of each source, filled with the same documents. */
import { startAzureSearch } from './azureSearch';
import { startElasticsearch } from './elasticsearch';
import type { Corpus } from './library';
import { atlasSource, cosmosSource, startMongoLibrary } from './mongoLibrary';
import { startPinecone } from './pinecone';

export interface FiveSourcesOptions {
  /** Default: the library with word vectors. */
  corpus?: Corpus;
  /** Of five that follow one another; free ones by default. */
  firstPort?: number;
  /** Embeds the queries, as `corpus` does its documents. */
  deployment: string;
}

export interface FiveSources {
  /** Entries of `data_sources`. */
  sources: { type: string; parameters: Record<string, unknown> }[];
  /** Settings of a server that may reach them. */
  env: { DATA_SOURCE_ALLOWED_HOSTS: string; PINECONE_CONTROLLER_HOST: string };
  /** Milliseconds that they took for their answers so far, all together. */
  ownMilliseconds(): number;
  close(): Promise<void>;
}

export async function startFiveSources({ corpus, firstPort, deployment }: FiveSourcesOptions): Promise<FiveSources> {
  const place = (number: number) => ({ corpus, port: firstPort === undefined ? 0 : firstPort + number });
  const [search, elastic, pinecone, atlas, cosmos] = await Promise.all([
    startAzureSearch(place(0)),
    startElasticsearch(place(1)),
    startPinecone(place(2)),
    startMongoLibrary('atlas', place(3)),
    startMongoLibrary('vcore', place(4)),
  ]);
  const servers = [search, elastic, pinecone, atlas, cosmos];
  const fields_mapping = {
    content_fields: ['content'],
    title_field: 'title',
    url_field: 'url',
    filepath_field: 'filepath',
  };
  const embedding_dependency = { type: 'deployment_name', deployment_name: deployment };
  const sources = [
    {
      type: 'azure_search',
      parameters: {
        endpoint: search.url,
        index_name: search.indexName,
        authentication: { type: 'api_key', key: search.adminKey },
        query_type: 'vector_simple_hybrid',
        fields_mapping: { ...fields_mapping, vector_fields: ['contentvector'] },
        embedding_dependency,
      },
    },
    {
      type: 'elasticsearch',
      parameters: {
        endpoint: elastic.url,
        index_name: elastic.indexName,
        authentication: { type: 'encoded_api_key', encoded_api_key: elastic.encodedApiKey },
      },
    },
    {
      type: 'pinecone',
      parameters: {
        environment: pinecone.environment,
        index_name: pinecone.indexName,
        authentication: { type: 'api_key', key: pinecone.apiKey },
        fields_mapping,
        embedding_dependency,
      },
    },
    atlasSource(atlas, deployment),
    cosmosSource(cosmos, deployment),
  ];
  const hosts = [...[search, elastic, pinecone].map(({ url }) => new URL(url).host), atlas.host, cosmos.host];
  return {
    sources,
    env: { DATA_SOURCE_ALLOWED_HOSTS: hosts.join(','), PINECONE_CONTROLLER_HOST: pinecone.url },
    ownMilliseconds: () => servers.reduce((sum, server) => sum + server.ownMilliseconds(), 0),
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
}
