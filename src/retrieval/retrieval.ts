/** Files become searchable: files, vector stores, their files and batches, ingestion and search. */
import { createAttachFiles } from './attachFiles';
import { createBlobUploads, type BlobUploads } from './blobUploads';
import { createExpiry, type Expiry } from './expiry';
import { createFileBatches, type FileBatches } from './fileBatches';
import { createFiles, type Files } from './files';
import { leaveStores } from './fileStores';
import { createIndexUpkeep, type IndexUpkeep } from './indexUpkeep';
import { createIngestion, type Ingestion } from './ingestion';
import type { RetrievalPorts } from './retrievalPorts';
import { createSearch, type Search } from './search';
import { createSettleFiles } from './settleFiles';
import { storeWrites } from './storeWrites';
import { createMirror } from './mirror';
import { createSyncs, type Syncs, type SyncSource } from './syncs';
import { createUploadFailures } from './uploadFailures';
import { createUploads, type Uploads } from './uploads';
import { createUploadSweep, type UploadSweep } from './uploadSweep';
import { createVectorStoreFiles, type VectorStoreFiles } from './vectorStoreFiles';
import { createVectorStores, type VectorStores } from './vectorStores';

export interface Retrieval {
  files: Files;
  /** Deletes a file and takes it out of all vector stores, as the services do. Throws 404 if there is no such file. */
  removeFile: Files['remove'];
  vectorStores: VectorStores;
  vectorStoreFiles: VectorStoreFiles;
  fileBatches: FileBatches;
  ingestion: Ingestion;
  expiry: Expiry;
  indexUpkeep: IndexUpkeep;
  search: Search;
  uploads: Uploads;
  uploadSweep: UploadSweep;
  attachUpload: BlobUploads;
  syncs: Syncs;
}

/** Builds the capability; once per process, for its writers queue up here. */
export function createRetrieval(ports: RetrievalPorts, { source, containersOf }: SyncSource): Retrieval {
  const writeStore = storeWrites();
  const attachFiles = createAttachFiles(ports, writeStore);
  const files = createFiles(ports);
  const vectorStores = createVectorStores(ports, files, attachFiles, writeStore);
  const uploadFailures = createUploadFailures(ports);
  const ingestion = createIngestion(ports, writeStore, createSettleFiles(ports, writeStore), uploadFailures);
  const vectorStoreFiles = createVectorStoreFiles(ports, files, attachFiles, writeStore);
  const removeFile: Files['remove'] = async (scope, id) => {
    await files.get(scope, id);
    await leaveStores(ports, scope, id, async (storeId) => vectorStoreFiles.remove(scope, storeId, id));
    return files.remove(scope, id);
  };
  const mirror = createMirror(ports, source, files, attachFiles, removeFile);
  return {
    files,
    removeFile,
    syncs: createSyncs({ ...ports, containersOf, mirror }),
    vectorStores,
    vectorStoreFiles,
    fileBatches: createFileBatches(ports, files, attachFiles, ingestion, writeStore),
    ingestion,
    expiry: createExpiry(ports, writeStore),
    indexUpkeep: createIndexUpkeep(ports),
    search: createSearch(ports, vectorStores),
    uploads: createUploads(ports, files),
    uploadSweep: createUploadSweep(ports),
    attachUpload: createBlobUploads(ports, files, vectorStores, attachFiles, uploadFailures),
  };
}
