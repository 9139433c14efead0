/** Files that mean harm or cannot be read: each has a clear outcome, and nothing is lost. */
import { toFile } from 'openai';
import { startHost, type Host } from '../support/host';
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
