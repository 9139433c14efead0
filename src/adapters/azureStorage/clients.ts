/** Clients of a storage account for whatever credential it is reached by. */
import { AzureNamedKeyCredential, AzureSASCredential, TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import type { BlobServiceClient } from '@azure/storage-blob';
import { blobService, signatureOf, tokenCredential } from '../../blobService';
import type { StorageAccount } from '../../storageAccount';
import { timeLimit } from '../timeLimit';

/** One sending of a request to Table Storage, in milliseconds; the service itself gives up after 30 s. */
const TABLE_TIMEOUT_MS = 35_000;

/** What the adapters of one account share. */
export interface StorageClients {
  table(name: string): TableClient;
  blobs: BlobServiceClient;
}

/** Nothing is sent yet. */
export async function storageClients(
  account: StorageAccount,
  tableTimeoutMs = TABLE_TIMEOUT_MS,
): Promise<StorageClients> {
  const token = await tokenCredential(account.credential);
  return {
    table(name) {
      const client = tableClient(account, name, token);
      client.pipeline.addPolicy(timeLimit(tableTimeoutMs), { afterPhase: 'Retry' });
      return client;
    },
    blobs: blobService(account, token),
  };
}

function tableClient(
  { name, tableUrl, credential }: StorageAccount,
  table: string,
  token?: TokenCredential,
): TableClient {
  const options = {
    allowInsecureConnection: tableUrl.startsWith('http:'),
    // From 0.2 s up to 6.4 s: as long as a partition that is too busy may take to be moved.
    retryOptions: { maxRetries: 6, retryDelayInMs: 200 },
  };
  if (token) return new TableClient(tableUrl, table, token, options);
  if (credential.kind === 'key') {
    return new TableClient(tableUrl, table, new AzureNamedKeyCredential(name, credential.key), options);
  }
  return new TableClient(tableUrl, table, new AzureSASCredential(signatureOf(credential)), options);
}

/** Runs `create` at the first call, whose callers wait for it, and again after it failed. */
export function onFirstUse(create: () => Promise<unknown>): () => Promise<void> {
  let made: Promise<void> | undefined;
  return async () => {
    made ??= create().then(
      () => undefined,
      (error: unknown) => {
        made = undefined;
        throw error;
      },
    );
    return made;
  };
}
