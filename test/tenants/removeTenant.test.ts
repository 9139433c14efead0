/** The deletion of a tenant while somebody writes, and after it was broken off. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiKeys } from '../../src/identity/apiKeys';
import { partitionOf } from '../../src/storage/keys';
import type { Blobs, Records } from '../../src/storage/ports';
import { removeTenant, TenantInUseError, type RemoveTenantPorts } from '../../src/tenants/removeTenant';
import { openBlobs, openRecords } from '../support/storage';

const scope = { tenant: 'team', project: '-' };
const create = (id: string) => ({ op: 'create', list: 'things', id, order: id, value: { id } }) as const;

let folder: string;
let records: Records;
let blobs: Blobs;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remove-'));
  records = await openRecords(folder);
  blobs = await openBlobs(folder);
});
afterEach(async () => {
  await records.close();
  await rm(folder, { recursive: true, force: true });
});

const portsWith = (removeStoreRemains: RemoveTenantPorts['removeStoreRemains']): RemoveTenantPorts => ({
  records,
  blobs,
  apiKeys: createApiKeys({ records, now: Date.now }),
  removeStoreRemains,
  settleMs: 0,
});

it('finds what a host writes meanwhile, and what that host brings back of a store', async () => {
  await records.write(partitionOf(scope, 'vector_stores', 'vs_1'), [create('a')]);
  await records.write(partitionOf(scope, 'vector_stores'), [create('vs_2')]);
  const asked: string[] = [];
  const removed = await removeTenant(
    portsWith(async (id) => {
      asked.push(id);
      if (asked.length === 2) await records.write(partitionOf(scope, 'threads', 'late'), [create('a')]);
      if (asked.length === 3) await records.write(partitionOf(scope, 'assistants'), [create('early')]);
    }),
    'team',
  );
  expect(removed).toMatchObject({ partitions: 4, vector_stores: 2 });
  expect(asked.slice(0, 2).sort()).toEqual(['vs_1', 'vs_2']);
  expect(asked.length).toBeGreaterThanOrEqual(4);
  expect(await records.partitions('', { limit: 10 })).toEqual([]);
});

it('says that the tenant is in use where new things go on coming', async () => {
  const write = records.deletePartition.bind(records);
  records.deletePartition = async (partition) => {
    await write(partition);
    await records.write(partition, [create('again')]);
  };
  await records.write(partitionOf(scope, 'assistants'), [create('a')]);
  const failing = removeTenant(
    portsWith(() => Promise.resolve()),
    'team',
  );
  await expect(failing).rejects.toThrow(TenantInUseError);
});

it('goes on after it was broken off: what leads to a store stays until the store is gone', async () => {
  const partition = partitionOf(scope, 'vector_stores', 'vs_1');
  await records.write(partition, [create('a')]);
  const broken = portsWith(() => Promise.reject(new Error('crash')));
  await expect(removeTenant(broken, 'team')).rejects.toThrow('crash');
  expect(await records.partitions('team/', { limit: 10 })).toEqual([partition]);
  const asked = new Set<string>();
  await removeTenant(
    portsWith(async (id) => void asked.add(id)),
    'team',
  );
  expect([...asked]).toEqual(['vs_1']);
});

it('leaves tenants alone whose names begin like it', async () => {
  for (const tenant of ['team', 'team-a', 'team0', 'tea', 'team_']) {
    await records.write(partitionOf({ tenant, project: '-' }, 'assistants'), [create('a')], {
      add: [{ at: 9_000_000_000, kind: 'k', id: tenant, data: { tenant } }],
    });
  }
  await removeTenant(
    portsWith(() => Promise.resolve()),
    'team',
  );
  const left = ['tea', 'team-a', 'team0', 'team_'];
  expect((await records.partitions('', { limit: 10 })).map((name) => name.split('/')[0]).sort()).toEqual(left);
  expect((await records.due(9_000_000_001, 10)).map(({ id }) => id).sort()).toEqual(left);
});
