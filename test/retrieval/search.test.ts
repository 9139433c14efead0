import { ModelError, type EmbeddingModel } from '../../src/models/ports';
import { indexed, drive, scope, testRetrieval, upload, wordModel, type TestRetrieval } from '../support/retrievalPorts';

let test: TestRetrieval;
let storeId: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  test = await testRetrieval();
  const { store } = await test.retrieval.vectorStores.create(scope, {});
  storeId = store.id;
  const texts = {
    whales: 'Whales are large mammals of the sea.',
    cats: 'Cats sleep on sofas.',
    cars: 'Cars need petrol.',
  };
  for (const [name, text] of Object.entries(texts)) ids[name] = (await upload(test.retrieval, `${name}.txt`, text)).id;
  const files = Object.entries(ids).map(([name, file_id]) => ({
    file_id,
    attributes: { name, animal: name !== 'cars' },
  }));
  const { job } = await test.retrieval.fileBatches.create(scope, storeId, { files });
  await drive(test.retrieval, job);
});
afterAll(async () => test.close());

const request = { rewrite_query: false, max_num_results: 10 };
const namesOf = (page: { data: { filename: string }[] }): string[] => page.data.map(({ filename }) => filename);

describe('search', () => {
  it('finds the passage that answers, best first, with its file and attributes', async () => {
    const page = await test.retrieval.search.page(scope, storeId, { ...request, query: 'large mammals of the sea' });
    expect(page).toMatchObject({
      object: 'vector_store.search_results.page',
      search_query: ['large mammals of the sea'],
      has_more: false,
    });
    expect(page.data[0]).toEqual({
      file_id: ids.whales,
      filename: 'whales.txt',
      score: expect.any(Number),
      attributes: { name: 'whales', animal: true },
      content: [{ type: 'text', text: 'Whales are large mammals of the sea.' }],
    });
    const scores = page.data.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  });

  it('keeps to the number of results and to the score threshold', async () => {
    const query = 'Whales Cats Cars';
    expect(
      (await test.retrieval.search.page(scope, storeId, { ...request, query, max_num_results: 2 })).data,
    ).toHaveLength(2);
    const best = await test.retrieval.search.page(scope, storeId, { ...request, query: 'whales mammals' });
    const ranking_options = { score_threshold: best.data[0]?.score ?? 1 };
    const strict = { ...request, query: 'whales mammals', ranking_options };
    expect(namesOf(await test.retrieval.search.page(scope, storeId, strict))).toEqual(['whales.txt']);
  });

  it('takes several queries and finds a passage once', async () => {
    const page = await test.retrieval.search.page(scope, storeId, {
      ...request,
      query: ['whales sea', 'whales mammals', 'sofas cats'],
    });
    expect(page.search_query).toHaveLength(3);
    expect(namesOf(page).slice(0, 2).sort()).toEqual(['cats.txt', 'whales.txt']);
    expect(new Set(namesOf(page)).size).toBe(page.data.length);
  });

  it('filters by attributes, as they are at this moment', async () => {
    const { search, vectorStoreFiles } = test.retrieval;
    const find = async () =>
      namesOf(
        await search.page(scope, storeId, {
          ...request,
          query: 'petrol',
          filters: { type: 'eq', key: 'animal', value: false },
        }),
      );
    expect(await find()).toEqual(['cars.txt']);
    await vectorStoreFiles.setAttributes(scope, storeId, ids.cars ?? '', { animal: true });
    expect(await find()).toEqual([]);
    await vectorStoreFiles.setAttributes(scope, storeId, ids.cars ?? '', { animal: false });
  });

  it('gives scores that mean the same from query to query', async () => {
    const bestOf = async (query: string) =>
      (await test.retrieval.search.page(scope, storeId, { ...request, query })).data[0]?.score ?? 0;
    const exact = await bestOf('Whales are large mammals of the sea.');
    const partly = await bestOf('whales and the weather of tomorrow');
    const not = await bestOf('parliament election results');
    expect(exact).toBeGreaterThan(partly);
    expect(partly).toBeGreaterThan(not);
  });

  it('pages through the results without a gap or a repetition', async () => {
    const query = 'Whales Cats Cars';
    const all = namesOf(await test.retrieval.search.page(scope, storeId, { ...request, query }));
    const seen: string[] = [];
    let page: string | undefined;
    do {
      const part = await test.retrieval.search.page(scope, storeId, { ...request, query, max_num_results: 1, page });
      expect(part.has_more).toBe(part.next_page !== null);
      seen.push(...namesOf(part));
      page = part.next_page ?? undefined;
    } while (page !== undefined);
    expect(seen).toEqual(all);
    expect(all).toHaveLength(3);
    for (const wrong of ['0', '-1', 'x', '1000', '99999']) {
      const call = test.retrieval.search.page(scope, storeId, { ...request, query, page: wrong });
      await expect(call).rejects.toMatchObject({ status: 400, details: { param: 'page' } });
    }
  });

  it.each<[string, string | string[]]>([
    ['one query', 'penguin island 3'],
    ['several queries', ['penguin 5', 'island 2 fish 9']],
  ])(
    'pages of any size give the same order, for %s with more results than a small search brings',
    async (_what, query) => {
      const { store } = await test.retrieval.vectorStores.create(scope, {});
      const file_ids: string[] = [];
      for (let number = 0; number < 130; number += 1) {
        const text = `Penguin number ${number} lives on island ${number % 7} with fish ${number % 11}.`;
        file_ids.push((await upload(test.retrieval, `${number}.txt`, text)).id);
      }
      await drive(test.retrieval, (await test.retrieval.fileBatches.create(scope, store.id, { file_ids })).job);
      const inPagesOf = async (max_num_results: number) => {
        const found: { filename: string; score: number }[] = [];
        for (let page: string | undefined, more = true; more;) {
          const part = await test.retrieval.search.page(scope, store.id, { ...request, query, max_num_results, page });
          found.push(...part.data);
          page = part.next_page ?? undefined;
          more = part.has_more;
        }
        return found;
      };
      const all = await inPagesOf(7);
      const scores = all.map(({ score }) => score);
      expect(new Set(all.map(({ filename }) => filename)).size).toBe(130);
      expect(all).toHaveLength(130);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      expect(await inPagesOf(40)).toEqual(all);
    },
  );

  it('weighs vectors and full text as the ranking options say, else as suits the embedding model', async () => {
    const spy = jest.spyOn(test.ports.index, 'search');
    const hybrid_search = { embedding_weight: 0.3, text_weight: 0.7 };
    const options = [{ ranker: 'none' as const }, { ranker: 'auto' as const }, {}, { hybrid_search }];
    for (const given of options) {
      const ranking_options = { score_threshold: 0, ...given };
      await test.retrieval.search.page(scope, storeId, { ...request, query: 'whales', ranking_options });
    }
    expect(spy.mock.calls.map(([, { weights }]) => weights)).toEqual([
      { vector: 1, text: 0 },
      { vector: 1, text: 1 },
      { vector: 1, text: 1 },
      { vector: 0.3, text: 0.7 },
    ]);
    spy.mockRestore();
  });

  it('finds letters with accents by a query that has the accents apart, as names of files on a Mac have them', async () => {
    const { store } = await test.retrieval.vectorStores.create(scope, {});
    const file = await upload(test.retrieval, 'muenchen.txt', 'Der Fluß durch München heißt Isar.');
    await drive(
      test.retrieval,
      (await test.retrieval.vectorStoreFiles.create(scope, store.id, { file_id: file.id })).job,
    );
    const query = 'München'.normalize('NFD');
    const ranking_options = { score_threshold: 0, hybrid_search: { embedding_weight: 0, text_weight: 1 } };
    const page = await test.retrieval.search.page(scope, store.id, { ...request, query, ranking_options });
    expect(namesOf(page)).toEqual(['muenchen.txt']);
    expect(page.search_query).toEqual([query]);
  });

  it('searches for what the chat model made of the query, and says so', async () => {
    const retrieval = test.restart({
      rewriteQueries: async (queries) => Promise.resolve(queries.map((query) => `${query} petrol`)),
    });
    const asked = { ...request, query: ['what is it that these need?', 'cars'], rewrite_query: true };
    const page = await retrieval.search.page(scope, storeId, asked);
    expect(page.search_query).toEqual(['what is it that these need? petrol', 'cars petrol']);
    expect(namesOf(page)[0]).toBe('cars.txt');
    await expect(test.retrieval.search.page(scope, storeId, asked)).rejects.toMatchObject({
      status: 400,
      details: { param: 'rewrite_query' },
      message: expect.stringContaining('QUERY_REWRITE_DEPLOYMENT'),
    });
  });

  it('still finds what was ingested when the file object is deleted, and nothing of files out of the store', async () => {
    const { search, files, vectorStoreFiles, vectorStores } = test.retrieval;
    const { id } = await upload(test.retrieval, 'owl.txt', 'Owls hunt by night.');
    const { store, job } = await vectorStores.create(scope, { file_ids: [id] });
    if (job) await drive(test.retrieval, job);
    await files.remove(scope, id);
    const find = async () => namesOf(await search.page(scope, store.id, { ...request, query: 'owls' }));
    expect(await find()).toEqual(['owl.txt']);
    const kept = jest.spyOn(test.ports.index, 'deleteFiles').mockResolvedValue();
    await vectorStoreFiles.remove(scope, store.id, id);
    kept.mockRestore();
    expect(await test.ports.index.count(indexed(store.id))).toBe(1);
    expect(await find()).toEqual([]);
  });

  it('searches several stores together, within one limit', async () => {
    const { search, vectorStores } = test.retrieval;
    const { id } = await upload(test.retrieval, 'orca.txt', 'Orcas are whales, large mammals of the sea.');
    const { store, job } = await vectorStores.create(scope, { file_ids: [id] });
    if (job) await drive(test.retrieval, job);
    const found = await search.search(scope, [storeId, store.id], ['mammals of the sea'], {
      limit: 2,
      scoreThreshold: 0,
    });
    expect(found.map(({ filename }) => filename).sort()).toEqual(['orca.txt', 'whales.txt']);
  });

  it('refuses query rewriting, unknown stores and other tenants', async () => {
    const { search } = test.retrieval;
    const query = { ...request, query: 'x' };
    await expect(search.page(scope, storeId, { ...query, rewrite_query: true })).rejects.toMatchObject({
      status: 400,
      details: { code: 'unsupported', param: 'rewrite_query' },
    });
    await expect(search.page(scope, 'vs_x', query)).rejects.toMatchObject({ status: 404 });
    await expect(search.page({ ...scope, tenant: 'team-b' }, storeId, query)).rejects.toMatchObject({ status: 404 });
  });

  it.each([
    ['not_found', 404],
    ['rate_limited', 429],
    ['unavailable', 503],
  ] as const)('answers a model that is %s with %i', async (kind, status) => {
    const error = new ModelError(kind, 'No vectors.', { retryAfterSeconds: 1.5 });
    const failing: EmbeddingModel = { ...wordModel, embed: async () => Promise.reject(error) };
    const { search } = test.restart({ embeddings: { current: failing, byId: () => failing } });
    await expect(search.page(scope, storeId, { ...request, query: 'x' })).rejects.toMatchObject({
      status,
      message: 'No vectors.',
    });
  });
});
