/** A container of a storage account, which several hosts may watch. */
import { buffer } from 'node:stream/consumers';
import type { BlobServiceClient } from '@azure/storage-blob';
import { hasStatus } from '../azureStatus';
import { AccountReceipts } from './accountReceipts';
import type { BlobContainer, TriggerBlob } from './blobContainer';

/** The largest page of the service. */
const PAGE = 5_000;

/** @param hostId Hosts of the same id share what was done, as on Azure. */
export function accountContainer(service: BlobServiceClient, container: string, hostId: string): BlobContainer {
  const client = service.getContainerClient(container);
  const receipts = new AccountReceipts(service, hostId);
  const stopping = new AbortController();
  return {
    // The real host looks every ten seconds; each look is a request for every 5,000 blobs.
    intervalMs: 5_000,
    blobsPerPass: 2 * PAGE,
    showsUnfinished: false,
    reusesEtags: false,
    hasEvents: true,
    start: async () => undefined,

    async *list() {
      try {
        const pages = client
          .listBlobsFlat({ includeMetadata: true, abortSignal: stopping.signal })
          .byPage({ maxPageSize: PAGE });
        for await (const { segment } of pages) {
          for (const { name, properties, metadata } of segment.blobItems) {
            yield blobOf(name, client.getBlobClient(name).url, { ...properties, metadata });
          }
        }
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
      }
    },

    async find(name) {
      const blob = client.getBlobClient(name);
      try {
        return blobOf(name, blob.url, await blob.getProperties());
      } catch (error) {
        if (hasStatus(error, 404)) return undefined;
        throw error;
      }
    },

    async read({ name, etag }) {
      try {
        const conditions = { ifMatch: `"${etag}"` };
        const { readableStreamBody } = await client.getBlobClient(name).download(0, undefined, { conditions });
        return readableStreamBody ? await buffer(readableStreamBody) : Buffer.alloc(0);
      } catch (error) {
        if (hasStatus(error, 404, 412)) return undefined;
        throw error;
      }
    },

    claim: async (functionName, blob, etag) => receipts.claim(functionName, blob, etag),
    stop: () => stopping.abort(),
  };
}

interface Properties {
  etag?: string;
  contentLength?: number;
  createdOn?: Date;
  lastModified?: Date;
  contentType?: string;
  blobType?: TriggerBlob['type'];
  metadata?: Record<string, string>;
}

/** Listings tell etags without the quotes that headers have. */
function blobOf(name: string, uri: string, given: Properties): TriggerBlob {
  const lastModified = given.lastModified ?? new Date(0);
  return {
    name,
    uri: uri.replace(/\?.*$/s, ''), // a shared access signature
    etag: (given.etag ?? '').replace(/^"|"$/g, ''),
    size: given.contentLength ?? 0,
    createdOn: given.createdOn ?? lastModified,
    lastModified,
    contentType: given.contentType,
    type: given.blobType ?? 'BlockBlob',
    metadata: given.metadata ?? {},
  };
}
