/** Removes everything of a tenant, and sees that nothing is left. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiKeys } from '../identity/apiKeys';
import { TENANT_CONTAINERS } from '../storage/blobContainers';
import type { Blobs, DueRecord, Records } from '../storage/ports';
import { listsOf, tenantPartitions } from './tenantPartitions';

/** Passes that find something although one before removed everything. */
const MAX_PASSES = 5;
const PAGE = 200;

/** What was removed. */
export interface RemovedTenant {
  api_keys: number;
  partitions: number;
  vector_stores: number;
  blobs: number;
  due_records: number;
}

/** Somebody makes new things while the old ones are removed. */
export class TenantInUseError extends Error {
  override readonly name = 'TenantInUseError';
  constructor(tenant: string) {
    super(
      `The tenant '${tenant}' is still written to: take it out of API_KEYS and ENTRA_PRINCIPALS, wait until its runs have ended, and delete it again.`,
    );
  }
}

export interface RemoveTenantPorts {
  records: Records;
  blobs: Blobs;
  apiKeys: ApiKeys;
  /** Removes what a vector store has outside its partition. */
  removeStoreRemains: (storeId: string) => Promise<void>;
  /**
   * How long, in milliseconds, until hosts have forgotten keys that were revoked and have written what they hold back: what comes meanwhile is found by the pass
   * behind it.
   */
  settleMs: number;
}

/**
 * Removes the tenant's keys, records, files, vectors and due records. Safe to repeat, also after a crash on the way. Resolves once a pass found nothing any more. Throws
 * {@link TenantInUseError}.
 */
export async function removeTenant(ports: RemoveTenantPorts, tenant: string): Promise<RemovedTenant> {
  const { apiKeys, settleMs } = ports;
  const keys = await apiKeys.list(tenant);
  for (const { id } of keys) await apiKeys.revoke(id);
  // A host may bring back what it writes at the moment: all are gone through again, at some bytes a store.
  const stores = new Set<string>();
  const removed: RemovedTenant = { api_keys: keys.length, partitions: 0, vector_stores: 0, blobs: 0, due_records: 0 };
  for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
    if (pass > 1) await sleep(settleMs);
    const found = await removeOnce(ports, tenant, stores);
    removed.partitions += found.partitions;
    removed.blobs += found.blobs;
    removed.due_records += found.due_records;
    removed.vector_stores = stores.size;
    if (pass > 1 && found.partitions + found.blobs + found.due_records === 0) return removed;
  }
  throw new TenantInUseError(tenant);
}

async function removeOnce(
  { records, blobs, removeStoreRemains }: RemoveTenantPorts,
  tenant: string,
  stores: Set<string>,
): Promise<Pick<RemovedTenant, 'partitions' | 'blobs' | 'due_records'>> {
  const found = { partitions: 0, blobs: 0, due_records: 0 };
  for (const storeId of stores) await removeStoreRemains(storeId);
  for await (const { name, collection, id } of tenantPartitions(records, tenant)) {
    if (collection === 'vector_stores') {
      for await (const storeId of id === undefined ? entriesOf(records, name) : [id]) {
        stores.add(storeId);
        await removeStoreRemains(storeId);
      }
    }
    found.partitions += 1;
    // Last, since it leads to the rest.
    await records.deletePartition(name);
  }
  for (const container of TENANT_CONTAINERS)
    found.blobs += await blobs.deleteBelow(`${container}/${encodeURIComponent(tenant)}`);
  found.due_records = await removeDue(records, tenant);
  return found;
}

/** Ids of the records of a partition, of all its lists. */
async function* entriesOf(records: Records, partition: string): AsyncGenerator<string, void, void> {
  for await (const list of listsOf(records, partition)) {
    let after: string | undefined;
    do {
      const page = await records.list(partition, list, { order: 'asc', limit: PAGE, after });
      for (const { id } of page.records) yield id;
      after = page.hasMore ? page.records.at(-1)?.id : undefined;
    } while (after !== undefined);
  }
}

/** Due records would find nothing any more, but name the tenant until they are due. */
async function removeDue(records: Records, tenant: string): Promise<number> {
  let removed = 0;
  let after: DueRecord | undefined;
  for (;;) {
    const page = await records.due(Number.MAX_SAFE_INTEGER, PAGE, after);
    const gone = page.filter(({ data }) => data.tenant === tenant);
    if (gone.length > 0) await records.writeDue({ remove: gone });
    removed += gone.length;
    after = page.at(-1);
    if (page.length < PAGE) return removed;
  }
}
