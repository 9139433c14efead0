/** Threads that have not been used for long. */
import { isFound } from '../errors';
import type { Scope } from '../scope';
import { timeOf } from '../storage/keys';
import type { Records } from '../storage/ports';
import { MESSAGES, RUNS, threadKey, threadPartition, type ThreadRecord } from './threadRecords';
import type { Threads } from './threads';

/**
 * Removes the thread with its messages and runs if it was last used before that moment, in Unix milliseconds: its creation, its newest message and its newest run count. One
 * with a run under way is in use.
 */
export async function removeUnusedThread(
  records: Records,
  threads: Pick<Threads, 'remove'>,
  scope: Scope,
  id: string,
  before: number,
): Promise<void> {
  const found = await records.get<ThreadRecord>(threadKey(scope, id));
  // What is half made or half deleted is the sweep's.
  if (!found || found.value.active_run_id !== null) return;
  const { thread, last_order: last } = found.value;
  if (thread.created_at * 1000 >= before || timeOf(last ?? '') >= before) return;
  for (const list of [MESSAGES, RUNS]) {
    const page = await records.list(threadPartition(scope, id), list, { order: 'desc', limit: 1 });
    if (page.records.some(({ order }) => timeOf(order) >= before)) return;
  }
  // Its owner may have come first.
  await isFound(threads.remove(scope, id));
}
