/** Blobs put below uploads/{vector_store_id}/ are ingested by the blob trigger. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
});
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

async function put(storeId: string, name: string, text: string, to = host): Promise<void> {
  const path = join(to.dataDir, 'blobs', 'uploads', storeId, ...name.split('/'));
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
}

it('a blob becomes a completed file of the store in its path, and overwriting it replaces its text', async () => {
  const client = host.openai();
  const store = await client.vectorStores.create({ name: 'dropped' });
  await put(store.id, 'notes/otters.txt', 'Otters sleep on the water.');
  const first = await eventually('the upload', async () => {
    const [file] = (await client.vectorStores.files.list(store.id)).data;
    return file?.status === 'completed' ? file : undefined;
  });
  const search = async () => (await client.vectorStores.search(store.id, { query: 'otters badgers sleep' })).data;
  expect(await search()).toMatchObject([{ file_id: first.id, content: [{ text: 'Otters sleep on the water.' }] }]);
  await put(store.id, 'notes/otters.txt', 'Badgers sleep below the ground, all day.');
  const found = await eventually('the new text', async () => {
    const results = await search();
    return results[0]?.content[0]?.text.startsWith('Badgers') ? results : undefined;
  });
  expect(found).toMatchObject([{ file_id: first.id }]);
  // Chunks are found a moment before the counts say so.
  await eventually('the counts', async () => {
    const { file_counts: counts } = await client.vectorStores.retrieve(store.id);
    return counts.completed === 1 && counts.total === 1 ? true : undefined;
  });
});

it('a blob of a store that does not exist ends in a record that names it and says why, and in the log', async () => {
  await put('vs_nobody', 'lost.txt', 'Nobody reads this.');
  const path = join(host.dataDir, 'blobs', 'failed-uploads', 'vs_nobody', 'lost.txt.json');
  const record = await eventually('the record', async () => readFile(path, 'utf8').catch(() => undefined));
  expect(JSON.parse(record)).toMatchObject({
    blob: 'uploads/vs_nobody/lost.txt',
    error: { code: 'invalid_file', message: "There is no vector store 'vs_nobody'." },
  });
  await eventually('the log', () => Promise.resolve(host.output().includes('uploads/vs_nobody/lost.txt') || undefined));
});

it('with BLOB_TRIGGER_SOURCE=EventGrid the function asks for events, for which the local host still looks by itself', async () => {
  const other = await startHost({ env: { BLOB_TRIGGER_SOURCE: 'EventGrid' } });
  try {
    const store = await other.openai().vectorStores.create({});
    await put(store.id, 'otters.txt', 'Otters sleep on the water.', other);
    await eventually('the upload', async () => {
      const { file_counts: counts } = await other.openai().vectorStores.retrieve(store.id);
      return counts.completed === 1 ? true : undefined;
    });
  } finally {
    await other.stop();
  }
});
