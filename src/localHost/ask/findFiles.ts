/** The files that were asked about. */
import { constants } from 'node:fs';
import { access, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { types } from 'node:util';

/** More would not fit into a vector store. */
export const MAX_FILES = 10_000;

export interface FoundFile {
  path: string;
  /** Path below the folder that holds all files found, unlike any other's. */
  name: string;
}

/** A file that is left out of the answer, and why. */
export interface UnreadFile {
  name: string;
  reason: string;
}

export interface FoundFiles {
  files: FoundFile[];
  unread: UnreadFile[];
}

/** A path that was given does not exist, or holds too much. The message is one line for the user. */
export class FilesError extends Error {
  override readonly name = 'FilesError';
}

interface Found {
  path: string;
  /** Why it cannot be read. */
  reason?: string;
}

interface Folder {
  /** Without links. */
  realPath: string;
  /** Of what is in it, sorted, without the hidden. */
  names: string[];
}

/**
 * The files of `paths`, which are relative to `base`: files as given, folders with all files below them in alphabetical order, links
 * followed, hidden files and folders left out. Each comes once. Throws {@link FilesError} when a path does not exist or there are
 * more than {@link MAX_FILES} files.
 */
export async function findFiles(paths: string[], base: string, signal?: AbortSignal): Promise<FoundFiles> {
  const found = new Map<string, Found>();
  const seenFolders = new Set<string>();
  for (const path of paths) {
    const absolute = resolve(base, path);
    await access(absolute).catch((cause: unknown) => {
      throw new FilesError(`There is no file or folder '${path}'.`, { cause });
    });
    for await (const file of filesAt(absolute, seenFolders)) {
      signal?.throwIfAborted();
      found.set(file.path, file);
      if (found.size > MAX_FILES) throw new FilesError(`There are more than ${MAX_FILES} files; give fewer.`);
    }
  }
  return named([...found.values()]);
}

async function* filesAt(path: string, seenFolders: Set<string>): AsyncGenerator<Found> {
  let here: Found | Folder;
  try {
    here = await lookAt(path);
  } catch (error) {
    here = { path, reason: reasonOf(error) };
  }
  if (!('names' in here)) yield here;
  // Links may lead back to a folder above.
  else if (!seenFolders.has(here.realPath)) {
    seenFolders.add(here.realPath);
    for (const name of here.names) yield* filesAt(join(path, name), seenFolders);
  }
}

async function lookAt(path: string): Promise<Found | Folder> {
  const status = await stat(path);
  if (status.isDirectory()) {
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
    return { realPath: await realpath(path), names };
  }
  if (!status.isFile()) return { path, reason: 'It is neither a file nor a folder.' };
  await access(path, constants.R_OK);
  return { path };
}

/** Why the file system refused something, in words. */
export function reasonOf(error: unknown): string {
  const code = types.isNativeError(error) && 'code' in error ? String(error.code) : '';
  if (code === 'EACCES' || code === 'EPERM') return 'Its permissions do not allow to read it.';
  if (code === 'ENOENT') return 'It is not there, or a link to nothing.';
  return types.isNativeError(error) ? error.message : String(error);
}

function named(found: Found[]): FoundFiles {
  const root = commonFolder(found.map(({ path }) => dirname(path)));
  const result: FoundFiles = { files: [], unread: [] };
  for (const { path, reason } of found) {
    const name = relative(root, path) || path;
    if (reason === undefined) result.files.push({ path, name });
    else result.unread.push({ name, reason });
  }
  return result;
}

function commonFolder(folders: string[]): string {
  let common = folders[0] ?? '';
  for (const folder of folders) {
    while (relative(common, folder).startsWith('..') && dirname(common) !== common) common = dirname(common);
  }
  return common;
}
