/** Makes a vector store hold the blobs of a container: a portion of what differs at a time. Safe to repeat, after a crash too. */
import { ApiError, isFound } from '../errors';
import type { Change } from '../storage/ports';
import { MAX_CHANGES } from '../storage/ports';
import { orderKey } from '../storage/keys';
import type { Attachment, AttachFiles } from './attachFiles';
import { BlobSourceError, type BlobSource, type SourceBlob } from './blobSource';
import { attributesOf, uploadFileId } from './blobUploads';
import type { Files } from './files';
import type { RetrievalPorts } from './retrievalPorts';
import type { IngestionJob } from './storeRecords';
import {
  MIRRORED,
  mirroredPartition,
  type MirroredBlob,
  type OpenSync,
  type SyncRecord,
  type SyncReference,
} from './syncRecords';

/** Blobs of one sync; what is known of them is in memory while it is compared. */
const MAX_BLOBS = 100_000;
/** What one portion takes over or removes, in blobs and in bytes. */
const PORTION_BLOBS = 100;
const PORTION_BYTES = 256 * 1024 * 1024;
/** Records read at once. */
const PAGE = 500;
/** Failures that a report names. */
const MAX_NAMED = 100;

export interface MirroredPortion {
  /** What the sync has done, this portion included. */
  run: OpenSync;
  /** Nothing differs any more. */
  isDone: boolean;
  /** The ingestion of what was taken over. */
  job?: IngestionJob;
}

export function createMirror(
  { records, now, maxFileBytes }: RetrievalPorts,
  source: BlobSource,
  files: Files,
  attachFiles: AttachFiles,
  removeFile: Files['remove'],
) {
  /** Throws {@link BlobSourceError} for a container that cannot be mirrored, and what adding files to the store throws. */
  return async function mirror(
    reference: SyncReference,
    sync: SyncRecord['sync'],
    before: OpenSync,
  ): Promise<MirroredPortion> {
    const run: OpenSync = { ...before, failed: [...before.failed] };
    const known = await mirroredBlobs(reference);
    const { differing, gone } = await compare(sync, run, reference, known);
    for (const blob of gone.slice(0, PORTION_BLOBS)) {
      await isFound(removeFile(reference.scope, blob.id));
      if (!blob.failed_in) run.removed += 1;
    }
    const changes: Change[] = gone.slice(0, PORTION_BLOBS).map(({ id }) => ({ op: 'delete', list: MIRRORED, id }));
    const attachments: Attachment[] = [];
    let taken = 0;
    for (let bytes = 0; taken < Math.min(differing.length, PORTION_BLOBS) && bytes < PORTION_BYTES; taken += 1) {
      const blob = differing[taken];
      if (!blob) break;
      const id = uploadFileId(reference.syncId, blob.name);
      const old = known.get(id);
      const value: MirroredBlob = { id, ...blob };
      try {
        const attachment = await take(reference, sync, id, blob.name);
        bytes += attachment?.file?.bytes ?? 0;
        if (!attachment) continue; // gone since: the next comparison sees that
        attachments.push(attachment);
        if (old && !old.failed_in) run.changed += 1;
        else run.added += 1;
      } catch (error) {
        if (!isOfTheBlob(error)) throw error;
        value.failed_in = run.id;
        run.failed_count += 1;
        if (run.failed.length < MAX_NAMED) run.failed.push({ name: blob.name, message: error.message });
      }
      changes.push(
        old
          ? { op: 'replace', list: MIRRORED, id, value }
          : { op: 'create', list: MIRRORED, id, order: orderKey(now()), value },
      );
    }
    const job =
      attachments.length > 0
        ? (await attachFiles(reference.scope, sync.vector_store_id, attachments, false)).job
        : undefined;
    for (let start = 0; start < changes.length; start += MAX_CHANGES) {
      await records.write(mirroredPartition(reference), changes.slice(start, start + MAX_CHANGES));
    }
    return { run, isDone: taken >= differing.length && gone.length <= PORTION_BLOBS, job };
  };

  async function mirroredBlobs(reference: SyncReference): Promise<Map<string, MirroredBlob>> {
    const known = new Map<string, MirroredBlob>();
    let after: string | undefined;
    for (;;) {
      const page = await records.list<MirroredBlob>(mirroredPartition(reference), MIRRORED, {
        order: 'asc',
        limit: PAGE,
        after,
      });
      for (const { value } of page.records) known.set(value.id, value);
      after = page.records.at(-1)?.id;
      if (!page.hasMore || after === undefined) return known;
    }
  }

  async function compare(
    { container, prefix }: SyncRecord['sync'],
    run: OpenSync,
    { syncId }: SyncReference,
    known: ReadonlyMap<string, MirroredBlob>,
  ): Promise<{ differing: SourceBlob[]; gone: MirroredBlob[] }> {
    const differing: SourceBlob[] = [];
    const listed = new Set<string>();
    for await (const page of source.list(container, prefix)) {
      for (const blob of page) {
        const id = uploadFileId(syncId, blob.name);
        listed.add(id);
        if (listed.size > MAX_BLOBS) {
          throw new BlobSourceError(`There are more than ${MAX_BLOBS} blobs. Give a prefix that selects fewer.`);
        }
        const old = known.get(id);
        const isTried = old?.failed_in === undefined || old.failed_in === run.id;
        if (old?.etag !== blob.etag || !isTried) differing.push(blob);
      }
    }
    return { differing, gone: [...known.values()].filter(({ id }) => !listed.has(id)) };
  }

  /** Copies the blob into a file of the service. Undefined if it is gone; throws ApiError for a blob that can be no file. */
  async function take(
    { scope }: SyncReference,
    { container, chunking_strategy: chunking }: SyncRecord['sync'],
    fileId: string,
    name: string,
  ): Promise<Attachment | undefined> {
    const blob = await source.open(container, name);
    if (!blob) return undefined;
    if (blob.size > maxFileBytes) {
      blob.content.destroy();
      throw new ApiError(413, `The blob has ${blob.size} bytes; a file may have at most ${maxFileBytes}.`);
    }
    const file = await files.put(scope, fileId, name, blob.content);
    return { fileId, file, chunking, attributes: attributesOf(blob.metadata).attributes };
  }
}

const isOfTheBlob = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status < 500 && error.status !== 409;
