/** The client of Blob storage for whatever credential the account is reached by: for the adapters, and for the local host's triggers. */
import type { TokenCredential } from '@azure/identity';
import {
  AnonymousCredential,
  BlobServiceClient,
  newPipeline,
  StorageSharedKeyCredential,
  type RequestPolicyFactory,
} from '@azure/storage-blob';
import type { StorageAccount, StorageCredential } from './storageAccount';

/** One sending of a request until its answer begins, in milliseconds: 4 MiB go up in it over a slow line. How long a download then takes is not bounded. */
const TIMEOUT_MS = 100_000;

/**
 * Nothing is sent yet. `token`: see {@link tokenCredential}. The library itself would wait without end for a service that accepts a connection and never answers: its
 * `tryTimeoutInMs` is only told to the service.
 */
export function blobService(
  { name, blobUrl, credential }: StorageAccount,
  token?: TokenCredential,
  timeoutMs = TIMEOUT_MS,
): BlobServiceClient {
  const key = credential.kind === 'key' ? new StorageSharedKeyCredential(name, credential.key) : undefined;
  const pipeline = newPipeline(token ?? key ?? new AnonymousCredential(), {
    retryOptions: { maxTries: 5, retryDelayInMs: 200, maxRetryDelayInMs: 6_400 },
  });
  const timeout: RequestPolicyFactory = {
    create: (next) => ({
      sendRequest: async (request) => {
        request.timeout = timeoutMs;
        return next.sendRequest(request);
      },
    }),
  };
  pipeline.factories.push(timeout);
  const signature = signatureOf(credential);
  return new BlobServiceClient(signature === '' ? blobUrl : `${blobUrl}?${signature}`, pipeline);
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
