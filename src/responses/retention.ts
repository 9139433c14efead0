/** Responses and conversations that have not been used for long. */
import type { Scope } from '../scope';
import { partitionOf, timeOf } from '../storage/keys';
import type { Blobs, Records } from '../storage/ports';
import { TURNS } from './responseRecords';

/** Collections of partitions, one a chain or a conversation, with the lists that grow by each use. */
const lists = { responses: [TURNS], conversations: ['items', 'conversation'] } as const;
/** Containers of blobs are named like them. */
export const CHAIN_COLLECTIONS = Object.keys(lists) as (keyof typeof lists)[];

/**
 * Removes a chain of responses, or a conversation with its items, if nothing was added to it since that moment, in Unix milliseconds. Responses elsewhere that
 * continue one of the chain go on without it.
 */
export async function removeUnusedChain(
  { records, blobs }: { records: Records; blobs: Blobs },
  collection: keyof typeof lists,
  scope: Scope,
  id: string,
  before: number,
): Promise<void> {
  const partition = partitionOf(scope, collection, id);
  for (const list of lists[collection]) {
    const page = await records.list(partition, list, { order: 'desc', limit: 1 });
    if (page.records.some(({ order }) => !(timeOf(order) < before))) return;
  }
  // The blobs first: the records lead to them.
  await blobs.deleteBelow([collection, scope.tenant, scope.project, id].map(encodeURIComponent).join('/'));
  await records.deletePartition(partition);
}
