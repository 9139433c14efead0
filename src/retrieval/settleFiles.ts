/** Writes what became of a job's files, with the counts of store and batch in the same write. */
import { MAX_CHANGES, type Change, type StoredRecord } from '../storage/ports';
import type { FileCounts, VectorStoreFileObject } from '../wire/vectorStores';
import type { RetrievalPorts } from './retrievalPorts';
import {
  FILES,
  isFinished,
  jobKey,
  JOBS,
  pendingOf,
  recount,
  statusOf,
  STORE,
  storeFileKey,
  storeKey,
  storePartition,
  type IngestionJob,
  type JobRecord,
  type PendingFile,
  type StoreFile,
  type StoreRecord,
} from './storeRecords';
import type { WriteStore } from './storeWrites';

/** What became of a file. */
export type Outcome =
  | { status: 'completed'; usageBytes: number }
  | { status: 'failed'; error: NonNullable<VectorStoreFileObject['last_error']> }
  | { status: 'cancelled' };

export interface Settled {
  /** Counts of the job after the write; absent if the job is gone. */
  counts: FileCounts | undefined;
  /** Files that may have no chunks: removed from the store, cancelled or failed. */
  dropped: string[];
  storeIsGone: boolean;
}

/** A file takes two changes, store and job one each. */
const FILES_PER_WRITE = Math.floor((MAX_CHANGES - 2) / 2);

export type SettleFiles = ReturnType<typeof createSettleFiles>;

/**
 * Returns a function that writes outcomes. Only files that are still pending in the job take theirs, so it is safe to repeat; one that was removed from
 * the store or added again by a later job counts as cancelled and is left alone. With the last file the job is finished in the same write.
 */
export function createSettleFiles({ records }: Pick<RetrievalPorts, 'records'>, writeStore: WriteStore) {
  return async function settleFiles(job: IngestionJob, outcomes: ReadonlyMap<string, Outcome>): Promise<Settled> {
    const all = [...outcomes];
    const settled: Settled = { counts: undefined, dropped: [], storeIsGone: false };
    for (let start = 0; start < all.length; start += FILES_PER_WRITE) {
      const group = all.slice(start, start + FILES_PER_WRITE);
      const { counts, dropped, storeIsGone } = await writeStore(job.scope, job.storeId, async () =>
        settleGroup(job, group),
      );
      settled.counts = counts ?? settled.counts;
      settled.dropped.push(...dropped);
      settled.storeIsGone ||= storeIsGone;
    }
    return settled;
  };

  async function settleGroup(job: IngestionJob, group: [string, Outcome][]): Promise<Settled> {
    const { scope, storeId, jobId } = job;
    const ids = group.map(([id]) => id);
    const store = await records.get<StoreRecord>(storeKey(scope, storeId));
    if (!store) return { counts: undefined, dropped: ids, storeIsGone: true };
    const found = await records.get<JobRecord>(jobKey(job));
    const states = await Promise.all(
      group.map(async ([id, outcome]) => ({ ...(await stateOf(job, id)), id, outcome })),
    );
    const next = copyOf(store, found);
    const changes = states.flatMap((state) =>
      next.record && state.pending ? settle(next.store, next.record, state) : [],
    );
    if (found && next.record && changes.length > 0) {
      next.record.status = statusOf(next.record);
      changes.push({ op: 'replace', list: STORE, id: storeId, value: next.store, ifMatch: store.etag });
      changes.push(
        !next.record.listed && isFinished(next.record)
          ? { op: 'delete', list: JOBS, id: jobId, ifMatch: found.etag }
          : { op: 'replace', list: JOBS, id: jobId, value: next.record, ifMatch: found.etag },
      );
      await records.write(storePartition(scope, storeId), changes);
    }
    const dropped = states
      .filter(({ file, pending, outcome }) =>
        isDropped(jobId, file?.value, pending ? outcome.status : file?.value.status),
      )
      .map(({ id }) => id);
    return { counts: next.record?.file_counts, dropped, storeIsGone: false };
  }

  async function stateOf({ scope, storeId, jobId }: IngestionJob, id: string) {
    const [file, pending] = await Promise.all([
      records.get<StoreFile>(storeFileKey(scope, storeId, id)),
      records.get<PendingFile>({ partition: storePartition(scope, storeId), list: pendingOf(jobId), id }),
    ]);
    return { file, pending: pending !== undefined };
  }
}

function copyOf(store: StoredRecord<StoreRecord>, found: StoredRecord<JobRecord> | undefined) {
  return {
    store: { ...store.value, file_counts: { ...store.value.file_counts } },
    record: found && { ...found.value, file_counts: { ...found.value.file_counts } },
  };
}

/** The file's changes; counts it in store and job. */
function settle(
  store: StoreRecord,
  record: JobRecord,
  { id, outcome, file }: { id: string; outcome: Outcome; file: StoredRecord<StoreFile> | undefined },
): Change[] {
  const pending: Change = { op: 'delete', list: pendingOf(record.id), id };
  const owned = file?.value.job === record.id;
  recount(record.file_counts, 'in_progress', owned ? outcome.status : 'cancelled');
  if (!owned) return [pending];
  recount(store.file_counts, file.value.status, outcome.status);
  const usage = outcome.status === 'completed' ? outcome.usageBytes : 0;
  store.usage_bytes += usage - file.value.usage_bytes;
  const value: StoreFile = {
    ...file.value,
    status: outcome.status,
    usage_bytes: usage,
    last_error: outcome.status === 'failed' ? outcome.error : null,
  };
  return [pending, { op: 'replace', list: FILES, id, value, ifMatch: file.etag }];
}

/** Whether the store may hold no chunks of a file that now has this status; of another job's file that job decides. */
function isDropped(jobId: string, file: StoreFile | undefined, status: StoreFile['status'] | undefined): boolean {
  if (!file) return true;
  return file.job === jobId && (status === 'cancelled' || status === 'failed');
}
