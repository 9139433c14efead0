/** Blobs put at `uploads/{vector_store_id}/{name}` become files of that store. */
import { createHash } from 'node:crypto';
import { ApiError } from '../errors';
import { resolveChunking } from '../wire/chunking';
import { MAX_ATTRIBUTES, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTE_VALUE, type Attributes } from '../wire/vectorStores';
import type { AttachFiles } from './attachFiles';
import type { Files } from './files';
import { DocumentError } from './ports';
import type { RetrievalPorts } from './retrievalPorts';
import type { IngestionJob } from './storeRecords';
import { uploadBlob, type Upload, type UploadFailures } from './uploadFailures';
import type { VectorStores } from './vectorStores';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ID_CHARACTERS = 24;

/** What became of an upload: the job that ingests it, or why there is none. */
export type UploadOutcome =
  | { job: IngestionJob; leftOut: string[] }
  /** It is gone, or only stands for a folder. */
  | { absent: true }
  /** Trying again is useless; the record of it is written. */
  | { failed: string };

export type BlobUploads = ReturnType<typeof createBlobUploads>;

export function createBlobUploads(
  { blobs, maxFileBytes }: RetrievalPorts,
  files: Files,
  vectorStores: VectorStores,
  attachFiles: AttachFiles,
  failures: UploadFailures,
) {
  /**
   * Makes a file of the blob, attaches it to the store and returns the job that ingests it. A blob of the same store and name replaces the file it made
   * before, and its metadata the attributes; `leftOut` are the keys of metadata that attributes have no room for. A failure is recorded. Throws what may pass.
   */
  return async function attachUpload(upload: Upload): Promise<UploadOutcome> {
    try {
      return await attach(upload);
    } catch (error) {
      const isFinal = error instanceof DocumentError || (error instanceof ApiError && error.status < 500);
      if (!isFinal || (error instanceof ApiError && error.status === 409)) {
        const message = 'The server had an error; the upload is tried again a few times. Put the blob again to retry.';
        await failures.record(upload, { code: 'server_error', message });
        throw error;
      }
      await failures.record(upload, { code: 'invalid_file', message: error.message });
      return { failed: error.message };
    }
  };

  async function attach(upload: Upload): Promise<UploadOutcome> {
    const { storeId, name } = upload;
    const scope = await vectorStores.ownerOf(storeId);
    if (!scope) throw new DocumentError('invalid_file', `There is no vector store '${storeId}'.`);
    await vectorStores.check(scope, [storeId]);
    const blob = await blobs.open(uploadBlob(upload));
    if (!blob) return { absent: true };
    const { size, metadata } = blob.info;
    // Azure's file systems mark folders so.
    if (size > maxFileBytes || metadata?.hdi_isfolder === 'true') blob.content.destroy();
    if (metadata?.hdi_isfolder === 'true') return { absent: true };
    if (size > maxFileBytes) {
      throw new DocumentError('invalid_file', `The blob has ${size} bytes; a file may have at most ${maxFileBytes}.`);
    }
    const { attributes, leftOut } = attributesOf(metadata);
    const file = await files.put(scope, uploadFileId(storeId, name), name, blob.content);
    const attachment = { fileId: file.id, file, chunking: resolveChunking(undefined), attributes, upload: name };
    const { job } = await attachFiles(scope, storeId, [attachment], false);
    return { job, leftOut };
  }
}

/**
 * Metadata as attributes, as strings. What the limits of attributes have no room for is left out whole, for a part of it would match no filter: long keys
 * and values, and what comes behind the sixteenth key in the order of the alphabet. Undefined where blobs have no metadata.
 */
export function attributesOf(metadata: Record<string, string> | undefined): {
  attributes: Attributes | undefined;
  leftOut: string[];
} {
  if (!metadata) return { attributes: undefined, leftOut: [] };
  const all = Object.entries(metadata).sort(([one], [other]) => (one < other ? -1 : 1));
  const fits = all.filter(([key, value]) => key.length <= MAX_ATTRIBUTE_KEY && value.length <= MAX_ATTRIBUTE_VALUE);
  const attributes = Object.fromEntries(fits.slice(0, MAX_ATTRIBUTES));
  return { attributes, leftOut: all.flatMap(([key]) => (Object.hasOwn(attributes, key) ? [] : [key])) };
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
