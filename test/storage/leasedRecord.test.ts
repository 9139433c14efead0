/** One owner at a time, whatever its writes meet. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LeasedRecord, LeaseLostError, type Leased, type LeasedKind } from '../../src/storage/leasedRecord';
import { ConflictError, type RecordKey, type Records } from '../../src/storage/ports';
import { openRecords, withWrite } from '../support/storage';

interface Counter extends Leased {
  count: number;
  isAsked?: boolean;
  until?: number;
}

class Asked extends Error {}
class Expired extends Error {}

const key: RecordKey = { partition: 't/-/counters', list: 'counters', id: 'c' };
const kind: LeasedKind<Counter> = {
  name: 'Counter c',
  canMove: ({ count }) => count < 100,
  stopOf: ({ isAsked }) => (isAsked ? new Asked('asked') : undefined),
  expiry: ({ until }) => (until === undefined ? undefined : { at: until, error: () => new Expired('over') }),
};

let directory: string;
let records: Records;
let clock: number;
const faults: unknown[] = [];
const opened: LeasedRecord<Counter>[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lease-'));
  records = await openRecords(directory);
  clock = Date.now();
  faults.length = 0;
});
afterEach(async () => {
  for (const record of opened.splice(0)) record.close();
  await records.close();
  await rm(directory, { recursive: true, force: true });
});

const ports = (using: Records = records) => ({
  records: using,
  now: () => clock,
  logFault: (_message: string, error: unknown) => void faults.push(error),
});
const begin = (value: Counter) => ({ value });
const create = async (value: Partial<Counter> = {}): Promise<void> => {
  const whole: Counter = { lease: null, count: 0, ...value };
  await records.write(key.partition, [{ op: 'create', list: key.list, id: key.id, order: '1', value: whole }]);
};
const stored = async (): Promise<Counter | undefined> => (await records.get<Counter>(key))?.value;

async function take(owner: string, using?: Records): Promise<LeasedRecord<Counter>> {
  const found = await LeasedRecord.take(ports(using), key, kind, owner, begin);
  if (!found || !('taken' in found)) throw new Error('It cannot be taken.');
  opened.push(found.taken);
  return found.taken;
}
const add = async (record: LeasedRecord<Counter>, changes: { id: string }[] = []): Promise<Counter> =>
  record.write((value) => ({
    value: { ...value, count: value.count + 1 },
    changes: changes.map(({ id }) => ({ op: 'create' as const, list: 'others', id, order: id, value: {} })),
  }));
const aborted = async ({ signal }: LeasedRecord<Counter>): Promise<unknown> => {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return signal.reason;
};

it('is taken by one of many who want it at the same time, and the others are told until when', async () => {
  await create();
  const found = await Promise.all(
    Array.from({ length: 8 }, async (_, owner) => LeasedRecord.take(ports(), key, kind, `owner ${owner}`, begin)),
  );
  const takers = found.flatMap((one) => (one && 'taken' in one ? [one.taken] : []));
  opened.push(...takers);
  expect(takers).toHaveLength(1);
  expect(found.filter((one) => one && 'busyUntil' in one && one.busyUntil === clock + 10_000)).toHaveLength(7);
});

it('is not taken when there is nothing to do, and is undefined when it is not there', async () => {
  expect(await LeasedRecord.take(ports(), key, kind, 'a', begin)).toBeUndefined();
  await create({ count: 100 });
  expect(await LeasedRecord.take(ports(), key, kind, 'a', begin)).toEqual({ value: { lease: null, count: 100 } });
});

it('of two owners the one before writes nothing any more, and is stopped', async () => {
  await create();
  const before = await take('a');
  await add(before);
  clock += 10_001;
  const after = await take('b');
  await expect(add(before, [{ id: 'trace' }])).rejects.toBeInstanceOf(LeaseLostError);
  expect(await aborted(before)).toBeInstanceOf(LeaseLostError);
  await add(after);
  expect(await stored()).toMatchObject({ count: 2, lease: { owner: 'b' } });
  expect(await records.get({ ...key, list: 'others', id: 'trace' })).toBeUndefined();
});

it('is renewed in time while its owner does nothing else', async () => {
  await create();
  await take('a');
  clock += 4000;
  while ((await stored())?.lease?.until !== clock + 10_000) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await LeasedRecord.take(ports(), key, kind, 'b', begin)).toMatchObject({ busyUntil: clock + 10_000 });
});

it('tells its owner that he is asked to stop, who may then write its end and nothing else', async () => {
  await create();
  const record = await take('a');
  const found = await records.get<Counter>(key);
  await records.write(key.partition, [
    { op: 'replace', list: key.list, id: key.id, value: { ...found?.value, isAsked: true } },
  ]);
  expect(await aborted(record)).toBeInstanceOf(Asked);
  await expect(add(record)).rejects.toBeInstanceOf(Asked);
  await record.write((value) => ({ value: { ...value, count: 100 }, releases: true, ends: true }));
  expect(await stored()).toEqual({ lease: null, count: 100, isAsked: true });
});

it('stops when its time is over, and when it is deleted', async () => {
  await create({ until: clock + 50 });
  const record = await take('a');
  expect(await aborted(record)).toBeInstanceOf(Expired);
  record.close();
  clock += 10_001;
  await records.write(key.partition, [{ op: 'delete', list: key.list, id: key.id }]);
  await create();
  const other = await take('b');
  await records.write(key.partition, [{ op: 'delete', list: key.list, id: key.id }]);
  expect(await aborted(other)).toBeInstanceOf(LeaseLostError);
});

it('is deleted by the write that ends it, after which a renewal changes nothing', async () => {
  await create();
  const record = await take('a');
  await Promise.all([record.write(() => ({ value: null, ends: true })), add(record)]);
  expect(await stored()).toBeUndefined();
  expect(record.signal.aborted).toBe(false);
});

it('writes one after the other, each from what the one before has written, though others change it in between', async () => {
  await create();
  let meddled = 0;
  const meddling = withWrite(records, async (partition, changes, due) => {
    const [first] = changes;
    const found = await records.get<Counter>(key);
    if (first && found?.value.lease && meddled < 3) {
      meddled += 1;
      await records.write(partition, [{ op: 'replace', list: key.list, id: key.id, value: found.value }]);
    }
    return records.write(partition, changes, due);
  });
  const record = await take('a', meddling);
  await Promise.all(Array.from({ length: 5 }, async () => add(record)));
  expect(await stored()).toMatchObject({ count: 5 });
  expect(meddled).toBe(3);
});

it('outlives a look that fails, and is lost when the lease is over by then', async () => {
  await create();
  let isDown = false;
  const failing = withWrite(records, async (...args) => {
    if (isDown) throw new Error('The store is down.');
    return records.write(...args);
  });
  const record = await take('a', failing);
  isDown = true;
  clock += 4000;
  while (faults.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(record.signal.aborted).toBe(false);
  clock += 10_000;
  expect(await aborted(record)).toBeInstanceOf(LeaseLostError);
});

it('gives up on a record that is changed each time', async () => {
  await create();
  const conflicting = withWrite(records, () => Promise.reject(new ConflictError(key)));
  await expect(LeasedRecord.take(ports(conflicting), key, kind, 'a', begin)).rejects.toThrow('changed too often');
});
