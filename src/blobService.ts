/** The client of Blob storage for whatever credential the account is reached by: for the adapters, and for the local host's triggers. */
import type { TokenCredential } from '@azure/identity';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { StorageAccount, StorageCredential } from './storageAccount';

/** Nothing is sent yet. `token`: see {@link tokenCredential}. */
export function blobService({ name, blobUrl, credential }: StorageAccount, token?: TokenCredential): BlobServiceClient {
  const options = { retryOptions: { maxTries: 5, retryDelayInMs: 200, maxRetryDelayInMs: 6_400 } };
  if (token) return new BlobServiceClient(blobUrl, token, options);
  if (credential.kind === 'key') {
    return new BlobServiceClient(blobUrl, new StorageSharedKeyCredential(name, credential.key), options);
  }
  return new BlobServiceClient(`${blobUrl}?${signatureOf(credential)}`, undefined, options);
}

/** Of an account that is reached by one, otherwise ''. */
export const signatureOf = (credential: StorageCredential): string =>
  credential.kind === 'sas' ? credential.signature : '';

/** Gives out the tokens of an account that is reached by an identity; undefined for the others. */
export async function tokenCredential(credential: StorageCredential): Promise<TokenCredential | undefined> {
  if (credential.kind !== 'identity') return undefined;
  // Loaded only here: with a key nobody pays for the library.
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity');
  const { isManaged, clientId } = credential;
  if (!isManaged) return new DefaultAzureCredential({ managedIdentityClientId: clientId });
  return clientId ? new ManagedIdentityCredential({ clientId }) : new ManagedIdentityCredential();
}
