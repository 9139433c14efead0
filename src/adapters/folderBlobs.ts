/** Blobs as plain files below one directory. */
import { createHash, randomUUID } from 'node:crypto';
import type { Dirent, Stats } from 'node:fs';
import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BlobTooLargeError, type Blobs } from '../storage/ports';
import { unlessAbsent } from '../unlessAbsent';

/** Files that are being written; what a crash leaves of them is removed when it is this old, in milliseconds. */
const temporaryName = /^\.[0-9a-f-]{36}\.part$/;
const LEFTOVER_AGE = 60 * 60 * 1000;

/** Longest file name of common file systems and longest relative path that is used as it is, in bytes. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 2000;

const unusable =
  process.platform === 'win32' ? /[\x00-\x1f<>:"|?*\\]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i : /\0/;

/**
 * Blobs as files below `directory`, which is created by the first put. The file of a blob has the blob's own name, so that people can drop
 * files and find them; only segments that no file may be named by, that begin with a dot or that are overlong are stored as `%` and
 * their SHA-256. A blob cannot lie below another blob: the put of `a/b` rejects while `a` exists, and the other way round. Where the file
 * system ignores case, so do blob names.
 */
export function folderBlobs(directory: string): Blobs {
  const root = resolve(directory);
  unlessAbsent(removeLeftovers(root)).catch((error: Error) => {
    process.emitWarning(`Leftover temporary files of ${root} could not be removed: ${error.message}`);
  });
  return {
    async put(name, content, { maxBytes = Infinity, signal } = {}) {
      const path = join(root, pathOf(name));
      const folder = dirname(path);
      const temporary = join(folder, `.${randomUUID()}.part`);
      const write = async (source: AsyncIterable<Buffer | string>) => {
        await makeDirectory(folder);
        return writeContent(temporary, source, maxBytes);
      };
      try {
        // The pipeline must begin in this tick: an error of the stream before it would go unheard and end the process.
        const size = await pipeline(content, write, { signal });
        signal?.throwIfAborted();
        await rename(temporary, path);
        await syncDirectory(folder);
        return { size };
      } catch (error) {
        await rm(temporary, { force: true });
        throw signal?.aborted ? signal.reason : error;
      }
    },

    async open(name, start = 0) {
      const file = await unlessAbsent(open(join(root, pathOf(name))));
      if (!file) return undefined;
      const stats = await file.stat();
      if (stats.isFile() && start < stats.size) {
        // Up to the size that was told, although someone may append to the file.
        return { info: { size: stats.size }, content: file.createReadStream({ start, end: stats.size - 1 }) };
      }
      await file.close();
      return stats.isFile() ? { info: { size: stats.size }, content: Readable.from([]) } : undefined;
    },

    async info(name) {
      const stats = await fileStats(join(root, pathOf(name)));
      return stats && { size: stats.size };
    },

    async delete(name) {
      const path = join(root, pathOf(name));
      if (await fileStats(path)) await rm(path, { force: true });
    },

    async deleteBelow(segments) {
      const folder = join(root, pathOf(segments));
      let deleted = 0;
      for await (const entry of await openedFolder(folder)) {
        if (!entry.isFile()) continue;
        await rm(join(entry.parentPath, entry.name), { force: true });
        if (!temporaryName.test(entry.name)) deleted += 1;
      }
      // Files that come meanwhile make it fail or are left: whoever repeats this finds them.
      await rm(folder, { recursive: true, force: true });
      return deleted;
    },
  };
}

/** Where the blob of that name lies. No two names share a path, and none leaves the directory. */
function pathOf(name: string): string {
  if (Buffer.byteLength(name) > MAX_PATH_BYTES) return hashed(name);
  return join(...name.split('/').map((segment) => (isFileName(segment) ? segment : hashed(segment))));
}

function isFileName(segment: string): boolean {
  return (
    segment !== '' &&
    !segment.startsWith('.') && // `.`, `..` and temporary files
    segment.isWellFormed() &&
    Buffer.byteLength(segment) <= MAX_NAME_BYTES &&
    !unusable.test(segment) &&
    !/^%[0-9a-f]{64}$/.test(segment)
  );
}

function hashed(text: string): string {
  // UTF-16, in which lone surrogates stay apart.
  return `%${createHash('sha256').update(text, 'utf16le').digest('hex')}`;
}

async function writeContent(path: string, source: AsyncIterable<Buffer | string>, maxBytes: number): Promise<number> {
  const file = await open(path, 'wx');
  try {
    let size = 0;
    for await (const chunk of source) {
      size += Buffer.byteLength(chunk);
      if (size > maxBytes) throw new BlobTooLargeError(maxBytes);
      await file.writeFile(chunk);
    }
    await file.sync();
    return size;
  } finally {
    await file.close();
  }
}

/** Makes the directory and sees to it that its entry survives a power cut. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return; // cannot be done there, and need not be
  const directory = await open(path);
  await directory.sync().finally(async () => directory.close());
}

async function fileStats(path: string): Promise<Stats | undefined> {
  const stats = await unlessAbsent(stat(path));
  return stats?.isFile() ? stats : undefined;
}

/** The entries below the folder, none where there is no folder. */
const openedFolder = async (folder: string): Promise<AsyncIterable<Dirent> | Dirent[]> =>
  (await unlessAbsent(opendir(folder, { recursive: true }))) ?? [];

async function removeLeftovers(root: string): Promise<void> {
  for await (const entry of await opendir(root, { recursive: true })) {
    if (!temporaryName.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const stats = await fileStats(path);
    if (stats && Date.now() - stats.mtimeMs > LEFTOVER_AGE) await rm(path, { force: true });
  }
}
