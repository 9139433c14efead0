import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { services, stop } from '../src/app';

it('the end of the app waits for what was begun, closes the stores, and may come twice', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'app-'));
  try {
    await stop();
    Object.assign(process.env, { DATA_DIR: directory, API_KEYS: 'a:key', LOCAL_MODEL_SERVERS: 'off' });
    const { storage, local } = await services();
    const begun = storage.records.write('p', [{ op: 'create', list: 'l', id: 'i', order: '1', value: {} }]);
    await stop();
    expect(await begun).toHaveLength(1);
    await expect(storage.records.get({ partition: 'p', list: 'l', id: 'i' })).rejects.toThrow('The store is closed.');
    await expect(local.completions.embeddings({ input: 'x' })).rejects.toThrow('is shut down');
    await stop();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
