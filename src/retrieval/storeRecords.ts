/** The records of vector stores: what is kept, under which keys, and how it shows. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import type { RecordKey, Records, StoredRecord } from '../storage/ports';
import type { FileBatchObject, FileCounts, VectorStoreFileObject, VectorStoreObject } from '../wire/vectorStores';

/** All that belongs to one vector store lies in one partition; a change of its files and of its counts is one write. */
export const storePartition = (scope: Scope, storeId: string): string => partitionOf(scope, 'vector_stores', storeId);
export const STORE = 'vector_store';
export const FILES = 'files';
export const JOBS = 'batches';
/** Files of an ingestion job that have no outcome yet. */
export const pendingOf = (jobId: string): string => `pending.${jobId}`;
/** Files of a batch, for listing. */
export const membersOf = (jobId: string): string => `members.${jobId}`;

export interface StoreRecord {
  id: string;
  created_at: number;
  name: string | null;
  description: string | null;
  usage_bytes: number;
  file_counts: FileCounts;
  expires_after: VectorStoreObject['expires_after'];
  last_active_at: number;
  metadata: Record<string, string>;
  /** Id of the model whose vectors the store holds. */
  embedding_model: string;
  /** Set when the chunks of the expired store were freed: it stays expired. */
  freed?: true;
}

/** A file of a vector store. It outlives the file object, so it keeps what search needs of it. */
export interface StoreFile extends Omit<VectorStoreFileObject, 'object'> {
  filename: string;
  /** Of the file object. */
  bytes: number;
  /** Name of the upload that it was made of, if it was. */
  upload?: string;
  /** The job that it was added by last: only that one decides what becomes of it. */
  job: string;
}

/** A file that waits for an outcome in a job. */
export interface PendingFile {
  id: string;
  bytes: number;
}

/** Some files to be ingested into a store. */
export interface JobRecord {
  id: string;
  created_at: number;
  vector_store_id: string;
  /** Whether it is a batch that callers see, or the work of a single file or of a new store: this vanishes when it is done. */
  listed: boolean;
  /** `staging`: files are still being added. */
  status: 'staging' | 'in_progress' | 'cancelling' | 'completed' | 'cancelled';
  file_counts: FileCounts;
}

/** Names a job, in orchestrations too. */
export interface IngestionJob {
  scope: Scope;
  storeId: string;
  jobId: string;
}

export const noFiles = (): FileCounts => ({ in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 });

/** Counts one file in another status; `from` absent: a new file, `to` absent: one that is removed. */
export function recount(
  counts: FileCounts,
  from: keyof FileCounts | undefined,
  to: keyof FileCounts | undefined,
): void {
  if (from) counts[from] -= 1;
  if (to) counts[to] += 1;
  counts.total = counts.in_progress + counts.completed + counts.failed + counts.cancelled;
}

export const isFinished = (job: JobRecord): boolean => job.status === 'completed' || job.status === 'cancelled';

/** The status of a job whose files are all there, by how many are left to do. */
export function statusOf({ status, file_counts: counts }: JobRecord): JobRecord['status'] {
  const cancelled = status === 'cancelling' || status === 'cancelled';
  if (counts.in_progress === 0) return cancelled ? 'cancelled' : 'completed';
  return cancelled ? 'cancelling' : 'in_progress';
}

export const storeKey = (scope: Scope, id: string): RecordKey => ({
  partition: storePartition(scope, id),
  list: STORE,
  id,
});
export const storeFileKey = (scope: Scope, storeId: string, id: string): RecordKey => ({
  partition: storePartition(scope, storeId),
  list: FILES,
  id,
});
export const jobKey = ({ scope, storeId, jobId }: IngestionJob): RecordKey => ({
  partition: storePartition(scope, storeId),
  list: JOBS,
  id: jobId,
});

/** The store's record. Throws 404, with `param` if it is not the request's path that names the store. */
export async function requireStore(
  records: Records,
  scope: Scope,
  id: string,
  param?: string,
): Promise<StoredRecord<StoreRecord>> {
  const found = await records.get<StoreRecord>(storeKey(scope, id));
  if (!found) throw errors.noVectorStore(id, param);
  return found;
}

const DAY_SECONDS = 86_400;

type Activity = Pick<StoreRecord, 'expires_after' | 'last_active_at' | 'freed'>;

export function expiryOf({ expires_after: policy, last_active_at: active }: Activity): number | null {
  return policy ? active + policy.days * DAY_SECONDS : null;
}

/** `now` in Unix seconds. */
export function isExpired(store: Activity, now: number): boolean {
  const expiry = expiryOf(store);
  return store.freed === true || (expiry !== null && expiry <= now);
}

/** As callers see it; `now` in Unix seconds. */
export function storeObject({ embedding_model: _model, freed, ...store }: StoreRecord, now: number): VectorStoreObject {
  const ready = store.file_counts.in_progress > 0 ? 'in_progress' : 'completed';
  return {
    ...store,
    object: 'vector_store',
    bytes: store.usage_bytes,
    status: isExpired({ ...store, freed }, now) ? 'expired' : ready,
    expires_at: expiryOf(store),
  };
}

export function storeFileObject({
  filename: _filename,
  bytes: _bytes,
  job: _job,
  upload: _upload,
  ...shown
}: StoreFile): VectorStoreFileObject {
  return { ...shown, object: 'vector_store.file' };
}

export function fileBatchObject({ listed: _listed, status, ...shown }: JobRecord): FileBatchObject {
  return { ...shown, object: 'vector_store.file_batch', status: status === 'staging' ? 'in_progress' : status };
}
