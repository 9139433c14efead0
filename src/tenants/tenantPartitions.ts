/** All partitions of a tenant, a page at a time. */
import { readPartition, tenantPrefix } from '../storage/keys';
import type { Records } from '../storage/ports';

const PAGE = 100;

/** One of the tenant's partitions. */
export interface TenantPartition {
  name: string;
  project: string;
  collection: string;
  /** Of the object whose partition it is; absent where it is a collection's. */
  id?: string;
}

/** The tenant's partitions in the order of their keys, behind `after`. */
export async function* tenantPartitions(
  records: Pick<Records, 'partitions'>,
  tenant: string,
  after?: string,
): AsyncGenerator<TenantPartition, void, void> {
  for (;;) {
    const names = await records.partitions(tenantPrefix(tenant), { after, limit: PAGE });
    for (const name of names) {
      const place = readPartition(name);
      if (place) yield { name, project: place.scope.project, collection: place.collection, id: place.id };
    }
    after = names.at(-1);
    if (names.length < PAGE) return;
  }
}

/** The lists of the partition. */
export async function* listsOf(records: Pick<Records, 'lists'>, partition: string): AsyncGenerator<string, void, void> {
  let after: string | undefined;
  for (;;) {
    const names = await records.lists(partition, { after, limit: PAGE });
    yield* names;
    after = names.at(-1);
    if (names.length < PAGE) return;
  }
}
