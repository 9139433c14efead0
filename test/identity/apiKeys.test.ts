import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiKeyLookup, MAX_AGE_MS } from '../../src/identity/apiKeyLookup';
import { createApiKeys, isApiKey, MAX_KEYS, type ApiKeys } from '../../src/identity/apiKeys';
import type { RecordKey, Records } from '../../src/storage/ports';
import { openRecords } from '../support/storage';

let directory: string;
let records: Records;
let clock: number;
let reads: number;
let isUp: boolean;
let keys: ApiKeys;
const now = () => clock;
/** A store that counts its reads and may be out of reach. */
const counted = (): Records => ({
  ...records,
  get: async (key) => {
    reads += 1;
    if (!isUp) throw new Error('The store is out of reach.');
    return records.get(key);
  },
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'api-keys-'));
  records = await openRecords(directory);
  clock = Date.UTC(2026, 10, 26);
  reads = 0;
  isUp = true;
  keys = createApiKeys({ records, now });
});
afterEach(async () => {
  await records.close();
  await rm(directory, { recursive: true });
});

const wanted = { tenant: 'a', role: 'user', expiresAt: null } as const;
const madeUp = (index: number): string => `aof_${String(index).padStart(43, '0')}`;

it('keeps of a key its hash and its beginning, and nothing that would open anything', async () => {
  const { key, record } = await keys.create(wanted);
  expect(isApiKey(key)).toBe(true);
  expect(record).toMatchObject({ tenant: 'a', role: 'user', prefix: key.slice(0, 8), expires_at: null });
  expect(JSON.stringify(await keys.list())).not.toContain(key.slice(8));
});

it('lists and revokes keys of several tenants, several of one among them', async () => {
  const made = [];
  for (const tenant of ['a', 'b', 'a']) made.push((await keys.create({ ...wanted, tenant })).record);
  const [first, second, third] = made;
  expect(await keys.list()).toEqual(made);
  expect(await keys.revoke(second?.id ?? '')).toEqual(second);
  expect(await keys.list('b')).toEqual([]);
  expect(await keys.list('a')).toEqual([first, third]);
  expect(await keys.revoke(second?.id ?? '')).toBeUndefined();
});

it('loses no key when several are made and revoked at once', async () => {
  const old = await Promise.all(Array.from({ length: 4 }, async () => keys.create(wanted)));
  const others = createApiKeys({ records, now });
  const made = await Promise.all([keys.create(wanted), others.create(wanted), others.revoke(old[0]?.record.id ?? '')]);
  const ids = (await keys.list()).map(({ id }) => id);
  expect(ids).toHaveLength(5);
  expect(ids).toEqual(expect.arrayContaining([made[0].record.id, made[1].record.id]));
});

it('refuses more keys than the record may hold', async () => {
  const { record } = await keys.create(wanted);
  const stored = await records.get<{ keys: unknown[] }>({ partition: 'global', list: 'api_keys', id: 'all' });
  expect(stored?.value.keys).toEqual([record]);
  const value = { keys: Array.from({ length: MAX_KEYS }, () => record) };
  await records.write('global', [{ op: 'replace', list: 'api_keys', id: 'all', value }]);
  await expect(keys.create(wanted)).rejects.toMatchObject({ details: { code: 'limit_exceeded' } });
});

describe('A host', () => {
  it('knows the bearer of a key, and reads the store for the first request only', async () => {
    const { key, record } = await keys.create(wanted);
    const find = apiKeyLookup({ records: counted(), now });
    const found = await Promise.all(Array.from({ length: 50 }, async () => find(key)));
    expect(found).toEqual(Array.from({ length: 50 }, () => ({ tenant: 'a', role: 'user', id: record.id })));
    expect(reads).toBe(1);
  });

  it('knows a key a second after it was made, and has forgotten one when the bound is over', async () => {
    const find = apiKeyLookup({ records: counted(), now });
    const before = await keys.create(wanted);
    await find(before.key);
    const after = await keys.create(wanted);
    clock += 1000;
    expect(await find(after.key)).toMatchObject({ id: after.record.id });
    await keys.revoke(after.record.id);
    clock += MAX_AGE_MS;
    expect(await find(after.key)).toBeUndefined();
    expect(await find(before.key)).toMatchObject({ id: before.record.id });
  });

  it('refreshes behind a request that need not wait', async () => {
    const { key, record } = await keys.create(wanted);
    const find = apiKeyLookup({ records: counted(), now });
    await find(key);
    await keys.revoke(record.id);
    clock += 4000;
    expect(await find(key)).toMatchObject({ id: record.id });
    while ((await find(key)) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(reads).toBe(2);
  });

  it('forgets a revoked key though its clock was set back', async () => {
    const { key, record } = await keys.create(wanted);
    const find = apiKeyLookup({ records: counted(), now });
    await find(key);
    await keys.revoke(record.id);
    clock -= 3_600_000;
    expect(await find(key)).toBeUndefined();
    expect(reads).toBe(2);
    await find(key);
    expect(reads).toBe(2);
  });

  it('does not let an expired key in', async () => {
    const { key } = await keys.create({ ...wanted, expiresAt: clock / 1000 + 60 });
    const find = apiKeyLookup({ records, now });
    clock += 59_000;
    expect(await find(key)).toBeDefined();
    clock += 1000;
    expect(await find(key)).toBeUndefined();
  });

  it('reads the store once a second at most, however many keys are made up, and never for what is no key', async () => {
    const find = apiKeyLookup({ records: counted(), now });
    for (let index = 0; index < 100; index += 1) expect(await find(madeUp(index))).toBeUndefined();
    await Promise.all(Array.from({ length: 100 }, async (_, index) => find(madeUp(index))));
    expect(reads).toBe(1);
    clock += 1000;
    for (let index = 0; index < 100; index += 1) await find(madeUp(index));
    expect(reads).toBe(2);
    for (const text of ['', 'aof_', `${madeUp(1)}0`, 'test-key-alpha']) expect(await find(text)).toBeUndefined();
    expect(reads).toBe(2);
  });

  it('lets nobody in by keys that are older than the bound, and says 503', async () => {
    const { key } = await keys.create(wanted);
    const find = apiKeyLookup({ records: counted(), now });
    await find(key);
    isUp = false;
    clock += MAX_AGE_MS - 1;
    expect(await find(key)).toBeDefined();
    clock += 1;
    await expect(find(key)).rejects.toMatchObject({ status: 503 });
    isUp = true;
    expect(await find(key)).toBeDefined();
  });

  it('does not go by a read that began before the bound, however slow the store is', async () => {
    const { key, record } = await keys.create(wanted);
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    let taken = (): void => undefined;
    const isTaken = new Promise<void>((resolve) => (taken = resolve));
    const slow: Records = {
      ...records,
      get: async <T>(at: RecordKey) => {
        reads += 1;
        const isSlow = reads === 2;
        const stored = await records.get<T>(at);
        if (isSlow) taken();
        if (isSlow) await held;
        return stored;
      },
    };
    const find = apiKeyLookup({ records: slow, now });
    await find(key);
    clock += 4000;
    expect(await find(key)).toBeDefined();
    await isTaken;
    await keys.revoke(record.id);
    clock += MAX_AGE_MS;
    const found = find(key);
    goOn();
    expect(await found).toBeUndefined();
  });
});
