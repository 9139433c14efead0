/** Operations 31 to 41 with the official SDK. */
import type OpenAI from 'openai';
import { OTTERS, storeWithFile } from '../support/assistantFixtures';
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { eventually, soon } from '../support/polling';

const suite = contractSuite();
const upload = async (client: OpenAI, text = OTTERS, name = 'otters.txt') =>
  client.files.create({ file: new File([text], name), purpose: 'assistants' });
const none = { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 };

describe.each(sdks)('with the class %s', (sdk) => {
  const client = () => suite.client(sdk);
  const stores = () => client().vectorStores;

  it('creates an empty vector store, which is ready at once', async () => {
    const store = await stores().create({ name: 'Support FAQ', metadata: { a: '1' } });
    expect(store).toMatchObject({
      object: 'vector_store',
      name: 'Support FAQ',
      usage_bytes: 0,
      bytes: 0,
      file_counts: none,
      status: 'completed',
      expires_at: null,
      metadata: { a: '1' },
    });
    expect(store.id).toMatch(/^vs_\w{24}$/);
    expect(await stores().retrieve(store.id)).toMatchObject({ id: store.id, name: 'Support FAQ' });
  });

  it('creates a vector store with files, which become searchable', async () => {
    const file = await upload(client());
    const store = await stores().create({ file_ids: [file.id], chunking_strategy: { type: 'auto' } });
    expect(store).toMatchObject({ status: 'in_progress', file_counts: { ...none, in_progress: 1, total: 1 } });
    const ready = await eventually('the store is ready', async () => {
      const found = await stores().retrieve(store.id);
      return found.status === 'completed' ? found : undefined;
    });
    expect(ready.file_counts).toEqual({ ...none, completed: 1, total: 1 });
    expect(ready.usage_bytes).toBeGreaterThan(0);
  });

  it('lists, modifies and deletes vector stores; their files stay', async () => {
    const { store, file } = await storeWithFile(client());
    expect((await stores().list({ limit: 1 })).data.map(({ id }) => id)).toEqual([store.id]);
    const expires_after = { anchor: 'last_active_at' as const, days: 3 };
    const modified = await stores().update(store.id, { name: 'New', expires_after, metadata: { b: '2' } });
    expect(modified).toMatchObject({ id: store.id, name: 'New', expires_after, metadata: { b: '2' } });
    expect(modified.expires_at).toBe((modified.last_active_at ?? 0) + 3 * 86_400);
    expect(await stores().delete(store.id)).toEqual({ id: store.id, object: 'vector_store.deleted', deleted: true });
    await expectNotFound(
      async () => stores().retrieve(store.id),
      async () => stores().update(store.id, {}),
      async () => stores().delete(store.id),
      async () => stores().files.list(store.id),
      async () => stores().search(store.id, { query: 'otters' }),
    );
    expect((await client().files.retrieve(file.id)).id).toBe(file.id);
  });

  it('adds a file and polls until it is ingested', async () => {
    const file = await upload(client());
    const store = await stores().create({});
    const chunking = { type: 'static' as const, static: { max_chunk_size_tokens: 200, chunk_overlap_tokens: 50 } };
    const body = { file_id: file.id, chunking_strategy: chunking, attributes: { year: 2024, draft: false, by: 'ada' } };
    const added = await stores().files.create(store.id, body);
    expect(added).toMatchObject({
      object: 'vector_store.file',
      id: file.id,
      vector_store_id: store.id,
      last_error: null,
    });
    const ingested = await stores().files.poll(store.id, file.id, soon);
    expect(ingested).toMatchObject({ status: 'completed', chunking_strategy: chunking, attributes: body.attributes });
    expect(ingested.usage_bytes).toBeGreaterThan(0);
    expect(await stores().files.retrieve(file.id, { vector_store_id: store.id })).toEqual(ingested);
  });

  it('gives the parsed content of a file and replaces its attributes', async () => {
    const { store, file } = await storeWithFile(client());
    const place = { vector_store_id: store.id };
    const content = await stores().files.content(file.id, place);
    expect(content.data.map(({ text }) => text).join('')).toBe(OTTERS);
    const changed = await stores().files.update(file.id, { ...place, attributes: { year: 2025 } });
    expect(changed).toEqual({ ...file, attributes: { year: 2025 } });
    expect(await stores().files.update(file.id, { ...place, attributes: null })).toEqual({ ...file, attributes: {} });
  });

  it('lists the files of a store by their status, and pages them', async () => {
    const { store, file } = await storeWithFile(client());
    const broken = await stores().files.uploadAndPoll(store.id, new File(['%PDF-1.4 broken'], 'broken.pdf'), soon);
    expect(broken.status).toBe('failed');
    expect(broken.last_error).toMatchObject({ code: expect.stringMatching(/^(invalid_file|unsupported_file)$/) });
    const ids = async (query: OpenAI.VectorStores.FileListParams) => {
      const found: string[] = [];
      for await (const { id } of stores().files.list(store.id, query)) found.push(id);
      return found;
    };
    expect(await ids({ limit: 1 })).toEqual([broken.id, file.id]);
    expect(await ids({ filter: 'completed' })).toEqual([file.id]);
    expect(await ids({ filter: 'failed' })).toEqual([broken.id]);
    const { file_counts } = await stores().retrieve(store.id);
    expect(file_counts).toEqual({ ...none, completed: 1, failed: 1, total: 2 });
  });

  it('takes a file out of a store; the file itself stays', async () => {
    const { store, file } = await storeWithFile(client());
    const place = { vector_store_id: store.id };
    const removed = await stores().files.delete(file.id, place);
    expect(removed).toEqual({ id: file.id, object: 'vector_store.file.deleted', deleted: true });
    await expectNotFound(async () => stores().files.retrieve(file.id, place));
    expect((await stores().retrieve(store.id)).file_counts).toEqual(none);
    expect((await stores().search(store.id, { query: 'otters' })).data).toEqual([]);
    expect((await client().files.retrieve(file.id)).id).toBe(file.id);
  });
});

it('does not find a file that is not there', async () => {
  const store = await suite.client().vectorStores.create({});
  const { files } = suite.client().vectorStores;
  await expectNotFound(
    async () => files.create(store.id, { file_id: 'file-nothing' }),
    async () => files.retrieve('file-nothing', { vector_store_id: store.id }),
    async () => suite.client().vectorStores.create({ file_ids: ['file-nothing'] }),
  );
});

it.each([
  ['chunking_strategy', { chunking_strategy: { type: 'auto' } }],
  ['expires_after.days', { expires_after: { anchor: 'last_active_at', days: 366 } }],
  ['file_ids', { file_ids: Array.from({ length: 501 }, () => 'file-1') }],
  [
    'chunking_strategy.static.chunk_overlap_tokens',
    {
      file_ids: ['file-1'],
      chunking_strategy: { type: 'static', static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 51 } },
    },
  ],
])('refuses a vector store with a wrong %s', async (param, body) => {
  const answer = await suite.send('POST', '/v1/vector_stores', { body });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param } });
});
