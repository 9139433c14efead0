/** Ingestion jobs: which files wait, making them searchable, and finding jobs that nobody drives. */
import type { DueRecord } from '../storage/ports';
import type { FileCounts } from '../wire/vectorStores';
import { concurrencyLimit } from './concurrency';
import { jobOf } from './dueJobs';
import { indexUpkeepDue } from './indexUpkeep';
import { DimensionsError, type IndexedStore } from './ports';
import { embedDocuments, readPortions, type EmbeddedDocuments, type ReadPortion } from './readDocuments';
import type { RetrievalPorts } from './retrievalPorts';
import type { Outcome, SettleFiles } from './settleFiles';
import {
  isFinished,
  jobKey,
  JOBS,
  pendingOf,
  statusOf,
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
import type { UploadFailures } from './uploadFailures';

/** Files that one plan looks at, and what goes into one group. */
const PLANNED_FILES = 512;
const MAX_GROUPS = 32;
const GROUP_FILES = 64;
const GROUP_BYTES = 4 * 1024 * 1024;
/** Groups that this process works on at once, so that memory stays bounded however many jobs there are. */
const GROUPS_AT_ONCE = 4;
/** Of these, with files larger than a group: the text and vectors of each may take some 300 MB. */
const LARGE_AT_ONCE = 2;
/** Files whose cancellation is read at once. */
const CANCELLED_AT_ONCE = 180;
/** Seconds until the sweep looks at an unfinished job again, and until a job whose files are still being added counts as abandoned. */
const SWEEP_SECONDS = 30;
const ABANDONED_SECONDS = 300;

const SERVER_ERROR = 'The file could not be processed because the server had an error. Add it again to retry.';

/** Files of a job from which on its end puts the index in order. */
const OPTIMIZED_FILES = 16;

/** What is left to do of a job. */
export interface IngestionPlan {
  /** Ids of the files that are ingested together; empty when nothing is left. */
  groups: string[][];
  /** Absent when the job is done with and gone. */
  counts?: FileCounts;
}

/** What was wrong with a model service. */
export interface FaultReason {
  /** Fit to be shown. */
  message: string;
  /** It says no more than that the service is to be left alone for a while. */
  isToWait: boolean;
}

export interface IngestedGroup {
  /** Files that a fault left pending; another try may succeed. */
  faulty: string[];
  /** For the log. */
  faults: unknown[];
  /** Where the fault was the model service's. */
  reason?: FaultReason;
  /** Of the job, afterwards; absent if it is gone or nothing was written. */
  counts?: FileCounts;
}

export type Ingestion = ReturnType<typeof createIngestion>;

/** The job was cancelled or is gone: what became of its files is written already. */
class JobEnded extends Error {}

/** Every function is safe to repeat, after a crash too. */
export function createIngestion(
  ports: RetrievalPorts,
  writeStore: WriteStore,
  settleFiles: SettleFiles,
  uploadFailures: UploadFailures,
) {
  const { records, index, embeddings, now } = ports;
  const withPlace = concurrencyLimit(GROUPS_AT_ONCE);
  const withLargePlace = concurrencyLimit(LARGE_AT_ONCE);

  async function plan(job: IngestionJob): Promise<IngestionPlan> {
    const found = await records.get<JobRecord>(jobKey(job));
    if (!found) return { groups: [] };
    const counts = found.value.file_counts;
    if (found.value.status === 'cancelling') return { groups: [], counts: (await cancelPending(job)) ?? counts };
    // A staged job is started when it is complete.
    if (found.value.status !== 'in_progress') return { groups: [], counts };
    return { groups: grouped(await pendingFiles(job, PLANNED_FILES)), counts };
  }

  async function pendingFiles({ scope, storeId, jobId }: IngestionJob, limit: number): Promise<PendingFile[]> {
    const page = await records.list<PendingFile>(storePartition(scope, storeId), pendingOf(jobId), {
      order: 'asc',
      limit,
    });
    return page.records.map(({ value }) => value);
  }

  /** Ingests those of the files that are pending in the job. Rejects on faults of storage that concern all of them. */
  async function ingest(job: IngestionJob, fileIds: string[], signal?: AbortSignal): Promise<IngestedGroup> {
    return (await placeFor(job, fileIds))(async () => {
      const store = await records.get<StoreRecord>(storeKey(job.scope, job.storeId));
      const group: IngestedGroup = { faulty: [], faults: [] };
      if (!store) return group;
      const { files, gone } = await wantedFiles(job, fileIds);
      const settled = async (outcomes: Map<string, Outcome>): Promise<void> => {
        group.counts = (await settle(job, outcomes)) ?? group.counts;
      };
      await settled(new Map(gone.map((id) => [id, { status: 'cancelled' }])));
      const open = new Set(files.map(({ id }) => id));
      const work = async (): Promise<void> => {
        for await (const portion of readPortions(ports, job.scope, files, signal)) {
          group.faults.push(...portion.faults);
          const { outcomes, unavailable } = await ingestPortion(job, store.value.embedding_model, portion, signal);
          await settled(outcomes);
          for (const id of outcomes.keys()) open.delete(id);
          group.faults.push(...(await uploadFailures.note(files, outcomes)));
          if (!unavailable) continue;
          group.faults.push(unavailable);
          group.reason = { message: unavailable.message, isToWait: unavailable.retryAfterSeconds !== undefined };
          return;
        }
      };
      await work().catch((error: unknown) => {
        if (!(error instanceof JobEnded)) throw error;
        open.clear();
      });
      group.faulty.push(...open);
      const { counts } = group;
      if (counts?.in_progress === 0) await putInOrder(indexedStore(job), counts.total, group.faults);
      return group;
    });
  }

  /** A large file, which is alone in its group, waits for its turn before it takes a place from others. */
  async function placeFor({ scope, storeId, jobId }: IngestionJob, fileIds: string[]): Promise<typeof withPlace> {
    const [id, second] = fileIds;
    if (id === undefined || second !== undefined) return withPlace;
    const partition = storePartition(scope, storeId);
    const pending = await records.get<PendingFile>({ partition, list: pendingOf(jobId), id });
    if (!pending || pending.value.bytes <= GROUP_BYTES) return withPlace;
    return async (work) => withLargePlace(async () => withPlace(work));
  }

  /** Embeds what was read and writes its chunks; returns what became of the files, and why of some nothing did. */
  async function ingestPortion(
    job: IngestionJob,
    modelId: string,
    { documents, outcomes }: ReadPortion,
    signal?: AbortSignal,
  ): Promise<Pick<EmbeddedDocuments, 'outcomes' | 'unavailable'>> {
    if (documents.length === 0) return { outcomes };
    const goOn = async (): Promise<void> => {
      if ((await records.get<JobRecord>(jobKey(job)))?.value.status !== 'in_progress') throw new JobEnded();
    };
    const work = { tenant: job.scope.tenant, goOn, signal };
    const embedded = await embedDocuments(() => embeddings.byId(modelId), documents, work);
    try {
      await replaceChunks(job, [...outcomes.keys(), ...embedded.outcomes.keys()], embedded);
    } catch (error) {
      if (!(error instanceof DimensionsError)) throw error;
      const failed: Outcome = { status: 'failed', error: { code: 'server_error', message: error.message } };
      for (const id of embedded.outcomes.keys()) embedded.outcomes.set(id, failed);
    }
    return { outcomes: new Map([...outcomes, ...embedded.outcomes]), unavailable: embedded.unavailable };
  }

  /** After many files the index is put in order at once, after few by the sweep. The files are searchable without, so a failure is only told. */
  async function putInOrder(store: IndexedStore, files: number, faults: unknown[]): Promise<void> {
    try {
      if (files >= OPTIMIZED_FILES) await index.optimize(store);
      else await records.writeDue({ add: [indexUpkeepDue(store, Math.floor(now() / 1000))] });
    } catch (error) {
      faults.push(error);
    }
  }

  /** Writes the chunks of those files that were not removed, cancelled or added anew while they were read. */
  async function replaceChunks(
    job: IngestionJob,
    fileIds: string[],
    { chunks, vectors }: EmbeddedDocuments,
  ): Promise<void> {
    const wanted = new Set((await wantedFiles(job, fileIds)).files.map(({ id }) => id));
    const kept = chunks.flatMap((chunk, place) => (wanted.has(chunk.fileId) ? [place] : []));
    await index.replaceFiles(
      indexedStore(job),
      [...wanted],
      kept.flatMap((place) => chunks[place] ?? []),
      kept.flatMap((place) => vectors[place] ?? []),
    );
  }

  /** Those of the files that still wait in the job, and those that wait but were removed from the store or added by a later job. */
  async function wantedFiles({ scope, storeId, jobId }: IngestionJob, ids: string[]) {
    const partition = storePartition(scope, storeId);
    const files: StoreFile[] = [];
    const gone: string[] = [];
    const look = async (id: string): Promise<void> => {
      if (!(await records.get({ partition, list: pendingOf(jobId), id }))) return;
      const file = await records.get<StoreFile>(storeFileKey(scope, storeId, id));
      if (file?.value.job === jobId) files.push(file.value);
      else gone.push(id);
    };
    await Promise.all(ids.map(look));
    return { files, gone };
  }

  /** Writes the outcomes and removes the chunks that must not be there. */
  async function settle(job: IngestionJob, outcomes: Map<string, Outcome>): Promise<FileCounts | undefined> {
    const { counts, dropped, storeIsGone } = await settleFiles(job, outcomes);
    if (storeIsGone) await index.deleteStore(indexedStore(job));
    else if (dropped.length > 0) await index.deleteFiles(indexedStore(job), dropped);
    return counts;
  }

  /** Gives up on files that faults keep from being ingested; `reason` is what their `last_error` says where the faults were not ours. */
  async function fail(job: IngestionJob, fileIds: string[], reason = SERVER_ERROR): Promise<IngestedGroup> {
    const outcome: Outcome = { status: 'failed', error: { code: 'server_error', message: reason } };
    const outcomes = new Map(fileIds.map((id) => [id, outcome]));
    const { files } = await wantedFiles(job, fileIds);
    const counts = await settle(job, outcomes);
    return { faulty: [], faults: await uploadFailures.note(files, outcomes), counts };
  }

  /** Cancels the files that have no outcome yet; returns the counts after the last, undefined if there was none. */
  async function cancelPending(job: IngestionJob): Promise<FileCounts | undefined> {
    let counts: FileCounts | undefined;
    for (;;) {
      const files = await pendingFiles(job, CANCELLED_AT_ONCE);
      if (files.length === 0) return counts;
      counts = await settle(job, new Map(files.map(({ id }) => [id, { status: 'cancelled' }])));
      if (!counts) return undefined;
    }
  }

  /**
   * What the sweep does with a due record of kind {@link FILE_BATCH_DUE}: forgets it if the job is finished, else has it looked at again in 30 seconds and calls
   * `start`, which starts the job's orchestration unless it runs.
   */
  async function due(record: DueRecord, start: (job: IngestionJob) => Promise<void>): Promise<void> {
    const job = jobOf(record);
    const found = await records.get<JobRecord>(jobKey(job));
    if (!found || isFinished(found.value)) return records.writeDue({ remove: [record] });
    const seconds = Math.floor(now() / 1000);
    await records.writeDue({ add: [{ ...record, at: seconds + SWEEP_SECONDS }], remove: [record] });
    const isStaging = found.value.status === 'staging';
    if (isStaging && seconds < found.value.created_at + ABANDONED_SECONDS) return;
    if (isStaging) await begin(job);
    await start(job);
  }

  /** Lets a job begin whose writer died while it added files: with those that are there. */
  async function begin(job: IngestionJob): Promise<void> {
    await writeStore(job.scope, job.storeId, async () => {
      const found = await records.get<JobRecord>(jobKey(job));
      if (found?.value.status !== 'staging') return;
      const value: JobRecord = { ...found.value, status: statusOf(found.value) };
      await records.write(storePartition(job.scope, job.storeId), [
        { op: 'replace', list: JOBS, id: job.jobId, value, ifMatch: found.etag },
      ]);
    });
  }

  return { plan, ingest, fail, cancelPending, due };
}

const indexedStore = ({ scope, storeId }: IngestionJob): IndexedStore => ({ tenant: scope.tenant, id: storeId });

/** Small files share a group, in order. */
function grouped(files: PendingFile[]): string[][] {
  const groups: string[][] = [];
  let bytes = 0;
  for (const file of files) {
    const group = groups.at(-1);
    if (group && group.length < GROUP_FILES && bytes + file.bytes <= GROUP_BYTES) {
      group.push(file.id);
      bytes += file.bytes;
    } else {
      if (groups.length === MAX_GROUPS) break;
      groups.push([file.id]);
      bytes = file.bytes;
    }
  }
  return groups;
}
