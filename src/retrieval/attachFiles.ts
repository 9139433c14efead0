/** Adds files to a vector store as an ingestion job. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, orderKey } from '../storage/keys';
import { MAX_CHANGES, type Change, type DueChanges, type StoredRecord } from '../storage/ports';
import type { StoredChunkingStrategy } from '../wire/chunking';
import type { Attributes, FileObject } from '../wire/vectorStores';
import { dueOf } from './dueJobs';
import { noteStore } from './fileStores';
import type { RetrievalPorts } from './retrievalPorts';
import {
  FILES,
  isExpired,
  jobKey,
  JOBS,
  membersOf,
  noFiles,
  pendingOf,
  recount,
  requireStore,
  statusOf,
  STORE,
  storeFileKey,
  storePartition,
  type IngestionJob,
  type JobRecord,
  type StoreFile,
  type StoreRecord,
} from './storeRecords';
import type { WriteStore } from './storeWrites';

/** A file to be added. */
export interface Attachment {
  fileId: string;
  /** Absent: there is no such file, so it fails at once. */
  file: FileObject | undefined;
  chunking: StoredChunkingStrategy;
  /** Absent: those that it has in the store, if any. */
  attributes: Attributes | undefined;
  /** Name of the upload that the file was made of; absent: that which it has in the store, if any. */
  upload?: string;
}

/** Time that a job may take to start before the sweep looks at it, in seconds. */
const START_SECONDS = 15;

export type AttachFiles = ReturnType<typeof createAttachFiles>;

/**
 * Returns a function that adds files to a store. A file that the store has already is ingested anew. What one atomic write can't hold
 * is written in several, with right counts after each; the job begins when all are there. Throws 404 for a store that is not there and 400 for an
 * expired one.
 */
export function createAttachFiles({ records, now }: Pick<RetrievalPorts, 'records' | 'now'>, writeStore: WriteStore) {
  return async function attachFiles(
    scope: Scope,
    storeId: string,
    attachments: Attachment[],
    listed: boolean,
  ): Promise<{ record: JobRecord; job: IngestionJob }> {
    const job: IngestionJob = { scope, storeId, jobId: newId(listed ? 'vsfb_' : 'ingest_') };
    const groups = grouped(attachments, listed);
    let record: JobRecord | undefined;
    for (const [index, group] of groups.entries()) {
      const isLast = index === groups.length - 1;
      await noteStore(
        { records, now },
        scope,
        storeId,
        group.flatMap(({ fileId, file }) => (file ? [fileId] : [])),
      );
      record = await writeStore(scope, storeId, async () =>
        addGroup(job, group, { listed, isFirst: index === 0, isLast }),
      );
    }
    if (!record) throw new Error('A job needs at least one file.');
    return { record, job };
  };

  async function addGroup(job: IngestionJob, group: Attachment[], place: GroupPlace): Promise<JobRecord> {
    const { scope, storeId, jobId } = job;
    const seconds = Math.floor(now() / 1000);
    const store = await requireStore(records, scope, storeId);
    if (isExpired(store.value, seconds)) throw errors.vectorStoreExpired(storeId);
    const begun = place.isFirst ? undefined : await stagedJob(job);
    const known = await Promise.all(
      group.map(async ({ fileId }) => records.get<StoreFile>(storeFileKey(scope, storeId, fileId))),
    );
    const state: State = {
      store: { ...store.value, file_counts: { ...store.value.file_counts }, last_active_at: seconds },
      record: begun
        ? { ...begun.value, file_counts: { ...begun.value.file_counts } }
        : newJob(job, place.listed, seconds),
      now: now(),
    };
    const changes = group.flatMap((attachment, index) => attach(state, attachment, known[index]));
    state.record.status = place.isLast ? statusOf(state.record) : 'staging';
    changes.push({ op: 'replace', list: STORE, id: storeId, value: state.store, ifMatch: store.etag });
    changes.push(
      begun
        ? { op: 'replace', list: JOBS, id: jobId, value: state.record, ifMatch: begun.etag }
        : { op: 'create', list: JOBS, id: jobId, order: orderKey(now()), value: state.record },
    );
    const due: DueChanges = place.isFirst ? { add: [dueOf(job, seconds + START_SECONDS)] } : {};
    await records.write(storePartition(scope, storeId), changes, due);
    return state.record;
  }

  async function stagedJob(job: IngestionJob): Promise<StoredRecord<JobRecord>> {
    const found = await records.get<JobRecord>(jobKey(job));
    // The sweep takes a job for abandoned only after minutes; a writer that comes back later than that must not add to it.
    if (found?.value.status !== 'staging') throw errors.tooManyConflicts();
    return found;
  }
}

interface GroupPlace {
  listed: boolean;
  isFirst: boolean;
  isLast: boolean;
}

/** What the write will leave of store and job. */
interface State {
  store: StoreRecord;
  record: JobRecord;
  /** Milliseconds. */
  now: number;
}

/** As many files as one write holds beside store and job: a file takes two changes, in a listed batch three. */
function grouped(attachments: Attachment[], listed: boolean): Attachment[][] {
  const size = Math.floor((MAX_CHANGES - 2) / (listed ? 3 : 2));
  const unique = [...new Map(attachments.map((attachment) => [attachment.fileId, attachment])).values()];
  const groups: Attachment[][] = [];
  for (let start = 0; start < unique.length; start += size) groups.push(unique.slice(start, start + size));
  return groups;
}

function newJob({ storeId, jobId }: IngestionJob, listed: boolean, seconds: number): JobRecord {
  return {
    id: jobId,
    created_at: seconds,
    vector_store_id: storeId,
    listed,
    status: 'staging',
    file_counts: noFiles(),
  };
}

/** The changes that one file takes; counts it in `state`. */
function attach(state: State, attachment: Attachment, known: StoredRecord<StoreFile> | undefined): Change[] {
  const { store, record } = state;
  const { fileId: id, file } = attachment;
  const order = orderKey(state.now);
  const changes: Change[] = [];
  if (record.listed) changes.push({ op: 'create', list: membersOf(record.id), id, order, value: { id } });
  recount(record.file_counts, undefined, file ? 'in_progress' : 'failed');
  if (file) changes.push({ op: 'create', list: pendingOf(record.id), id, order, value: { id, bytes: file.bytes } });
  if (known && file) {
    recount(store.file_counts, known.value.status, 'in_progress');
    const value: StoreFile = { ...storeFile(record, known.value, attachment), created_at: known.value.created_at };
    changes.push({ op: 'replace', list: FILES, id, value, ifMatch: known.etag });
  } else if (!known) {
    recount(store.file_counts, undefined, file ? 'in_progress' : 'failed');
    const value: StoreFile = { ...storeFile(record, undefined, attachment), created_at: Math.floor(state.now / 1000) };
    changes.push({ op: 'create', list: FILES, id, order, value });
  }
  // A file that was deleted but is still in the store stays there as it is.
  return changes;
}

function storeFile(
  record: JobRecord,
  known: StoreFile | undefined,
  { fileId, file, chunking, attributes, upload = known?.upload }: Attachment,
): Omit<StoreFile, 'created_at'> {
  return {
    id: fileId,
    vector_store_id: record.vector_store_id,
    usage_bytes: known?.usage_bytes ?? 0,
    status: file ? 'in_progress' : 'failed',
    last_error: file ? null : { code: 'invalid_file', message: `No such File object: ${fileId}` },
    chunking_strategy: chunking,
    attributes: attributes ?? known?.attributes ?? {},
    filename: file?.filename ?? '',
    bytes: file?.bytes ?? 0,
    job: record.id,
    ...(upload !== undefined && { upload }),
  };
}
