/** The files of a folder as blobs. */
import type { BigIntStats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface BlobFile {
  /** Path below the folder, segments joined by `/`. */
  name: string;
  path: string;
  /** Changes with the file's time or size. */
  etag: string;
  /** Bytes. */
  size: number;
  createdOn: Date;
  lastModified: Date;
}

/** Every file below a folder, links to files included; not those whose last segment begins with a dot. A folder that is not there is empty. */
export async function* blobFiles(folder: string, prefix = ''): AsyncGenerator<BlobFile> {
  const directory = await ignoringAbsence(opendir(folder));
  if (!directory) return;
  for await (const entry of directory) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* blobFiles(path, `${prefix}${entry.name}/`);
    else if (!entry.name.startsWith('.')) {
      const file = await blobFile(path, prefix + entry.name);
      if (file) yield file;
    }
  }
}

/** The file as it is now, or undefined if there is none. */
export async function blobFile(path: string, name: string): Promise<BlobFile | undefined> {
  const stats: BigIntStats | undefined = await ignoringAbsence(stat(path, { bigint: true }));
  if (!stats?.isFile()) return undefined;
  return {
    name,
    path,
    etag: `${stats.mtimeNs}-${stats.size}`,
    size: Number(stats.size),
    createdOn: stats.birthtime,
    lastModified: stats.mtime,
  };
}

async function ignoringAbsence<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
