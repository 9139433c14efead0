/** A folder as a zip. */
import { createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';

/** Paths of the files below a folder, joined by `/`, in order. */
export async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(folder.length + 1)
        .split(sep)
        .join('/'),
    )
    .sort();
}

/** Writes it; the same files make the same zip, whenever and wherever. */
export async function zipFolder(folder, file) {
  const zip = new yazl.ZipFile();
  const failed = new Promise((_, reject) => zip.once('error', reject));
  for (const path of await filesBelow(folder)) {
    zip.addFile(join(folder, path), path, { mtime: new Date(Date.UTC(2000, 0, 1)), mode: 0o100644 });
  }
  zip.end();
  await Promise.race([pipeline(zip.outputStream, createWriteStream(file)), failed]);
}
