/** `azure_cosmos_db`: Azure Cosmos DB for MongoDB vCore (Azure DocumentDB), asked by `$search` with `cosmosSearch`. */
import { Double, type Collection, type MongoClient } from 'mongodb';
import { SourceError, type DataSource, type SourceQuery } from '../../dataSources/ports';
import type { ConfigurationOf, ParametersOf } from '../../wire/dataSources';
import { similarityOf } from './documentFields';
import { parseMongoUri } from './mongoAddress';
import type { MongoClients } from './mongoClients';
import { bestOf, checkFields, projectionOf, readDocuments, type FoundDocument } from './mongoDocuments';
import { mongoFailure, type MongoSourceNames } from './mongoErrors';
import { KeptAnswers } from '../recentlyUsed';
import { paramOf } from './sourceCalls';

/** Collections of one client whose indexes are remembered. */
const MAX_REMEMBERED = 100;
const INDEXES_LIFE_MS = 5 * 60_000;

/** A vector index: a query names the field, and the service takes the field's index (documentdb, bson_aggregation_search.c). */
interface VectorIndex {
  name: string;
  path: string;
  similarity: string;
  dimensions?: number;
}

const remembered = new WeakMap<MongoClient, KeptAnswers<VectorIndex[]>>();

/**
 * Opens `azure_cosmos_db` sources. Nothing is sent before the first search; parameters that cannot be meant so reject with {@link SourceError}
 * `invalid`.
 */
export const cosmosDb =
  (clients: MongoClients) =>
  async ({ parameters }: ConfigurationOf<'azure_cosmos_db'>): Promise<DataSource> =>
    openCosmosDb(parameters, clients);

function openCosmosDb(parameters: ParametersOf<'azure_cosmos_db'>, clients: MongoClients): DataSource {
  const { authentication, database_name, container_name, index_name, fields_mapping } = parameters;
  const authenticationParam = paramOf('authentication.connection_string');
  const address = parseMongoUri(authentication.connection_string, authenticationParam);
  const { username, password } = address;
  if (!username || password === undefined) {
    const message = 'The connection string of an azure_cosmos_db source must hold user and password.';
    throw new SourceError('invalid', message, authenticationParam);
  }
  checkFields(fields_mapping);
  const names: MongoSourceNames = {
    source: `Azure Cosmos DB at ${address.seeds[0]?.host ?? ''}`,
    address: authenticationParam,
    authentication: authenticationParam,
    database: 'database_name',
    collection: paramOf('container_name'),
    index: paramOf('index_name'),
    vectorFields: paramOf('fields_mapping.vector_fields'),
  };

  return {
    wantsVector: true,
    scale: 'similarity',
    async search(query, signal) {
      try {
        return await clients.use({ address, credential: { username, password } }, signal, async (client, stop) => {
          const collection = client.db(database_name).collection(container_name);
          const indexes = await usedIndexes(client, collection, query);
          const lists = await Promise.all(indexes.map((index) => searchField(collection, index, query, stop)));
          return bestOf(names.source, lists, fields_mapping, query.limit);
        });
      } catch (error) {
        signal.throwIfAborted();
        throw mongoFailure(error, names);
      }
    },
  };

  async function searchField(
    collection: Collection,
    { path, similarity }: VectorIndex,
    { vector, limit }: SourceQuery,
    signal: AbortSignal,
  ): Promise<FoundDocument[]> {
    const cosmosSearch = { path, vector: Array.from(vector ?? [], (value) => new Double(value)), k: limit };
    const pipeline = [
      { $search: { cosmosSearch, returnStoredSource: true } },
      projectionOf(fields_mapping, 'searchScore'),
    ];
    const cursor = collection.aggregate(pipeline, { signal, batchSize: limit + 1 });
    const found = await readDocuments(cursor, fields_mapping, limit);
    return found.map((document) => {
      // The service gives the cosine, the inner product, or with L2 the distance: the last is turned as Atlas does.
      const score = similarityOf(document.score, similarity === 'L2');
      return score === document.score ? document : { ...document, score, originalScore: document.score };
    });
  }

  /** The indexes of the vector fields, of which the named one must be one. */
  async function usedIndexes(
    client: MongoClient,
    collection: Collection,
    { vector }: SourceQuery,
  ): Promise<VectorIndex[]> {
    const known =
      remembered.get(client) ??
      new KeptAnswers<VectorIndex[]>({ most: MAX_REMEMBERED, milliseconds: INDEXES_LIFE_MS, now: Date.now });
    remembered.set(client, known);
    const key = JSON.stringify([collection.namespace, index_name, fields_mapping.vector_fields]);
    const used = await known.get(key, async () => chosen(vectorIndexesIn(await listedIndexes(client, collection))));
    for (const { name, dimensions } of used) {
      if (dimensions === undefined || dimensions === vector?.length) continue;
      const message = `${names.source} indexes vectors of ${dimensions} dimensions in '${name}', the query's has ${vector?.length ?? 0}. Use the embedding model that made its vectors, or set dimensions.`;
      throw new SourceError('invalid', message, paramOf('embedding_dependency'));
    }
    return used;
  }

  function chosen(indexes: VectorIndex[]): VectorIndex[] {
    if (!indexes.some(({ name }) => name === index_name)) {
      const message = `${names.source} has no vector index '${index_name}' on ${database_name}.${container_name}; check index_name.`;
      throw new SourceError('not_found', message, names.index);
    }
    const used = fields_mapping.vector_fields.map((field) => {
      const ofField = indexes.filter(({ path }) => path === field);
      return ofField.find(({ name }) => name === index_name) ?? ofField[0];
    });
    if (!used.every((index) => index !== undefined) || !used.some(({ name }) => name === index_name)) {
      const message = `${names.source} has vector fields other than those given; the index '${index_name}' is of '${indexes.find(({ name }) => name === index_name)?.path}'.`;
      throw new SourceError('invalid', message, names.vectorFields);
    }
    return used;
  }
}

/** The first batch alone, which holds the 64 indexes that a collection may have: a deployment that never comes to an end would be read for ever. */
async function listedIndexes(client: MongoClient, collection: Collection): Promise<Record<string, unknown>[]> {
  const command = { listIndexes: collection.collectionName, cursor: {} };
  const { cursor } = await client.db(collection.dbName).command(command);
  const batch: unknown[] = isRecord(cursor) && Array.isArray(cursor.firstBatch) ? cursor.firstBatch : [];
  return batch.filter(isRecord);
}

function vectorIndexesIn(indexes: Record<string, unknown>[]): VectorIndex[] {
  return indexes.flatMap(({ name, key, cosmosSearchOptions: options }) => {
    const keys = isRecord(key) ? Object.entries(key) : [];
    const path = keys.find(([, kind]) => kind === 'cosmosSearch')?.[0];
    if (path === undefined || typeof name !== 'string') return [];
    const { similarity, dimensions } = isRecord(options) ? options : {};
    return [
      {
        name,
        path,
        similarity: typeof similarity === 'string' ? similarity : 'COS',
        dimensions: typeof dimensions === 'number' ? dimensions : undefined,
      },
    ];
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
