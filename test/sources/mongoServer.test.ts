/** The MongoDB server of the tests refuses what the real ones refuse. */
import { MongoClient, type Collection, type Document } from 'mongodb';
import { corpus } from '../adapters/dataSources/mongoFixtures';
import { startMongoServer, type MongoServer } from './mongoServer';

const servers: Record<string, MongoServer> = {};
const clients: MongoClient[] = [];
beforeAll(async () => {
  for (const dialect of ['atlas', 'vcore'] as const) {
    servers[dialect] = await startMongoServer({
      dialect,
      users: [{ name: 'reader', password: 'password' }],
      collections: { 'library.pages': corpus() },
    });
  }
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(Object.values(servers).map((server) => server.close()));
});

function pages(dialect: string, credentials = 'reader:password@'): Collection {
  const client = new MongoClient(`mongodb://${credentials}${servers[dialect]?.host}/?authSource=admin`);
  clients.push(client);
  return client.db('library').collection('pages');
}

const nearest = { index: 'vectors', path: 'vector', queryVector: [1, 0.1, 0], numCandidates: 20, limit: 3 };
const without = (name: string): Document => Object.fromEntries(Object.entries(nearest).filter(([key]) => key !== name));

it.each(['atlas', 'vcore'])('%s wants a user first, and the right password', async (dialect) => {
  await expect(pages(dialect, '').aggregate([]).toArray()).rejects.toMatchObject({ code: 13 });
  const wrong = pages(dialect, 'reader:wrong@').aggregate([]).toArray();
  await expect(wrong).rejects.toMatchObject({ code: dialect === 'atlas' ? 8_000 : 18 });
  const stranger = pages(dialect, 'nobody:password@').aggregate([]).toArray();
  await expect(stranger).rejects.toMatchObject({ code: dialect === 'atlas' ? 8_000 : 18 });
});

it.each([
  ['no index', without('index'), '"index" is required'],
  ['no path', without('path'), '"path" is required'],
  ['no vector', without('queryVector'), '"queryVector" is required'],
  ['no limit', without('limit'), '"limit" is required'],
  ['no candidates', without('numCandidates'), '"numCandidates" is required'],
  ['fewer candidates than results', { ...nearest, numCandidates: 2 }, 'at least "limit"'],
  ['too many candidates', { ...nearest, numCandidates: 10_001 }, 'at most 10000'],
  ['no results wanted', { ...nearest, limit: 0 }, 'positive'],
  ['an unknown option', { ...nearest, k: 3 }, '"k" is not a recognized field'],
  ['other dimensions', { ...nearest, queryVector: [1, 2] }, 'indexed with 3 dimensions but queried with 2'],
  ['another path', { ...nearest, path: 'title' }, 'title is not indexed as vector'],
])('Atlas refuses $vectorSearch with %s', async (_, stage, message) => {
  await expect(
    pages('atlas')
      .aggregate([{ $vectorSearch: stage }])
      .toArray(),
  ).rejects.toThrow(message);
});

it.each([
  ['no path', { vector: [1, 0, 0], k: 3 }, '$path must be a text value'],
  ['no vector', { path: 'vector', k: 3 }, '$vector must be an array of numbers.'],
  ['an empty vector', { path: 'vector', vector: [], k: 3 }, '$vector cannot be an empty array.'],
  ['no k', { path: 'vector', vector: [1, 0, 0] }, '$k must be an integer value.'],
  ['k of zero', { path: 'vector', vector: [1, 0, 0], k: 0 }, '$k must be a positive integer.'],
  ['no index', { path: 'title', vector: [1, 0, 0], k: 3 }, 'Similarity index was not found'],
  ['other dimensions', { path: 'vector', vector: [1], k: 3 }, 'expected 3 dimensions, not 1'],
])('Cosmos DB refuses cosmosSearch with %s', async (_, cosmosSearch, message) => {
  await expect(
    pages('vcore')
      .aggregate([{ $search: { cosmosSearch } }])
      .toArray(),
  ).rejects.toThrow(message);
});

it('refuses a score that no stage has made, and stages of the other service', async () => {
  const project = (meta: string) => ({ $project: { score: { $meta: meta } } });
  const atlas = pages('atlas');
  await expect(atlas.aggregate([{ $vectorSearch: nearest }, project('searchScore')]).toArray()).rejects.toMatchObject({
    code: 40_218,
  });
  await expect(atlas.aggregate([project('vectorSearchScore'), { $vectorSearch: nearest }]).toArray()).rejects.toThrow();
  await expect(
    pages('vcore')
      .aggregate([{ $vectorSearch: nearest }])
      .toArray(),
  ).rejects.toMatchObject({ code: 40_324 });
});

it('gives long answers in batches', async () => {
  const cursor = pages('atlas').aggregate([{ $vectorSearch: { ...nearest, limit: 5 } }], { batchSize: 2 });
  await expect(cursor.toArray()).resolves.toHaveLength(5);
  expect(servers.atlas?.commands).toContain('getMore');
});
