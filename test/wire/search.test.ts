/** Operation 42 with the official SDK. */
import OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const documents = [
  { text: 'Otters sleep afloat and hold hands.', attributes: { animal: 'otter', year: 2023, wet: true } },
  { text: 'Bats sleep upside down in caves.', attributes: { animal: 'bat', year: 2024, wet: false } },
  { text: 'Horses sleep while they stand in meadows.', attributes: { animal: 'horse', year: 2025, wet: false } },
];
let storeId: string;
const fileIds: string[] = [];

beforeAll(async () => {
  const client = suite.client();
  storeId = (await client.vectorStores.create({ name: 'sleep' })).id;
  const files: OpenAI.VectorStores.FileCreateParams[] = [];
  for (const { text, attributes } of documents) {
    const file = await client.files.create({
      file: new File([text], `${attributes.animal}.txt`),
      purpose: 'assistants',
    });
    fileIds.push(file.id);
    files.push({ file_id: file.id, attributes });
  }
  await client.vectorStores.fileBatches.createAndPoll(storeId, { files }, soon);
}, 60_000);

describe.each(sdks)('with the class %s', (sdk) => {
  const search = async (body: OpenAI.VectorStoreSearchParams) => suite.client(sdk).vectorStores.search(storeId, body);
  const animals = async (body: Partial<OpenAI.VectorStoreSearchParams>) => {
    const { data } = await search({ query: 'sleep', ...body });
    return data.map(({ attributes }) => String(attributes?.animal)).sort();
  };

  it('gives the best passage first, with its file, score, attributes and text', async () => {
    const page = await search({ query: 'Where do bats sleep?' });
    expect(page.data[0]).toEqual({
      file_id: fileIds[1],
      filename: 'bat.txt',
      score: expect.any(Number),
      attributes: documents[1]?.attributes,
      content: [{ type: 'text', text: documents[1]?.text }],
    });
    const scores = page.data.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    for (const score of scores) expect(score >= 0 && score <= 1).toBe(true);
  });

  it('takes several queries and says what it searched for', async () => {
    const query = ['otters hold hands', 'bats in caves'];
    const answer = await search({ query, max_num_results: 2 });
    expect(answer.data.map(({ filename }) => filename).sort()).toEqual(['bat.txt', 'otter.txt']);
    const plain = await suite.send('POST', `/v1/vector_stores/${storeId}/search`, { body: { query } });
    expect(await plain.json()).toMatchObject({ search_query: query, has_more: false, next_page: null });
  });

  it('finds only what passes the filter', async () => {
    const filters = (given: OpenAI.VectorStoreSearchParams['filters']) => animals({ filters: given });
    expect(await filters({ type: 'eq', key: 'animal', value: 'bat' })).toEqual(['bat']);
    expect(await filters({ type: 'ne', key: 'animal', value: 'bat' })).toEqual(['horse', 'otter']);
    expect(await filters({ type: 'gte', key: 'year', value: 2024 })).toEqual(['bat', 'horse']);
    expect(await filters({ type: 'eq', key: 'wet', value: true })).toEqual(['otter']);
    const late = { type: 'gt' as const, key: 'year', value: 2024 };
    const otter = { type: 'eq' as const, key: 'animal', value: 'otter' };
    expect(await filters({ type: 'or', filters: [late, otter] })).toEqual(['horse', 'otter']);
    expect(await filters({ type: 'and', filters: [late, otter] })).toEqual([]);
  });

  it('gives at most max_num_results, and none below the score threshold', async () => {
    expect(await animals({ max_num_results: 1 })).toHaveLength(1);
    const all = await search({ query: 'Where do bats sleep?' });
    const threshold = all.data[0]?.score ?? 1;
    const best = await search({ query: 'Where do bats sleep?', ranking_options: { score_threshold: threshold } });
    expect(best.data.map(({ filename }) => filename)).toEqual(['bat.txt']);
  });
});

it.each([
  ['max_num_results', { max_num_results: 51 }],
  ['query', { query: '' }],
  ['ranking_options.score_threshold', { ranking_options: { score_threshold: 2 } }],
  ['filters.value', { filters: { type: 'eq', key: 'animal' } }],
  ['filters', { filters: { type: 'nin', key: 'animal', value: Array.from({ length: 2000 }, (_, year) => year) } }],
  [
    'filters',
    { filters: { type: 'or', filters: Array.from({ length: 2000 }, () => ({ type: 'eq', key: 'year', value: 1 })) } },
  ],
  ['rewrite_query', { rewrite_query: true }],
  ['page', { page: 'x' }],
  ['ranking_options.hybrid_search', { ranking_options: { hybrid_search: { embedding_weight: 0, text_weight: 0 } } }],
  [
    'ranking_options.hybrid_search',
    { ranking_options: { ranker: 'none', hybrid_search: { embedding_weight: 1, text_weight: 1 } } },
  ],
])('refuses a wrong or unsupported %s', async (param, given) => {
  const answer = await suite.send('POST', `/v1/vector_stores/${storeId}/search`, {
    body: { query: 'sleep', ...given },
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param } });
});

it("passes on a search's model failure as what it is", async () => {
  const limited = reply.status(429, { headers: { 'retry-after': '0' } });
  suite.upstream.enqueueEmbeddings(limited, limited, limited, limited);
  const call = suite.client().vectorStores.search(storeId, { query: 'sleep' });
  await expect(call).rejects.toBeInstanceOf(OpenAI.RateLimitError);
  expect(suite.upstream.calls.embeddings).toBe(4);
});
