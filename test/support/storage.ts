/** The store that tests run on: files below a folder, or the storage account of `npm run test:azure`. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { azureBlobs } from '../../src/adapters/azureStorage/azureBlobs';
import { azureRecords } from '../../src/adapters/azureStorage/azureRecords';
import { azureVectors } from '../../src/adapters/azureStorage/azureVectors';
import { folderBlobs } from '../../src/adapters/folderBlobs';
import { lanceDbIndex } from '../../src/adapters/lanceDb';
import { sqliteRecords } from '../../src/adapters/sqlite';
import type { VectorIndex } from '../../src/retrieval/ports';
import type { Blobs, Records } from '../../src/storage/ports';
import { accountOf, AZURITE_CONNECTION } from './azurite';

/** The same for the same folder, so that a host that is started again finds its data. */
const prefixOf = (directory: string) => `t${createHash('sha256').update(directory).digest('hex').slice(0, 20)}`;

/** Settings of a host whose embedded state would be in that folder. */
export function storageSettings(directory: string): Record<string, string> {
  const connection = process.env[AZURITE_CONNECTION];
  return connection ? { STORAGE: 'azure', AzureWebJobsStorage: connection, STORAGE_PREFIX: prefixOf(directory) } : {};
}

/** Records for tests without a host. */
export async function openRecords(directory: string): Promise<Records> {
  const connection = process.env[AZURITE_CONNECTION];
  if (!connection) return sqliteRecords(join(directory, 'records.sqlite'));
  return azureRecords({
    account: accountOf(connection),
    prefix: prefixOf(directory),
    logFault: (message, error) => console.error(message, error),
  });
}

/** The records with another `write`, which may use theirs. A spread would leave out the methods of a class. */
export const withWrite = (records: Records, write: Records['write']): Records => ({
  get: records.get.bind(records),
  list: records.list.bind(records),
  write,
  deletePartition: records.deletePartition.bind(records),
  due: records.due.bind(records),
  writeDue: records.writeDue.bind(records),
  close: records.close.bind(records),
});

/** Blobs for tests without a host. */
export async function openBlobs(directory: string): Promise<Blobs> {
  const connection = process.env[AZURITE_CONNECTION];
  if (!connection) return folderBlobs(join(directory, 'blobs'));
  return azureBlobs({
    account: accountOf(connection),
    prefix: prefixOf(directory),
    containers: ['files', 'responses', 'conversations', 'uploads', 'failed-uploads'],
  });
}

/** The vector index of a host whose embedded state would be in that folder. */
export async function openVectors(directory: string): Promise<VectorIndex> {
  const connection = process.env[AZURITE_CONNECTION];
  if (!connection) return lanceDbIndex(join(directory, 'lancedb'));
  const { address, options } = await azureVectors(accountOf(connection), prefixOf(directory));
  return lanceDbIndex(address, { storageOptions: options });
}
