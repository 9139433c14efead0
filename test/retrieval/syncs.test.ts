import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SYNC_DUE, type SyncReference } from '../../src/retrieval/syncRecords';
import type { CreateSyncRequest } from '../../src/wire/syncs';
import { indexed, drive, scope, testRetrieval, type TestRetrieval } from '../support/retrievalPorts';
import { withWrite } from '../support/storage';

let test: TestRetrieval;
beforeEach(async () => (test = await testRetrieval()));
afterEach(async () => test.close());

const page = { limit: 100, order: 'asc' as const };

async function put(name: string, text: string): Promise<void> {
  const path = join(test.folder, 'blobs', 'documents', ...name.split('/'));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
const drop = async (name: string) => rm(join(test.folder, 'blobs', 'documents', ...name.split('/')));

async function newSync(given: Partial<CreateSyncRequest> = {}) {
  const { store } = await test.retrieval.vectorStores.create(scope, {});
  const body = { prefix: '', cron: '0 * * * *', time_zone: 'UTC', container: 'documents', ...given };
  const sync = await test.retrieval.syncs.create(scope, { vector_store_id: store.id, ...body });
  return { syncId: sync.id, storeId: store.id, reference: { scope, syncId: sync.id } };
}

/** Ticks until the sync has nothing to do, as its orchestration does, and gives the report. Returns the number of ticks beside it. */
async function syncNow(reference: SyncReference, retrieval = test.retrieval) {
  let ticks = 0;
  for (;;) {
    const ticked = await retrieval.syncs.tick(reference);
    ticks += 1;
    if (ticked?.job) await drive(test.retrieval, ticked.job);
    if (!ticked || ticked.nextAt * 1000 > test.clock.milliseconds) break;
  }
  return { ticks, report: (await test.retrieval.syncs.get(scope, reference.syncId)).last_sync };
}

const anHourLater = () => void (test.clock.milliseconds += 3_600_000);

/** Names and attributes of the files in the store, and their number of chunks. */
async function held(storeId: string): Promise<string[]> {
  const { data } = await test.retrieval.vectorStoreFiles.list(scope, storeId, page);
  const names = await Promise.all(data.map(async ({ id }) => (await test.retrieval.files.get(scope, id)).filename));
  return names.sort();
}

describe('a sync', () => {
  it('brings what is new into the store, what has changed again, and removes what is gone, with a report of each', async () => {
    await put('a.txt', 'Otters sleep.');
    await put('deep/er/b.txt', 'Bats sleep.');
    const { reference, storeId } = await newSync();
    const none = { added: 0, changed: 0, removed: 0, failed_count: 0, failed: [], error: null };
    expect((await syncNow(reference)).report).toMatchObject({ ...none, added: 2 });
    expect(await held(storeId)).toEqual(['a.txt', 'deep/er/b.txt']);

    await put('a.txt', 'Otters wake up at night.');
    await drop('deep/er/b.txt');
    await put('c.txt', 'Cats sleep.');
    anHourLater();
    expect((await syncNow(reference)).report).toMatchObject({ ...none, added: 1, changed: 1, removed: 1 });
    expect(await held(storeId)).toEqual(['a.txt', 'c.txt']);
    const found = await test.retrieval.search.search(scope, [storeId], ['otters'], { limit: 5, scoreThreshold: 0 });
    expect(found.map(({ text }) => text)).toContain('Otters wake up at night.');
    expect(await test.ports.index.count(indexed(storeId))).toBe(2);
    expect((await test.retrieval.files.list(scope, page)).data).toHaveLength(2);

    anHourLater();
    expect((await syncNow(reference)).report).toMatchObject(none);
  });

  it('takes only names with its prefix', async () => {
    for (const name of ['docs/a.txt', 'docs-old/b.txt', 'other/docs/c.txt']) await put(name, name);
    const { reference, storeId } = await newSync({ prefix: 'docs/' });
    await syncNow(reference);
    expect(await held(storeId)).toEqual(['docs/a.txt']);
    const loose = await newSync({ prefix: 'docs' });
    await syncNow(loose.reference);
    expect(await held(loose.storeId)).toEqual(['docs-old/b.txt', 'docs/a.txt']);
  });

  it('goes by portions of a hundred blobs, of which a crash repeats at most one', async () => {
    for (let n = 0; n < 230; n += 1) await put(`${n}.txt`, `Otter ${n}.`);
    const { reference, storeId } = await newSync();
    // The portion is done, and the process dies before the record says so.
    let writes = 0;
    const records = withWrite(test.ports.records, async (...given) => {
      if (given[1][0]?.list === 'syncs' && (writes += 1) === 2) throw new Error('died');
      return test.ports.records.write(...given);
    });
    await expect(test.restart({ records }).syncs.tick(reference)).rejects.toThrow('died');
    const { ticks, report } = await syncNow(reference);
    expect(ticks).toBe(2);
    expect(report).toMatchObject({ failed_count: 0, error: null });
    expect(await test.retrieval.vectorStores.get(scope, storeId)).toMatchObject({ file_counts: { total: 230 } });
    expect(new Set(await held(storeId)).size).toBe(100);
  });

  it('names the blobs that can be no file, goes on with the others, and tries those again the next time', async () => {
    await put('large.txt', 'x'.repeat(1024 * 1024 + 1));
    await put('fine.txt', 'fine');
    const { reference, storeId } = await newSync();
    const expected = {
      added: 1,
      failed_count: 1,
      failed: [{ name: 'large.txt', message: expect.stringContaining('at most 1048576') }],
    };
    expect((await syncNow(reference)).report).toMatchObject(expected);
    anHourLater();
    expect((await syncNow(reference)).report).toMatchObject({ ...expected, added: 0 });
    await put('large.txt', 'small now');
    anHourLater();
    expect((await syncNow(reference)).report).toMatchObject({ added: 1, failed_count: 0 });
    expect(await held(storeId)).toEqual(['fine.txt', 'large.txt']);
  });

  it('removes nothing when its container is not there, but says so', async () => {
    await put('a.txt', 'Otters sleep.');
    const { reference, storeId } = await newSync();
    await syncNow(reference);
    await rm(join(test.folder, 'blobs', 'documents'), { recursive: true });
    anHourLater();
    expect((await syncNow(reference)).report).toMatchObject({
      error: expect.stringContaining("'documents'"),
      removed: 0,
    });
    expect(await held(storeId)).toEqual(['a.txt']);
  });

  it('tells that its store is gone, and goes on for the day when it is not', async () => {
    await put('a.txt', 'Otters sleep.');
    const { reference, storeId } = await newSync();
    await test.retrieval.vectorStores.remove(scope, storeId);
    expect((await syncNow(reference)).report).toMatchObject({ error: expect.stringContaining(storeId), added: 0 });
    expect((await test.retrieval.syncs.get(scope, reference.syncId)).status).toBe('waiting');
  });

  it('waits for its time, which a run at once brings forward', async () => {
    await put('a.txt', 'x');
    const { reference, storeId, syncId } = await newSync();
    await syncNow(reference);
    await put('b.txt', 'y');
    test.clock.milliseconds += 60_000;
    await syncNow(reference);
    expect(await held(storeId)).toEqual(['a.txt']);
    await test.retrieval.syncs.runNow(scope, syncId);
    await syncNow(reference);
    expect(await held(storeId)).toEqual(['a.txt', 'b.txt']);
  });

  it('ends when it is deleted; what it brought stays', async () => {
    await put('a.txt', 'x');
    const { reference, storeId, syncId } = await newSync();
    await syncNow(reference);
    expect(await test.retrieval.syncs.remove(scope, syncId)).toEqual({
      id: syncId,
      object: 'sync.deleted',
      deleted: true,
    });
    expect(await test.retrieval.syncs.tick(reference)).toBeUndefined();
    expect(await held(storeId)).toEqual(['a.txt']);
  });

  it('is found by the sweep when nobody drives it, once per time', async () => {
    const { syncId } = await newSync();
    const sweep = async () => {
      const started: string[] = [];
      const due = await test.ports.records.due(Math.floor(test.clock.milliseconds / 1000), 100);
      for (const record of due.filter(({ kind }) => kind === SYNC_DUE)) {
        await test.retrieval.syncs.due(record, async (found) => void started.push(found.syncId));
      }
      return started;
    };
    expect(await sweep()).toEqual([]);
    test.clock.milliseconds += 11_000;
    expect(await sweep()).toEqual([syncId]);
    expect(await sweep()).toEqual([]);
    test.clock.milliseconds += 60_000;
    expect(await sweep()).toEqual([syncId]);
    await test.retrieval.syncs.remove(scope, syncId);
    test.clock.milliseconds += 7_200_000;
    expect(await sweep()).toEqual([]);
  });

  it.each([
    ['a store that is not there', { vector_store_id: 'vs_nope' }, 404],
    ['a container that is not open', { container: 'secrets' }, 400],
    ['a cron expression that is none', { cron: 'daily' }, 400],
  ])('is refused for %s', async (_what, given, status) => {
    await expect(newSync(given)).rejects.toMatchObject({ status });
  });
});
