import { partitionOf } from '../../src/storage/keys';
import { indexed, drive, scope, testRetrieval, upload, type TestRetrieval } from '../support/retrievalPorts';

let test: TestRetrieval;
beforeAll(async () => (test = await testRetrieval()));
afterAll(async () => test.close());

const page = { limit: 20, order: 'desc' as const };
const noFiles = { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 };

describe('vector stores', () => {
  it('are created, read, modified and listed', async () => {
    const { vectorStores } = test.retrieval;
    const other = { tenant: 'basic', project: '-' };
    const { store, job } = await vectorStores.create(other, { name: 'Support FAQ', metadata: { team: 'x' } });
    expect(job).toBeUndefined();
    expect(store).toMatchObject({
      object: 'vector_store',
      name: 'Support FAQ',
      status: 'completed',
      file_counts: noFiles,
      bytes: 0,
    });
    expect(store).not.toHaveProperty('embedding_model');
    const modified = await vectorStores.modify(other, store.id, { name: null, metadata: null });
    expect(modified).toEqual({ ...store, name: null, metadata: {} });
    const { store: newer } = await vectorStores.create(other, {});
    expect((await vectorStores.list(other, page)).data).toEqual([newer, modified]);
    await expect(vectorStores.get(scope, store.id)).rejects.toMatchObject({ status: 404 });
  });

  it('refuses unknown files before anything is written', async () => {
    const { vectorStores } = test.retrieval;
    const other = { tenant: 'nofile', project: '-' };
    await expect(vectorStores.create(other, { file_ids: ['file-x'] })).rejects.toThrow('No such File object: file-x');
    expect((await vectorStores.list(other, page)).data).toEqual([]);
  });

  it('show themselves in progress until the files they were made with are ingested', async () => {
    const { vectorStores } = test.retrieval;
    const file = await upload(test.retrieval, 'a.txt', 'whales are mammals');
    const { store, job } = await vectorStores.create(scope, { file_ids: [file.id, file.id] });
    expect(store).toMatchObject({ status: 'in_progress', file_counts: { ...noFiles, in_progress: 1, total: 1 } });
    if (job) await drive(test.retrieval, job);
    const ready = await vectorStores.get(scope, store.id);
    expect(ready).toMatchObject({ status: 'completed', file_counts: { ...noFiles, completed: 1, total: 1 } });
    expect(ready.usage_bytes).toBe('whales are mammals'.length);
  });

  it('are gone when deleted, with chunks and records; files stay', async () => {
    const { vectorStores, files } = test.retrieval;
    const file = await upload(test.retrieval, 'a.txt', 'whales are mammals');
    const { store, job } = await vectorStores.create(scope, { file_ids: [file.id] });
    if (job) await drive(test.retrieval, job);
    expect(await test.ports.index.count(indexed(store.id))).toBe(1);
    expect(await vectorStores.remove(scope, store.id)).toEqual({
      id: store.id,
      object: 'vector_store.deleted',
      deleted: true,
    });
    await expect(vectorStores.get(scope, store.id)).rejects.toMatchObject({ status: 404 });
    await expect(vectorStores.remove(scope, store.id)).rejects.toMatchObject({ status: 404 });
    expect(await test.ports.index.count(indexed(store.id))).toBe(0);
    expect(await vectorStores.ownerOf(store.id)).toBeUndefined();
    const partition = partitionOf(scope, 'vector_stores', store.id);
    expect((await test.ports.records.list(partition, 'files', page)).records).toEqual([]);
    expect(await files.get(scope, file.id)).toEqual(file);
  });

  it('can be deleted again when a crash cut the deletion short, and are not listed meanwhile', async () => {
    const { vectorStores } = test.retrieval;
    const other = { tenant: 'cut', project: '-' };
    const { store } = await vectorStores.create(other, {});
    const broken = jest.spyOn(test.ports.index, 'deleteStore').mockRejectedValueOnce(new Error('disk'));
    await expect(vectorStores.remove(other, store.id)).rejects.toThrow('disk');
    broken.mockRestore();
    expect((await vectorStores.list(other, page)).data).toEqual([]);
    expect(await vectorStores.remove(other, store.id)).toMatchObject({ deleted: true });
    await expect(vectorStores.remove(other, store.id)).rejects.toMatchObject({ status: 404 });
  });

  it('list over deleted ones without short pages', async () => {
    const { vectorStores } = test.retrieval;
    const other = { tenant: 'long', project: '-' };
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push((await vectorStores.create(other, {})).store.id);
    jest.spyOn(test.ports.records, 'deletePartition').mockRejectedValueOnce(new Error('cut'));
    await expect(vectorStores.remove(other, ids[2] ?? '')).rejects.toThrow('cut');
    const seen = async (request: object) =>
      (await vectorStores.list(other, { ...page, limit: 2, order: 'asc', ...request })).data.map(({ id }) => id);
    expect(await seen({})).toEqual([ids[0], ids[1]]);
    expect(await seen({ after: ids[0] })).toEqual([ids[1], ids[3]]);
    expect(await seen({ before: ids[4] })).toEqual([ids[1], ids[3]]);
    expect(await seen({ before: ids[1] })).toEqual([ids[0]]);
    expect(await seen({ after: ids[1], before: ids[4] })).toEqual([ids[3]]);
  });

  it('expire a number of days after their last use, and then take and find nothing', async () => {
    const { vectorStores, vectorStoreFiles, search } = test.retrieval;
    const day = 86_400_000;
    const file = await upload(test.retrieval, 'a.txt', 'whales are mammals');
    const { store } = await vectorStores.create(scope, { expires_after: { anchor: 'last_active_at', days: 1 } });
    expect(store.expires_at).toBe(store.created_at + 86_400);
    test.clock.milliseconds += day / 2;
    await search.search(scope, [store.id], ['whales'], { limit: 1, scoreThreshold: 0 });
    const used = await vectorStores.get(scope, store.id);
    expect([used.last_active_at, used.expires_at]).toEqual([store.created_at + 43_200, store.created_at + 129_600]);
    test.clock.milliseconds += day;
    expect((await vectorStores.get(scope, store.id)).status).toBe('expired');
    const expired = { status: 400, details: { code: 'vector_store_expired' } };
    await expect(search.search(scope, [store.id], ['x'], { limit: 1, scoreThreshold: 0 })).rejects.toMatchObject(
      expired,
    );
    await expect(vectorStoreFiles.create(scope, store.id, { file_id: file.id })).rejects.toMatchObject(expired);
    expect((await vectorStores.modify(scope, store.id, { expires_after: null })).status).toBe('completed');
  });

  it('write the time of their last use at most once a minute', async () => {
    const { vectorStores, search } = test.retrieval;
    const { store } = await vectorStores.create(scope, {});
    const write = jest.spyOn(test.ports.records, 'write');
    const find = async () => search.search(scope, [store.id], ['x'], { limit: 1, scoreThreshold: 0 });
    test.clock.milliseconds += 59_000;
    await find();
    expect(write).not.toHaveBeenCalled();
    test.clock.milliseconds += 1000;
    await find();
    await find();
    expect(write).toHaveBeenCalledTimes(1);
    write.mockRestore();
  });
});
