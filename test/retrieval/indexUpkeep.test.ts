import { INDEX_UPKEEP_DUE, indexUpkeepDue } from '../../src/retrieval/indexUpkeep';
import { drive, indexed, scope, testRetrieval, upload, type TestRetrieval } from '../support/retrievalPorts';

let test: TestRetrieval;

beforeAll(async () => {
  test = await testRetrieval();
});
afterAll(async () => test.close());

const seconds = () => Math.floor(test.clock.milliseconds / 1000);
const dueBy = async (at: number) =>
  (await test.ports.records.due(at, 100)).filter(({ kind }) => kind === INDEX_UPKEEP_DUE);

describe('upkeep of indexes', () => {
  it('comes once, within ten minutes, for all small jobs and removals of that time', async () => {
    const { retrieval, ports } = test;
    const { store } = await retrieval.vectorStores.create(scope, {});
    const ids: string[] = [];
    for (const name of ['a.txt', 'b.txt', 'c.txt']) {
      const { id } = await upload(retrieval, name, `whales of ${name}`);
      ids.push(id);
      const { job } = await retrieval.vectorStoreFiles.create(scope, store.id, { file_id: id });
      await drive(retrieval, job);
    }
    await retrieval.vectorStoreFiles.remove(scope, store.id, ids[0] ?? '');
    expect(await dueBy(seconds())).toEqual([]);
    const due = await dueBy(seconds() + 600);
    expect(due.map(({ id }) => id)).toEqual([store.id]);
    const optimize = jest.spyOn(ports.index, 'optimize');
    for (const each of due) await retrieval.indexUpkeep.due(each);
    expect(optimize).not.toHaveBeenCalled();
    expect(await retrieval.indexUpkeep.putNextInOrder()).toBe(false);
    expect(optimize.mock.calls).toEqual([[indexed(store.id)]]);
    optimize.mockRestore();
    expect(await dueBy(seconds() + 600)).toEqual([]);
    expect(await ports.index.count(indexed(store.id))).toBe(2);
  });

  it('is due again in five minutes when it fails, and is forgotten with a store that was deleted', async () => {
    const { retrieval, ports } = test;
    const { id } = await upload(retrieval, 'd.txt', 'whales');
    const { store, job } = await retrieval.vectorStores.create(scope, { file_ids: [id] });
    if (job) await drive(retrieval, job);
    const [due] = await dueBy(seconds() + 600);
    if (!due) throw new Error('Nothing is due.');
    await retrieval.indexUpkeep.due(due);
    const optimize = jest.spyOn(ports.index, 'optimize').mockRejectedValueOnce(new Error('cut'));
    await expect(retrieval.indexUpkeep.putNextInOrder()).rejects.toThrow('cut');
    optimize.mockRestore();
    expect(await retrieval.indexUpkeep.isWaiting()).toBe(false);
    const again = { ...due, at: seconds() + 300 };
    expect(await dueBy(seconds() + 300)).toEqual([again]);
    await retrieval.vectorStores.remove(scope, store.id);
    await retrieval.indexUpkeep.due(again);
    await retrieval.indexUpkeep.putNextInOrder();
    expect(await dueBy(seconds() + 600)).toEqual([]);
    expect(await ports.index.count(indexed(store.id))).toBe(0);
  });

  it('keeps nothing that is due waiting while it is slow, does one index at a time, and again what changed meanwhile', async () => {
    const { retrieval, ports } = test;
    const { indexUpkeep } = retrieval;
    const gate = Promise.withResolvers<void>();
    const optimize = jest.spyOn(ports.index, 'optimize').mockImplementationOnce(async () => gate.promise);
    await indexUpkeep.due(indexUpkeepDue(indexed('vs_slow'), seconds()));
    const atWork = indexUpkeep.putNextInOrder();
    // What the sweep has to do meanwhile.
    await indexUpkeep.due(indexUpkeepDue(indexed('vs_other'), seconds()));
    await indexUpkeep.due(indexUpkeepDue(indexed('vs_slow'), seconds() + 600));
    await indexUpkeep.due(indexUpkeepDue(indexed('vs_slow'), seconds() + 1200));
    gate.resolve();
    expect(await atWork).toBe(true);
    expect(await indexUpkeep.putNextInOrder()).toBe(true);
    expect(await indexUpkeep.putNextInOrder()).toBe(false);
    expect(await indexUpkeep.putNextInOrder()).toBe(false);
    expect(optimize.mock.calls).toEqual([[indexed('vs_slow')], [indexed('vs_slow')], [indexed('vs_other')]]);
    optimize.mockRestore();
  });
});
