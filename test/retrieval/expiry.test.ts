import { Readable } from 'node:stream';
import { FILE_EXPIRY_DUE, STORE_EXPIRY_DUE } from '../../src/retrieval/expiryDue';
import { fileBlob } from '../../src/retrieval/files';
import type { VectorStoreObject } from '../../src/wire/vectorStores';
import { indexed, drive, scope, testRetrieval, upload, type TestRetrieval } from '../support/retrievalPorts';

const DAY_SECONDS = 86_400;
const expires_after = { anchor: 'last_active_at' as const, days: 1 };
const search = { limit: 5, scoreThreshold: 0 };
const expired = { status: 400, details: { code: 'vector_store_expired' } };

let test: TestRetrieval;

beforeEach(async () => {
  test = await testRetrieval();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await test.close();
});

const seconds = () => Math.floor(test.clock.milliseconds / 1000);
const wait = (days: number) => (test.clock.milliseconds += days * DAY_SECONDS * 1000);
const dueNow = async () =>
  (await test.ports.records.due(seconds(), 100)).filter(({ kind }) => kind.endsWith('_expiry'));

/** What the maintenance does with all that is due now. */
async function sweep(): Promise<void> {
  const handlers: Record<string, typeof test.retrieval.expiry.store> = {
    [STORE_EXPIRY_DUE]: test.retrieval.expiry.store,
    [FILE_EXPIRY_DUE]: test.retrieval.expiry.file,
  };
  for (const due of await dueNow()) await handlers[due.kind]?.(due);
}

async function filledStore(): Promise<{ store: VectorStoreObject; fileId: string }> {
  const { id } = await upload(test.retrieval, 'a.txt', 'whales are mammals');
  const { store, job } = await test.retrieval.vectorStores.create(scope, { expires_after, file_ids: [id] });
  if (job) await drive(test.retrieval, job);
  return { store, fileId: id };
}

describe('expiry', () => {
  it('frees the chunks of an expired store, which still shows as expired and lists its files', async () => {
    const { vectorStores, vectorStoreFiles, search: find } = test.retrieval;
    const { store, fileId } = await filledStore();
    expect(await test.ports.index.count(indexed(store.id))).toBe(1);
    wait(1);
    await sweep();
    expect(await test.ports.index.count(indexed(store.id))).toBe(0);
    expect(await dueNow()).toEqual([]);
    expect(await vectorStores.get(scope, store.id)).toMatchObject({ status: 'expired', file_counts: { completed: 1 } });
    const page = { order: 'asc' as const, limit: 10 };
    expect((await vectorStoreFiles.list(scope, store.id, page)).data.map(({ id }) => id)).toEqual([fileId]);
    await expect(find.search(scope, [store.id], ['whales'], search)).rejects.toMatchObject(expired);
  });

  it('has the contents of its files refused, before its chunks are freed and after', async () => {
    const { vectorStoreFiles } = test.retrieval;
    const { store, fileId } = await filledStore();
    expect(await vectorStoreFiles.content(scope, store.id, fileId)).toHaveLength(1);
    wait(1);
    await expect(vectorStoreFiles.content(scope, store.id, fileId)).rejects.toMatchObject(expired);
    await sweep();
    await expect(vectorStoreFiles.content(scope, store.id, fileId)).rejects.toMatchObject(expired);
  });

  it('does not bring back a store without its chunks', async () => {
    const { vectorStores } = test.retrieval;
    const { store } = await filledStore();
    wait(1);
    await sweep();
    await expect(vectorStores.modify(scope, store.id, { expires_after: null })).rejects.toMatchObject(expired);
    expect((await vectorStores.modify(scope, store.id, { name: 'old' })).status).toBe('expired');
  });

  it('leaves a store that was used meanwhile until its new expiry', async () => {
    const { store } = await filledStore();
    wait(0.5);
    await test.retrieval.search.search(scope, [store.id], ['whales'], search);
    wait(0.5);
    await sweep();
    expect(await test.retrieval.search.search(scope, [store.id], ['whales'], search)).toHaveLength(1);
    wait(0.5);
    await sweep();
    expect(await test.ports.index.count(indexed(store.id))).toBe(1);
    wait(0.5);
    await sweep();
    expect(await test.ports.index.count(indexed(store.id))).toBe(0);
  });

  it('goes by the expiry that a store was given later, and leaves one that has none any more', async () => {
    const { vectorStores } = test.retrieval;
    const [given, without] = [await filledStore(), await filledStore()];
    await vectorStores.modify(scope, given.store.id, { expires_after: { ...expires_after, days: 2 } });
    await vectorStores.modify(scope, without.store.id, { expires_after: null });
    wait(1);
    await sweep();
    expect(await test.ports.index.count(indexed(given.store.id))).toBe(1);
    wait(1);
    await sweep();
    expect(await test.ports.index.count(indexed(given.store.id))).toBe(0);
    expect(await test.ports.index.count(indexed(without.store.id))).toBe(1);
  });

  it('waits for files that are still being ingested', async () => {
    const { id } = await upload(test.retrieval, 'a.txt', 'whales are mammals');
    const { store, job } = await test.retrieval.vectorStores.create(scope, { expires_after, file_ids: [id] });
    wait(1);
    await sweep();
    expect(await dueNow()).toEqual([]);
    if (job) await drive(test.retrieval, job);
    expect(await test.ports.index.count(indexed(store.id))).toBe(1);
    wait(1 / 24);
    await sweep();
    expect(await test.ports.index.count(indexed(store.id))).toBe(0);
  });

  it('frees the chunks at last when freeing them failed on the way', async () => {
    const { store } = await filledStore();
    wait(1);
    jest.spyOn(test.ports.index, 'deleteStore').mockRejectedValueOnce(new Error('cut'));
    await expect(sweep()).rejects.toThrow('cut');
    await sweep();
    expect(await test.ports.index.count(indexed(store.id))).toBe(0);
  });

  it('forgets stores and files that were deleted before they expired', async () => {
    const { vectorStores, files } = test.retrieval;
    const { store } = await filledStore();
    await vectorStores.remove(scope, store.id);
    await files.remove(scope, (await expiringFile(3600)).id);
    wait(1);
    expect(await dueNow()).toHaveLength(2);
    await sweep();
    expect(await dueNow()).toEqual([]);
  });

  const expiringFile = async (life: number) =>
    test.retrieval.files.create(scope, async (take) => ({
      file: await take(Readable.from(['x']), 'x.txt'),
      fields: { purpose: 'user_data', expires_after: { anchor: 'created_at', seconds: life } },
    }));

  it('deletes expired files with their contents and no others', async () => {
    const { files } = test.retrieval;
    const [short, long] = [await expiringFile(3600), await expiringFile(7200)];
    const kept = await upload(test.retrieval, 'kept.txt', 'x');
    test.clock.milliseconds += 3_600_000;
    await sweep();
    expect(await test.ports.blobs.info(fileBlob(scope, short.id))).toBeUndefined();
    for (const { id } of [long, kept]) expect(await test.ports.blobs.info(fileBlob(scope, id))).toBeDefined();
    // Also the record is gone: turning the clock back does not show the file again.
    test.clock.milliseconds -= 3_600_000;
    await expect(files.get(scope, short.id)).rejects.toMatchObject({ status: 404 });
    expect((await files.get(scope, long.id)).id).toBe(long.id);
  });
});
