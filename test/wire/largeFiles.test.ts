/** Files of 200 MB and more: those with little text are ingested, those with too much fail with a reason, and the host's memory stays bounded. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { toFile } from 'openai';
import { pdfWithImages, repeated } from '../fixtures/documents/largeFiles';
import { pptxFile } from '../fixtures/documents/officeFile';
import { startHost, type Host } from '../support/host';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const MB = 1024 * 1024;

let upstream: ScriptedUpstream;
let host: Host;
beforeEach(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
});
afterEach(async () => {
  await host.stop();
  await upstream.close();
});

/** The most memory that the host has had, in MB; 0 where the system does not tell. */
function memory(): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${host.pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return 0;
  }
}

/** Uploads a form with a file that is made while it is sent. */
async function uploadStreamed(
  filename: string,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
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

/** What became of the file in a store of its own, and the memory that it took, in MB. */
async function ingested(filename: string, content: AsyncIterable<Buffer> | Iterable<Buffer>) {
  const before = memory();
  const { id, bytes } = await uploadStreamed(filename, content);
  const { vectorStores } = host.openai();
  const store = await vectorStores.create({});
  const file = await vectorStores.files.createAndPoll(store.id, { file_id: id }, { pollIntervalMs: 100 });
  return { file, bytes, storeId: store.id, taken: memory() - before };
}

const sentence = 'The otter sleeps on the water and eats fish all day long.';
const tooMuchText = { code: 'invalid_file', message: expect.stringMatching(/5,000,000 tokens/) as unknown };

it.each([
  ['text', 'huge.txt', () => repeated(`${sentence} `, 200 * MB)],
  [
    'rows of a table, ten million of them,',
    'huge.csv',
    () => repeated('4711,otter,1.5,Elbe\n', 200 * MB, 'id,animal,weight,river\n'),
  ],
])(
  '200 MB of %s are stored as a stream and fail with a reason, in bounded memory',
  async (_what, filename, content) => {
    const { file, bytes, taken } = await ingested(filename, content());
    expect(bytes).toBeGreaterThan(200 * MB);
    expect(file).toMatchObject({ status: 'failed', last_error: tooMuchText });
    expect(taken).toBeLessThan(400);
  },
  120_000,
);

it.each([
  [
    'a presentation with a video',
    'talk.pptx',
    () => [pptxFile([{ title: 'Otters', line: sentence }], Buffer.alloc(200 * MB, 'video'))],
  ],
  [
    'a PDF full of images',
    'scans.pdf',
    () => pdfWithImages([sentence, ...Array.from({ length: 19 }, (_, page) => `Page ${page + 2}.`)], 10.1 * MB),
  ],
])(
  '200 MB that are %s are ingested, in bounded memory',
  async (_what, filename, content) => {
    const { file, bytes, storeId, taken } = await ingested(filename, content());
    expect(bytes).toBeGreaterThan(200 * MB);
    expect(file).toMatchObject({ status: 'completed', last_error: null });
    const { data } = await host.openai().vectorStores.search(storeId, { query: 'Where does the otter sleep?' });
    expect(data[0]?.content[0]?.text).toContain(sentence);
    expect(taken).toBeLessThan(500);
  },
  120_000,
);

it('384 MB that come in parts become a file, in bounded memory', async () => {
  const before = memory();
  const { uploads, files } = host.openai();
  const part = randomBytes(64 * MB);
  const upload = await uploads.create({
    bytes: 6 * part.length,
    filename: 'huge.bin',
    purpose: 'assistants',
    mime_type: 'application/octet-stream',
  });
  const hash = createHash('md5');
  const part_ids: string[] = [];
  for (let pair = 0; pair < 3; pair += 1) {
    const made = [part, part].map(async (data) =>
      uploads.parts.create(upload.id, { data: await toFile(data, 'part') }),
    );
    part_ids.push(...(await Promise.all(made)).map(({ id }) => id));
    hash.update(part).update(part);
  }
  const md5 = hash.digest('hex');
  const { file } = await uploads.complete(upload.id, { part_ids, md5 });
  expect(file?.bytes).toBe(384 * MB);
  const content = await files.content(file?.id ?? '');
  const read = createHash('md5');
  for await (const chunk of content.body as unknown as AsyncIterable<Uint8Array>) read.update(chunk);
  expect(read.digest('hex')).toBe(md5);
  expect(memory() - before).toBeLessThan(300);
}, 120_000);
