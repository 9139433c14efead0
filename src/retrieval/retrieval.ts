/** Files become searchable: files, vector stores, their files and batches, ingestion and search. */
import { createAttachFiles } from './attachFiles';
import { createBlobUploads, type BlobUploads } from './blobUploads';
import { createExpiry, type Expiry } from './expiry';
import { createFileBatches, type FileBatches } from './fileBatches';
import { createFiles, type Files } from './files';
import { createIndexUpkeep, type IndexUpkeep } from './indexUpkeep';
import { createIngestion, type Ingestion } from './ingestion';
import type { RetrievalPorts } from './retrievalPorts';
import { createSearch, type Search } from './search';
import { createSettleFiles } from './settleFiles';
import { storeWrites } from './storeWrites';
import { createVectorStoreFiles, type VectorStoreFiles } from './vectorStoreFiles';
import { createVectorStores, type VectorStores } from './vectorStores';

export interface Retrieval {
  files: Files;
  vectorStores: VectorStores;
  vectorStoreFiles: VectorStoreFiles;
  fileBatches: FileBatches;
  ingestion: Ingestion;
  expiry: Expiry;
  indexUpkeep: IndexUpkeep;
  search: Search;
  attachUpload: BlobUploads;
}

/** Builds the capability; once per process, for its writers queue up here. */
export function createRetrieval(ports: RetrievalPorts): Retrieval {
  const writeStore = storeWrites();
  const attachFiles = createAttachFiles(ports, writeStore);
  const files = createFiles(ports);
  const vectorStores = createVectorStores(ports, files, attachFiles, writeStore);
  const ingestion = createIngestion(ports, writeStore, createSettleFiles(ports, writeStore));
  return {
    files,
    vectorStores,
    vectorStoreFiles: createVectorStoreFiles(ports, files, attachFiles, writeStore),
    fileBatches: createFileBatches(ports, files, attachFiles, ingestion, writeStore),
    ingestion,
    expiry: createExpiry(ports, writeStore),
    indexUpkeep: createIndexUpkeep(ports),
    search: createSearch(ports, vectorStores),
    attachUpload: createBlobUploads(ports, files, vectorStores, attachFiles),
  };
}
