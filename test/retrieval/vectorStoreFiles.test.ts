import { indexed, drive, scope, testRetrieval, upload, type TestRetrieval } from '../support/retrievalPorts';

let test: TestRetrieval;
beforeAll(async () => (test = await testRetrieval()));
afterAll(async () => test.close());

const page = { limit: 20, order: 'asc' as const };

async function storeWith(text: string, filename = 'a.txt') {
  const { store } = await test.retrieval.vectorStores.create(scope, {});
  const { id } = await upload(test.retrieval, filename, text);
  const { file, job } = await test.retrieval.vectorStoreFiles.create(scope, store.id, { file_id: id });
  return { storeId: store.id, id, file, job };
}

describe('files of a vector store', () => {
  it('are in progress until they are ingested', async () => {
    const { storeId, id, file, job } = await storeWith('some words');
    expect(file).toEqual({
      id,
      object: 'vector_store.file',
      created_at: file.created_at,
      vector_store_id: storeId,
      usage_bytes: 0,
      status: 'in_progress',
      last_error: null,
      chunking_strategy: { type: 'static', static: { max_chunk_size_tokens: 800, chunk_overlap_tokens: 400 } },
      attributes: {},
    });
    await drive(test.retrieval, job);
    expect(await test.retrieval.vectorStoreFiles.get(scope, storeId, id)).toEqual({
      ...file,
      status: 'completed',
      usage_bytes: 10,
    });
  });

  it('answer 404 for unknown files and stores', async () => {
    const { vectorStoreFiles } = test.retrieval;
    const { storeId, id } = await storeWith('x');
    for (const [store, file] of [
      [storeId, 'file-x'],
      ['vs_x', id],
    ] as const) {
      await expect(vectorStoreFiles.create(scope, store, { file_id: file })).rejects.toMatchObject({ status: 404 });
      await expect(vectorStoreFiles.get(scope, store, file)).rejects.toMatchObject({ status: 404 });
      await expect(vectorStoreFiles.remove(scope, store, file)).rejects.toMatchObject({ status: 404 });
      await expect(vectorStoreFiles.setAttributes(scope, store, file, {})).rejects.toMatchObject({ status: 404 });
    }
    await expect(vectorStoreFiles.list(scope, 'vs_x', page)).rejects.toMatchObject({ status: 404 });
  });

  it('are ingested anew when added again, and keep attributes that the caller does not give', async () => {
    const { vectorStoreFiles, vectorStores } = test.retrieval;
    const { storeId, id, job } = await storeWith('whales '.repeat(500));
    await drive(test.retrieval, job);
    await vectorStoreFiles.setAttributes(scope, storeId, id, { year: 2024 });
    const before = await test.ports.index.count(indexed(storeId));
    const chunking_strategy = {
      type: 'static' as const,
      static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 0 },
    };
    const again = await vectorStoreFiles.create(scope, storeId, { file_id: id, chunking_strategy });
    expect(again.file).toMatchObject({ status: 'in_progress', attributes: { year: 2024 }, chunking_strategy });
    await drive(test.retrieval, again.job);
    expect(await test.ports.index.count(indexed(storeId))).toBeGreaterThan(before);
    expect((await vectorStores.get(scope, storeId)).file_counts).toMatchObject({ completed: 1, total: 1 });
  });

  it('are removed with their chunks, also again after a crash, and survive as files', async () => {
    const { vectorStoreFiles, vectorStores, files } = test.retrieval;
    const { storeId, id, job } = await storeWith('some words');
    await drive(test.retrieval, job);
    const write = jest.spyOn(test.ports.records, 'write').mockRejectedValueOnce(new Error('killed'));
    await expect(vectorStoreFiles.remove(scope, storeId, id)).rejects.toThrow('killed');
    write.mockRestore();
    expect(await vectorStoreFiles.remove(scope, storeId, id)).toEqual({
      id,
      object: 'vector_store.file.deleted',
      deleted: true,
    });
    expect(await test.ports.index.count(indexed(storeId))).toBe(0);
    expect(await vectorStores.get(scope, storeId)).toMatchObject({
      usage_bytes: 0,
      file_counts: { completed: 0, total: 0 },
    });
    expect(await files.get(scope, id)).toMatchObject({ id });
  });

  it('are listed by status', async () => {
    const { storeId, id, job } = await storeWith('some words');
    const waiting = await upload(test.retrieval, 'b.txt', 'more');
    await drive(test.retrieval, job);
    await test.retrieval.vectorStoreFiles.create(scope, storeId, { file_id: waiting.id });
    const seen = async (filter: 'completed' | 'in_progress' | 'failed') =>
      (await test.retrieval.vectorStoreFiles.list(scope, storeId, { ...page, filter })).data.map((file) => file.id);
    expect([await seen('completed'), await seen('in_progress'), await seen('failed')]).toEqual([
      [id],
      [waiting.id],
      [],
    ]);
  });

  it('give their parsed text chunk by chunk once they are ingested, also without the file itself', async () => {
    const { vectorStoreFiles, files } = test.retrieval;
    const sentences = Array.from({ length: 60 }, (_, number) => `Sentence ${number} is about whales in the sea.`);
    const file = await upload(test.retrieval, 'a.html', `<h1>Title</h1><p>${sentences.join(' ')}</p>`);
    const { store } = await test.retrieval.vectorStores.create(scope, {});
    const { job } = await vectorStoreFiles.create(scope, store.id, {
      file_id: file.id,
      chunking_strategy: { type: 'static', static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 0 } },
    });
    expect(await vectorStoreFiles.content(scope, store.id, file.id)).toEqual([]);
    await drive(test.retrieval, job);
    await files.remove(scope, file.id);
    const parts = await vectorStoreFiles.content(scope, store.id, file.id);
    expect(parts).toHaveLength(await test.ports.index.count(indexed(store.id), file.id));
    expect(parts.length).toBeGreaterThan(5);
    expect(
      parts
        .map(({ text }) => text)
        .join(' ')
        .replace(/\s+/g, ' '),
    ).toBe(`Title ${sentences.join(' ')}`);
  });
});
