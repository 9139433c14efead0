/** The files of a folder as blobs, for one host alone. */
import type { BigIntStats } from 'node:fs';
import { mkdir, opendir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { unlessAbsent } from '../unlessAbsent';
import type { BlobContainer, TriggerBlob } from './blobContainer';

/** Every file below the folder, links to files included; not those whose last segment begins with a dot. `start` makes the folder. */
export function folderContainer(folder: string): BlobContainer {
  return {
    intervalMs: 1_000,
    blobsPerPass: 2_000,
    showsUnfinished: true,
    reusesEtags: true,
    hasEvents: false,
    async start() {
      await mkdir(folder, { recursive: true });
    },
    list: () => filesBelow(folder),
    find: async (name) => findFile(join(folder, name), name),
    async read({ name, etag }) {
      const path = join(folder, name);
      const current = await findFile(path, name);
      return current?.etag === etag ? readFile(path) : undefined;
    },
    stop: () => undefined,
  };
}

async function* filesBelow(folder: string, prefix = ''): AsyncGenerator<TriggerBlob> {
  const directory = await unlessAbsent(opendir(folder));
  if (!directory) return;
  for await (const entry of directory) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path, `${prefix}${entry.name}/`);
    else if (!entry.name.startsWith('.')) {
      const file = await findFile(path, prefix + entry.name);
      if (file) yield file;
    }
  }
}

async function findFile(path: string, name: string): Promise<TriggerBlob | undefined> {
  const stats: BigIntStats | undefined = await unlessAbsent(stat(path, { bigint: true }));
  if (!stats?.isFile()) return undefined;
  return {
    name,
    uri: pathToFileURL(path).href,
    etag: `${stats.mtimeNs}-${stats.size}`,
    size: Number(stats.size),
    createdOn: stats.birthtime,
    lastModified: stats.mtime,
    contentType: undefined,
    type: 'BlockBlob',
    metadata: {},
  };
}
