/** The files of a vector store (operations 36 to 41). */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { listedDeletion } from '../storage/deletedPlaces';
import type { Change, StoredRecord } from '../storage/ports';
import { resolveChunking } from '../wire/chunking';
import type {
  Attributes,
  CreateVectorStoreFileRequest,
  ListVectorStoreFilesQuery,
  VectorStoreFileObject,
} from '../wire/vectorStores';
import type { AttachFiles } from './attachFiles';
import type { Files } from './files';
import { indexUpkeepDue } from './indexUpkeep';
import type { RetrievalPorts } from './retrievalPorts';
import { selectedPage } from '../storage/selectedPages';
import {
  FILES,
  isExpired,
  recount,
  requireStore,
  STORE,
  storeFileKey,
  storeFileObject,
  storePartition,
  type IngestionJob,
  type StoreFile,
  type StoreRecord,
} from './storeRecords';
import type { WriteStore } from './storeWrites';

export type VectorStoreFiles = ReturnType<typeof createVectorStoreFiles>;

/** Methods throw 404 for a store or a file in it that is not there. */
export function createVectorStoreFiles(
  ports: RetrievalPorts,
  files: Files,
  attachFiles: AttachFiles,
  writeStore: WriteStore,
) {
  const { records, index, now } = ports;

  async function requireFile(scope: Scope, storeId: string, id: string): Promise<StoredRecord<StoreFile>> {
    await requireStore(records, scope, storeId);
    const found = await records.get<StoreFile>(storeFileKey(scope, storeId, id));
    if (!found) throw errors.noVectorStoreFile(id);
    return found;
  }

  /** Adds a file, or ingests one anew that is there already. Throws 404 if there is no such file at all. */
  async function create(
    scope: Scope,
    storeId: string,
    body: CreateVectorStoreFileRequest,
  ): Promise<{ file: VectorStoreFileObject; job: IngestionJob }> {
    await requireStore(records, scope, storeId);
    const attachment = {
      fileId: body.file_id,
      file: await files.get(scope, body.file_id),
      chunking: resolveChunking(body.chunking_strategy),
      attributes: body.attributes === null ? {} : body.attributes,
    };
    const { job } = await attachFiles(scope, storeId, [attachment], false);
    return { file: await get(scope, storeId, body.file_id), job };
  }

  /** Adds files without any settings, which joins them to the store as {@link create} does; the job ingests them all. */
  async function addAll(scope: Scope, storeId: string, ids: string[]): Promise<IngestionJob> {
    const found = await files.findAll(scope, ids);
    const chunking = resolveChunking(undefined);
    const attachments = ids.map((fileId) => ({ fileId, file: found.get(fileId), chunking, attributes: undefined }));
    const { job } = await attachFiles(scope, storeId, attachments, false);
    return job;
  }

  async function get(scope: Scope, storeId: string, id: string): Promise<VectorStoreFileObject> {
    return storeFileObject((await requireFile(scope, storeId, id)).value);
  }

  async function list(scope: Scope, storeId: string, { filter, ...page }: ListVectorStoreFilesQuery) {
    await requireStore(records, scope, storeId);
    const partition = storePartition(scope, storeId);
    return selectedPage<StoreFile, VectorStoreFileObject>(records, { partition, list: FILES }, page, (file) =>
      filter === undefined || file.status === filter ? storeFileObject(file) : undefined,
    );
  }

  /** Replaces the attributes; null clears them. The next search goes by them. */
  async function setAttributes(
    scope: Scope,
    storeId: string,
    id: string,
    attributes: Attributes | null,
  ): Promise<VectorStoreFileObject> {
    return writeStore(scope, storeId, async () => {
      const { value, etag } = await requireFile(scope, storeId, id);
      const file: StoreFile = { ...value, attributes: attributes ?? {} };
      await records.write(storePartition(scope, storeId), [
        { op: 'replace', list: FILES, id, value: file, ifMatch: etag },
      ]);
      return storeFileObject(file);
    });
  }

  /**
   * The parsed text as it is searched, chunk by chunk, overlaps included; none while the file is not ingested. Throws 400 for a store that has expired,
   * whose chunks are not kept.
   */
  async function content(scope: Scope, storeId: string, id: string): Promise<{ type: 'text'; text: string }[]> {
    const { value: file } = await requireFile(scope, storeId, id);
    const store = await requireStore(records, scope, storeId);
    if (isExpired(store.value, Math.floor(now() / 1000))) throw errors.vectorStoreExpired(storeId);
    if (file.status !== 'completed') return [];
    return (await index.chunksOf({ tenant: scope.tenant, id: storeId }, id)).map(({ text }) => ({
      type: 'text',
      text,
    }));
  }

  /** Takes the file out of the store with its chunks; the file itself stays. */
  async function remove(
    scope: Scope,
    storeId: string,
    id: string,
  ): Promise<{ id: string; object: 'vector_store.file.deleted'; deleted: true }> {
    await writeStore(scope, storeId, async () => {
      const { value: file, etag, order } = await requireFile(scope, storeId, id);
      // Chunks first, so that a crash leaves a file that can be removed again. One that is ingested meanwhile has another etag then.
      await index.deleteFiles({ tenant: scope.tenant, id: storeId }, [id]);
      const store = await requireStore(records, scope, storeId);
      const value: StoreRecord = {
        ...store.value,
        file_counts: { ...store.value.file_counts },
        usage_bytes: store.value.usage_bytes - file.usage_bytes,
      };
      recount(value.file_counts, file.status, undefined);
      const partition = storePartition(scope, storeId);
      const deletion = await listedDeletion(records, { partition, list: FILES, id }, { order, etag }, now());
      const changes: Change[] = [
        ...deletion.changes,
        { op: 'replace', list: STORE, id: storeId, value, ifMatch: store.etag },
      ];
      await records.write(partition, changes, {
        add: [indexUpkeepDue({ tenant: scope.tenant, id: storeId }, Math.floor(now() / 1000)), deletion.due],
      });
    });
    return { id, object: 'vector_store.file.deleted', deleted: true };
  }

  return { create, addAll, get, list, setAttributes, content, remove };
}
