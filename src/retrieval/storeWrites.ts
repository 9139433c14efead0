/** Writes to vector stores: each store's in turn, so that the conditions of the writers of this process don't fail one another. */
import type { Scope } from '../scope';
import { withRetries } from '../storage/optimistic';
import { keyedQueue } from './concurrency';
import { storePartition } from './storeRecords';

/**
 * Runs a read-and-conditional-write of one store after those before it, and again while writers of other processes come first. Throws 409 when there
 * are too many.
 */
export type WriteStore = <T>(scope: Scope, storeId: string, attempt: () => Promise<T>) => Promise<T>;

/** The writers' queues; one for all that write stores in this process. */
export function storeWrites(): WriteStore {
  const inTurn = keyedQueue();
  return async (scope, storeId, attempt) => inTurn(storePartition(scope, storeId), async () => withRetries(attempt));
}
