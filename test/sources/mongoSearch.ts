/**
 * Aggregation stages of vector search, with real scores: `$vectorSearch` as Atlas takes it, and `$search` with `cosmosSearch` as Azure
 * Cosmos DB for MongoDB vCore does. What is refused, and how it is said: MongoDB manual, vector-search/query/aggregation-stages and
 * vector-search/troubleshooting, mongot's query checks, and documentdb/documentdb, bson_aggregation_search.c.
 */
import { Double, Int32, Long, type Document } from 'mongodb';

export interface MongoIndex {
  name: string;
  path: string;
  dimensions: number;
  /** Default cosine. */
  similarity?: 'COS' | 'L2' | 'IP';
  /** False while it is built; default true. */
  queryable?: boolean;
}

export interface MongoCollection {
  documents: Document[];
  indexes: MongoIndex[];
}

/** `atlas` and `vcore` differ in stages, indexes and errors. */
export type MongoDialect = 'atlas' | 'vcore';

export class MongoRefusal extends Error {
  constructor(
    readonly code: number,
    readonly codeName: string,
    message: string,
  ) {
    super(message);
  }
}

interface Scored {
  document: Document;
  score?: number;
}

/** Runs a pipeline; a collection that does not exist is an empty one. */
export function aggregate(
  collection: MongoCollection | undefined,
  pipeline: Document[],
  dialect: MongoDialect,
): Document[] {
  let meta = '';
  let found: Scored[] = (collection?.documents ?? []).map((document) => ({ document }));
  for (const [position, stage] of pipeline.entries()) {
    const [name = '', specification] = Object.entries(stage)[0] ?? [];
    if (name === '$vectorSearch' && dialect === 'atlas') {
      if (position > 0)
        throw new MongoRefusal(40_602, 'Location40602', `${name} is only valid as the first stage in a pipeline.`);
      found = vectorSearch(collection, specification);
      meta = 'vectorSearchScore';
    } else if (name === '$search' && dialect === 'vcore') {
      found = cosmosSearch(collection, specification);
      meta = 'searchScore';
    } else if (name === '$listSearchIndexes' && dialect === 'atlas') {
      found = (collection?.indexes ?? []).map((index) => ({ document: describedSearchIndex(index) }));
    } else if (name === '$project') {
      found = found.map(({ document, score }) => ({
        document: projected(document, score, specification, meta),
        score,
      }));
    } else {
      throw new MongoRefusal(40_324, 'Location40324', `Unrecognized pipeline stage name: '${name}'`);
    }
  }
  return found.map(({ document }) => document);
}

const badQuery = (message: string): MongoRefusal =>
  new MongoRefusal(8, 'UnknownError', `PlanExecutor error during aggregation :: caused by :: ${message}`);
const badValue = (message: string): MongoRefusal => new MongoRefusal(2, 'BadValue', message);

function vectorSearch(collection: MongoCollection | undefined, stage: Document): Scored[] {
  const known = ['index', 'path', 'queryVector', 'numCandidates', 'limit', 'filter', 'exact'];
  for (const name of Object.keys(stage)) {
    if (!known.includes(name)) throw badQuery(`"${name}" is not a recognized field`);
  }
  for (const name of ['index', 'path', 'queryVector', 'limit']) {
    if (stage[name] === undefined) throw badQuery(`"${name}" is required`);
  }
  const limit = wholeNumber(stage.limit);
  const candidates = wholeNumber(stage.numCandidates);
  if (limit === undefined || limit < 1) throw badQuery('"limit" must be a positive integer');
  if (stage.exact !== true) {
    if (stage.numCandidates === undefined) throw badQuery('"numCandidates" is required for ANN search');
    if (candidates === undefined || candidates < limit || candidates > 10_000) {
      throw badQuery('"numCandidates" must be at least "limit" and at most 10000');
    }
  }
  const vector = numbers(stage.queryVector);
  if (!vector) throw badQuery('"queryVector" must be an array of numbers');
  // Entries of one name are the fields of one index.
  const fields = collection?.indexes.filter(({ name, queryable }) => name === stage.index && queryable !== false) ?? [];
  // The manual: no results for an index that does not exist.
  if (!collection || fields.length === 0) return [];
  const index = fields.find(({ path }) => path === stage.path);
  if (!index) throw badQuery(`${stage.path} is not indexed as vector`);
  if (index.dimensions !== vector.length) {
    throw badQuery(`vector field is indexed with ${index.dimensions} dimensions but queried with ${vector.length}`);
  }
  const scoreOf = (other: number[]): number => {
    if (index.similarity === 'L2') return 1 / (1 + distance(vector, other));
    return (1 + (index.similarity === 'IP' ? product(vector, other) : cosine(vector, other))) / 2;
  };
  return nearest(collection, index, limit, scoreOf, true);
}

function cosmosSearch(collection: MongoCollection | undefined, stage: Document): Scored[] {
  const search: unknown = stage.cosmosSearch;
  if (!isDocument(search)) throw badValue('$search needs one of cosmosSearch and knnBeta');
  for (const name of Object.keys(stage)) {
    if (!['cosmosSearch', 'returnStoredSource'].includes(name)) throw badValue(`Unrecognized $search option: ${name}`);
  }
  for (const name of Object.keys(search)) {
    if (!['path', 'vector', 'k', 'filter', 'exact', 'score', 'nProbes', 'efSearch', 'lSearch'].includes(name)) {
      throw badValue(`Unrecognized cosmosSearch option: ${name}`);
    }
  }
  if (typeof search.path !== 'string') throw badValue('$path must be a text value');
  const vector = numbers(search.vector);
  if (!vector) throw badValue('$vector must be an array of numbers.');
  if (vector.length === 0) throw badValue('$vector cannot be an empty array.');
  const limit = wholeNumber(search.k);
  if (limit === undefined) throw badValue('$k must be an integer value.');
  if (limit < 1) throw badValue('$k must be a positive integer.');
  if (!collection) return [];
  const index = collection.indexes.find(({ path }) => path === search.path);
  if (!index) throw badValue('Similarity index was not found for a vector similarity search query.');
  if (index.dimensions !== vector.length) {
    throw new MongoRefusal(1, 'InternalError', `expected ${index.dimensions} dimensions, not ${vector.length}`);
  }
  const measures = { COS: cosine, L2: distance, IP: product };
  const measure = measures[index.similarity ?? 'COS'];
  return nearest(collection, index, limit, (other) => measure(vector, other), index.similarity !== 'L2');
}

function nearest(
  { documents }: MongoCollection,
  { path, dimensions }: MongoIndex,
  limit: number,
  scoreOf: (vector: number[]) => number,
  isHighBest: boolean,
): Scored[] {
  return documents
    .flatMap((document) => {
      const vector = numbers(valueAt(document, path));
      // Documents without a vector that fits are not in the index.
      return vector?.length === dimensions ? [{ document, score: scoreOf(vector) }] : [];
    })
    .sort((a, b) => (isHighBest ? b.score - a.score : a.score - b.score))
    .slice(0, limit);
}

function projected(document: Document, score: number | undefined, fields: Document, meta: string): Document {
  const result: Document = fields._id === 0 ? {} : { _id: document._id };
  for (const [name, wanted] of Object.entries(fields)) {
    if (name === '_id') continue;
    const value = expression(document, score, wanted, meta);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

function expression(document: Document, score: number | undefined, wanted: unknown, meta: string): unknown {
  if (typeof wanted === 'string' && wanted.startsWith('$')) return valueAt(document, wanted.slice(1));
  if (Array.isArray(wanted)) return wanted.map((each) => expression(document, score, each, meta) ?? null);
  if (isDocument(wanted) && Object.keys(wanted).join() === '$meta') {
    if (wanted.$meta !== meta) {
      throw new MongoRefusal(
        40_218,
        'Location40218',
        `query requires ${wanted.$meta} metadata, but it is not available`,
      );
    }
    return score;
  }
  throw badValue(`The projection ${JSON.stringify(wanted)} is not one of this server's.`);
}

function describedSearchIndex({ name, path, dimensions, similarity = 'COS', queryable = true }: MongoIndex): Document {
  const similarities = { COS: 'cosine', L2: 'euclidean', IP: 'dotProduct' };
  const field = { type: 'vector', path, numDimensions: dimensions, similarity: similarities[similarity] };
  return {
    name,
    type: 'vectorSearch',
    status: queryable ? 'READY' : 'BUILDING',
    queryable,
    latestDefinition: { fields: [field] },
  };
}

export function describedIndexes({ indexes }: MongoCollection): Document[] {
  return [
    { v: 2, key: { _id: 1 }, name: '_id_' },
    ...indexes.map(({ name, path, dimensions, similarity = 'COS' }) => ({
      v: 2,
      key: { [path]: 'cosmosSearch' },
      name,
      cosmosSearchOptions: { kind: 'vector-hnsw', m: 16, efConstruction: 64, similarity, dimensions },
    })),
  ];
}

export const isDocument = (value: unknown): value is Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function valueAt(document: Document, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (isDocument(value) ? value[name] : undefined), document);
}

function numbers(value: unknown): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const read = value.map((each) => numberOf(each));
  return read.every((each) => each !== undefined) ? read : undefined;
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return value instanceof Double || value instanceof Int32 || value instanceof Long ? Number(value) : undefined;
}

function wholeNumber(value: unknown): number | undefined {
  const number = numberOf(value);
  return Number.isInteger(number) ? number : undefined;
}

const product = (a: number[], b: number[]): number => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
const cosine = (a: number[], b: number[]): number => product(a, b) / Math.sqrt(product(a, a) * product(b, b) || 1);
const distance = (a: number[], b: number[]): number => Math.hypot(...a.map((value, index) => value - (b[index] ?? 0)));
