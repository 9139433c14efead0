/** Files that mean harm or cannot be read: each has a clear outcome, and nothing is lost. */
import { toFile } from 'openai';
import { docxFile, paragraph } from '../fixtures/documents/officeFile';
import { pdfFile } from '../fixtures/documents/pdfFile';
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

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

it('unreadable files of a batch, in which each is named twice, fail with their reasons, and the others complete', async () => {
  const client = host.openai();
  const contents: [string, Buffer][] = [
    ['good.txt', Buffer.from('Otters sleep.')],
    ['binary.txt', Buffer.from(Array.from({ length: 2000 }, (_, index) => (index * 7919) % 256))],
    ['broken.pdf', Buffer.from('%PDF-1.7\nnothing of a pdf follows')],
    ['locked.pdf', pdfFile([['Secret.']], { encrypted: true })],
    ['broken.docx', Buffer.from('PK\u0003\u0004 not a zip at all')],
    ['bomb.docx', docxFile(paragraph('a'.repeat(250_000_000)))],
    ['liar.docx', docxFile(paragraph('a'.repeat(250_000_000)), { declaredBytes: 1000 })],
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
    { file_ids: [...files.map(({ id }) => id), 'file-unknown', ...files.map(({ id }) => id)] },
    { pollIntervalMs: 50 },
  );
  expect(batch).toMatchObject({ status: 'completed', file_counts: { completed: 1, failed: 9, total: 10 } });
  const failed = (await client.vectorStores.files.list(store.id, { filter: 'failed' })).data;
  const reasons = new Map(failed.map(({ id, last_error }) => [id, last_error]));
  const codes = files.map(({ id }, index) => [contents[index]?.[0], reasons.get(id)?.code]);
  expect(codes).toEqual([
    ['good.txt', undefined],
    ['binary.txt', 'unsupported_file'],
    ['broken.pdf', 'invalid_file'],
    ['locked.pdf', 'invalid_file'],
    ['broken.docx', 'invalid_file'],
    ['bomb.docx', 'invalid_file'],
    ['liar.docx', 'invalid_file'],
    ['blank.txt', 'invalid_file'],
    ['music.mp3', 'unsupported_file'],
  ]);
  expect(reasons.get('file-unknown')).toMatchObject({
    code: 'invalid_file',
    message: expect.stringContaining('file-unknown'),
  });
  const messageOf = (name: string) =>
    reasons.get(files[contents.findIndex(([known]) => known === name)]?.id ?? '')?.message;
  expect(messageOf('locked.pdf')).toMatch(/password/);
  expect(messageOf('bomb.docx')).toMatch(/unpacks to more than 200 MB/);
  for (const reason of reasons.values()) expect(reason?.message.length).toBeGreaterThan(10);
}, 60_000);

it.each([
  ['a name of 1,000 characters', `${'n'.repeat(996)}.txt`, 'Hi.', /longer than 255/],
  ['no content', 'empty.txt', '', /empty/],
])('an upload with %s is refused', async (_what, name, content, message) => {
  const { files } = host.openai();
  const upload = files.create({ file: await toFile(Buffer.from(content), name), purpose: 'assistants' });
  await expect(upload).rejects.toMatchObject({ status: 400, message: expect.stringMatching(message) });
});

/** A store with one file that is ingested. */
async function filledStore() {
  const client = host.openai();
  const file = await client.files.create({
    file: await toFile(Buffer.from('Otters sleep.'), 'a.txt'),
    purpose: 'assistants',
  });
  const store = await client.vectorStores.create({});
  await client.vectorStores.files.createAndPoll(store.id, { file_id: file.id }, { pollIntervalMs: 50 });
  return { client, fileId: file.id, storeId: store.id };
}

it.each([
  ['seventeen keys', Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`key${n}`, n]))],
  ['a key of 65 characters', { ['k'.repeat(65)]: true }],
  ['a value of 513 characters', { note: 'x'.repeat(513) }],
])('attributes with %s are refused wherever they are given', async (_what, attributes) => {
  const { client, fileId, storeId } = await filledStore();
  const { vectorStores } = client;
  const place = { vector_store_id: storeId };
  const refused = { status: 400, param: expect.stringContaining('attributes') };
  await expect(vectorStores.files.create(storeId, { file_id: fileId, attributes })).rejects.toMatchObject(refused);
  await expect(vectorStores.files.update(fileId, { ...place, attributes })).rejects.toMatchObject(refused);
  await expect(vectorStores.fileBatches.create(storeId, { file_ids: [fileId], attributes })).rejects.toMatchObject(
    refused,
  );
  await expect(
    vectorStores.fileBatches.create(storeId, { files: [{ file_id: fileId, attributes }] }),
  ).rejects.toMatchObject(refused);
});

it('a filter on a key that no file has finds nothing, and its negation finds all', async () => {
  const { client, storeId } = await filledStore();
  const found = async (type: 'eq' | 'ne' | 'gt') =>
    (await client.vectorStores.search(storeId, { query: 'otters', filters: { type, key: 'nowhere', value: 1 } })).data;
  expect(await found('eq')).toEqual([]);
  expect(await found('gt')).toEqual([]);
  expect(await found('ne')).toHaveLength(1);
});

it('when the embedding model begins to give vectors of another length, files fail and searches are refused saying so', async () => {
  const { client, storeId } = await filledStore();
  upstream.on(({ input }) => {
    const data = [input ?? []].flat().map((_, index) => ({ index, embedding: [1, 0, 0] }));
    return reply.json({ data });
  });
  const file = await client.files.create({
    file: await toFile(Buffer.from('Bats sleep.'), 'b.txt'),
    purpose: 'assistants',
  });
  const added = await client.vectorStores.files.createAndPoll(storeId, { file_id: file.id }, { pollIntervalMs: 50 });
  const message = expect.stringMatching(/vectors of 3 dimensions.*EMBEDDING_DEPLOYMENT/) as unknown;
  expect(added).toMatchObject({ status: 'failed', last_error: { code: 'server_error', message } });
  const search = client.vectorStores.search(storeId, { query: 'bats' });
  await expect(search).rejects.toMatchObject({ status: 400, code: 'embedding_dimensions_changed', message });
  upstream.reset();
  const { data } = await client.vectorStores.search(storeId, { query: 'otters' });
  expect(data).toMatchObject([{ filename: 'a.txt' }]);
});
