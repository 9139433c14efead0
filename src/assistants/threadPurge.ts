/**
 * Threads are made and deleted in more than one write: an entry in the list of the scope, and the thread's own partition. A due record sees to it that
 * after a crash on the way either both are there or nothing is.
 */
import type { Scope } from '../scope';
import { deleteListed } from '../storage/deletedPlaces';
import type { DueRecord, Records } from '../storage/ports';
import { threadKey, threadOfDue, threadPartition, threadsPartition, THREADS, type ThreadRecord } from './threadRecords';

/** Removes whatever there is of a thread that is not there: staged messages, runs and steps, and its entry in the list, whose place is kept where `now`, in milliseconds, is given. Safe to repeat. */
export async function purgeThread(records: Records, scope: Scope, threadId: string, now?: number): Promise<void> {
  await records.deletePartition(threadPartition(scope, threadId));
  // Last, so that until then a crash leaves what the sweep finds.
  const entry = { partition: threadsPartition(scope), list: THREADS, id: threadId };
  if (now !== undefined) await deleteListed(records, entry, now);
  else await records.write(entry.partition, [{ op: 'delete', list: entry.list, id: entry.id }]);
}

/** What the sweep does with the due records of threads. */
export async function sweepThread(records: Records, due: DueRecord): Promise<void> {
  const { scope, threadId } = threadOfDue(due);
  if (!(await records.get<ThreadRecord>(threadKey(scope, threadId)))) await purgeThread(records, scope, threadId);
  await records.writeDue({ remove: [due] });
}
