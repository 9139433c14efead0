/** `/uploads` of openai-2026-08 with the official SDK: large files that come in parts. */
import { createHash, randomBytes } from 'node:crypto';
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { soon } from '../support/polling';

const suite = contractSuite();

const md5Of = (content: Buffer) => createHash('md5').update(content).digest('hex');

const request = (bytes: number, filename = 'otters.txt'): OpenAI.UploadCreateParams => ({
  bytes,
  filename,
  purpose: 'assistants',
  mime_type: 'text/plain',
});

async function addPart(client: OpenAI, uploadId: string, content: Buffer): Promise<string> {
  return (await client.uploads.parts.create(uploadId, { data: await toFile(content, 'part') })).id;
}

/** An upload of these texts, with its parts in their order. */
async function uploadOf(client: OpenAI, ...texts: string[]) {
  const upload = await client.uploads.create(request(Buffer.byteLength(texts.join(''))));
  const part_ids: string[] = [];
  for (const text of texts) part_ids.push(await addPart(client, upload.id, Buffer.from(text)));
  return { id: upload.id, part_ids };
}

const textOf = async (client: OpenAI, fileId: string) => (await client.files.content(fileId)).text();

describe.each(sdks)('with the class %s', (sdk) => {
  const client = () => suite.client(sdk);

  it('parts that are added side by side become a file, byte for byte in the order of the completion', async () => {
    const contents = [randomBytes(5_000_000), randomBytes(1), randomBytes(0), randomBytes(300_000)];
    const whole = Buffer.concat(contents);
    const upload = await client().uploads.create(request(whole.length, 'folder/otters ä.bin'));
    expect(upload).toEqual({
      id: expect.stringMatching(/^upload_\w{24}$/),
      object: 'upload',
      bytes: whole.length,
      created_at: expect.closeTo(Date.now() / 1000, -2),
      expires_at: upload.created_at + 3600,
      filename: 'otters ä.bin',
      purpose: 'assistants',
      status: 'pending',
      file: null,
    });
    const parts = await Promise.all(
      contents.toReversed().map(async (content) =>
        client().uploads.parts.create(upload.id, {
          data: await toFile(content, 'part'),
        }),
      ),
    );
    expect(parts[0]).toEqual({
      id: expect.stringMatching(/^part_\w{24}$/),
      object: 'upload.part',
      created_at: expect.closeTo(Date.now() / 1000, -2),
      upload_id: upload.id,
    });
    const part_ids = parts.map(({ id }) => id).toReversed();
    const completed = await client().uploads.complete(upload.id, { part_ids, md5: md5Of(whole) });
    const { file } = completed;
    expect(completed).toEqual({ ...upload, status: 'completed', file });
    expect(file).toMatchObject({
      object: 'file',
      bytes: whole.length,
      filename: 'otters ä.bin',
      purpose: 'assistants',
      status: 'processed',
      expires_at: null,
    });
    expect(await client().files.retrieve(file?.id ?? '')).toEqual(file);
    const content = await client().files.content(file?.id ?? '');
    expect(Buffer.from(await content.arrayBuffer()).equals(whole)).toBe(true);
  });

  it('the file of an upload is found by what it says, as any other', async () => {
    const { id, part_ids } = await uploadOf(client(), 'Otters sleep on the ', 'water, hand in hand.');
    const { file } = await client().uploads.complete(id, { part_ids });
    const store = await client().vectorStores.create({});
    const added = await client().vectorStores.files.createAndPoll(store.id, { file_id: file?.id ?? '' }, soon);
    expect(added.status).toBe('completed');
    const { data } = await client().vectorStores.search(store.id, { query: 'where do otters sleep' });
    expect(data).toMatchObject([
      { filename: 'otters.txt', content: [{ text: 'Otters sleep on the water, hand in hand.' }] },
    ]);
  });

  it('an upload is completed once, however often and at the same time that is asked for', async () => {
    const [left, right] = ['left'.repeat(100_000), 'right'.repeat(100_000)];
    const { id, part_ids } = await uploadOf(client(), left, right);
    // In another order, too: the first that is through decides.
    const orders = [part_ids, part_ids.toReversed(), part_ids, part_ids];
    const answers = await Promise.all(orders.map(async (ids) => client().uploads.complete(id, { part_ids: ids })));
    const again = await client().uploads.complete(id, { part_ids });
    const files = new Set([...answers, again].map(({ file }) => file?.id));
    expect(files.size).toBe(1);
    const [fileId = ''] = files;
    expect([left + right, right + left]).toContain(await textOf(client(), fileId));
    const listed = (await client().files.list()).data.filter(({ bytes }) => bytes === 900_000);
    expect(listed.map((file) => file.id)).toEqual([fileId]);
    await client().files.delete(fileId);
    expect(await client().uploads.complete(id, { part_ids })).toMatchObject({ status: 'completed', file: null });
  });

  it('refuses to complete with other bytes than were told, and takes what is right then', async () => {
    const { id, part_ids } = await uploadOf(client(), 'ab', 'cd');
    const complete = async (body: OpenAI.UploadCompleteParams) => client().uploads.complete(id, body);
    await expect(complete({ part_ids: part_ids.slice(1) })).rejects.toMatchObject({
      status: 400,
      param: 'part_ids',
      message: expect.stringContaining('2 bytes together, but the upload was created for 4') as unknown,
    });
    await expect(complete({ part_ids: [] })).rejects.toMatchObject({ status: 400, param: 'part_ids' });
    await expect(complete({ part_ids: [...part_ids, 'part_other'] })).rejects.toMatchObject({
      status: 400,
      param: 'part_ids',
      message: expect.stringContaining("'part_other'") as unknown,
    });
    const swapped = complete({ part_ids: part_ids.toReversed(), md5: md5Of(Buffer.from('abcd')) });
    await expect(swapped).rejects.toMatchObject({
      status: 400,
      param: 'md5',
      message: expect.stringContaining(md5Of(Buffer.from('cdab'))) as unknown,
    });
    await expect(complete({ part_ids, md5: 'abc' })).rejects.toMatchObject({ status: 400, param: 'md5' });
    const { file } = await complete({ part_ids, md5: md5Of(Buffer.from('abcd')).toUpperCase() });
    expect(await textOf(client(), file?.id ?? '')).toBe('abcd');
  });

  it('an upload that is over takes no parts, and is neither completed nor cancelled', async () => {
    const cancelled = await uploadOf(client(), 'x');
    expect(await client().uploads.cancel(cancelled.id)).toMatchObject({ id: cancelled.id, status: 'cancelled' });
    expect(await client().uploads.cancel(cancelled.id)).toMatchObject({ status: 'cancelled' });
    const completed = await uploadOf(client(), 'x');
    await client().uploads.complete(completed.id, { part_ids: completed.part_ids });
    const over = (status: string) => ({
      status: 400,
      code: 'invalid_state',
      message: expect.stringContaining(`is ${status}`) as unknown,
    });
    for (const [{ id }, status] of [
      [cancelled, 'cancelled'],
      [completed, 'completed'],
    ] as const)
      await expect(addPart(client(), id, Buffer.from('y'))).rejects.toMatchObject(over(status));
    const { id, part_ids } = cancelled;
    await expect(client().uploads.complete(id, { part_ids })).rejects.toMatchObject(over('cancelled'));
    await expect(client().uploads.cancel(completed.id)).rejects.toMatchObject(over('completed'));
  });

  it('nobody else finds an upload or its parts', async () => {
    const mine = await uploadOf(client(), 'x');
    const { uploads } = suite.client(sdk, 'beta');
    await expectNotFound(
      async () => addPart(suite.client(sdk, 'beta'), mine.id, Buffer.from('y')),
      async () => uploads.complete(mine.id, { part_ids: mine.part_ids }),
      async () => uploads.cancel(mine.id),
    );
    const theirs = await suite.client(sdk, 'beta').uploads.create(request(1));
    await expect(uploads.complete(theirs.id, { part_ids: mine.part_ids })).rejects.toMatchObject({ param: 'part_ids' });
  });

  it('the file of an upload expires as the upload said', async () => {
    const upload = await client().uploads.create({
      ...request(1),
      expires_after: { anchor: 'created_at', seconds: 7200 },
    });
    const part = await addPart(client(), upload.id, Buffer.from('x'));
    const { file } = await client().uploads.complete(upload.id, { part_ids: [part] });
    expect(file?.expires_at).toBe((file?.created_at ?? 0) + 7200);
  });
});

const LIMIT = 512 * 1024 * 1024;
it.each([
  ['more bytes than a file may have here', { bytes: LIMIT + 1 }, 'bytes', `at most ${LIMIT} bytes`],
  ['no bytes', { bytes: 0 }, 'bytes', '>= 1'],
  ['bytes that are no number', { bytes: '4' }, 'bytes', 'number'],
  ['an unknown purpose', { purpose: 'homework' }, 'purpose', 'assistants'],
  ['what is no MIME type', { mime_type: 'text' }, 'mime_type', 'text/plain'],
  ['an image that is none', { purpose: 'vision' }, 'mime_type', 'image/png'],
  ['a name of folders only', { filename: 'a/..' }, 'filename', 'no file name'],
  ['an unknown field', { colour: 'red' }, 'colour', 'colour'],
  [
    'a life that is too short',
    { expires_after: { anchor: 'created_at', seconds: 60 } },
    'expires_after.seconds',
    '3600',
  ],
])('refuses an upload of %s', async (_what, wrong, param, words) => {
  const answer = await suite.send('POST', '/v1/uploads', { body: { ...request(1), ...wrong } });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param, message: expect.stringContaining(words) as unknown } });
});

it.each(['filename', 'purpose', 'bytes', 'mime_type'])('refuses an upload without %s', async (param) => {
  const answer = await suite.send('POST', '/v1/uploads', { body: { ...request(1), [param]: undefined } });
  expect(await answer.json()).toMatchObject({ error: { param, code: 'missing_required_parameter' } });
});

const form = (fields: Record<string, string | File>) => {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
};

it.each([
  ['without content', 400, 'data', () => form({})],
  ['with an unknown field', 400, 'colour', () => form({ data: new File(['x'], 'x'), colour: 'red' })],
  ['with a second file', 400, 'file', () => form({ data: new File(['x'], 'x'), file: new File(['x'], 'x') })],
  ['that is JSON', 415, null, () => ({ data: 'x' })],
  ['of more than 64 MB', 413, 'data', () => form({ data: new File([Buffer.alloc(64 * 1024 * 1024 + 1)], 'x') })],
] as const)('refuses a part %s with %d', async (_what, status, param, body) => {
  const { id } = await suite.client().uploads.create(request(1));
  const answer = await suite.send('POST', `/v1/uploads/${id}/parts`, { body: body() });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ error: { param } });
});

it('takes a part of 64 MB', async () => {
  const { id } = await suite.client().uploads.create(request(1));
  await addPart(suite.client(), id, Buffer.alloc(64 * 1024 * 1024));
});

it('takes content without a name, as curl -F data=… sends it, also more than a text field may have', async () => {
  const text = 'otter'.repeat(20_000);
  const { id } = await suite.client().uploads.create(request(text.length));
  const answer = await suite.send('POST', `/v1/uploads/${id}/parts`, { body: form({ data: text }) });
  const part = (await answer.json()) as OpenAI.Uploads.UploadPart;
  const { file } = await suite.client().uploads.complete(id, { part_ids: [part.id] });
  expect(await textOf(suite.client(), file?.id ?? '')).toBe(text);
});

it('below a project fields that are unknown are dropped, and uploads are those of the project', async () => {
  const send = async (path: string, body: unknown) => suite.send('POST', `/api/projects/p1${path}`, { body });
  const made = (await (await send('/uploads', { ...request(1), colour: 'red' })).json()) as OpenAI.Upload;
  const parts = `/uploads/${made.id}/parts`;
  const answer = await send(parts, form({ data: new File(['x'], 'x'), colour: 'red' }));
  const { id } = (await answer.json()) as OpenAI.Uploads.UploadPart;
  await expectNotFound(async () => suite.client().uploads.complete(made.id, { part_ids: [id] }));
  expect((await send(`/uploads/${made.id}/complete`, { part_ids: [id] })).status).toBe(200);
});

it('tells of expiry in api-versions since 2025-03-01 only, as of other files', async () => {
  const { id, part_ids } = await uploadOf(suite.client(), 'x');
  const complete = async (version: string) => {
    const url = `${suite.host.url}/openai/uploads/${id}/complete?api-version=${version}`;
    const headers = { 'api-key': suite.host.key(), 'content-type': 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ part_ids }) });
    return 'expires_at' in ((await answer.json()) as { file: object }).file;
  };
  expect(await complete('2024-10-21')).toBe(false);
  expect(await complete('2025-04-01-preview')).toBe(true);
});
