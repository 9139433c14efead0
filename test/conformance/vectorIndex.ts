/** What every vector index must do. Vectors here have eight dimensions; a word's direction is its topic. */
import type { Chunk, ChunkSearch, IndexedStore, VectorIndex } from '../../src/retrieval/ports';

const DIMENSIONS = 8;

/** The store of that id; whose it is matters nowhere but where stores of two tenants meet. */
export const inTenant = (id: string, tenant = 'team-a'): IndexedStore => ({ tenant, id });

/** The unit vector along one axis, slightly leaning towards the next. */
function towards(axis: number, lean = 0): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  vector[axis % DIMENSIONS] = Math.cos(lean);
  vector[(axis + 1) % DIMENSIONS] = Math.sin(lean);
  return vector;
}

const chunk = (fileId: string, ordinal: number, text: string): Chunk => ({ fileId, ordinal, text });

function chunksFor(fileId: string, count: number, text = 'plain words'): Chunk[] {
  return Array.from({ length: count }, (_, ordinal) => chunk(fileId, ordinal, `${text} number ${ordinal}`));
}

const put = (index: VectorIndex, store: string, fileId: string, chunks: Chunk[], axis = 0) =>
  index.replaceFiles(
    inTenant(store),
    [fileId],
    chunks,
    chunks.map(() => towards(axis)),
  );

function query(
  text: string,
  vector: Float32Array,
  { textWeight = 1, ...more }: Partial<ChunkSearch> & { textWeight?: number } = {},
): ChunkSearch {
  return { text, vector, weights: { vector: 1, text: textWeight }, limit: 10, ...more };
}

/**
 * The suite. `open` opens an index on a place; given the same place it must find what was there. The suite closes what it opened.
 */
export function describeVectorIndex(name: string, open: (place: string) => Promise<VectorIndex>): void {
  describe(`${name} as a vector index`, () => {
    let index: VectorIndex;
    let place: string;
    let counter = 0;
    const opened: VectorIndex[] = [];

    async function openAgain(): Promise<VectorIndex> {
      const another = await open(place);
      opened.push(another);
      return another;
    }

    beforeEach(async () => {
      counter += 1;
      place = `place-${counter}`;
      index = await openAgain();
    });

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((each) => each.close()));
    });

    it('ranks by full text from the first write on, however late the best chunk was written', async () => {
      const filler = Array.from({ length: 120 }, (_, ordinal) =>
        chunk('file-a', ordinal, `the moon and the tide, part ${ordinal}`),
      );
      await put(index, 'vs_1', 'file-a', filler);
      await put(index, 'vs_1', 'file-b', [chunk('file-b', 0, 'moon, moon, otters below the moon')], 3);
      const [best] = await index.search(
        inTenant('vs_1'),
        query('otters moon', towards(3), { limit: 3, textWeight: 10 }),
      );
      expect(best?.fileId).toBe('file-b');
      await index.optimize(inTenant('vs_1'));
      expect(
        (await index.search(inTenant('vs_1'), query('otters moon', towards(3), { limit: 3, textWeight: 10 })))[0]
          ?.fileId,
      ).toBe('file-b');
    });

    it('answers for a store that was never written', async () => {
      expect(await index.search(inTenant('vs_none'), query('anything', towards(0)))).toEqual([]);
      expect(await index.count(inTenant('vs_none'))).toBe(0);
      expect(await index.chunksOf(inTenant('vs_none'), 'file_1')).toEqual([]);
      await index.deleteFiles(inTenant('vs_none'), ['file_1']);
      await index.deleteStore(inTenant('vs_none'));
      await index.optimize(inTenant('vs_none'));
      await index.replaceFiles(inTenant('vs_none'), ['file_1'], [], []);
      expect(await index.count(inTenant('vs_none'))).toBe(0);
    });

    it('gives back the chunks of a file as written, in order', async () => {
      const chunks: Chunk[] = [
        { fileId: 'file_1', ordinal: 0, text: 'first', page: 1, heading: 'Start' },
        { fileId: 'file_1', ordinal: 1, text: 'Zwölf Boxkämpfer 🥊 日本語 العربية\n"quoted" it\'s', heading: '# \' "' },
        ...Array.from({ length: 30 }, (_, at) => ({
          fileId: 'file_1',
          ordinal: at + 2,
          text: `more ${at}`,
          page: at + 2,
        })),
      ];
      await put(index, 'vs_a', 'file_1', [...chunks].reverse());
      await put(index, 'vs_a', 'file_2', [chunk('file_2', 0, 'another file')]);
      expect(await index.chunksOf(inTenant('vs_a'), 'file_1')).toEqual(chunks);
    });

    it('replaces a file by fewer chunks, more chunks and none, leaving other files alone', async () => {
      await put(index, 'vs_a', 'other', chunksFor('other', 2));
      for (const count of [3, 1, 5, 5, 0, 2]) {
        const chunks = chunksFor('file_1', count, `round of ${count}`);
        await put(index, 'vs_a', 'file_1', chunks);
        expect(await index.chunksOf(inTenant('vs_a'), 'file_1')).toEqual(chunks);
      }
      expect(await index.count(inTenant('vs_a'), 'other')).toBe(2);
      expect(await index.count(inTenant('vs_a'))).toBe(4);
    });

    it('replaces several files in one write', async () => {
      await put(index, 'vs_a', 'file_1', chunksFor('file_1', 4));
      await put(index, 'vs_a', 'file_2', chunksFor('file_2', 4));
      await put(index, 'vs_a', 'file_3', chunksFor('file_3', 4));
      const chunks = [...chunksFor('file_1', 2, 'new'), ...chunksFor('file_4', 1, 'new')];
      await index.replaceFiles(
        inTenant('vs_a'),
        ['file_1', 'file_2', 'file_4'],
        chunks,
        chunks.map(() => towards(1)),
      );
      expect(await index.count(inTenant('vs_a'), 'file_1')).toBe(2);
      expect(await index.count(inTenant('vs_a'), 'file_2')).toBe(0);
      expect(await index.count(inTenant('vs_a'), 'file_3')).toBe(4);
      expect(await index.count(inTenant('vs_a'), 'file_4')).toBe(1);
    });

    it('replaces vectors with the text', async () => {
      await put(index, 'vs_a', 'file_1', [chunk('file_1', 0, 'same text')], 0);
      await put(index, 'vs_a', 'file_2', [chunk('file_2', 0, 'same text')], 3);
      await put(index, 'vs_a', 'file_1', [chunk('file_1', 0, 'same text')], 5);
      const [first] = await index.search(inTenant('vs_a'), query('', towards(5)));
      expect(first?.fileId).toBe('file_1');
    });

    it('refuses chunks that do not fit their vectors or files', async () => {
      await expect(
        index.replaceFiles(inTenant('vs_a'), ['file_1'], chunksFor('file_1', 2), [towards(0)]),
      ).rejects.toThrow();
      await expect(put(index, 'vs_a', 'file_1', chunksFor('file_2', 1))).rejects.toThrow('file_2');
      const twice = [chunk('file_1', 0, 'a'), chunk('file_1', 0, 'b')];
      await expect(put(index, 'vs_a', 'file_1', twice)).rejects.toThrow();
      await put(index, 'vs_a', 'file_1', chunksFor('file_1', 1));
      const short = [new Float32Array([1, 0])];
      await expect(index.replaceFiles(inTenant('vs_a'), ['file_1'], chunksFor('file_1', 1), short)).rejects.toThrow(
        'dimensions',
      );
      expect(await index.count(inTenant('vs_a'))).toBe(1);
    });

    it('ends with exact counts when one file is replaced many times at once', async () => {
      const sizes = [3, 1, 7, 2, 7, 5, 4, 6];
      await Promise.all(sizes.map((size) => put(index, 'vs_a', 'file_1', chunksFor('file_1', size, `size ${size}`))));
      const chunks = await index.chunksOf(inTenant('vs_a'), 'file_1');
      expect(sizes).toContain(chunks.length);
      expect(chunks).toEqual(chunksFor('file_1', chunks.length, `size ${chunks.length}`));
      expect(await index.count(inTenant('vs_a'))).toBe(chunks.length);
    });

    it('keeps every file when many are written to one store at once', async () => {
      const files = Array.from({ length: 24 }, (_, at) => `file_${at}`);
      await Promise.all(files.map((file, at) => put(index, 'vs_a', file, chunksFor(file, 1 + (at % 3)))));
      const counts = await Promise.all(files.map((file) => index.count(inTenant('vs_a'), file)));
      expect(counts).toEqual(files.map((_, at) => 1 + (at % 3)));
    });

    it('keeps exact counts when two openings of one place write the same files at once', async () => {
      const another = await openAgain();
      await put(index, 'vs_a', 'file_0', chunksFor('file_0', 1));
      for (let round = 0; round < 15; round += 1) {
        const file = `file_${round}`;
        const chunks = chunksFor(file, 1 + (round % 4));
        await Promise.all([put(index, 'vs_a', file, chunks), put(another, 'vs_a', file, chunks)]);
        expect(await index.chunksOf(inTenant('vs_a'), file)).toEqual(chunks);
      }
    });

    it('keeps exact counts when two openings of one place make the store at once', async () => {
      const another = await openAgain();
      await Promise.all([
        put(index, 'vs_a', 'file_1', chunksFor('file_1', 2)),
        put(another, 'vs_a', 'file_1', chunksFor('file_1', 2)),
        put(another, 'vs_a', 'file_2', chunksFor('file_2', 3)),
      ]);
      expect(await index.count(inTenant('vs_a'), 'file_1')).toBe(2);
      expect(await another.count(inTenant('vs_a'))).toBe(5);
    });

    it('never shows a reader a half replaced file', async () => {
      await put(index, 'vs_a', 'file_1', chunksFor('file_1', 6, 'old'));
      const writes = (async () => {
        for (const text of ['new', 'old', 'new', 'old', 'new'])
          await put(index, 'vs_a', 'file_1', chunksFor('file_1', 6, text));
      })();
      let done = false;
      const finished = writes.then(() => (done = true));
      while (!done) {
        const seen = await index.chunksOf(inTenant('vs_a'), 'file_1');
        expect(seen).toHaveLength(6);
        expect(new Set(seen.map(({ text }) => text.slice(0, 3))).size).toBe(1);
      }
      await finished;
    });

    it('removes files and only those', async () => {
      for (const file of ['file_1', 'file_2', "it's"]) await put(index, 'vs_a', file, chunksFor(file, 2));
      await index.deleteFiles(inTenant('vs_a'), ['file_1', "it's", 'absent']);
      await index.deleteFiles(inTenant('vs_a'), ['file_1']);
      await index.deleteFiles(inTenant('vs_a'), []);
      expect(await index.count(inTenant('vs_a'))).toBe(2);
      expect(await index.search(inTenant('vs_a'), query('plain words', towards(0)))).toHaveLength(2);
    });

    it('finds chunks by a word that only they hold', async () => {
      await put(index, 'vs_a', 'file_1', chunksFor('file_1', 20));
      await put(index, 'vs_a', 'file_2', [chunk('file_2', 0, 'The zeppelins moor at dawn.')], 4);
      const [first, second] = await index.search(
        inTenant('vs_a'),
        query('zeppelin mooring', towards(0), { textWeight: 4 }),
      );
      expect(first).toMatchObject({ fileId: 'file_2', ordinal: 0, text: 'The zeppelins moor at dawn.' });
      expect(first?.score).toBeGreaterThan(second?.score ?? 1);
    });

    it('finds chunks by the direction of their vectors', async () => {
      for (let axis = 0; axis < 6; axis += 1)
        await put(index, 'vs_a', `file_${axis}`, [chunk(`file_${axis}`, 0, 'same')], axis);
      const found = await index.search(inTenant('vs_a'), query('unrelated', towards(3, 0.4)));
      expect(found.slice(0, 2).map(({ fileId }) => fileId)).toEqual(['file_3', 'file_4']);
    });

    it('ignores the length of vectors', async () => {
      const long = towards(1).map((value) => value * 50);
      await index.replaceFiles(inTenant('vs_a'), ['long'], [chunk('long', 0, 'same')], [long]);
      await put(index, 'vs_a', 'near', [chunk('near', 0, 'same')], 2);
      const [first] = await index.search(inTenant('vs_a'), query('', towards(1, 0.1)));
      expect(first?.fileId).toBe('long');
    });

    it('scores from 0 to 1, best first, by how close a chunk is and not by its place', async () => {
      for (let axis = 0; axis < 6; axis += 1) {
        const text = axis === 2 ? 'a lonely quokka' : 'many words';
        await put(index, 'vs_a', `file_${axis}`, [chunk(`file_${axis}`, 0, text)], axis);
      }
      const scores = async (text: string, vector: Float32Array) =>
        (await index.search(inTenant('vs_a'), query(text, vector))).map(({ score }) => score);
      const exact = await scores('quokka', towards(2));
      expect([...exact].sort((a, b) => b - a)).toEqual(exact);
      expect(Math.min(...exact)).toBeGreaterThanOrEqual(0);
      expect(exact[0]).toBeLessThanOrEqual(1);
      const [leaning] = await scores('quokka', towards(2, 0.7));
      const [elsewhere] = await scores('giraffe', towards(2, 0.7));
      expect(leaning).toBeLessThan(exact[0] ?? 0);
      expect(elsewhere).toBeLessThan(leaning ?? 0);
    });

    it('ranks by the text alone or the vectors alone where the other has no weight', async () => {
      await put(index, 'vs_a', 'by_text', [chunk('by_text', 0, 'ocelot')], 5);
      await put(index, 'vs_a', 'by_vector', [chunk('by_vector', 0, 'nothing of it')], 0);
      const found = async (weights: ChunkSearch['weights']) =>
        (await index.search(inTenant('vs_a'), query('ocelot', towards(0), { weights }))).map(({ fileId }) => fileId);
      expect(await found({ vector: 0, text: 1 })).toEqual(['by_text']);
      expect(await found({ vector: 1, text: 0 })).toEqual(['by_vector', 'by_text']);
    });

    it('follows the text more the higher its weight is', async () => {
      await put(index, 'vs_a', 'by_text', [chunk('by_text', 0, 'ocelot')], 5);
      await put(index, 'vs_a', 'by_vector', [chunk('by_vector', 0, 'nothing of it')], 0);
      const first = async (textWeight: number) =>
        (await index.search(inTenant('vs_a'), query('ocelot', towards(0), { textWeight })))[0]?.fileId;
      expect(await first(4)).toBe('by_text');
      expect(await first(0)).toBe('by_vector');
    });

    it('searches only the given files', async () => {
      for (let file = 0; file < 12; file += 1)
        await put(index, 'vs_a', `file_${file}`, chunksFor(`file_${file}`, 3), file);
      const fileIds = ['file_3', 'file_7', "don't exist"];
      const found = await index.search(inTenant('vs_a'), query('plain words', towards(0), { fileIds, limit: 50 }));
      expect(found).toHaveLength(6);
      expect(new Set(found.map(({ fileId }) => fileId))).toEqual(new Set(['file_3', 'file_7']));
      expect(await index.search(inTenant('vs_a'), query('plain words', towards(0), { fileIds: [] }))).toEqual([]);
      const many = [...Array.from({ length: 5_000 }, (_, at) => `absent_${at}`), 'file_1'];
      expect(await index.search(inTenant('vs_a'), query('plain', towards(0), { fileIds: many }))).toHaveLength(3);
    });

    it('returns at most the limit', async () => {
      await put(index, 'vs_a', 'file_1', chunksFor('file_1', 80));
      expect(await index.search(inTenant('vs_a'), query('plain words', towards(0), { limit: 3 }))).toHaveLength(3);
      expect(await index.search(inTenant('vs_a'), query('plain words', towards(0), { limit: 75 }))).toHaveLength(75);
      expect(await index.search(inTenant('vs_a'), query('plain words', towards(0), { limit: 0 }))).toEqual([]);
    });

    it('takes any text as a query', async () => {
      await put(index, 'vs_a', 'file_1', [chunk('file_1', 0, 'the armadillo said "hello"')]);
      const texts = [
        '"armadillo',
        "it's armadillo'); DROP",
        '+armadillo -(hello OR',
        'armadillo*~^:[]{}\\/',
        '🐢🐢',
        '',
        '   ',
        'the of and',
      ];
      for (const text of [...texts, 'armadillo '.repeat(20_000), 'x'.repeat(100_000), '\ud800 armadillo \u0000']) {
        const found = await index.search(inTenant('vs_a'), query(text, towards(0)));
        expect(found.map(({ fileId }) => fileId)).toEqual(['file_1']);
      }
    });

    it('finds words in scripts without spaces, and letters with or without accents', async () => {
      await put(index, 'vs_a', 'filler', chunksFor('filler', 5));
      await put(index, 'vs_a', 'japanese', [chunk('japanese', 0, '東京都の天気は晴れです')], 5);
      await put(index, 'vs_a', 'french', [chunk('french', 0, 'Le café est fermé')], 5);
      const first = async (text: string) =>
        (await index.search(inTenant('vs_a'), query(text, towards(0), { textWeight: 4 })))[0]?.fileId;
      expect(await first('天気')).toBe('japanese');
      expect(await first('cafe')).toBe('french');
    });

    it('keeps stores apart, whatever their ids', async () => {
      const stores = ['vs_a', 'vs_A', 'vs_../b', 'vs a/b', 'vs_ü', 'vs.61.'];
      for (const store of stores) await put(index, store, 'file_1', [chunk('file_1', 0, `text of ${store}`)]);
      for (const store of stores) {
        expect((await index.search(inTenant(store), query('text', towards(0)))).map(({ text }) => text)).toEqual([
          `text of ${store}`,
        ]);
      }
      await index.deleteStore(inTenant('vs_A'));
      expect(await index.count(inTenant('vs_A'))).toBe(0);
      expect(await index.count(inTenant('vs_a'))).toBe(1);
    });

    it('makes a deleted store anew, with vectors of another length too', async () => {
      await put(index, 'vs_a', 'file_1', chunksFor('file_1', 2));
      const another = await openAgain();
      expect(await another.count(inTenant('vs_a'))).toBe(2);
      await index.deleteStore(inTenant('vs_a'));
      expect(await another.count(inTenant('vs_a'))).toBe(0);
      expect(await another.search(inTenant('vs_a'), query('plain', towards(0)))).toEqual([]);
      await another.replaceFiles(inTenant('vs_a'), ['file_2'], chunksFor('file_2', 1), [new Float32Array([1, 0, 0])]);
      expect(await index.count(inTenant('vs_a'))).toBe(1);
      expect(await index.search(inTenant('vs_a'), query('plain', new Float32Array([1, 0, 0])))).toHaveLength(1);
    });

    it('shows an opening what another wrote, and keeps it after closing', async () => {
      const another = await openAgain();
      await put(index, 'vs_a', 'file_1', chunksFor('file_1', 2));
      expect(await another.count(inTenant('vs_a'))).toBe(2);
      await put(another, 'vs_a', 'file_2', [chunk('file_2', 0, 'the zebra')]);
      expect((await index.search(inTenant('vs_a'), query('zebra', towards(0), { textWeight: 4 })))[0]?.fileId).toBe(
        'file_2',
      );
      await index.close();
      await another.close();
      opened.length = 0;
      const reopened = await openAgain();
      expect(await reopened.chunksOf(inTenant('vs_a'), 'file_1')).toEqual(chunksFor('file_1', 2));
      expect((await reopened.search(inTenant('vs_a'), query('zebra', towards(0), { textWeight: 4 })))[0]?.fileId).toBe(
        'file_2',
      );
    });

    it('keeps every result through many small writes and optimizing', async () => {
      for (let at = 0; at < 120; at += 1) {
        await put(index, 'vs_a', `file_${at}`, [chunk(`file_${at}`, 0, `common text with rare${at}word`)], at);
      }
      const check = async () => {
        expect(await index.count(inTenant('vs_a'))).toBe(120);
        for (const at of [0, 49, 50, 77, 119]) {
          const [first] = await index.search(inTenant('vs_a'), query(`rare${at}word`, towards(at), { textWeight: 4 }));
          expect(first).toMatchObject({ fileId: `file_${at}`, text: `common text with rare${at}word` });
        }
      };
      await check();
      await index.optimize(inTenant('vs_a'));
      await check();
      await put(index, 'vs_a', 'file_50', [chunk('file_50', 0, 'changed to rare50word')], 50);
      await index.deleteFiles(inTenant('vs_a'), ['file_3']);
      expect(
        await index.search(inTenant('vs_a'), query('rare3word', towards(7, 0.1), { fileIds: ['file_3'] })),
      ).toEqual([]);
      expect(
        (await index.search(inTenant('vs_a'), query('rare50word', towards(50), { textWeight: 4 })))[0]?.text,
      ).toContain('changed');
    });

    describe('of a store that has grown', () => {
      const FILES = 60;
      const PER_FILE = 10;
      /** Eight files share an axis; the chunks of one lean further and further from it. */
      const leaning = (file: number, ordinal: number): Float32Array => towards(file, 0.001 * file + 0.06 * ordinal);

      async function fill(from: number, to: number): Promise<void> {
        const places = Array.from({ length: (to - from) * PER_FILE }, (_, at) => [
          from + Math.floor(at / PER_FILE),
          at % PER_FILE,
        ]).map(([file = 0, ordinal = 0]) => ({ file, ordinal }));
        await index.replaceFiles(
          inTenant('vs_a'),
          [...new Set(places.map(({ file }) => `file_${file}`))],
          places.map(({ file, ordinal }) => chunk(`file_${file}`, ordinal, `word${file} part${ordinal}`)),
          places.map(({ file, ordinal }) => leaning(file, ordinal)),
        );
      }

      const nearest = async (vector: Float32Array, more: Partial<ChunkSearch> = {}, at: VectorIndex = index) =>
        at.search(inTenant('vs_a'), { ...query('', vector), weights: { vector: 1, text: 0 }, ...more });

      /** Expects the search to find what comparing every vector finds, with exact closenesses. */
      async function expectExact(vector: Float32Array, files: number[], more: Partial<ChunkSearch> = {}) {
        const cosine = (other: Float32Array) => vector.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
        const all = files.flatMap((file) =>
          Array.from({ length: PER_FILE }, (_, ordinal) => Math.max(0, cosine(leaning(file, ordinal)))),
        );
        const best = all.sort((a, b) => b - a).slice(0, 10);
        const found = await nearest(vector, more);
        expect(found).toHaveLength(10);
        found.forEach(({ score }, at) => expect(score).toBeCloseTo(best[at] ?? NaN, 4));
      }

      const upTo = (end: number) => Array.from({ length: end }, (_, file) => file);

      it('finds the nearest with exact scores, before and after optimizing and in another opening', async () => {
        await fill(0, FILES);
        for (let axis = 0; axis < 8; axis += 1) await expectExact(towards(axis, 0.3), upTo(FILES));
        await index.optimize(inTenant('vs_a'));
        for (let axis = 0; axis < 8; axis += 1) await expectExact(towards(axis, 0.3), upTo(FILES));
        const again = await openAgain();
        expect(await nearest(towards(5, 0.3), {}, again)).toEqual(await nearest(towards(5, 0.3)));
      });

      it('finds what was written, replaced and removed after optimizing, and after optimizing again', async () => {
        await fill(0, FILES);
        await index.optimize(inTenant('vs_a'));
        await fill(FILES, FILES * 2 + 8);
        await expectExact(towards(3, 0.2), upTo(FILES * 2 + 8));
        await index.replaceFiles(inTenant('vs_a'), ['file_3'], [chunk('file_3', 0, 'moved')], [towards(6, 0.77)]);
        await index.deleteFiles(inTenant('vs_a'), ['file_11']);
        const left = upTo(FILES * 2 + 8).filter((file) => file !== 3 && file !== 11);
        await expectExact(towards(3, 0.2), left);
        expect((await nearest(towards(6, 0.77), { limit: 1 }))[0]?.text).toBe('moved');
        await index.optimize(inTenant('vs_a'));
        await expectExact(towards(3, 0.2), left);
        expect((await nearest(towards(6, 0.77), { limit: 1 }))[0]?.text).toBe('moved');
      });

      it('finds all that a filter lets pass, however far from the query', async () => {
        await fill(0, FILES);
        await index.optimize(inTenant('vs_a'));
        for (const files of [[7], [1, 12, 59], upTo(30)]) {
          await expectExact(towards(2, 0.5), files, { fileIds: files.map((file) => `file_${file}`) });
        }
      });

      it('answers whole while it is written and optimized', async () => {
        await fill(0, FILES);
        let done = false;
        const changes = (async () => {
          for (let round = 0; round < 6; round += 1) {
            await put(index, 'vs_a', `other_${round}`, chunksFor(`other_${round}`, 3), 5);
            await index.optimize(inTenant('vs_a'));
          }
        })().finally(() => (done = true));
        while (!done) {
          const found = await index.search(inTenant('vs_a'), query('word17 part4', towards(1, 0.257)));
          expect(found).toHaveLength(10);
          expect(found[0]).toMatchObject({ fileId: 'file_17', ordinal: 4, text: 'word17 part4' });
        }
        await changes;
      });

      it('joins vectors and words as before', async () => {
        await fill(0, FILES);
        const check = async () => {
          const found = await index.search(inTenant('vs_a'), query('word17 part4', towards(1, 0.257), { limit: 30 }));
          expect(found[0]).toMatchObject({ fileId: 'file_17', ordinal: 4 });
          const words = found.filter(({ text }) => /word17|part4/.test(text)).length;
          expect([words > 10, words < 30]).toEqual([true, true]);
        };
        await check();
        await index.optimize(inTenant('vs_a'));
        await check();
      });
    });
  });
}
