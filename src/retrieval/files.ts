/** Files: uploaded once, kept as a blob, and named by other objects (`/files`). */
import type { Readable } from 'node:stream';
import { errors } from '../errors';
import type { Scope } from '../scope';
import { deleteListed } from '../storage/deletedPlaces';
import { newId, orderKey, partitionOf } from '../storage/keys';
import { BlobTooLargeError, type BlobInfo, type Change, type DueChanges, type RecordKey } from '../storage/ports';
import type { CreateFileFields, FileObject, ListFilesQuery } from '../wire/vectorStores';
import { fileExpiryDue } from './expiryDue';
import { receiveContent, type TakeContent } from '../storage/receivedContent';
import type { RetrievalPorts } from './retrievalPorts';
import { selectedPage } from '../storage/selectedPages';

const LIST = 'files';
const MAX_NAME_CHARACTERS = 255;
const BATCH_LIFE_SECONDS = 30 * 86_400;
/** Records looked up at once. */
const LOOKUPS = 100;

/** Content that has arrived but is not yet anyone's file. */
export interface ReceivedFile {
  id: string;
  filename: string;
  bytes: number;
}

/** What a file is made of when its content is stored. */
type StoredContent = Omit<CreateFileFields, 'purpose'> & Pick<FileObject, 'purpose'> & ReceivedFile;

export type Files = ReturnType<typeof createFiles>;

/** Name of the blob that holds the file's content. */
export function fileBlob(scope: Scope, id: string): string {
  return ['files', scope.tenant, scope.project, id].map(encodeURIComponent).join('/');
}

/** Where the record of a file lies. */
export const fileKey = (scope: Scope, id: string): RecordKey => ({
  partition: partitionOf(scope, LIST),
  list: LIST,
  id,
});

/** The files of a scope. Methods throw 404 for an id that is not there or has expired. */
export function createFiles({ records, blobs, now, maxFileBytes }: RetrievalPorts) {
  const seconds = (): number => Math.floor(now() / 1000);
  const isLive = (file: FileObject): boolean => file.expires_at === null || file.expires_at > seconds();

  async function find(scope: Scope, id: string): Promise<FileObject | undefined> {
    const found = await records.get<FileObject>(fileKey(scope, id));
    return found && isLive(found.value) ? found.value : undefined;
  }

  async function get(scope: Scope, id: string): Promise<FileObject> {
    const file = await find(scope, id);
    if (!file) throw errors.noFile(id);
    return file;
  }

  /** The files that are there of these, by id. */
  async function findAll(scope: Scope, ids: string[]): Promise<Map<string, FileObject>> {
    const files = new Map<string, FileObject>();
    for (let start = 0; start < ids.length; start += LOOKUPS) {
      const found = await Promise.all(ids.slice(start, start + LOOKUPS).map(async (id) => find(scope, id)));
      for (const file of found) if (file) files.set(file.id, file);
    }
    return files;
  }

  /** Stores the content of the file to be. Throws 413 for one that is too large, and the reason of the signal. */
  async function store(scope: Scope, id: string, content: Readable, signal?: AbortSignal): Promise<BlobInfo> {
    try {
      return await blobs.put(fileBlob(scope, id), content, { maxBytes: maxFileBytes, signal });
    } catch (error) {
      if (error instanceof BlobTooLargeError) throw errors.bodyTooLarge(error.maxBytes);
      throw error;
    }
  }

  /**
   * Makes a file of an upload. `receive` reads it: it hands the content on as it arrives and returns it with the form's fields. Throws 400 for an upload
   * without a file, an empty file and an unusable name, 413 for one that is too large; nothing of a refused upload stays.
   */
  async function create(
    scope: Scope,
    receive: (take: TakeContent<ReceivedFile>) => Promise<{ file: ReceivedFile | undefined; fields: CreateFileFields }>,
  ): Promise<FileObject> {
    const id = newId('file-');
    const take: TakeContent<ReceivedFile> = async (content, given) => {
      const filename = usableName(given);
      const { size } = await store(scope, id, content);
      if (size === 0) throw errors.emptyFile();
      return { id, filename, bytes: size };
    };
    const discard = async (): Promise<void> => blobs.delete(fileBlob(scope, id));
    return receiveContent({ store: take, discard }, receive, async ({ file, fields }) => {
      if (!file) throw errors.missingParameter('file');
      const { filename = file.filename, ...rest } = fields;
      return save(scope, { ...rest, id, bytes: file.bytes, filename: usableName(filename) });
    });
  }

  function described({ id, filename, bytes, purpose, expires_after: policy }: StoredContent): FileObject {
    const life = policy?.seconds ?? (purpose === 'batch' ? BATCH_LIFE_SECONDS : undefined);
    return {
      id,
      object: 'file',
      bytes,
      created_at: seconds(),
      expires_at: life === undefined ? null : seconds() + life,
      filename,
      purpose,
      status: 'processed',
      status_details: null,
    };
  }

  async function save(scope: Scope, file: StoredContent): Promise<FileObject> {
    const value = described(file);
    const { partition, list, id } = fileKey(scope, file.id);
    const known = await records.get(fileKey(scope, id));
    const change: Change = known
      ? { op: 'replace', list, id, value, ifMatch: known.etag }
      : { op: 'create', list, id, order: orderKey(now()), value };
    await records.write(partition, [change], { add: fileExpiryDue(scope, value) });
    return value;
  }

  /** Makes the file of content that is stored, in one write with other changes of the partition of {@link fileKey}. Throws ConflictError. */
  async function make(scope: Scope, file: StoredContent, changes: Change[], due: DueChanges): Promise<FileObject> {
    const value = described(file);
    const { partition, list, id } = fileKey(scope, file.id);
    await records.write(partition, [{ op: 'create', list, id, order: orderKey(now()), value }, ...changes], {
      ...due,
      add: [...(due.add ?? []), ...fileExpiryDue(scope, value)],
    });
    return value;
  }

  /** Makes or replaces the file of that id, for or by the assistants. An empty one is taken: its ingestion will say what is wrong. */
  async function put(
    scope: Scope,
    id: string,
    filename: string,
    content: Readable,
    purpose: 'assistants' | 'assistants_output' = 'assistants',
  ): Promise<FileObject> {
    const { size } = await store(scope, id, content);
    return save(scope, { id, filename: usablePath(filename), bytes: size, purpose });
  }

  async function list(scope: Scope, { purpose, ...page }: ListFilesQuery) {
    const { partition } = fileKey(scope, '');
    return selectedPage<FileObject, FileObject>(records, { partition, list: LIST }, page, (file) =>
      isLive(file) && (purpose === undefined || file.purpose === purpose) ? file : undefined,
    );
  }

  /** The content as a stream, which the caller must read or destroy. */
  async function content(scope: Scope, id: string): Promise<{ file: FileObject; size: number; content: Readable }> {
    const file = await get(scope, id);
    const blob = await blobs.open(fileBlob(scope, id));
    if (!blob) throw errors.noFile(id);
    return { file, size: blob.info.size, content: blob.content };
  }

  /** Deletes content and record; vector stores keep what they have ingested of it. */
  async function remove(scope: Scope, id: string): Promise<{ id: string; object: 'file'; deleted: true }> {
    await get(scope, id);
    await blobs.delete(fileBlob(scope, id));
    await deleteListed(records, fileKey(scope, id), now());
    return { id, object: 'file', deleted: true };
  }

  return { create, store, make, put, get, findAll, list, content, remove };
}

/** A name with the folders it has in a container, each segment as {@link usableName}. */
function usablePath(given: string): string {
  const segments = given.split('/').filter((segment) => segment.trim() !== '');
  return segments.length > 1 ? segments.map((segment) => usableName(segment)).join('/') : usableName(given);
}

/** The last segment of the name without control characters. Throws 400 if that is empty or over 255 characters. */
export function usableName(given: string, param = 'file'): string {
  const name = (given.split(/[\\/]/).at(-1) ?? '')
    .replace(/\p{Cc}/gu, '')
    .toWellFormed()
    .trim();
  if (name === '' || name === '.' || name === '..') {
    throw errors.invalidParameter(`Invalid '${param}': it has no file name.`, 'invalid_value', param);
  }
  if (name.length > MAX_NAME_CHARACTERS) {
    const message = `Invalid '${param}': its name is longer than ${MAX_NAME_CHARACTERS} characters.`;
    throw errors.invalidParameter(message, 'string_above_max_length', param);
  }
  return name;
}
