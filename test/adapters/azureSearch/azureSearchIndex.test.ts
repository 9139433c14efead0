import { azureSearchIndex, type AzureSearchOptions } from '../../../src/adapters/azureSearch/azureSearchIndex';
import { DimensionsError, type Chunk, type VectorIndex } from '../../../src/retrieval/ports';
import { describeVectorIndex, inTenant } from '../../conformance/vectorIndex';
import { SEARCH_KEY, startSearchService, type SearchService } from '../../support/searchService';

let service: SearchService;

beforeAll(async () => {
  service = await startSearchService();
});
beforeEach(() => {
  service.lag = 0;
});
afterAll(async () => service.close());

const open = (indexName: string, options: Partial<AzureSearchOptions> = {}): VectorIndex =>
  azureSearchIndex({ endpoint: service.url, indexName, credential: SEARCH_KEY, ...options });

jest.setTimeout(60_000);

describeVectorIndex('Azure AI Search', (place) => Promise.resolve(open(`at-once-${place}`)));
describeVectorIndex('Azure AI Search that shows writes late', (place) => {
  service.lag = 3;
  return Promise.resolve(open(`late-${place}`));
});

const vector = (...values: number[]): Float32Array => new Float32Array(values);
const chunk = (fileId: string, ordinal: number, text: string): Chunk => ({ fileId, ordinal, text });
const chunksOf = (fileId: string, count: number): Chunk[] =>
  Array.from({ length: count }, (_, ordinal) => chunk(fileId, ordinal, `chunk ${ordinal}`));
const vectorsOf = (chunks: Chunk[]): Float32Array[] => chunks.map(({ ordinal }) => vector(1, ordinal / 1_000));
const store = inTenant('vs_a');
const byWords = { vector: 0, text: 1 };
const byVectors = { vector: 1, text: 0 };

/** Bodies of the requests since the call that end with that path. */
function requestsSince(path: string): () => Record<string, unknown>[] {
  const from = service.requests.length;
  return () => service.requests.slice(from).flatMap((each) => (each.path.endsWith(path) ? [Object(each.body)] : []));
}

describe('azureSearchIndex', () => {
  it('keeps stores of two tenants apart that have the same id, and names both in every query and document', async () => {
    const index = open('tenants');
    const queries = requestsSince('/docs/search.post.search');
    for (const tenant of ['team-a', "team 'b'"]) {
      await index.replaceFiles(inTenant('vs_a', tenant), ['f'], [chunk('f', 0, `secret of ${tenant}`)], [vector(1, 0)]);
    }
    for (const tenant of ['team-a', "team 'b'"]) {
      const search = { text: 'secret', vector: vector(1, 0), weights: { vector: 1, text: 1 }, limit: 10 };
      const found = await index.search(inTenant('vs_a', tenant), search);
      expect(found.map(({ text }) => text)).toEqual([`secret of ${tenant}`]);
    }
    await index.deleteStore(inTenant('vs_a', "team 'b'"));
    expect(await index.count(inTenant('vs_a'))).toBe(1);
    const filters = queries().map(({ filter }) => String(filter));
    expect(filters.length).toBeGreaterThan(5);
    for (const filter of filters) expect(filter).toMatch(/^tenant eq '(team-a|team ''b'')' and store eq 'vs_a'/);
    expect(service.visible('tenants')).toMatchObject([{ tenant: 'team-a', store: 'vs_a' }]);
  });

  it('makes the index on first use, and gives it a field more for vectors of another length', async () => {
    const index = open('lengths');
    expect(await index.count(store)).toBe(0);
    expect(service.indexes.has('lengths')).toBe(false);
    await index.replaceFiles(store, ['f'], chunksOf('f', 1), [vector(1, 0)]);
    await index.replaceFiles(inTenant('vs_b'), ['f'], chunksOf('f', 1), [vector(1, 0, 0)]);
    const fields = service.indexes.get('lengths')?.fields.map(({ name }) => name);
    expect(fields).toEqual(expect.arrayContaining(['vector_2', 'vector_3']));
    const search = { text: '', vector: vector(1, 0, 0), weights: byVectors, limit: 5 };
    expect(await index.search(inTenant('vs_b'), search)).toHaveLength(1);
    await expect(index.search(store, search)).rejects.toThrow(DimensionsError);
    const write = index.replaceFiles(store, ['g'], chunksOf('g', 1), [vector(1, 0, 0)]);
    await expect(write).rejects.toThrow(DimensionsError);
  });

  it('makes the index once where several instances start at the same moment with vectors of different lengths', async () => {
    const writes = [2, 3, 4, 5, 2, 3].map(async (dimensions, at) =>
      open('raced').replaceFiles(inTenant(`vs_${at}`), ['f'], chunksOf('f', 1), [new Float32Array(dimensions).fill(1)]),
    );
    await Promise.all(writes);
    const fields = service.indexes.get('raced')?.fields.map(({ name }) => name);
    expect(fields).toEqual(expect.arrayContaining(['vector_2', 'vector_3', 'vector_4', 'vector_5']));
  });

  it('refuses an index of that name that is not its own', async () => {
    await open('foreign').replaceFiles(store, ['f'], chunksOf('f', 1), [vector(1, 0)]);
    const definition = service.indexes.get('foreign');
    if (!definition) throw new Error('There is no index.');
    const fields = definition.fields.filter(({ name }) => name !== 'tenant');
    service.faults.push({ status: 200, body: { ...definition, fields } });
    const write = open('foreign').replaceFiles(store, ['f'], chunksOf('f', 1), [vector(1, 0)]);
    await expect(write).rejects.toThrow(/no field 'tenant'.*AZURE_SEARCH_INDEX/);
  });

  it('writes and removes more than a request holds', async () => {
    const index = open('many');
    const batches = requestsSince('/docs/search.index');
    const chunks = chunksOf('f', 2_500);
    await index.replaceFiles(store, ['f'], chunks, vectorsOf(chunks));
    expect(batches().map(({ value }) => (Array.isArray(value) ? value.length : 0))).toEqual([1_000, 1_000, 500]);
    expect(await index.count(store)).toBe(2_500);
    expect(await index.chunksOf(store, 'f')).toEqual(chunks);
    const search = { text: '', vector: vector(1, 0), weights: byVectors, limit: 2_200 };
    const found = await index.search(store, search);
    expect(found.map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: 2_200 }, (_, ordinal) => ordinal));
    await index.deleteStore(store);
    expect(service.visible('many')).toEqual([]);
  });

  it('keeps requests below 16 MB', async () => {
    const index = open('large');
    const batches = requestsSince('/docs/search.index');
    const chunks = Array.from({ length: 40 }, (_, ordinal) => chunk('f', ordinal, 'é'.repeat(400_000)));
    await index.replaceFiles(store, ['f'], chunks, vectorsOf(chunks));
    expect(batches().length).toBe(3);
    expect(await index.count(store)).toBe(40);
  });

  it('halves a request that the service finds too large all the same', async () => {
    const index = open('halved');
    await index.replaceFiles(store, ['f'], chunksOf('f', 1), [vector(1, 0)]);
    const batches = requestsSince('/docs/search.index');
    const chunks = chunksOf('g', 7);
    // The first request of a write asks for vectors of another length.
    service.faults.push({ status: 200, body: { value: [] } }, { status: 413, body: '' });
    await index.replaceFiles(store, ['g'], chunks, vectorsOf(chunks));
    expect(batches().map(({ value }) => (Array.isArray(value) ? value.length : 0))).toEqual([7, 4, 3]);
    expect(await index.count(store, 'g')).toBe(7);
  });

  it.each([503, 422, 409, 429])('writes again what the service did not take with %d, and only that', async (status) => {
    const index = open(`partly-${status}`);
    const batches = requestsSince('/docs/search.index');
    service.documentFaults.push(status, status);
    const chunks = chunksOf('f', 5);
    await index.replaceFiles(store, ['f'], chunks, vectorsOf(chunks));
    expect(batches().map(({ value }) => (Array.isArray(value) ? value.length : 0))).toEqual([5, 3, 2]);
    expect(await index.chunksOf(store, 'f')).toEqual(chunks);
  });

  it('tells why the service refuses a document for good, and readers keep what the file had', async () => {
    const index = open('refused');
    await index.replaceFiles(store, ['f'], chunksOf('f', 2), vectorsOf(chunksOf('f', 2)));
    service.documentFaults.push(400);
    const write = index.replaceFiles(store, ['f'], chunksOf('f', 4), vectorsOf(chunksOf('f', 4)));
    await expect(write).rejects.toThrow('refused 2 of 4 documents, the first with 400: document fault 400');
    expect(await index.chunksOf(store, 'f')).toEqual(chunksOf('f', 2));
    await index.replaceFiles(store, ['f'], chunksOf('f', 3), vectorsOf(chunksOf('f', 3)));
    expect(await index.count(store)).toBe(3);
    expect(service.visible('refused')).toHaveLength(3);
  });

  it('repeats requests that the service is too busy for', async () => {
    const index = open('busy');
    service.faults.push({ status: 503, body: '' }, { status: 503, headers: { 'retry-after': '0' }, body: '' });
    await index.replaceFiles(store, ['f'], chunksOf('f', 1), [vector(1, 0)]);
    service.faults.push({ status: 503, body: '' });
    expect(await index.count(store)).toBe(1);
  });

  it('says so when a write does not show in time', async () => {
    const index = open('never', { visibleWithinMs: 50 });
    await index.replaceFiles(store, ['f'], chunksOf('f', 1), [vector(1, 0)]);
    service.lag = 1_000;
    await expect(index.deleteFiles(store, ['f'])).rejects.toThrow('did not show within 0.05 s');
  });

  it('keeps one whole version of a file that several instances write at once, late as it may show', async () => {
    service.lag = 5;
    const writes = Array.from({ length: 4 }, async (_, writer) => {
      const chunks = Array.from({ length: 3 + writer }, (__, ordinal) => chunk('f', ordinal, `writer ${writer}`));
      await open('writers').replaceFiles(store, ['f'], chunks, vectorsOf(chunks));
    });
    await Promise.all(writes);
    const chunks = await open('writers').chunksOf(store, 'f');
    const [, writer = ''] = /^writer (\d)$/.exec(chunks[0]?.text ?? '') ?? [];
    expect(chunks).toHaveLength(3 + Number(writer));
    expect(new Set(chunks.map(({ text }) => text)).size).toBe(1);
  });

  it('gives texts back that look like numbers or dates', async () => {
    const index = open('odd');
    const texts = ['NaN', 'INF', '2026-11-26T13:00:00Z', '{"type":"Point"}', 'ends with a line\n'];
    const chunks = texts.map((text, ordinal): Chunk => ({ fileId: 'f', ordinal, text, heading: text }));
    await index.replaceFiles(store, ['f'], chunks, vectorsOf(chunks));
    expect(await index.chunksOf(store, 'f')).toEqual(chunks);
  });

  it('finds a passage among two generations of its file once, the one that is whole', async () => {
    const index = open('generations');
    await index.replaceFiles(store, ['f'], [chunk('f', 0, 'walrus old')], [vector(1, 0)]);
    service.documentFaults.push(400);
    // Cut short: the second of three chunks is there.
    const chunks = chunksOf('f', 3).map((each) => ({ ...each, text: 'walrus new' }));
    await expect(index.replaceFiles(store, ['f'], chunks, vectorsOf(chunks))).rejects.toThrow();
    const search = { text: 'walrus', vector: vector(1, 0), weights: { vector: 1, text: 1 }, limit: 10 };
    expect((await index.search(store, search)).map(({ text }) => text)).toEqual(['walrus old']);
    expect(await index.count(store)).toBe(1);
  });

  describe('with the semantic ranker', () => {
    it.each(['used up', 'refused'] as const)(
      'orders what full text found by meaning, and by words where the ranker is %s',
      async (state) => {
        const index = open(`meaning-${state.replace(' ', '-')}`, { ranksByMeaning: true });
        const texts = ['whale whale whale whale', 'whale of a song', 'song of birds'];
        const chunks = texts.map((text, ordinal) => chunk('f', ordinal, text));
        await index.replaceFiles(store, ['f'], chunks, vectorsOf(chunks));
        const search = { text: 'whale song', vector: vector(1, 0), weights: byWords, limit: 2 };
        const [first] = await index.search(store, search);
        expect(first).toMatchObject({ text: 'whale of a song', score: 1 });
        service.semanticRanker = state;
        const found = await index.search(store, search);
        service.semanticRanker = 'on';
        expect(found).toHaveLength(2);
        expect(found[0]?.score).toBeLessThan(0.5);
      },
    );

    it('is added to an index that was made without it', async () => {
      await open('added').replaceFiles(store, ['f'], chunksOf('f', 1), [vector(1, 0)]);
      expect(service.indexes.get('added')?.semantic).toBeUndefined();
      const index = open('added', { ranksByMeaning: true });
      const search = { text: 'chunk', vector: vector(1, 0), weights: byWords, limit: 2 };
      await index.replaceFiles(store, ['g'], chunksOf('g', 1), [vector(1, 0)]);
      expect(service.indexes.get('added')?.semantic).toBeDefined();
      expect(await index.search(store, search)).toHaveLength(2);
    });
  });
});
