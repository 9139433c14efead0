/** Loads the entry files of a functions app as the real worker does. */
import { glob, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Loads, one after the other, the files that `main` of `root/package.json` names (a glob). Rejects with the first file's error, or when no
 * file matches.
 */
export async function loadApp(root: string): Promise<void> {
  const { main, isModule } = await readPackage(root);
  const files: string[] = [];
  for await (const file of glob(main, { cwd: root })) files.push(resolve(root, file));
  if (files.length === 0) throw new Error(`no file matches main '${main}' of package.json.`);
  for (const file of files.sort()) await loadFile(file, isModule);
}

async function readPackage(root: string): Promise<{ main: string; isModule: boolean }> {
  const json: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const main = json && typeof json === 'object' && 'main' in json ? json.main : undefined;
  if (typeof main !== 'string') throw new Error('package.json has no main.');
  return { main, isModule: Object(json).type === 'module' };
}

async function loadFile(file: string, isModule: boolean): Promise<void> {
  try {
    if (file.endsWith('.mjs') || (isModule && file.endsWith('.js'))) await import(pathToFileURL(file).href);
    else createRequire(file)(file);
  } catch (error) {
    throw new Error(`unable to load entry file '${file}': ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
