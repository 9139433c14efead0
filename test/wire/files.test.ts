/** `/files` of openai-2026-08 with the official SDK. */
import { randomBytes } from 'node:crypto';
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';

const suite = contractSuite();

describe.each(sdks)('with the class %s', (sdk) => {
  const files = () => suite.client(sdk).files;

  it('uploads a file and gives it back byte for byte', async () => {
    const bytes = randomBytes(300_000);
    const file = await files().create({ file: await toFile(bytes, 'otters ä.bin'), purpose: 'assistants' });
    expect(file).toMatchObject({
      object: 'file',
      bytes: bytes.length,
      filename: 'otters ä.bin',
      purpose: 'assistants',
      status: 'processed',
      expires_at: null,
    });
    expect(file.id).toMatch(/^file-\w{24}$/);
    expect(await files().retrieve(file.id)).toEqual(file);
    const content = await files().content(file.id);
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
    expect(content.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''otters%20%C3%A4.bin");
  });

  it('keeps when a file expires', async () => {
    const expires_after = { anchor: 'created_at' as const, seconds: 7200 };
    const file = await files().create({
      file: await toFile(Buffer.from('x'), 'x.txt'),
      purpose: 'user_data',
      expires_after,
    });
    expect(file.expires_at).toBe(file.created_at + 7200);
  });

  it('lists files newest first, by purpose, and pages them', async () => {
    const made: string[] = [];
    for (const name of ['1.txt', '2.txt', '3.txt']) {
      made.unshift((await files().create({ file: await toFile(Buffer.from(name), name), purpose: 'vision' })).id);
    }
    const found: string[] = [];
    for await (const { id } of files().list({ purpose: 'vision', limit: 2 })) found.push(id);
    expect(found.slice(0, 3)).toEqual(made);
    expect((await files().list({ purpose: 'evals' })).data).toEqual([]);
    const ascending = await files().list({ purpose: 'vision', order: 'asc', after: made[2] });
    expect(ascending.data.map(({ id }) => id)).toEqual([made[1], made[0]]);
  });

  it('deletes a file, after which it is not found', async () => {
    const { id } = await files().create({ file: await toFile(Buffer.from('x'), 'x.txt'), purpose: 'assistants' });
    expect(await files().delete(id)).toEqual({ id, object: 'file', deleted: true });
    await expectNotFound(
      async () => files().retrieve(id),
      async () => files().content(id),
      async () => files().delete(id),
    );
  });

  it('stores a file under the last part of its name only', async () => {
    const file = await files().create({
      file: await toFile(Buffer.from('x'), '../../etc/passwd'),
      purpose: 'assistants',
    });
    expect(file.filename).toBe('passwd');
  });

  it('refuses an empty file and an unknown purpose', async () => {
    const empty = files().create({ file: await toFile(Buffer.alloc(0), 'x.txt'), purpose: 'assistants' });
    await expect(empty).rejects.toMatchObject({ status: 400, param: 'file' });
    const wrong = 'homework' as OpenAI.FilePurpose;
    const unknown = files().create({ file: await toFile(Buffer.from('x'), 'x.txt'), purpose: wrong });
    await expect(unknown).rejects.toMatchObject({ status: 400, param: 'purpose' });
  });
});

const form = (fields: Record<string, string | File>) => {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
};

it.each([
  ['without a file', 400, 'file', () => form({ purpose: 'assistants' })],
  ['without a purpose', 400, 'purpose', () => form({ file: new File(['x'], 'x.txt') })],
  [
    'with an unknown field',
    400,
    'colour',
    () => form({ purpose: 'assistants', colour: 'red', file: new File(['x'], 'x.txt') }),
  ],
  ['that is JSON', 415, null, () => ({ purpose: 'assistants' })],
] as const)('refuses an upload %s with %d', async (_what, status, param, body) => {
  const answer = await suite.send('POST', '/v1/files', { body: body() });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ error: { param } });
});

it('refuses a form that breaks off', async () => {
  const body = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nHello';
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  const answer = await suite.send('POST', '/v1/files', { body, headers });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: 'invalid_form' } });
});

it("files tell of expiry in api-versions since 2025-03-01 only: Azure's GA client for .NET fails on what it does not know", async () => {
  const form = () => {
    const upload = new FormData();
    upload.set('file', new File(['{}'], 'batch.jsonl'));
    upload.set('purpose', 'batch');
    return upload;
  };
  // Not by the suite, which asks for every field.
  const call = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const answer = await fetch(suite.host.url + path, { ...init, headers: { 'api-key': suite.host.key() } });
    return (await answer.json()) as T;
  };
  const told = async (version: string) => {
    const query = `?api-version=${version}`;
    const made = await call<{ id: string }>(`/openai/files${query}`, { method: 'POST', body: form() });
    const got = await call<{ id: string }>(`/openai/files/${made.id}${query}`);
    const { data } = await call<{ data: { id: string }[] }>(`/openai/files${query}&limit=1`);
    return [made, got, ...data].map((file) => file.id === made.id && 'expires_at' in file);
  };
  for (const version of ['2024-06-01', '2024-10-21', '2025-01-01-preview'])
    expect(await told(version)).toEqual([false, false, false]);
  for (const version of ['2025-03-01-preview', '2025-04-01-preview', 'preview'])
    expect(await told(version)).toEqual([true, true, true]);
});
