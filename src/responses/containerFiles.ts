/** The files of containers: those that callers put there, which the container holds, and those that its code wrote, which are files of the scope like others. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { WrittenFile } from '../agentLoop/toolOutputs';
import { errors } from '../errors';
import type { Scope } from '../scope';
import { listedDeletion } from '../storage/deletedPlaces';
import { withRetries } from '../storage/optimistic';
import { newId, orderKey } from '../storage/keys';
import { pageOf } from '../storage/pages';
import { BlobTooLargeError, ConflictError, type Change, type PageRequest, type Records } from '../storage/ports';
import { MAX_FILES } from '../wire/containers';
import {
  containerBlobs,
  FILES,
  filesPartition,
  pathId,
  PATHS,
  REMOVED,
  type ContainerFile,
  type RemovedFile,
} from './containerRecords';
import type { ResponsesPorts } from './ports';

const DATA_FOLDER = '/mnt/data';
const MAX_NAME_CHARACTERS = 200;
/** Files that go on in another container: as many as one write takes. */
const MAX_CARRIED = 40;
/** Names that are tried for one file. */
const MAX_NUMBER = 1000;
/** Records removed by one write. */
const PORTION = 20;

type Ports = Pick<ResponsesPorts, 'records' | 'blobs' | 'files' | 'now'>;

/** Notes the files of one piece of code, of which there are few. */
export async function noteContainerFiles(
  { records, now }: Pick<Ports, 'records' | 'now'>,
  scope: Scope,
  container: string,
  written: WrittenFile[],
): Promise<void> {
  if (written.length === 0) return;
  await records.write(
    filesPartition(scope, container),
    written.map(({ fileId: id, path }) => {
      const value: ContainerFile = { id, path };
      return { op: 'create', list: FILES, id, order: orderKey(now()), value };
    }),
  );
}

/** Throws 404 for a file that is not in the container. */
export async function containerFile(
  { records }: Pick<Ports, 'records'>,
  scope: Scope,
  container: string,
  id: string,
): Promise<ContainerFile> {
  const found = await records.get<ContainerFile>({ partition: filesPartition(scope, container), list: FILES, id });
  if (!found) throw errors.noContainerFile(id);
  return found.value;
}

/** The files of a container; none for one that there is not. Throws 400 for a cursor that is none of them. */
export const containerFiles = async (
  { records }: Pick<Ports, 'records'>,
  scope: Scope,
  container: string,
  page: PageRequest,
): Promise<{ data: ContainerFile[]; hasMore: boolean }> =>
  pageOf(records, filesPartition(scope, container), FILES, page);

/** A file that a caller puts into a container. */
export interface NewContainerFile {
  id: string;
  filename: string;
  content: Readable;
  /** Bytes. */
  maxBytes?: number;
}

/**
 * Puts a file into the container, under its name or, where that is taken, one like it. Throws 400 for an unusable name, and 413 for one that is too large; nothing of a
 * refused file stays.
 */
export async function addContainerFile(
  ports: Pick<Ports, 'records' | 'blobs' | 'now'>,
  scope: Scope,
  container: string,
  { id, filename, content, maxBytes }: NewContainerFile,
): Promise<ContainerFile> {
  const { blobs, now } = ports;
  try {
    const name = usableName(filename);
    const blob = `${containerBlobs(scope, container)}/${id}`;
    const { size: bytes } = await blobs.put(blob, content, { maxBytes });
    const created_at = Math.floor(now() / 1000);
    return await placeFile(ports, filesPartition(scope, container), name, { id, added: { blob, bytes, created_at } });
  } catch (error) {
    content.destroy();
    throw error instanceof BlobTooLargeError ? errors.bodyTooLarge(error.maxBytes) : error;
  }
}

/** Throws 400 where the caller has put as many files into the container as there may be. */
export async function requireRoom({ records }: Pick<Ports, 'records'>, scope: Scope, container: string): Promise<void> {
  const taken = await records.list(filesPartition(scope, container), PATHS, { order: 'asc', limit: MAX_FILES });
  if (taken.records.length >= MAX_FILES) throw errors.tooManyContainerFiles(MAX_FILES);
}

/** Notes the file under the first path like its name that is free. */
async function placeFile(
  { records, now }: Pick<Ports, 'records' | 'now'>,
  partition: string,
  name: string,
  file: Omit<ContainerFile, 'path'>,
): Promise<ContainerFile> {
  for (let number = 1; ; number += 1) {
    const value: ContainerFile = { ...file, path: `${DATA_FOLDER}/${numbered(name, number)}` };
    const order = orderKey(now());
    const id = pathId(value.path);
    try {
      await records.write(partition, [
        { op: 'create', list: PATHS, id, order, value: { path: value.path } },
        { op: 'create', list: FILES, id: file.id, order, value },
      ]);
      return value;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      // The path is taken, or another attempt has put the very file there.
      const there = await records.get<ContainerFile>({ partition, list: FILES, id: file.id });
      if (there) return there.value;
      if (number > MAX_NUMBER) throw error;
    }
  }
}

/** Puts copies of uploaded files into the container, each once however often it is asked for. Resolves with the ids of those that are not there any more. */
export async function copyIntoContainer(
  ports: Ports,
  scope: Scope,
  container: string,
  fileIds: string[],
): Promise<string[]> {
  const wanted = [...new Set(fileIds)];
  const found = await ports.files.describe(scope, wanted);
  const missing: string[] = [];
  for (const fileId of wanted) {
    const id = copyIdOf(container, fileId);
    const partition = filesPartition(scope, container);
    if (await ports.records.get({ partition, list: FILES, id })) continue;
    const filename = found.get(fileId)?.filename;
    const opened = filename === undefined ? undefined : await ports.files.open(scope, fileId);
    if (filename === undefined || !opened) missing.push(fileId);
    else await addContainerFile(ports, scope, container, { id, filename, content: opened.content });
  }
  return missing;
}

const copyIdOf = (container: string, fileId: string): string =>
  `cfile_${createHash('sha256')
    .update(JSON.stringify([container, fileId]))
    .digest('hex')
    .slice(0, 32)}`;

/** What code wrote in a container that is over, for one that goes on in its place: the files are there, and can be linked. Safe to repeat. */
export async function carryOver(
  ports: Pick<Ports, 'records' | 'now'>,
  scope: Scope,
  from: string,
  to: string,
): Promise<void> {
  const page = { order: 'desc' as const, limit: MAX_CARRIED };
  const { data } = await containerFiles(ports, scope, from, page);
  const begun = await containerFiles(ports, scope, to, { ...page, limit: 1 });
  if (begun.data.length > 0) return;
  const written = data.filter(({ added }) => !added).reverse();
  await noteContainerFiles(
    ports,
    scope,
    to,
    written.map(({ id: fileId, path }) => ({ fileId, path })),
  );
}

/** A new id of a container's file. */
export const newContainerFileId = (): string => newId('cfile_');

/** Takes the file out of the container, and the next code does not find it. Its content is the caller's to delete before. */
export async function takeOutOfContainer(
  { records, now }: Pick<Ports, 'records' | 'now'>,
  scope: Scope,
  container: string,
  { id, path, added }: ContainerFile,
): Promise<void> {
  const value: RemovedFile = { path };
  const key = { partition: filesPartition(scope, container), list: FILES, id };
  await withRetries(async () => {
    const found = await records.get(key);
    if (!found) return;
    const { changes, due } = await listedDeletion(records, key, found, now());
    const removal: Change[] = [
      ...changes,
      { op: 'create', list: REMOVED, id: newId(''), order: orderKey(now()), value },
    ];
    if (added) removal.push({ op: 'delete', list: PATHS, id: pathId(path) });
    await records.write(key.partition, removal, { add: [due] });
  });
}

/** The content of a caller's file. Throws 404. */
export async function contentOf({ blobs }: Pick<Ports, 'blobs'>, blob: string, id: string): Promise<Readable> {
  const opened = await blobs.open(blob);
  if (!opened) throw errors.noContainerFile(id);
  return opened.content;
}

/** Removes what callers have put into a container that is over, in steps of bounded size; what code wrote stays noted. Safe to repeat. */
export async function discardAddedFiles(
  { records, blobs }: Pick<Ports, 'records' | 'blobs'>,
  scope: Scope,
  container: string,
): Promise<void> {
  await blobs.deleteBelow(containerBlobs(scope, container));
  const partition = filesPartition(scope, container);
  let after: string | undefined;
  for (let hasMore = true; hasMore;) {
    const page = await records.list<ContainerFile>(partition, FILES, { order: 'asc', limit: PORTION, after });
    const gone = page.records.filter(({ value }) => value.added);
    if (gone.length > 0) await records.write(partition, deletions(FILES, gone));
    // The next page begins behind a record that is still there.
    after = page.records.findLast(({ value }) => !value.added)?.id ?? after;
    ({ hasMore } = page);
  }
  for (const list of [PATHS, REMOVED]) await emptyList(records, partition, list);
}

async function emptyList(records: Records, partition: string, list: string): Promise<void> {
  for (;;) {
    const page = await records.list(partition, list, { order: 'asc', limit: PORTION });
    if (page.records.length > 0) await records.write(partition, deletions(list, page.records));
    if (!page.hasMore) return;
  }
}

const deletions = (list: string, records: { id: string }[]): Change[] =>
  records.map(({ id }) => ({ op: 'delete', list, id }));

/** The last segment of the name without control characters. Throws 400 if nothing is left of it. */
function usableName(given: string): string {
  const name = (given.split(/[\\/]/).at(-1) ?? '')
    .replace(/\p{Cc}/gu, '')
    .trim()
    .slice(-MAX_NAME_CHARACTERS);
  if (!['', '.', '..'].includes(name)) return name.toWellFormed();
  throw errors.invalidParameter("Invalid 'file': it has no file name.", 'invalid_value', 'file');
}

/** The name, or `name-2.ext` and so on. */
function numbered(name: string, number: number): string {
  if (number === 1) return name;
  const dot = name.lastIndexOf('.') > 0 ? name.lastIndexOf('.') : name.length;
  return `${name.slice(0, dot)}-${number}${name.slice(dot)}`;
}
