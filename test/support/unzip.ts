/** Unpacks zips as a deployment does. */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';

/** Writes the zip's files below a folder; their paths. */
export async function unzip(file: string, folder: string): Promise<string[]> {
  const zip = await openPromise(file);
  const paths: string[] = [];
  for await (const entry of zip.eachEntry()) {
    const path = join(folder, entry.fileName);
    await mkdir(dirname(path), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path));
    paths.push(entry.fileName);
  }
  return paths;
}
