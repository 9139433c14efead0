/**
 * Threads are made and deleted in more than one write: an entry in the list of the scope, and the thread's own partition. A due record sees to it that
 * after a crash on the way either both are there or nothing is.
 */
import type { Scope } from '../scope';
import type { DueRecord, Records } from '../storage/ports';
import { threadKey, threadOfDue, threadPartition, threadsPartition, THREADS, type ThreadRecord } from './threadRecords';

/** Removes whatever there is of a thread that is not there: staged messages, runs and steps, and its entry in the list. Safe to repeat. */
export async function purgeThread(records: Records, scope: Scope, threadId: string): Promise<void> {
  await records.deletePartition(threadPartition(scope, threadId));
  // Last, so that until then a crash leaves what the sweep finds.
  await records.write(threadsPartition(scope), [{ op: 'delete', list: THREADS, id: threadId }]);
}

/** What the sweep does with the due records of threads. */
export async function sweepThread(records: Records, due: DueRecord): Promise<void> {
  const { scope, threadId } = threadOfDue(due);
  if (!(await records.get<ThreadRecord>(threadKey(scope, threadId)))) await purgeThread(records, scope, threadId);
  await records.writeDue({ remove: [due] });
}
