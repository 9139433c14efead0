/** `npm run sources`: the test sources on fixed ports of this machine, filled with the same documents, until Ctrl+C. */
import { startAzureSearch } from './azureSearch';
import { startElasticsearch } from './elasticsearch';
import { atlasSource, cosmosSource, startMongoLibrary } from './mongoLibrary';
import { startPinecone } from './pinecone';

async function main(): Promise<void> {
  const search = await startAzureSearch({ port: 5081 });
  const elastic = await startElasticsearch({ port: 5082 });
  const pinecone = await startPinecone({ port: 5083 });
  const atlas = await startMongoLibrary('atlas', { port: 5084 });
  const cosmos = await startMongoLibrary('vcore', { port: 5085 });
  const content = { content_fields: ['content'], title_field: 'title', url_field: 'url', filepath_field: 'filepath' };
  const sources = [
    {
      type: 'azure_search',
      parameters: {
        endpoint: search.url,
        index_name: search.indexName,
        authentication: { type: 'api_key', key: search.adminKey },
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
        fields_mapping: content,
        embedding_dependency: { type: 'deployment_name', deployment_name: 'DEPLOYMENT' },
      },
    },
    atlasSource(atlas, 'DEPLOYMENT'),
    cosmosSource(cosmos, 'DEPLOYMENT'),
  ];
  console.log(`Sources run. Start the server with these settings:
  DATA_SOURCE_ALLOWED_HOSTS=${[...[search, elastic, pinecone].map(({ url }) => new URL(url).host), atlas.host, cosmos.host].join(',')}
  PINECONE_CONTROLLER_HOST=${pinecone.url}
and send one of these as data_sources:`);
  for (const source of sources) console.log(JSON.stringify([source]));
  await new Promise<void>((resolve) => process.once('SIGINT', resolve));
  await Promise.all([search, elastic, pinecone, atlas, cosmos].map((server) => server.close()));
}

void main();
