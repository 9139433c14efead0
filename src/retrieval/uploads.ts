/** Uploads: large files that come in parts, in any order, and become files when they are completed (`/uploads`). */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { BlobTooLargeError, UnknownCursorError, type StoredRecord } from '../storage/ports';
import {
  MAX_PARTS,
  type CompleteUploadRequest,
  type CreateUploadRequest,
  type UploadObject,
  type UploadPartObject,
} from '../wire/uploads';
import type { FileObject } from '../wire/vectorStores';
import { fileBlob, usableName, type Files } from './files';
import { receiveContent, type TakeContent } from '../storage/receivedContent';
import type { RetrievalPorts } from './retrievalPorts';
import {
  LATE_SECONDS,
  partBlob,
  partList,
  statusOf,
  unmadeFileDue,
  UPLOAD_SECONDS,
  uploadDue,
  uploadKey,
  type UploadPartRecord,
  type UploadRecord,
} from './uploadRecords';

/** Limits of the services. */
const MAX_PART_BYTES = 64 * 1024 * 1024;
const MAX_UPLOAD_BYTES = 8 * 1024 * 1024 * 1024;
/** The longest that a completion puts parts together: it is over before the sweep looks at what it has left. */
const COMPLETION_MS = (LATE_SECONDS * 1_000) / 2;
/** Records read at once. */
const READS = 100;

/** An upload, with its file where it has become one that was not deleted since. */
export type ShownUpload = Omit<UploadObject, 'file'> & { file: FileObject | null };

export type Uploads = ReturnType<typeof createUploads>;

/** The uploads of a scope. Methods throw 404 for an id that is not there, and 400 for an upload that is over. */
export function createUploads({ records, blobs, now, maxFileBytes }: RetrievalPorts, files: Files) {
  const seconds = (): number => Math.floor(now() / 1000);
  const maxBytes = Math.min(MAX_UPLOAD_BYTES, maxFileBytes);

  async function get(scope: Scope, id: string): Promise<StoredRecord<UploadRecord>> {
    const found = await records.get<UploadRecord>(uploadKey(scope, id));
    if (!found) throw errors.noUpload(id);
    return found;
  }

  function requirePending(upload: UploadRecord): void {
    const status = statusOf(upload, seconds());
    if (status !== 'pending') throw errors.uploadNotPending(upload.id, status);
  }

  async function shown(scope: Scope, upload: UploadRecord): Promise<ShownUpload> {
    const { id, object, bytes, created_at, filename, purpose, expires_at, file_id: fileId } = upload;
    const status = statusOf(upload, seconds());
    const [file = null] = (await files.findAll(scope, fileId === null ? [] : [fileId])).values();
    return { id, object, bytes, created_at, filename, purpose, status, expires_at, file };
  }

  /** Creates an upload that takes parts for an hour. Throws 400 for a name that no file may have, and for one larger than a file may be. */
  async function create(scope: Scope, request: CreateUploadRequest): Promise<ShownUpload> {
    const filename = usableName(request.filename, 'filename');
    if (request.bytes > maxBytes) throw errors.uploadTooLarge(maxBytes);
    const { partition, list, id } = uploadKey(scope, newId('upload_'));
    const expires_at = seconds() + UPLOAD_SECONDS;
    const value: UploadRecord = {
      id,
      object: 'upload',
      bytes: request.bytes,
      created_at: seconds(),
      filename,
      purpose: request.purpose,
      status: 'pending',
      expires_at,
      mime_type: request.mime_type,
      expires_after: request.expires_after,
      file_id: null,
    };
    await records.write(partition, [{ op: 'create', list, id, order: orderKey(now()), value }], {
      add: [uploadDue(scope, id, expires_at + LATE_SECONDS)],
    });
    return shown(scope, value);
  }

  /** Throws 400 where the upload holds as much as one may. Parts that arrive at the same time are not counted. */
  async function requireRoom(scope: Scope, uploadId: string): Promise<void> {
    const { partition, list } = partList(scope, uploadId);
    let [count, bytes] = [0, 0];
    let after: string | undefined;
    do {
      const page = await records.list<UploadPartRecord>(partition, list, { order: 'asc', limit: READS, after });
      count += page.records.length;
      for (const { value } of page.records) bytes += value.bytes;
      after = page.hasMore ? page.records.at(-1)?.id : undefined;
    } while (after !== undefined);
    if (count >= MAX_PARTS || bytes >= MAX_UPLOAD_BYTES) throw errors.uploadFull(MAX_PARTS, MAX_UPLOAD_BYTES);
  }

  /**
   * Adds a part. `receive` reads its form and hands the content on as it arrives. Throws 400 without content and 413 for more than 64 MB; nothing of a refused
   * part stays.
   */
  async function addPart(
    scope: Scope,
    uploadId: string,
    receive: (take: TakeContent<number>) => Promise<number | undefined>,
  ): Promise<UploadPartObject> {
    const { value: upload } = await get(scope, uploadId);
    requirePending(upload);
    try {
      await requireRoom(scope, uploadId);
    } catch (error) {
      // They are freed meanwhile.
      if (error instanceof UnknownCursorError) requirePending((await get(scope, uploadId)).value);
      throw error;
    }
    const id = newId('part_');
    const blob = partBlob(scope, uploadId, id);
    const expiry = AbortSignal.timeout(Math.max(0, upload.expires_at * 1000 - now()));
    const store: TakeContent<number> = async (content) => {
      try {
        return (await blobs.put(blob, content, { maxBytes: MAX_PART_BYTES, signal: expiry })).size;
      } catch (error) {
        if (error instanceof BlobTooLargeError) throw errors.uploadPartTooLarge(error.maxBytes);
        throw expiry.aborted ? errors.uploadNotPending(uploadId, 'expired') : error;
      }
    };
    return receiveContent({ store, discard: async () => blobs.delete(blob) }, receive, async (bytes) => {
      if (bytes === undefined) throw errors.missingParameter('data');
      // What ended the upload while the part came has freed its parts already, or will.
      requirePending((await get(scope, uploadId)).value);
      const part: UploadPartObject = { id, object: 'upload.part', created_at: seconds(), upload_id: uploadId };
      const { partition, list } = partList(scope, uploadId);
      const value: UploadPartRecord = { ...part, bytes, blob };
      await records.write(partition, [{ op: 'create', list, id, order: orderKey(now()), value }]);
      return part;
    });
  }

  /** The parts of these ids, in their order. Throws 400 for one that is not there. */
  async function partsOf(scope: Scope, uploadId: string, ids: string[]): Promise<UploadPartRecord[]> {
    const parts: UploadPartRecord[] = [];
    for (let start = 0; start < ids.length; start += READS) {
      const some = ids.slice(start, start + READS).map(async (id) => {
        const found = await records.get<UploadPartRecord>({ ...partList(scope, uploadId), id });
        if (!found) throw errors.noUploadPart(id);
        return found.value;
      });
      parts.push(...(await Promise.all(some)));
    }
    return parts;
  }

  /** The contents of the parts, one after the other. Ends with 400 where their checksum is another. */
  async function* contentOf(parts: UploadPartRecord[], md5: string | undefined): AsyncGenerator<Buffer, void, void> {
    const hash = md5 === undefined ? undefined : createHash('md5');
    for (const { id, blob } of parts) {
      const opened = await blobs.open(blob);
      if (!opened) throw errors.noUploadPart(id);
      const content: AsyncIterable<Buffer> = opened.content;
      for await (const chunk of content) {
        hash?.update(chunk);
        yield chunk;
      }
    }
    const got = hash?.digest('hex');
    if (got !== undefined && got !== md5?.toLowerCase()) throw errors.uploadChecksumDiffers(got);
  }

  /**
   * Puts the parts together, and makes a file of them. An upload that is completed already, also by a call beside this one, is answered with the file that it has,
   * so that the call can be repeated. Throws 400 for a part that is not there, and where bytes or checksum differ: the upload then stays as it was.
   */
  async function complete(scope: Scope, id: string, { part_ids, md5 }: CompleteUploadRequest): Promise<ShownUpload> {
    const { value: upload } = await get(scope, id);
    if (upload.status === 'completed') return shown(scope, upload);
    requirePending(upload);
    const parts = await partsOf(scope, id, part_ids);
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    if (bytes !== upload.bytes) throw errors.uploadBytesDiffer(upload.bytes, bytes);
    const fileId = newId('file-');
    try {
      await makeFile(scope, id, fileId, Readable.from(contentOf(parts, md5), { objectMode: false }));
    } catch (error) {
      // Another call may have been faster, and the parts be freed; a write that failed may have arrived all the same.
      const { value: found } = await get(scope, id);
      if (found.status === 'cancelled') throw errors.uploadNotPending(id, found.status);
      if (found.status !== 'completed') throw error;
      if (found.file_id !== fileId) await blobs.delete(fileBlob(scope, fileId));
      return shown(scope, found);
    }
    return shown(scope, (await get(scope, id)).value);
  }

  async function makeFile(scope: Scope, uploadId: string, fileId: string, content: Readable): Promise<void> {
    const end = now() + COMPLETION_MS;
    const unmade = unmadeFileDue(scope, fileId, seconds() + LATE_SECONDS);
    // Before the content: what a crash leaves of it is found.
    await records.writeDue({ add: [unmade] });
    const { size } = await files.store(scope, fileId, content, AbortSignal.timeout(COMPLETION_MS));
    await withRetries(async () => {
      const { value: upload, etag } = await get(scope, uploadId);
      if (upload.status !== 'pending') throw errors.uploadNotPending(uploadId, upload.status);
      if (now() >= end) throw new Error(`The parts of ${uploadId} could not be put together in ${COMPLETION_MS} ms.`);
      const { filename, purpose, expires_after } = upload;
      const value: UploadRecord = { ...upload, status: 'completed', file_id: fileId };
      await files.make(
        scope,
        { id: fileId, bytes: size, filename, purpose, expires_after },
        [{ op: 'replace', list: uploadKey(scope, uploadId).list, id: uploadId, value, ifMatch: etag }],
        { add: [uploadDue(scope, uploadId, seconds())], remove: [unmade] },
      );
    });
  }

  /** Cancels an upload that is pending; one that is cancelled already is answered as it is. */
  async function cancel(scope: Scope, uploadId: string): Promise<ShownUpload> {
    return withRetries(async () => {
      const { value: upload, etag } = await get(scope, uploadId);
      if (upload.status === 'cancelled') return shown(scope, upload);
      requirePending(upload);
      const value: UploadRecord = { ...upload, status: 'cancelled' };
      const { partition, list, id } = uploadKey(scope, uploadId);
      await records.write(partition, [{ op: 'replace', list, id, value, ifMatch: etag }], {
        add: [uploadDue(scope, id, seconds())],
      });
      return shown(scope, value);
    });
  }

  return { create, addPart, complete, cancel };
}
