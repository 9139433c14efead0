/** Blobs in Blob storage. The first segment of a name is the container, the rest the blob's own name, as the blob trigger has it. */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { BlobTooLargeError, type Blobs } from '../../storage/ports';
import type { StorageAccount } from '../../storageAccount';
import { hasStatus } from '../../azureStatus';
import { onFirstUse, storageClients } from './clients';

/** Bytes that are sent at once, and all that an upload keeps in memory. A blob takes 50,000 blocks. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** Limits of Blob storage for a name, in UTF-16 units. */
const MAX_NAME = 1024;
/** Blobs that are deleted at once. */
const DELETE_PAGE = 50;

export interface AzureBlobsOptions {
  account: StorageAccount;
  /** Stands before the names of the containers. */
  prefix: string;
  /** First segments of names: containers that are made on first use. Names that begin otherwise have no place. */
  containers: readonly string[];
}

/**
 * Blobs in containers of the account. Nothing is sent before the first call. Where two uploads of more than 4 MiB under one name overlap, one of
 * them rejects: blocks that wait for their list are dropped with the list of another.
 */
export async function azureBlobs({ account, prefix, containers }: AzureBlobsOptions): Promise<Blobs> {
  const { blobs } = await storageClients(account);
  const known = new Map(
    containers.map((name) => {
      const container = blobs.getContainerClient(prefix + name);
      return [name, { container, ready: onFirstUse(async () => container.createIfNotExists()) }];
    }),
  );

  /** The blob of that name, undefined for a name without a place. */
  const find = (name: string): { blob: BlockBlobClient; ready: () => Promise<void> } | undefined => {
    const slash = name.indexOf('/');
    const place = known.get(name.slice(0, Math.max(slash, 0)));
    return place && { blob: blobIn(place.container, name.slice(slash + 1)), ready: place.ready };
  };

  return {
    async put(name, content, { maxBytes = Infinity, signal } = {}) {
      const place = find(name);
      try {
        // The pipeline must begin in this tick: an error of the stream before it would go unheard and end the process.
        const size = await pipeline(
          content,
          async (source: AsyncIterable<Buffer | string>) => {
            if (!place) throw new RangeError(`A blob's name begins with ${containers.join('/ or ')}/, not '${name}'.`);
            await place.ready();
            return upload(place.blob, source, maxBytes, signal);
          },
          { signal },
        );
        return { size };
      } catch (error) {
        throw signal?.aborted ? signal.reason : error;
      }
    },

    async open(name, start = 0) {
      const blob = find(name)?.blob;
      if (!blob) return undefined;
      try {
        const { contentLength = 0, readableStreamBody, metadata = {} } = await blob.download(start);
        const size = start + contentLength;
        const content =
          readableStreamBody instanceof Readable ? readableStreamBody : Readable.from(readableStreamBody ?? []);
        return { info: { size, metadata }, content };
      } catch (error) {
        if (hasStatus(error, 404)) return undefined;
        // Nothing is left from there on.
        const info = hasStatus(error, 416) ? await infoOf(blob) : undefined;
        if (!info) throw error;
        return { info, content: Readable.from([]) };
      }
    },

    info: async (name) => infoOf(find(name)?.blob),

    async delete(name) {
      await find(name)?.blob.deleteIfExists();
    },

    async deleteBelow(segments) {
      const slash = segments.indexOf('/');
      const place = known.get(slash < 0 ? segments : segments.slice(0, slash));
      if (!place) return 0;
      const prefix = slash < 0 ? '' : `${usableName(segments.slice(slash + 1))}/`;
      let deleted = 0;
      try {
        for await (const page of place.container.listBlobsFlat({ prefix }).byPage({ maxPageSize: DELETE_PAGE })) {
          const blobs = page.segment.blobItems.map(({ name }) => place.container.getBlobClient(name));
          const gone = await Promise.all(blobs.map(async (blob) => blob.deleteIfExists()));
          deleted += gone.filter(({ succeeded }) => succeeded).length;
        }
      } catch (error) {
        // The container comes with the first blob.
        if (!hasStatus(error, 404)) throw error;
      }
      return deleted;
    },
  };
}

async function infoOf(blob: BlockBlobClient | undefined): Promise<{ size: number } | undefined> {
  try {
    return blob && { size: (await blob.getProperties()).contentLength ?? 0 };
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/** Sends the content block by block, and the list of them at the end, which is what publishes it. */
async function upload(
  blob: BlockBlobClient,
  source: AsyncIterable<Buffer | string>,
  maxBytes: number,
  abortSignal: AbortSignal | undefined,
): Promise<number> {
  // Of one length, as the service wants them, and unlike those of another upload under the name.
  const blockId = (n: number) => Buffer.from(`${run}-${String(n).padStart(5, '0')}`).toString('base64');
  const run = randomUUID();
  const blocks: string[] = [];
  let parts: Buffer[] = [];
  let waiting = 0;
  let size = 0;
  const stage = async () => {
    const block = Buffer.concat(parts);
    [parts, waiting] = [[], 0];
    blocks.push(blockId(blocks.length));
    await blob.stageBlock(blockId(blocks.length - 1), block, block.length, { abortSignal });
  };
  for await (const chunk of source) {
    let rest = Buffer.from(chunk);
    size += rest.length;
    if (size > maxBytes) throw new BlobTooLargeError(maxBytes);
    while (waiting + rest.length >= BLOCK_BYTES) {
      const taken = BLOCK_BYTES - waiting;
      parts.push(rest.subarray(0, taken));
      rest = rest.subarray(taken);
      await stage();
    }
    parts.push(rest);
    waiting += rest.length;
  }
  abortSignal?.throwIfAborted();
  if (blocks.length === 0) {
    await blob.upload(Buffer.concat(parts), waiting, { abortSignal });
  } else {
    if (waiting > 0) await stage();
    await blob.commitBlockList(blocks, { abortSignal });
  }
  return size;
}

/** Names that people give stay as they are; what the service would refuse or change is `%` and its SHA-256. */
function blobIn(container: ContainerClient, name: string): BlockBlobClient {
  const usable = usableName(name);
  return container.getBlockBlobClient(usable.length > MAX_NAME ? hashed(name) : usable);
}

const usableName = (name: string): string =>
  name
    .split('/')
    .map((segment) => (isUsable(segment) ? segment : hashed(segment)))
    .join('/');

function isUsable(segment: string): boolean {
  return (
    segment !== '' &&
    !/[.]$/.test(segment) && // `.` and `..` are steps of a path, and the service drops dots at the end
    segment.isWellFormed() &&
    !/[\x00-\x1f\x7f-\x9f\\\ufffe\uffff]/.test(segment) &&
    !/^%[0-9a-f]{64}$/.test(segment)
  );
}

function hashed(text: string): string {
  // UTF-16, in which lone surrogates stay apart.
  return `%${createHash('sha256').update(text, 'utf16le').digest('hex')}`;
}
