/** Opens what keeps the state, by the settings: for the app, and for commands that need nothing else of it. */
import { join } from 'node:path';
import { folderBlobs } from './adapters/folderBlobs';
import { folderSource } from './adapters/folderSource';
import { lateVectorIndex } from './adapters/lateVectorIndex';
import { sqliteRecords } from './adapters/sqlite';
import type { Config, StateConfig } from './config';
import { late } from './late';
import type { BlobSource } from './retrieval/blobSource';
import type { VectorIndex } from './retrieval/ports';
import { FAILED_UPLOADS, UPLOADS } from './retrieval/uploadFailures';
import { TENANT_CONTAINERS } from './storage/blobContainers';
import type { Blobs, Records } from './storage/ports';

/** What keeps the state. */
export interface Storage {
  records: Records;
  blobs: Blobs;
  /** What syncs mirror. */
  source: BlobSource;
  index: VectorIndex;
}

/** Takes faults that a caller must not see in detail. */
export type LogFault = (message: string, error: unknown) => void;

/** Opens the records alone. */
export async function openRecords(
  { storage, dataDir }: Pick<Config, 'storage' | 'dataDir'>,
  logFault: LogFault,
): Promise<Records> {
  if (storage.kind === 'embedded') return sqliteRecords(join(dataDir, 'records.sqlite'));
  const { azureRecords } = await import('./adapters/azureStorage/azureRecords.js');
  return azureRecords({ account: storage.account, prefix: storage.prefix, logFault });
}

/** Opens what keeps the state: files below DATA_DIR, or the storage account. The index is opened by its first use. */
export async function openStorage(config: StateConfig, logFault: LogFault): Promise<Storage> {
  const { storage, dataDir } = config;
  const records = await openRecords({ storage, dataDir }, logFault);
  const index = lateVectorIndex(late(async () => openVectorIndex(config)));
  if (storage.kind === 'embedded') {
    return {
      records,
      blobs: folderBlobs(join(dataDir, 'blobs')),
      source: folderSource(join(dataDir, 'blobs')),
      index,
    };
  }
  const { account, prefix } = storage;
  const { azureBlobs } = await import('./adapters/azureStorage/azureBlobs.js');
  const { azureSource } = await import('./adapters/azureStorage/azureSource.js');
  return {
    records,
    blobs: await azureBlobs({ account, prefix, containers: [...TENANT_CONTAINERS, UPLOADS, FAILED_UPLOADS] }),
    source: await azureSource(account),
    index,
  };
}

async function openVectorIndex({ vectorIndex, storage, dataDir }: StateConfig): Promise<VectorIndex> {
  if (vectorIndex.kind === 'azure_search') {
    const credential = vectorIndex.apiKey ?? new (await import('@azure/identity')).DefaultAzureCredential();
    const { azureSearchIndex } = await import('./adapters/azureSearch/azureSearchIndex.js');
    return azureSearchIndex({ ...vectorIndex, credential });
  }
  const { lanceDbIndex } = await import('./adapters/lanceDb.js');
  if (storage.kind === 'embedded') return lanceDbIndex(join(dataDir, 'lancedb'));
  const { azureVectors } = await import('./adapters/azureStorage/azureVectors.js');
  const { address, options } = await azureVectors(storage.account, storage.prefix);
  return lanceDbIndex(address, { storageOptions: options });
}
