/** Which files and stores are removed for their age, and that a step stays small. */
import { removeUnusedFiles, removeUnusedStore } from '../../src/retrieval/retention';
import { scope, testRetrieval, upload, drive, type TestRetrieval } from '../support/retrievalPorts';

const DAY = 86_400_000;
let test: TestRetrieval;
beforeEach(async () => {
  test = await testRetrieval();
});
afterEach(async () => test.close());

const page = { order: 'asc' as const, limit: 1000 };
const names = async () => (await test.retrieval.files.list(scope, page)).data.map(({ filename }) => filename);

/** Steps until there is nothing left to do. */
async function steps(before: number): Promise<number> {
  let after: string | undefined;
  for (let count = 1; count < 50; count += 1) {
    after = await removeUnusedFiles(test.ports, test.retrieval, scope, before, after);
    if (after === undefined) return count;
  }
  throw new Error('It comes to no end.');
}

it('goes through the old files some at a time, and keeps those of a store that is used', async () => {
  const { vectorStores } = test.retrieval;
  const used: string[] = [];
  for (let n = 0; n < 120; n += 1) {
    const { id } = await upload(test.retrieval, `${n % 2 ? 'used' : 'loose'}${n}.txt`, 'whales');
    if (n % 2) used.push(id);
    test.clock.milliseconds += 1;
  }
  const { store, job } = await vectorStores.create(scope, { file_ids: used });
  if (job) await drive(test.retrieval, job);
  test.clock.milliseconds += 10 * DAY;
  await vectorStores.noteUse(scope, store.id);
  test.clock.milliseconds += 10 * DAY;
  await upload(test.retrieval, 'young.txt', 'whales');
  expect(await steps(test.clock.milliseconds - 15 * DAY)).toBeGreaterThanOrEqual(3);
  expect(await names()).toEqual([...used.map((_, n) => `used${2 * n + 1}.txt`), 'young.txt']);
  // Once the store is as old, its files go as well.
  expect(await steps(test.clock.milliseconds - 5 * DAY)).toBeGreaterThanOrEqual(2);
  expect(await names()).toEqual(['young.txt']);
  await removeUnusedStore(test.ports, test.retrieval, scope, store.id, test.clock.milliseconds - 15 * DAY);
  expect((await vectorStores.get(scope, store.id)).id).toBe(store.id);
  await removeUnusedStore(test.ports, test.retrieval, scope, store.id, test.clock.milliseconds - 5 * DAY);
  await expect(vectorStores.get(scope, store.id)).rejects.toMatchObject({ status: 404 });
}, 60_000);

it('leaves expired files to the sweep, and a store that is being filled alone', async () => {
  const { files, vectorStores } = test.retrieval;
  const made = await upload(test.retrieval, 'a.txt', 'whales');
  const { partition, list } = { partition: 'team-a/-/files', list: 'files' };
  await test.ports.records.write(partition, [
    { op: 'replace', list, id: made.id, value: { ...made, expires_at: made.created_at + 1 } },
  ]);
  const other = await upload(test.retrieval, 'b.txt', 'whales');
  const { store } = await vectorStores.create(scope, { file_ids: [other.id] });
  test.clock.milliseconds += 30 * DAY;
  const before = test.clock.milliseconds - DAY;
  await steps(before);
  expect(await test.ports.records.get({ partition, list, id: made.id })).toBeDefined();
  await removeUnusedStore(test.ports, test.retrieval, scope, store.id, before);
  expect((await vectorStores.get(scope, store.id)).file_counts.in_progress).toBe(1);
  await expect(files.get(scope, made.id)).rejects.toMatchObject({ status: 404 });
});
