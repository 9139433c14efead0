/** Records of uploads that could not be ingested, beside the uploads: whoever puts blobs there can read them, also where no vector store is known. */
import { Readable } from 'node:stream';
import type { VectorStoreFileObject } from '../wire/vectorStores';
import type { RetrievalPorts } from './retrievalPorts';
import type { Outcome } from './settleFiles';
import type { StoreFile } from './storeRecords';

/** A blob at `uploads/{storeId}/{name}`. */
export interface Upload {
  storeId: string;
  name: string;
}

/** First segment of the names of records, a container of its own: what is put beside uploads would be an upload. */
export const FAILED_UPLOADS = 'failed-uploads';

/** First segment of the names of uploads. */
export const UPLOADS = 'uploads';

/** The blob's own name. */
export const uploadBlob = ({ storeId, name }: Upload): string => `${UPLOADS}/${storeId}/${name}`;

export type UploadFailures = ReturnType<typeof createUploadFailures>;

/** Each record is a JSON blob at `failed-uploads/{vector_store_id}/{name}.json`. */
export function createUploadFailures({ blobs, now }: Pick<RetrievalPorts, 'blobs' | 'now'>) {
  const nameOf = ({ storeId, name }: Upload): string => `${FAILED_UPLOADS}/${storeId}/${name}.json`;

  /** Writes the record, in the place of an earlier one. */
  async function record(upload: Upload, error: NonNullable<VectorStoreFileObject['last_error']>): Promise<void> {
    const failure = {
      blob: uploadBlob(upload),
      vector_store_id: upload.storeId,
      error,
      failed_at: Math.floor(now() / 1000),
    };
    await blobs.put(nameOf(upload), Readable.from([Buffer.from(`${JSON.stringify(failure, null, 2)}\n`)]));
  }

  /** Keeps the records of those of the files that were uploads. Returns the faults that it met: the outcomes stand without the records. */
  async function note(files: StoreFile[], outcomes: ReadonlyMap<string, Outcome>): Promise<unknown[]> {
    const faults: unknown[] = [];
    for (const { id, vector_store_id: storeId, upload: name } of files) {
      const outcome = outcomes.get(id);
      if (name === undefined || !outcome) continue;
      try {
        if (outcome.status === 'failed') await record({ storeId, name }, outcome.error);
        if (outcome.status === 'completed') await blobs.delete(nameOf({ storeId, name }));
      } catch (error) {
        faults.push(error);
      }
    }
    return faults;
  }

  return { record, note };
}
