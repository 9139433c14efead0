/** `npm run tenant` beside a host that runs. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { createKey, tenantCommand } from '../support/keysCommand';
import { eventually, soon } from '../support/polling';
import { openBlobs, openRecords, openVectors } from '../support/storage';
import { startHost, type Host } from '../support/host';

let host: Host;
let folder: string;
beforeEach(async () => {
  host = await startHost({ env: { AUDIT: 'storage' } });
  folder = await mkdtemp(join(tmpdir(), 'export-'));
}, 60_000);
afterEach(async () => {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
});

const content = 'whales sing';
const long = 'x'.repeat(100_000);
const placed = 'in a container';

/** Something of everything. */
async function fill(openai: OpenAI, base: string) {
  const file = await openai.files.create({ file: await toFile(Buffer.from(content), 'a.txt'), purpose: 'assistants' });
  const store = await openai.vectorStores.create({});
  await openai.vectorStores.files.createAndPoll(store.id, { file_id: file.id }, soon);
  const assistant = await openai.beta.assistants.create({ model: 'local-extractive' });
  const thread = await openai.beta.threads.create({ messages: [{ role: 'user', content: 'Whales?' }] });
  await openai.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  const response = await openai.responses.create({ model: 'local-extractive', input: long });
  const conversation = await openai.conversations.create({ items: [{ type: 'message', role: 'user', content: long }] });
  const container = await openai.containers.create({ name: 'work' });
  await openai.containers.files.create(container.id, { file: await toFile(Buffer.from(placed), 'c.txt') });
  const inProject = new OpenAI({ baseURL: `${base}/api/projects/p1/openai/v1`, apiKey: openai.apiKey, maxRetries: 0 });
  await inProject.beta.threads.create({});
  const expiring = await openai.files.create({
    file: await toFile(Buffer.from('b'), 'b.txt'),
    purpose: 'assistants',
    expires_after: { anchor: 'created_at', seconds: 3600 },
  });
  const upload = await openai.uploads.create({
    bytes: 200_000,
    filename: 'c.txt',
    purpose: 'assistants',
    mime_type: 'text/plain',
  });
  await openai.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(long), 'part') });
  return { file, store, assistant, thread, response, conversation, expiring, upload };
}

interface Line {
  project: string;
  object?: string;
  list: string;
  id: string;
  value: unknown;
}
const linesOf = async (name: string): Promise<Line[]> =>
  (await readFile(join(folder, `${name}.jsonl`), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);

it('exports every record of the tenant and the contents of its files, and nothing of another', async () => {
  const made = await fill(host.openai(), host.url);
  await fill(host.openai('beta'), host.url);
  await createKey(host.dataDir, ['--tenant', 'alpha']);
  const exported = await tenantCommand(host.dataDir, ['export', '--tenant', 'alpha', '--to', folder]);
  expect(exported.stderr).toMatch(/\d+ records and 6 files of alpha/);
  expect(exported.code).toBe(0);
  const threads = await linesOf('threads');
  expect(threads.filter(({ list, object }) => list === 'messages' && object === made.thread.id)).toHaveLength(2);
  expect(threads.filter(({ list }) => list === 'runs')).toHaveLength(1);
  expect(new Set(threads.map(({ project }) => project))).toEqual(new Set(['-', 'p1']));
  expect((await linesOf('assistants')).map(({ id }) => id)).toEqual([made.assistant.id]);
  expect((await linesOf('files')).map(({ id }) => id)).toEqual([made.file.id, made.expiring.id, made.upload.id]);
  expect((await linesOf('uploads')).map(({ object, list }) => ({ object, list }))).toEqual([
    { object: made.upload.id, list: 'parts' },
  ]);
  expect((await linesOf('audit')).length).toBeGreaterThan(5);
  expect(await readFile(join(folder, 'files', '-', made.file.id), 'utf8')).toBe(content);
  const blobs = await readdir(join(folder, 'blobs'), { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    blobs
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')),
  );
  expect(texts.toSorted((a, b) => a.length - b.length)).toEqual([
    placed,
    expect.stringContaining(long),
    expect.stringContaining(long),
    expect.stringContaining(long),
  ]);
  const keys = await readFile(join(folder, 'api_keys.jsonl'), 'utf8');
  expect(JSON.parse(keys)).toMatchObject({ tenant: 'alpha', prefix: expect.stringMatching(/^aof_/) });
  expect(keys).not.toContain('hash');

  const again = await tenantCommand(host.dataDir, ['export', '--tenant', 'alpha', '--to', folder]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('holds a complete export') });
  const other = await tenantCommand(host.dataDir, ['export', '--tenant', 'beta', '--to', folder]);
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("an export of the tenant 'alpha'") });
}, 120_000);

it('goes on with an export that was stopped, without what it had written behind its last note', async () => {
  await fill(host.openai(), host.url);
  await tenantCommand(host.dataDir, ['export', '--tenant', 'alpha', '--to', folder]);
  const whole = new Map<string, string>();
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
  for (const name of names) whole.set(name, await readFile(join(folder, name), 'utf8'));
  // As after a crash behind the partition of the files: later ones are there in part.
  const progress = JSON.parse(await readFile(join(folder, 'export.json'), 'utf8')) as Record<string, object | string>;
  const upTo = names.filter((name) => name <= 'files.jsonl' && name !== 'api_keys.jsonl');
  progress.after = 'alpha/-/files';
  progress.bytes = Object.fromEntries(upTo.map((name) => [name, Buffer.byteLength(whole.get(name) ?? '')]));
  await writeFile(join(folder, 'export.json'), JSON.stringify({ ...progress, is_complete: false }));
  await writeFile(join(folder, 'threads.jsonl'), '{"half of a li');
  const again = await tenantCommand(host.dataDir, ['export', '--tenant', 'alpha', '--to', folder]);
  expect(again.code).toBe(0);
  for (const [name, text] of whole) expect([name, await readFile(join(folder, name), 'utf8')]).toEqual([name, text]);
}, 120_000);

it('deletes everything of the tenant beside a host that goes on, and leaves other tenants as they are', async () => {
  const made = await fill(host.openai(), host.url);
  const others = await fill(host.openai('beta'), host.url);
  const { key } = await createKey(host.dataDir, ['--tenant', 'alpha']);
  const refused = await tenantCommand(host.dataDir, ['delete', '--tenant', 'alpha'], 'beta\n');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing was deleted.') });
  expect((await host.openai().beta.threads.retrieve(made.thread.id)).id).toBe(made.thread.id);

  const deleted = await tenantCommand(host.dataDir, ['delete', '--tenant', 'alpha'], 'alpha\n');
  expect(deleted.stderr).toContain('Nothing of alpha is left.');
  expect(deleted.code).toBe(0);
  expect(JSON.parse(deleted.stdout)).toMatchObject({ api_keys: 1, vector_stores: 1, blobs: 6 });
  await expect(host.openai().beta.threads.retrieve(made.thread.id)).rejects.toMatchObject({ status: 404 });
  expect((await host.openai().files.list()).data).toEqual([]);
  await eventually('the key is known no more', async () =>
    (await fetch(`${host.url}/v1/models`, { headers: { 'api-key': key } })).status === 401 ? true : undefined,
  );
  const [records, blobs, index] = [
    await openRecords(host.dataDir),
    await openBlobs(host.dataDir),
    await openVectors(host.dataDir),
  ];
  expect(await records.partitions('alpha/', { limit: 10 })).toEqual([]);
  for (const list of await records.lists('global', { limit: 100 })) {
    const { records: found } = await records.list('global', list, { order: 'asc', limit: 100 });
    expect(JSON.stringify(found)).not.toContain('alpha');
    expect(JSON.stringify(found)).not.toContain(made.store.id);
  }
  expect((await records.due(9e12, 100)).filter(({ data }) => data.tenant === 'alpha')).toEqual([]);
  for (const kind of ['files', 'responses', 'conversations']) expect(await blobs.deleteBelow(`${kind}/alpha`)).toBe(0);
  expect(await index.count({ tenant: 'alpha', id: made.store.id })).toBe(0);
  await records.close();
  await index.close();

  const openai = host.openai('beta');
  expect((await openai.vectorStores.search(others.store.id, { query: 'whales' })).data).toHaveLength(1);
  expect((await openai.conversations.items.list(others.conversation.id)).data).toHaveLength(1);
  expect(await (await openai.files.content(others.file.id)).text()).toBe(content);
  // The tenant can begin anew.
  await fill(host.openai(), host.url);
}, 120_000);

it('says so where nothing was used, and where the command line is wrong', async () => {
  const usage = await tenantCommand(host.dataDir, ['usage', '--tenant', 'alpha']);
  expect(usage).toMatchObject({ code: 0, stderr: expect.stringContaining('alpha used no model service') });
  const wrong = await tenantCommand(host.dataDir, ['delete']);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('delete needs --tenant') });
}, 60_000);
