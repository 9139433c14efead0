/** Containers as folders below one directory, for syncs. */
import { opendir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobSourceError, type BlobSource, type SourceBlob } from '../retrieval/blobSource';
import { unlessAbsent } from '../unlessAbsent';

const PAGE = 500;

/** Every file is a blob, links to files included; not those whose own or folder's name begins with a dot. Files have no metadata. */
export function folderSource(directory: string): BlobSource {
  return {
    async *list(container, prefix) {
      const root = join(directory, container);
      if (!(await unlessAbsent(stat(root)))?.isDirectory()) {
        throw new BlobSourceError(`There is no folder '${container}' among the containers.`);
      }
      let page: SourceBlob[] = [];
      for await (const blob of filesBelow(root, '', prefix)) {
        page.push(blob);
        if (page.length < PAGE) continue;
        yield page;
        page = [];
      }
      yield page;
    },

    async open(container, name) {
      const file = await unlessAbsent(open(join(directory, container, ...name.split('/'))));
      if (!file) return undefined;
      const stats = await file.stat();
      if (stats.isFile()) return { size: stats.size, content: file.createReadStream() };
      await file.close();
      return undefined;
    },
  };
}

async function* filesBelow(folder: string, path: string, prefix: string): AsyncGenerator<SourceBlob> {
  const directory = await unlessAbsent(opendir(folder));
  if (!directory) return;
  for await (const entry of directory) {
    const name = path + entry.name;
    // A folder is entered where names below it may have the prefix.
    const below = `${name}/`;
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) {
      if (below.startsWith(prefix) || prefix.startsWith(below)) {
        yield* filesBelow(join(folder, entry.name), below, prefix);
      }
    } else if (name.startsWith(prefix)) {
      const stats = await unlessAbsent(stat(join(folder, entry.name), { bigint: true }));
      if (stats?.isFile()) yield { name, etag: `${stats.mtimeNs}-${stats.size}` };
    }
  }
}
