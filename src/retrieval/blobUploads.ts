/** Blobs put at `uploads/{vector_store_id}/{name}` become files of that store. */
import { createHash } from 'node:crypto';
import { resolveChunking } from '../wire/chunking';
import type { AttachFiles } from './attachFiles';
import type { Files } from './files';
import type { RetrievalPorts } from './retrievalPorts';
import type { IngestionJob } from './storeRecords';
import type { VectorStores } from './vectorStores';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ID_CHARACTERS = 24;

export type BlobUploads = ReturnType<typeof createBlobUploads>;

export function createBlobUploads(
  { blobs }: RetrievalPorts,
  files: Files,
  vectorStores: VectorStores,
  attachFiles: AttachFiles,
) {
  /**
   * Makes a file of the blob, attaches it to the store and returns the job that ingests it. A blob of the same store and name replaces the file it made before.
   * Returns undefined if the blob is gone. Throws an Error that says so if there is no such store.
   */
  return async function attachUpload(storeId: string, name: string): Promise<IngestionJob | undefined> {
    const scope = await vectorStores.ownerOf(storeId);
    if (!scope) throw new Error(`The upload '${name}' names the vector store '${storeId}', which does not exist.`);
    await vectorStores.check(scope, [storeId]);
    const blob = await blobs.open(`uploads/${storeId}/${name}`);
    if (!blob) return undefined;
    const file = await files.put(scope, uploadFileId(storeId, name), name, blob.content);
    const attachment = { fileId: file.id, file, chunking: resolveChunking(undefined), attributes: undefined };
    const { job } = await attachFiles(scope, storeId, [attachment], false);
    return job;
  };
}

/** The id of an uploaded blob's file, the same for the same store and name. */
export function uploadFileId(storeId: string, name: string): string {
  let number = BigInt(`0x${createHash('sha256').update(`${storeId}/${name}`).digest('hex')}`);
  let id = 'file-';
  for (let place = 0; place < ID_CHARACTERS; place += 1) {
    id += ALPHABET[Number(number % 62n)];
    number /= 62n;
  }
  return id;
}
