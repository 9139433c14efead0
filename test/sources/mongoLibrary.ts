/** The library in MongoDB: in Atlas, and in Azure Cosmos DB for MongoDB vCore. */
import { indexedText, storedFields, wordCorpus, type SourceOptions } from './library';
import type { MongoDialect } from './mongoSearch';
import { startMongoServer, type MongoServer } from './mongoServer';

export interface MongoLibrary extends MongoServer {
  username: string;
  password: string;
  database: string;
  collection: string;
  index: string;
  vectorField: string;
}

const DATABASE = 'manual';
const COLLECTION = 'pages';
const INDEX = 'contents';
const VECTOR_FIELD = 'contentVector';

export async function startMongoLibrary(
  dialect: MongoDialect,
  { port, corpus = wordCorpus }: SourceOptions = {},
): Promise<MongoLibrary> {
  const { documents: pages, embed } = corpus;
  const [username, password] = ['reader', 'password-of-the-reader'];
  const documents = pages.map((page) => ({
    _id: page.id,
    ...storedFields(page),
    [VECTOR_FIELD]: Array.from(embed(indexedText(page))),
  }));
  const indexes = [{ name: INDEX, path: VECTOR_FIELD, dimensions: embed('').length }];
  const server = await startMongoServer({
    dialect,
    users: [{ name: username, password }],
    collections: { [`${DATABASE}.${COLLECTION}`]: { documents, indexes } },
    port,
  });
  return {
    ...server,
    username,
    password,
    database: DATABASE,
    collection: COLLECTION,
    index: INDEX,
    vectorField: VECTOR_FIELD,
  };
}

const fieldsOf = ({ vectorField }: MongoLibrary) => ({
  content_fields: ['content'],
  vector_fields: [vectorField],
  title_field: 'title',
  url_field: 'url',
  filepath_field: 'filepath',
});

/** The entry of `data_sources` for a library in Atlas. */
export const atlasSource = (atlas: MongoLibrary, deployment: string) => ({
  type: 'mongo_db',
  parameters: {
    endpoint: `mongodb://${atlas.host}/`,
    authentication: { type: 'username_and_password', username: atlas.username, password: atlas.password },
    app_name: 'manual-app',
    database_name: atlas.database,
    collection_name: atlas.collection,
    index_name: atlas.index,
    fields_mapping: fieldsOf(atlas),
    embedding_dependency: { type: 'deployment_name', deployment_name: deployment },
  },
});

/** The entry of `data_sources` for a library in Azure Cosmos DB. */
export const cosmosSource = (cosmos: MongoLibrary, deployment: string) => ({
  type: 'azure_cosmos_db',
  parameters: {
    authentication: {
      type: 'connection_string',
      connection_string: `mongodb://${cosmos.username}:${cosmos.password}@${cosmos.host}/?authMechanism=SCRAM-SHA-256`,
    },
    database_name: cosmos.database,
    container_name: cosmos.collection,
    index_name: cosmos.index,
    fields_mapping: fieldsOf(cosmos),
    embedding_dependency: { type: 'deployment_name', deployment_name: deployment },
  },
});
