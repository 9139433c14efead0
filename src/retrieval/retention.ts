/** Files and vector stores that have not been used for long, and what else a store leaves outside its partition. */
import { isFound } from '../errors';
import type { Scope } from '../scope';
import { GLOBAL_PARTITION, timeOf } from '../storage/keys';
import { UnknownCursorError, type RecordPage } from '../storage/ports';
import type { FileObject } from '../wire/vectorStores';
import { fileKey } from './files';
import { storesOf } from './fileStores';
import { WAITING } from './indexUpkeep';
import type { IndexedStore } from './ports';
import type { Retrieval } from './retrieval';
import type { RetrievalPorts } from './retrievalPorts';
import { storeKey, type StoreRecord } from './storeRecords';
import { FAILED_UPLOADS, UPLOADS } from './uploadFailures';
import { OWNERS } from './vectorStores';

/** Files looked at by one step. */
const PAGE = 50;

type Ports = Pick<RetrievalPorts, 'records'>;

const isStoreInUse = (store: StoreRecord, before: number): boolean =>
  store.file_counts.in_progress > 0 || store.last_active_at * 1000 >= before;

/** Removes the store if it was last active before that moment, in Unix milliseconds, and nothing is being ingested. */
export async function removeUnusedStore(
  { records }: Ports,
  { vectorStores }: Pick<Retrieval, 'vectorStores'>,
  scope: Scope,
  id: string,
  before: number,
): Promise<void> {
  const found = await records.get<StoreRecord>(storeKey(scope, id));
  if (!found || isStoreInUse(found.value, before)) return;
  await isFound(vectorStores.remove(scope, id));
}

/**
 * Removes those of the scope's oldest files that were made before that moment, in Unix milliseconds, and are in no vector store that was used since. Looks at 50 at most, and
 * returns where to go on: the id to begin behind, '' for the beginning, undefined where no file is that old.
 */
export async function removeUnusedFiles(
  { records }: Ports,
  { removeFile }: Pick<Retrieval, 'removeFile'>,
  scope: Scope,
  before: number,
  after = '',
): Promise<string | undefined> {
  const { partition, list } = fileKey(scope, '');
  let page: RecordPage<FileObject>;
  try {
    page = await records.list<FileObject>(partition, list, { order: 'asc', limit: PAGE, after: after || undefined });
  } catch (error) {
    if (error instanceof UnknownCursorError) return '';
    throw error;
  }
  let lastKept = after;
  for (const { id, order, value } of page.records) {
    if (timeOf(order) >= before) return undefined;
    const isKept = value.created_at * 1000 >= before || (await isInUse({ records }, scope, id, before));
    // One that has expired is the sweep's.
    if (isKept || !(await isFound(removeFile(scope, id)))) lastKept = id;
  }
  return page.hasMore ? lastKept : undefined;
}

async function isInUse({ records }: Ports, scope: Scope, fileId: string, before: number): Promise<boolean> {
  for await (const storeId of storesOf(records, scope, fileId)) {
    const store = await records.get<StoreRecord>(storeKey(scope, storeId));
    if (store && isStoreInUse(store.value, before)) return true;
  }
  return false;
}

/** Removes what a store has outside its partition: chunks, uploads, and what leads to it from its id alone. Safe to repeat. */
export async function removeStoreRemains(
  { records, blobs, index }: Pick<RetrievalPorts, 'records' | 'blobs' | 'index'>,
  store: IndexedStore,
): Promise<void> {
  const { id } = store;
  await index.deleteStore(store);
  for (const container of [UPLOADS, FAILED_UPLOADS]) await blobs.deleteBelow(`${container}/${id}`);
  await records.write(GLOBAL_PARTITION, [
    { op: 'delete', list: OWNERS, id },
    { op: 'delete', list: WAITING, id },
  ]);
}
