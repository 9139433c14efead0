import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@lancedb/lancedb';
import { lanceDbIndex } from '../../src/adapters/lanceDb';
import { describeVectorIndex } from '../conformance/vectorIndex';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lancedb-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describeVectorIndex('LanceDB', (place) => lanceDbIndex(join(directory, place)));

describe('lanceDbIndex', () => {
  it('makes one folder per store inside its own and nothing elsewhere, and removes it with the store', async () => {
    const index = await lanceDbIndex(join(directory, 'inside', 'index'));
    const vector = new Float32Array([1, 0]);
    for (const store of ['vs_plain', '../vs_up', '/vs_root', 'vs_Case']) {
      await index.replaceFiles(store, ['file_1'], [{ fileId: 'file_1', ordinal: 0, text: 'text' }], [vector]);
    }
    expect((await readdir(join(directory, 'inside', 'index'))).sort()).toEqual([
      '.2e..2e..2f.vs_up.lance',
      '.2f.vs_root.lance',
      'vs_.43.ase.lance',
      'vs_plain.lance',
    ]);
    expect(await readdir(join(directory, 'inside'))).toEqual(['index']);
    for (const store of ['vs_plain', '../vs_up', '/vs_root', 'vs_Case']) await index.deleteStore(store);
    expect(await readdir(join(directory, 'inside', 'index'))).toEqual([]);
    await index.close();
  });

  it('compacts by itself, so that the fragments of a store stay few however many writes it takes', async () => {
    const index = await lanceDbIndex(join(directory, 'many'));
    const vector = new Float32Array([1, 0]);
    for (let at = 0; at < 130; at += 1) {
      await index.replaceFiles('vs_a', ['file_1'], [{ fileId: 'file_1', ordinal: 0, text: `version ${at}` }], [vector]);
    }
    expect(await index.chunksOf('vs_a', 'file_1')).toEqual([{ fileId: 'file_1', ordinal: 0, text: 'version 129' }]);
    const table = await (await connect(join(directory, 'many'))).openTable('vs_a');
    expect((await table.stats()).fragmentStats.numFragments).toBeLessThan(60);
    await index.close();
  });

  it('serves more stores than it keeps open', async () => {
    const index = await lanceDbIndex(join(directory, 'stores'));
    const vector = new Float32Array([1, 0]);
    const stores = Array.from({ length: 70 }, (_, at) => `vs_${at}`);
    for (const store of stores) {
      await index.replaceFiles(store, ['file_1'], [{ fileId: 'file_1', ordinal: 0, text: store }], [vector]);
    }
    const texts = await Promise.all(stores.map(async (store) => (await index.chunksOf(store, 'file_1'))[0]?.text));
    expect(texts).toEqual(stores);
    await index.close();
  });
});
