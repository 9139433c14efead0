/** `mongo_db`: MongoDB Atlas, or another deployment with Atlas Vector Search, asked by `$vectorSearch`. */
import { Double, MongoServerError, type Collection, type Document } from 'mongodb';
import { SourceError, type DataSource, type SourceQuery } from '../../dataSources/ports';
import type { ConfigurationOf, ParametersOf } from '../../wire/dataSources';
import { parseMongoHost, parseMongoUri, type MongoAddress } from './mongoAddress';
import type { MongoClients } from './mongoClients';
import { bestOf, checkFields, projectionOf, readDocuments } from './mongoDocuments';
import { mongoFailure, type MongoSourceNames } from './mongoErrors';
import { paramOf } from './sourceCalls';

/** Candidates for each result, and at most (MongoDB manual, $vectorSearch: 20 times the limit is advised, 10,000 are allowed). */
const CANDIDATES_PER_RESULT = 20;
const MAX_CANDIDATES = 10_000;
/** Search indexes that are looked through for the named one. */
const MAX_INDEXES = 1_000;
/** The handshake refuses longer ones. */
const MAX_APP_NAME_BYTES = 128;

/**
 * Opens `mongo_db` sources. Nothing is sent before the first search; parameters that cannot be meant so reject with {@link SourceError}
 * `invalid`.
 */
export const mongoDb =
  (clients: MongoClients) =>
  async ({ parameters }: ConfigurationOf<'mongo_db'>): Promise<DataSource> =>
    openMongoDb(parameters, clients);

function openMongoDb(parameters: ParametersOf<'mongo_db'>, clients: MongoClients): DataSource {
  const { authentication, endpoint, app_name, database_name, collection_name, index_name, fields_mapping } = parameters;
  const address = addressOf(endpoint);
  if (address.username !== undefined || address.password !== undefined) {
    const message = 'The endpoint of a mongo_db source must hold no user or password; give them in authentication.';
    throw new SourceError('invalid', message, paramOf('endpoint'));
  }
  if (Buffer.byteLength(app_name) > MAX_APP_NAME_BYTES) {
    throw new SourceError('invalid', `app_name must have at most ${MAX_APP_NAME_BYTES} bytes.`, paramOf('app_name'));
  }
  checkFields(fields_mapping);
  const names: MongoSourceNames = {
    source: `MongoDB at ${address.seeds[0]?.host ?? ''}`,
    address: paramOf('endpoint'),
    authentication: paramOf('authentication'),
    database: 'database_name',
    collection: paramOf('collection_name'),
    index: paramOf('index_name'),
    vectorFields: paramOf('fields_mapping.vector_fields'),
  };
  const credential = { username: authentication.username, password: authentication.password };

  return {
    wantsVector: true,
    scale: 'similarity',
    async search(query, signal) {
      try {
        return await clients.use({ address, credential, appName: app_name }, signal, async (client, stop) => {
          const collection = client.db(database_name).collection(collection_name);
          const lists = await Promise.all(
            fields_mapping.vector_fields.map((path) => searchField(collection, path, query, stop)),
          );
          if (lists.flat().length === 0) await checkIndex(collection, stop);
          return bestOf(names.source, lists, fields_mapping, query.limit);
        });
      } catch (error) {
        signal.throwIfAborted();
        throw mongoFailure(error, names);
      }
    },
  };

  function searchField(collection: Collection, path: string, { vector, limit }: SourceQuery, signal: AbortSignal) {
    const stage = {
      index: index_name,
      path,
      // Whole numbers would be sent as integers, and the vector must be of one type.
      queryVector: Array.from(vector ?? [], (value) => new Double(value)),
      numCandidates: Math.min(limit * CANDIDATES_PER_RESULT, MAX_CANDIDATES),
      limit: Math.min(limit, MAX_CANDIDATES),
    };
    const pipeline = [{ $vectorSearch: stage }, projectionOf(fields_mapping, 'vectorSearchScore')];
    return readDocuments(collection.aggregate(pipeline, { signal, batchSize: limit + 1 }), fields_mapping, limit);
  }

  /** Atlas finds nothing where there is no such index, instead of saying so (MongoDB manual, $vectorSearch, `index`). */
  async function checkIndex(collection: Collection, signal: AbortSignal): Promise<void> {
    const indexes = await listed(collection, signal);
    const index = indexes?.find(({ name }) => name === index_name);
    if (!indexes || index?.queryable) return;
    if (index) {
      const message = `${names.source} has not built its index '${index_name}' yet; try again when it is ready.`;
      throw new SourceError('unavailable', message, names.index);
    }
    const message = `${names.source} has no search index '${index_name}' on ${database_name}.${collection_name}; check index_name, collection_name and database_name.`;
    throw new SourceError('not_found', message, names.index);
  }

  /** The search indexes; undefined where the user may not list them. */
  async function listed(collection: Collection, signal: AbortSignal) {
    try {
      // A deployment that never comes to an end must not fill the memory.
      const cursor = collection.aggregate([{ $listSearchIndexes: {} }], { signal });
      const indexes: Document[] = [];
      for await (const index of cursor) if (indexes.push(index) >= MAX_INDEXES) break;
      return indexes;
    } catch (error) {
      if (error instanceof MongoServerError && (error.code === 13 || error.code === 8000)) return undefined;
      throw error;
    }
  }
}

/** A cluster's name as Atlas shows it, a host with a port, or a whole connection string. */
function addressOf(endpoint: string): MongoAddress {
  const param = paramOf('endpoint');
  if (endpoint.includes('://')) return parseMongoUri(endpoint, param);
  if (!parseMongoHost(endpoint)) {
    const message =
      'The endpoint of a mongo_db source must be the name of a cluster, such as cluster0.example.mongodb.net, or a mongodb:// or mongodb+srv:// address.';
    throw new SourceError('invalid', message, param);
  }
  // SRV names have no port; with one, or an IP address, a server itself is meant. Atlas takes TLS alone.
  const isServer = endpoint.includes(':') || /^[\d.]+$/.test(endpoint);
  return parseMongoUri(isServer ? `mongodb://${endpoint}/?tls=true` : `mongodb+srv://${endpoint}/`, param);
}
