/** Containers of the storage account, for syncs. */
import { Readable } from 'node:stream';
import { BlobSourceError, type BlobSource } from '../../retrieval/blobSource';
import type { StorageAccount } from '../../storageAccount';
import { hasStatus } from '../../azureStatus';
import { storageClients } from './clients';

const PAGE = 1000;

/** Blobs as they are named there; those that only mark a folder are passed over. Nothing is sent before the first call. */
export async function azureSource(account: StorageAccount): Promise<BlobSource> {
  const { blobs } = await storageClients(account);
  return {
    async *list(container, prefix) {
      const pages = blobs
        .getContainerClient(container)
        .listBlobsFlat({ prefix, includeMetadata: true })
        .byPage({ maxPageSize: PAGE });
      try {
        for await (const { segment } of pages) {
          yield segment.blobItems
            .filter(({ metadata }) => metadata?.hdi_isfolder !== 'true')
            .map(({ name, properties }) => ({ name, etag: properties.etag }));
        }
      } catch (error) {
        if (hasStatus(error, 404)) throw new BlobSourceError(`There is no container '${container}' in the account.`);
        throw error;
      }
    },

    async open(container, name) {
      try {
        const {
          contentLength = 0,
          readableStreamBody,
          metadata,
        } = await blobs.getContainerClient(container).getBlobClient(name).download();
        const content =
          readableStreamBody instanceof Readable ? readableStreamBody : Readable.from(readableStreamBody ?? []);
        return { size: contentLength, metadata, content };
      } catch (error) {
        if (hasStatus(error, 404)) return undefined;
        throw error;
      }
    },
  };
}
