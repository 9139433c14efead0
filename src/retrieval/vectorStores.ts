/** Vector stores: create, get, list, modify, delete (operations 31 to 35). */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { deleteListed } from '../storage/deletedPlaces';
import { GLOBAL_PARTITION, newId, orderKey, partitionOf } from '../storage/keys';
import { ConflictError, type Change, type PageRequest } from '../storage/ports';
import { resolveChunking } from '../wire/chunking';
import type { CreateVectorStoreRequest, ModifyVectorStoreRequest, VectorStoreObject } from '../wire/vectorStores';
import type { AttachFiles } from './attachFiles';
import { storeExpiryDue } from './expiryDue';
import type { Files } from './files';
import type { RetrievalPorts } from './retrievalPorts';
import { selectedPage } from '../storage/selectedPages';
import {
  isExpired,
  noFiles,
  requireStore,
  STORE,
  storeKey,
  storeObject,
  storePartition,
  type IngestionJob,
  type StoreRecord,
} from './storeRecords';
import type { WriteStore } from './storeWrites';

/** The list of a scope's stores, and of the owners of all: entries that only lead to the store's own partition. */
const LIST = 'vector_stores';
/** The list of the owners of all stores. */
export const OWNERS = LIST;
/** A search writes the time of the store's last use at most this often, in seconds. */
const TOUCH_SECONDS = 60;

export type VectorStores = ReturnType<typeof createVectorStores>;

/** The vector stores of a scope. Methods throw 404 for an id that is not there. */
export function createVectorStores(
  ports: RetrievalPorts,
  files: Files,
  attachFiles: AttachFiles,
  writeStore: WriteStore,
) {
  const { records, index, embeddings, now } = ports;
  const seconds = (): number => Math.floor(now() / 1000);

  /**
   * Makes a store; with `file_ids`, of any number, also the job that ingests them. Throws 404 naming the first file that is not there, before anything is
   * written.
   */
  async function create(
    scope: Scope,
    body: CreateVectorStoreRequest,
  ): Promise<{ store: VectorStoreObject; job: IngestionJob | undefined }> {
    const fileIds = body.file_ids ?? [];
    const found = await files.findAll(scope, fileIds);
    const missing = fileIds.find((id) => !found.has(id));
    if (missing !== undefined) throw errors.noFile(missing);
    const store = newStore(body, seconds(), embeddings.current.id);
    await write(scope, store);
    if (fileIds.length === 0) return { store: storeObject(store, seconds()), job: undefined };
    const chunking = resolveChunking(body.chunking_strategy);
    const attachments = fileIds.map((fileId) => ({ fileId, file: found.get(fileId), chunking, attributes: undefined }));
    const { job } = await attachFiles(scope, store.id, attachments, false);
    return { store: await get(scope, store.id), job };
  }

  /** The entries first: one whose store is not there is passed over. */
  async function write(scope: Scope, store: StoreRecord): Promise<void> {
    const { id } = store;
    const order = orderKey(now());
    await records.write(partitionOf(scope, LIST), [{ op: 'create', list: LIST, id, order, value: { id } }]);
    await records.write(GLOBAL_PARTITION, [{ op: 'create', list: LIST, id, order, value: scope }]);
    await records.write(storePartition(scope, id), [{ op: 'create', list: STORE, id, order, value: store }], {
      add: storeExpiryDue(scope, store),
    });
  }

  async function get(scope: Scope, id: string): Promise<VectorStoreObject> {
    return storeObject((await requireStore(records, scope, id)).value, seconds());
  }

  /** Throws 404 for the first of the stores that is not there; `param` is where the request names them. */
  async function check(scope: Scope, ids: string[], param?: string): Promise<void> {
    for (const id of ids) await requireStore(records, scope, id, param);
  }

  /** The scope that a store belongs to; undefined if there is no such store. For blobs, whose path names no tenant. */
  async function ownerOf(id: string): Promise<Scope | undefined> {
    return (await records.get<Scope>({ partition: GLOBAL_PARTITION, list: LIST, id }))?.value;
  }

  async function list(scope: Scope, page: PageRequest) {
    return selectedPage<{ id: string }, VectorStoreObject>(
      records,
      { partition: partitionOf(scope, LIST), list: LIST },
      page,
      async ({ id }) => {
        const found = await records.get<StoreRecord>(storeKey(scope, id));
        return found && storeObject(found.value, seconds());
      },
    );
  }

  /** Absent fields stay; null clears. Throws 400 for another expiry of a store whose chunks were freed. */
  async function modify(scope: Scope, id: string, body: ModifyVectorStoreRequest): Promise<VectorStoreObject> {
    return writeStore(scope, id, async () => {
      const { value, etag } = await requireStore(records, scope, id);
      if (value.freed && body.expires_after !== undefined) throw errors.vectorStoreExpired(id);
      const store: StoreRecord = {
        ...value,
        ...(body.name !== undefined && { name: body.name }),
        ...(body.expires_after !== undefined && { expires_after: body.expires_after }),
        ...(body.metadata !== undefined && { metadata: body.metadata ?? {} }),
      };
      const change: Change = { op: 'replace', list: STORE, id, value: store, ifMatch: etag };
      await records.write(storePartition(scope, id), [change], { add: storeExpiryDue(scope, store) });
      return storeObject(store, seconds());
    });
  }

  /** Notes that the store is used, which is what its expiry counts from. */
  async function touch(scope: Scope, store: { value: StoreRecord; etag: string }): Promise<void> {
    const { id, last_active_at: last } = store.value;
    if (seconds() < last + TOUCH_SECONDS) return;
    const value: StoreRecord = { ...store.value, last_active_at: seconds() };
    try {
      await records.write(storePartition(scope, id), [{ op: 'replace', list: STORE, id, value, ifMatch: store.etag }]);
    } catch (error) {
      // Someone else has just written the store: the next use notes itself.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  /** Notes that a run uses the store; whether none of its files is being ingested. A store that is gone or expired counts as such. */
  async function noteUse(scope: Scope, id: string): Promise<boolean> {
    const found = await records.get<StoreRecord>(storeKey(scope, id));
    if (!found || isExpired(found.value, seconds())) return true;
    await touch(scope, found);
    return found.value.file_counts.in_progress === 0;
  }

  /** Deletes the store with its chunks; the files themselves stay. After a crash on the way, deleting again finishes it. */
  async function remove(
    scope: Scope,
    id: string,
  ): Promise<{ id: string; object: 'vector_store.deleted'; deleted: true }> {
    const entry = await records.get({ partition: partitionOf(scope, LIST), list: LIST, id });
    if (!entry) throw errors.noVectorStore(id);
    // Its record first: from then on nothing is added to the store any more.
    await records.write(storePartition(scope, id), [{ op: 'delete', list: STORE, id }]);
    await index.deleteStore({ tenant: scope.tenant, id });
    await records.deletePartition(storePartition(scope, id));
    await records.write(GLOBAL_PARTITION, [{ op: 'delete', list: LIST, id }]);
    await deleteListed(records, { partition: partitionOf(scope, LIST), list: LIST, id }, now());
    return { id, object: 'vector_store.deleted', deleted: true };
  }

  return { create, get, check, ownerOf, list, modify, touch, noteUse, remove };
}

function newStore(body: CreateVectorStoreRequest, seconds: number, model: string): StoreRecord {
  return {
    id: newId('vs_'),
    created_at: seconds,
    name: body.name ?? null,
    description: body.description ?? null,
    usage_bytes: 0,
    file_counts: noFiles(),
    expires_after: body.expires_after ?? null,
    last_active_at: seconds,
    metadata: body.metadata ?? {},
    embedding_model: model,
  };
}
