/** Which files code has written: the file system's state before and after it. */

/** Files that are looked at; a folder with more is told of in part. */
const MAX_FILES = 1000;
/** Most characters of their paths, so that they fit into one message. */
const MAX_PATH_CHARACTERS = 100_000;

/** What is used of Emscripten's file system. */
export interface FileSystem {
  mkdirTree(path: string): void;
  readdir(path: string): string[];
  analyzePath(path: string, dontResolveLastLink: boolean): { exists: boolean };
  unlink(path: string): void;
  lstat(path: string): { mode: number; ino: number; size: number; mtime: Date; ctime: Date };
  isDir(mode: number): boolean;
  isFile(mode: number): boolean;
  open(path: string, flags: 'r' | 'w'): FileStream;
  read(stream: FileStream, buffer: Uint8Array, offset: number, length: number): number;
  write(stream: FileStream, buffer: Uint8Array, offset: number, length: number): number;
  close(stream: FileStream): void;
}

/** An open file of Emscripten's file system. */
export interface FileStream {
  fd: number;
}

/** Size and identity of each file by its path; `more` when there were too many. */
export interface FileStates {
  files: Map<string, { bytes: number; version: string }>;
  more: boolean;
}

/** The files below the folder, which is made if it is gone; links are left out. */
export function fileStates(system: FileSystem, folder: string): FileStates {
  const files: FileStates['files'] = new Map();
  system.mkdirTree(folder);
  const folders = [folder];
  let characters = 0;
  for (let next = folders.shift(); next !== undefined; next = folders.shift()) {
    for (const name of system.readdir(next)) {
      if (name === '.' || name === '..') continue;
      const path = `${next}/${name}`;
      const { mode, ino, size, mtime, ctime } = system.lstat(path);
      characters += path.length;
      if (files.size + folders.length >= MAX_FILES || characters > MAX_PATH_CHARACTERS) return { files, more: true };
      if (system.isDir(mode)) folders.push(path);
      else if (system.isFile(mode)) {
        files.set(path, { bytes: size, version: [ino, size, Number(mtime), Number(ctime)].join() });
      }
    }
  }
  return { files, more: false };
}

/** The files that are new or differ, in the order of their paths. */
export function changedFiles(
  before: FileStates,
  after: FileStates,
): { written: { path: string; bytes: number }[]; more: boolean } {
  const written = [...after.files]
    .filter(([path, { version }]) => before.files.get(path)?.version !== version)
    .map(([path, { bytes }]) => ({ path, bytes }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return { written, more: after.more };
}
