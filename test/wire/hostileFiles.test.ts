/** Files that mean harm or cannot be read: each has a clear outcome, and the host's memory stays bounded. */
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { toFile } from 'openai';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const MB = 1024 * 1024;

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

const memory = (): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${host.pid}/status`, 'utf8'))?.[1]) / 1024;

/** Uploads a form with a file that is made while it is sent. */
async function uploadStreamed(
  filename: string,
  content: AsyncIterable<Buffer>,
): Promise<{ id: string; bytes: number }> {
  async function* form(): AsyncGenerator<Buffer> {
    yield Buffer.from('--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n');
    yield Buffer.from(`--b\r\ncontent-disposition: form-data; name="file"; filename="${filename}"\r\n\r\n`);
    yield* content;
    yield Buffer.from('\r\n--b--\r\n');
  }
  const answer = await fetch(`${host.url}/v1/files`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'multipart/form-data; boundary=b' },
    body: Readable.toWeb(Readable.from(form())) as ReadableStream,
    duplex: 'half',
  } as RequestInit);
  expect(answer.status).toBe(200);
  return (await answer.json()) as { id: string; bytes: number };
}

it('a 200 MB text is stored as a stream and fails with a reason, in bounded memory', async () => {
  const client = host.openai();
  const line = Buffer.from(`${'The otter sleeps on the water and eats fish all day long. '.repeat(18)}\n`);
  async function* text(): AsyncGenerator<Buffer> {
    const piece = Buffer.concat(Array.from({ length: 1000 }, () => line));
    for (let sent = 0; sent < 200 * MB; sent += piece.length) yield await Promise.resolve(piece);
  }
  const before = memory();
  const file = await uploadStreamed('huge.txt', text());
  expect(file.bytes).toBeGreaterThan(200 * MB);
  const store = await client.vectorStores.create({ file_ids: [file.id] });
  const ingested = await eventually('the outcome', async () => {
    const found = await client.vectorStores.files.retrieve(file.id, { vector_store_id: store.id });
    return found.status === 'in_progress' ? undefined : found;
  });
  expect(ingested).toMatchObject({
    status: 'failed',
    last_error: { code: 'invalid_file', message: expect.stringMatching(/5,000,000 tokens/) },
  });
  expect(memory() - before).toBeLessThan(400);
}, 120_000);

it('a name that climbs out of its folder is cut to its last part', async () => {
  const file = await host
    .openai()
    .files.create({ file: await toFile(Buffer.from('Hi.'), '../../../etc/passwd.txt'), purpose: 'assistants' });
  expect(file.filename).toBe('passwd.txt');
});

it('unreadable files of a batch fail, each with its reason, and the others complete', async () => {
  const client = host.openai();
  const contents: [string, Buffer][] = [
    ['good.txt', Buffer.from('Otters sleep.')],
    ['binary.txt', Buffer.from(Array.from({ length: 2000 }, (_, index) => (index * 7919) % 256))],
    ['broken.pdf', Buffer.from('%PDF-1.7\nnothing of a pdf follows')],
    ['broken.docx', Buffer.from('PK\u0003\u0004 not a zip at all')],
    ['blank.txt', Buffer.from('  \n \n')],
    ['music.mp3', Buffer.from('ID3\u0004\u0000\u0000\u0000\u0000\u0000\u0000')],
  ];
  const files = await Promise.all(
    contents.map(async ([name, content]) =>
      client.files.create({ file: await toFile(content, name), purpose: 'assistants' }),
    ),
  );
  const store = await client.vectorStores.create({ name: 'mixed' });
  const batch = await client.vectorStores.fileBatches.createAndPoll(
    store.id,
    { file_ids: [...files.map(({ id }) => id), 'file-unknown'] },
    { pollIntervalMs: 50 },
  );
  expect(batch).toMatchObject({ status: 'completed', file_counts: { completed: 1, failed: 6, total: 7 } });
  const failed = (await client.vectorStores.files.list(store.id, { filter: 'failed' })).data;
  const reasons = new Map(failed.map(({ id, last_error }) => [id, last_error]));
  const codes = files.map(({ id }, index) => [contents[index]?.[0], reasons.get(id)?.code]);
  expect(codes).toEqual([
    ['good.txt', undefined],
    ['binary.txt', 'unsupported_file'],
    ['broken.pdf', 'invalid_file'],
    ['broken.docx', 'invalid_file'],
    ['blank.txt', 'invalid_file'],
    ['music.mp3', 'unsupported_file'],
  ]);
  expect(reasons.get('file-unknown')).toMatchObject({
    code: 'invalid_file',
    message: expect.stringContaining('file-unknown'),
  });
  for (const reason of reasons.values()) expect(reason?.message.length).toBeGreaterThan(10);
}, 60_000);
