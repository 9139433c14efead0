import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@lancedb/lancedb';
import { lanceDbIndex, type LanceDbOptions } from '../../src/adapters/lanceDb';
import type { VectorIndex } from '../../src/retrieval/ports';
import { seededRandom } from '../conformance/seededRandom';
import { describeVectorIndex, inTenant } from '../conformance/vectorIndex';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lancedb-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describeVectorIndex('LanceDB', (place) => lanceDbIndex(join(directory, place)));
// Small enough that most of the suite's stores get an approximate index when they are optimized.
describeVectorIndex('LanceDB with approximate indexes', (place) =>
  lanceDbIndex(join(directory, 'approximate', place), { exactRows: 4 }),
);

describe('lanceDbIndex', () => {
  it('makes one folder per store inside its own and nothing elsewhere, and removes it with the store', async () => {
    const index = await lanceDbIndex(join(directory, 'inside', 'index'));
    const vector = new Float32Array([1, 0]);
    for (const store of ['vs_plain', '../vs_up', '/vs_root', 'vs_Case']) {
      await index.replaceFiles(inTenant(store), ['file_1'], [{ fileId: 'file_1', ordinal: 0, text: 'text' }], [vector]);
    }
    expect((await readdir(join(directory, 'inside', 'index'))).sort()).toEqual([
      '.2e..2e..2f.vs_up.lance',
      '.2f.vs_root.lance',
      'vs_.43.ase.lance',
      'vs_plain.lance',
    ]);
    expect(await readdir(join(directory, 'inside'))).toEqual(['index']);
    for (const store of ['vs_plain', '../vs_up', '/vs_root', 'vs_Case']) await index.deleteStore(inTenant(store));
    expect(await readdir(join(directory, 'inside', 'index'))).toEqual([]);
    await index.close();
  });

  it.each(['_transactions', '_versions', 'data'])(
    'takes a store for empty whose creation a crash cut short when it had no more than the folder %s, and completes it',
    async (folder) => {
      const place = join(directory, 'cut', folder);
      await mkdir(join(place, 'vs_a.lance', folder), { recursive: true });
      await mkdir(join(place, 'vs_b.lance', folder), { recursive: true });
      const index = await lanceDbIndex(place);
      const vector = new Float32Array([1, 0]);
      const search = { vector, text: 'text', weights: { vector: 1, text: 1 }, limit: 5 };
      expect(await index.search(inTenant('vs_a'), search)).toEqual([]);
      expect(await index.count(inTenant('vs_a'))).toBe(0);
      await index.optimize(inTenant('vs_a'));
      await index.replaceFiles(
        inTenant('vs_a'),
        ['file_1'],
        [{ fileId: 'file_1', ordinal: 0, text: 'text' }],
        [vector],
      );
      expect(await index.search(inTenant('vs_a'), search)).toMatchObject([{ fileId: 'file_1', text: 'text' }]);
      await index.deleteStore(inTenant('vs_b'));
      expect(await readdir(place)).toEqual(['vs_a.lance']);
      await index.close();
    },
  );

  it('does not take a store for empty that is damaged', async () => {
    const place = join(directory, 'damaged');
    const index = await lanceDbIndex(place);
    const chunk = { fileId: 'file_1', ordinal: 0, text: 'text' };
    await index.replaceFiles(inTenant('vs_a'), ['file_1'], [chunk], [new Float32Array([1, 0])]);
    await index.close();
    const versions = join(place, 'vs_a.lance', '_versions');
    for (const name of await readdir(versions)) await writeFile(join(versions, name), 'damaged');
    const again = await lanceDbIndex(place);
    await expect(again.count(inTenant('vs_a'))).rejects.toThrow();
    await expect(
      again.replaceFiles(inTenant('vs_a'), ['file_1'], [chunk], [new Float32Array([1, 0])]),
    ).rejects.toThrow();
    await again.close();
  });

  it('compacts by itself, so that the fragments of a store stay few however many writes it takes', async () => {
    const index = await lanceDbIndex(join(directory, 'many'));
    const vector = new Float32Array([1, 0]);
    for (let at = 0; at < 130; at += 1) {
      await index.replaceFiles(
        inTenant('vs_a'),
        ['file_1'],
        [{ fileId: 'file_1', ordinal: 0, text: `version ${at}` }],
        [vector],
      );
    }
    expect(await index.chunksOf(inTenant('vs_a'), 'file_1')).toEqual([
      { fileId: 'file_1', ordinal: 0, text: 'version 129' },
    ]);
    const table = await (await connect(join(directory, 'many'))).openTable('vs_a');
    expect((await table.stats()).fragmentStats.numFragments).toBeLessThan(60);
    await index.close();
  });

  it('serves more stores than it keeps open', async () => {
    const index = await lanceDbIndex(join(directory, 'stores'));
    const vector = new Float32Array([1, 0]);
    const stores = Array.from({ length: 70 }, (_, at) => `vs_${at}`);
    for (const store of stores) {
      await index.replaceFiles(inTenant(store), ['file_1'], [{ fileId: 'file_1', ordinal: 0, text: store }], [vector]);
    }
    const texts = await Promise.all(
      stores.map(async (store) => (await index.chunksOf(inTenant(store), 'file_1'))[0]?.text),
    );
    expect(texts).toEqual(stores);
    await index.close();
  });

  describe('its approximate vector index', () => {
    const DIMENSIONS = 32;
    const PER_FILE = 50;
    const random = seededRandom(20_261_126);
    const direction = () => Float32Array.from({ length: DIMENSIONS }, () => random() - 0.5);
    let place: string;
    let index: VectorIndex;

    const open = async (options: LanceDbOptions = { exactRows: 1_000 }) => {
      index = await lanceDbIndex(place, options);
    };
    beforeEach(async () => {
      place = await mkdtemp(join(directory, 'approximate-'));
    });
    afterEach(async () => index.close());

    async function add(name: string, rows: number): Promise<void> {
      const chunks = Array.from({ length: rows }, (_, at) => ({
        fileId: `${name}_${Math.floor(at / PER_FILE)}`,
        ordinal: at % PER_FILE,
        text: `${name} ${at}`,
      }));
      await index.replaceFiles(
        inTenant('vs_a'),
        [...new Set(chunks.map(({ fileId }) => fileId))],
        chunks,
        chunks.map(direction),
      );
    }

    /** What lies in the table: rows in the index (0: there is none) and the note beside it. */
    async function state() {
      const table = await (await connect(place)).openTable('vs_a');
      const column = (await table.schema()).fields.find(({ name }) => name === 'vector');
      const stats = await table.indexStats('vector_idx');
      const note: unknown = JSON.parse(column?.metadata.get('approximateIndex') ?? 'null');
      return { indexed: stats?.numIndexedRows ?? 0, parts: stats?.numIndices ?? 0, note };
    }

    const settings = { probes: expect.any(Number), refined: expect.any(Number) };

    it('is built past the threshold, with what its search needs kept in the table, and found again by another opening', async () => {
      await open();
      await add('first', 1_000);
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toEqual({ indexed: 0, parts: 0, note: null });
      await add('second', 200);
      await index.optimize(inTenant('vs_a'));
      const built = { indexed: 1_200, parts: 1, note: { rows: 1_200, settings } };
      expect(await state()).toEqual(built);
      await index.close();
      await open();
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toEqual(built);
    });

    it('finds at least 0.95 of the ten nearest of vectors that are not in the store', async () => {
      await open();
      await add('file', 4_000);
      const queries = Array.from({ length: 50 }, direction);
      const find = async (vector: Float32Array) => {
        const weights = { vector: 1, text: 0 };
        return (await index.search(inTenant('vs_a'), { text: '', vector, weights, limit: 10 })).map(({ text }) => text);
      };
      const exact = await Promise.all(queries.map(find));
      await index.optimize(inTenant('vs_a'));
      expect((await state()).indexed).toBe(4_000);
      const found = await Promise.all(queries.map(find));
      const hits = found.flatMap((texts, at) => texts.filter((text) => exact[at]?.includes(text)));
      expect(hits.length / (queries.length * 10)).toBeGreaterThanOrEqual(0.95);
    });

    it('takes in what is new when it is optimized, and is built anew when the store has doubled', async () => {
      await open();
      await add('first', 1_200);
      await index.optimize(inTenant('vs_a'));
      await add('second', 600);
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toEqual({ indexed: 1_800, parts: 2, note: { rows: 1_200, settings } });
      await add('third', 600);
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toEqual({ indexed: 2_400, parts: 1, note: { rows: 2_400, settings } });
    });

    it('is built anew when it has fallen into many parts', async () => {
      await open();
      await add('first', 1_200);
      await index.optimize(inTenant('vs_a'));
      for (let part = 0; part < 20; part += 1) {
        await add(`part${part}`, 5);
        await index.optimize(inTenant('vs_a'));
      }
      expect(await state()).toMatchObject({ indexed: 1_300, parts: 1 });
    });

    it('is dropped where it does not find enough, and tried again when the store has doubled', async () => {
      await open({ exactRows: 1_000, minRecall: 1.01 });
      await add('first', 1_200);
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toEqual({ indexed: 0, parts: 0, note: { rows: 1_200 } });
      await index.close();
      await open();
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toEqual({ indexed: 0, parts: 0, note: { rows: 1_200 } });
      await add('second', 1_200);
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toMatchObject({ indexed: 2_400 });
    });

    it('is dropped when the store has shrunk to half the threshold', async () => {
      await open();
      await add('first', 1_200);
      await index.optimize(inTenant('vs_a'));
      await index.deleteFiles(
        inTenant('vs_a'),
        Array.from({ length: 10 }, (_, at) => `first_${at}`),
      );
      await index.optimize(inTenant('vs_a'));
      expect((await state()).parts).toBeGreaterThan(0);
      await index.deleteFiles(
        inTenant('vs_a'),
        Array.from({ length: 14 }, (_, at) => `first_${at}`),
      );
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toMatchObject({ indexed: 0, parts: 0 });
    });

    it('is built for vectors whose length is no multiple of eight too', async () => {
      await open({ exactRows: 20 });
      const chunks = Array.from({ length: 40 }, (_, ordinal) => ({ fileId: 'file', ordinal, text: `${ordinal}` }));
      const vectors = chunks.map(({ ordinal }) => new Float32Array([Math.cos(ordinal / 40), Math.sin(ordinal / 40)]));
      await index.replaceFiles(inTenant('vs_a'), ['file'], chunks, vectors);
      await index.optimize(inTenant('vs_a'));
      expect(await state()).toMatchObject({ indexed: 40 });
      const search = { text: '', weights: { vector: 1, text: 0 }, limit: 1 };
      const [found] = await index.search(inTenant('vs_a'), { ...search, vector: new Float32Array([1, 0.001]) });
      expect(found).toMatchObject({ ordinal: 0 });
    });
  });
});
