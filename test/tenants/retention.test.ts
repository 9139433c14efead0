/** The steps of the pass that removes what is too old. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partitionOf } from '../../src/storage/keys';
import type { Records } from '../../src/storage/ports';
import { createRetention, RETENTION_DUE, type Aging, type RemoveUnused } from '../../src/tenants/retention';
import { openRecords } from '../support/storage';

const DAY_MS = 86_400_000;
let folder: string;
let records: Records;
let clock: number;
let faults: unknown[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'retention-'));
  records = await openRecords(folder);
  clock = Date.parse('2026-11-26T12:00:00Z');
  faults = [];
});
afterEach(async () => {
  await records.close();
  await rm(folder, { recursive: true, force: true });
});

const retentionOf = (days: Record<string, number>, remove: RemoveUnused) =>
  createRetention({
    records,
    days: new Map(Object.entries(days)),
    kinds: new Map([['threads', remove]]),
    now: () => clock,
    logFault: (_message, error) => void faults.push(error),
  });
const due = async () => (await records.due(Math.floor(clock / 1000), 10)).filter(({ kind }) => kind === RETENTION_DUE);

/** What maintenance does until nothing is due any more today; the number of steps. */
async function sweep(retention: ReturnType<typeof retentionOf>): Promise<number> {
  for (let steps = 0; ; steps += 1) {
    const found = await due();
    if (found.length === 0) return steps;
    for (const record of found) await retention.due(record);
    clock += 1000;
  }
}

async function fill(tenant: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const partition = partitionOf({ tenant, project: '-' }, 'threads', String(n).padStart(4, '0'));
    await records.write(partition, [{ op: 'create', list: 'l', id: 'i', order: 'o', value: {} }]);
  }
}

it('looks once a day at every object of the tenants that have days, with their own days', async () => {
  for (const tenant of ['a', 'b', 'b-c', 'c']) await fill(tenant, 70);
  const seen = new Map<string, Aging>();
  const retention = retentionOf({ a: 10, '*': 20, b: 30 }, async (aging) => {
    const name = `${aging.scope.tenant} ${aging.id}`;
    expect(seen.has(name)).toBe(false);
    seen.set(name, aging);
    return undefined;
  });
  await retention.begin();
  await sweep(retention);
  expect(seen.size).toBe(4 * 70);
  const before = (tenant: string) => Math.round((clock - (seen.get(`${tenant} 0069`)?.before ?? 0)) / DAY_MS);
  expect(['a', 'b', 'b-c', 'c'].map(before)).toEqual([10, 30, 20, 20]);
  expect(await due()).toEqual([]);
  clock += DAY_MS;
  seen.clear();
  await sweep(retention);
  expect(seen.size).toBe(4 * 70);
});

it('leaves tenants without days alone, however their names lie', async () => {
  for (const tenant of ['a', 'a-b', 'a0', 'aa', 'b']) await fill(tenant, 60);
  const seen = new Set<string>();
  const retention = retentionOf({ a0: 1, b: 1 }, async ({ scope }) => {
    seen.add(scope.tenant);
    return undefined;
  });
  await retention.begin();
  await sweep(retention);
  expect([...seen].sort()).toEqual(['a0', 'b']);
});

it('comes back to an object that is not done with, and goes on behind it', async () => {
  await fill('a', 20);
  const seen: string[] = [];
  const retention = retentionOf({ '*': 1 }, async ({ id, after }) => {
    seen.push(`${id} ${after ?? ''}`);
    if (id !== '0010') return undefined;
    return after === undefined ? 'x' : after === 'x' ? 'xx' : undefined;
  });
  await retention.begin();
  await sweep(retention);
  expect(seen.filter((one) => one.startsWith('0010'))).toEqual(['0010 ', '0010 x', '0010 xx']);
  expect(new Set(seen.map((one) => one.slice(0, 4))).size).toBe(20);
});

it('is not stopped by an object that fails', async () => {
  await fill('a', 20);
  let seen = 0;
  const retention = retentionOf({ '*': 1 }, async ({ id }) => {
    seen += 1;
    if (id === '0003') throw new Error('broken');
    return undefined;
  });
  await retention.begin();
  await sweep(retention);
  expect(seen).toBe(20);
  expect(faults).toHaveLength(1);
});

it('begins anew with another setting, once however many instances start, and ends without one', async () => {
  await fill('a', 5);
  let seen = 0;
  const count: RemoveUnused = async () => {
    seen += 1;
    return Promise.resolve(undefined);
  };
  const first = retentionOf({ '*': 30 }, count);
  await first.begin();
  await sweep(first);
  await retentionOf({ '*': 30 }, count).begin();
  expect(await due()).toEqual([]);
  const [one, two] = [retentionOf({ '*': 5 }, count), retentionOf({ '*': 5 }, count)];
  await Promise.all([one.begin(), two.begin()]);
  expect(await due()).toHaveLength(1);
  await sweep(one);
  expect(seen).toBe(10);
  clock += DAY_MS;
  const none = retentionOf({}, count);
  await none.begin();
  await sweep(none);
  expect(seen).toBe(10);
  clock += 3 * DAY_MS;
  expect(await due()).toEqual([]);
});
