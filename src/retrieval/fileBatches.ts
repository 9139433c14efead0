/** File batches: many files added to a vector store at once (operations 43 to 46). */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { StoredRecord } from '../storage/ports';
import { resolveChunking } from '../wire/chunking';
import type {
  CreateFileBatchRequest,
  CreateVectorStoreFileRequest,
  FileBatchObject,
  ListVectorStoreFilesQuery,
  VectorStoreFileObject,
} from '../wire/vectorStores';
import type { AttachFiles } from './attachFiles';
import type { Files } from './files';
import type { Ingestion } from './ingestion';
import type { RetrievalPorts } from './retrievalPorts';
import { selectedPage } from '../storage/selectedPages';
import {
  fileBatchObject,
  isFinished,
  jobKey,
  JOBS,
  membersOf,
  requireStore,
  storeFileKey,
  storeFileObject,
  storePartition,
  type IngestionJob,
  type JobRecord,
  type StoreFile,
} from './storeRecords';
import type { WriteStore } from './storeWrites';

export type FileBatches = ReturnType<typeof createFileBatches>;

/** Methods throw 404 for a store or a batch in it that is not there. */
export function createFileBatches(
  { records }: RetrievalPorts,
  files: Files,
  attachFiles: AttachFiles,
  ingestion: Ingestion,
  writeStore: WriteStore,
) {
  /** Adds the files. One that does not exist fails by itself; the batch goes on. Ids that are named twice count once, with the last settings. */
  async function create(
    scope: Scope,
    storeId: string,
    body: CreateFileBatchRequest,
  ): Promise<{ batch: FileBatchObject; job: IngestionJob }> {
    await requireStore(records, scope, storeId);
    const items = itemsOf(body);
    const found = await files.findAll(
      scope,
      items.map((item) => item.file_id),
    );
    const attachments = items.map((item) => ({
      fileId: item.file_id,
      file: found.get(item.file_id),
      chunking: resolveChunking(item.chunking_strategy),
      attributes: item.attributes === null ? {} : item.attributes,
    }));
    const { record, job } = await attachFiles(scope, storeId, attachments, true);
    return { batch: fileBatchObject(record), job };
  }

  async function requireBatch(job: IngestionJob): Promise<StoredRecord<JobRecord>> {
    await requireStore(records, job.scope, job.storeId);
    const found = await records.get<JobRecord>(jobKey(job));
    if (!found?.value.listed) throw errors.noFileBatch(job.jobId);
    return found;
  }

  async function get(scope: Scope, storeId: string, id: string): Promise<FileBatchObject> {
    return fileBatchObject((await requireBatch({ scope, storeId, jobId: id })).value);
  }

  /**
   * Cancels the files that have no outcome yet. The answer shows the batch as `cancelling`; when it arrives they are cancelled. A batch
   * that is finished stays as it is.
   */
  async function cancel(scope: Scope, storeId: string, id: string): Promise<FileBatchObject> {
    const job: IngestionJob = { scope, storeId, jobId: id };
    const batch = await writeStore(scope, storeId, async () => {
      const { value, etag } = await requireBatch(job);
      if (isFinished(value)) return value;
      const cancelling: JobRecord = { ...value, status: 'cancelling' };
      await records.write(storePartition(scope, storeId), [
        { op: 'replace', list: JOBS, id, value: cancelling, ifMatch: etag },
      ]);
      return cancelling;
    });
    if (batch.status === 'cancelling') await ingestion.cancelPending(job);
    return fileBatchObject(batch);
  }

  /** The batch's files, less those that were removed from the store since. */
  async function listFiles(scope: Scope, storeId: string, id: string, { filter, ...page }: ListVectorStoreFilesQuery) {
    await requireBatch({ scope, storeId, jobId: id });
    const members = { partition: storePartition(scope, storeId), list: membersOf(id) };
    return selectedPage<{ id: string }, VectorStoreFileObject>(records, members, page, async (member) => {
      const file = await records.get<StoreFile>(storeFileKey(scope, storeId, member.id));
      return file && (filter === undefined || file.value.status === filter) ? storeFileObject(file.value) : undefined;
    });
  }

  return { create, get, cancel, listFiles };
}

/** Either form of the request as files with their settings. */
function itemsOf({ file_ids: ids = [], files, ...shared }: CreateFileBatchRequest): CreateVectorStoreFileRequest[] {
  return files ?? ids.map((file_id) => ({ ...shared, file_id }));
}
