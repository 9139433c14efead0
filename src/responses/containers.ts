/** Containers as callers see them: made, looked at, filled with files, and gone when nobody uses them. */
import type { Readable } from 'node:stream';
import { ApiError, errors, isFound } from '../errors';
import type { Scope } from '../scope';
import { newId } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { selectedPage } from '../storage/selectedPages';
import type { DueRecord, PageRequest } from '../storage/ports';
import {
  MAX_IDLE_MINUTES,
  type ContainerFileObject,
  type ContainerObject,
  type CreateContainerRequest,
  type ListContainersQuery,
} from '../wire/containers';
import {
  addContainerFile,
  containerFile,
  containerFiles,
  contentOf,
  copyIntoContainer,
  discardAddedFiles,
  newContainerFileId,
  requireRoom,
  takeOutOfContainer,
} from './containerFiles';
import {
  containerBlobs,
  containerDue,
  containerKey,
  containerOfDue,
  expiryOf,
  FILES,
  filesPartition,
  isExpired,
  type ContainerFile,
  type ContainerRecord,
  type DeletedContainer,
} from './containerRecords';
import { findContainer, makeContainer, renewed, useContainer } from './containerUse';
import type { ResponsesPorts } from './ports';

/** How long the making of a container may take before what it has left is removed. */
const MAKING_SECONDS = 3600;
/** Records looked at by one step. */
const PAGE = 50;

export interface ContainersPorts extends Pick<
  ResponsesPorts,
  'records' | 'blobs' | 'files' | 'codeInterpreter' | 'now'
> {
  /** Deletes a file that code wrote. Throws 404. */
  removeFile(scope: Scope, id: string): Promise<unknown>;
  maxFileBytes: number;
}

/** Reads an upload: hands the content on to `take` as it arrives, with its name, or tells the id of an uploaded file. */
export type ReceiveContainerFile = (
  take: (content: Readable, filename: string) => Promise<ContainerFile>,
) => Promise<{ file: ContainerFile } | { fileId: string }>;

export type Containers = ReturnType<typeof createContainers>;

/** The containers of a scope. Methods throw 404 for an id that is not there, and 400 where one that has expired would have to be used. */
export function createContainers(ports: ContainersPorts) {
  const { records, blobs, files, now, maxFileBytes } = ports;
  const seconds = (): number => Math.floor(now() / 1000);

  /** Makes a container with copies of the files. Throws 404 for a file that is not there. */
  async function create(scope: Scope, body: CreateContainerRequest): Promise<ContainerObject> {
    if (!ports.codeInterpreter) throw errors.codeInterpreterOff('containers');
    const fileIds = body.file_ids ?? [];
    const absent = await files.firstMissing(scope, fileIds);
    if (absent !== undefined) throw errors.noFile(absent, 'file_ids');
    const id = newId('cntr_');
    // What a crash leaves is found by it: without its entry a container is not there.
    if (fileIds.length > 0) await records.writeDue({ add: [containerDue(scope, id, seconds() + MAKING_SECONDS)] });
    try {
      const [missing] = await copyIntoContainer(ports, scope, id, fileIds);
      if (missing !== undefined) throw errors.noFile(missing, 'file_ids');
      const at = seconds();
      const value: ContainerRecord = {
        id,
        name: body.name,
        created_at: at,
        last_active_at: at,
        minutes: body.expires_after?.minutes ?? MAX_IDLE_MINUTES,
        ...(body.network_policy && { network_policy: body.network_policy }),
      };
      await makeContainer(ports, scope, value);
      return shown(value, now());
    } catch (error) {
      await purge(scope, id);
      throw error;
    }
  }

  /** Looking at a container is a use of it, as of the service; one that has expired is shown as it was last. */
  async function get(scope: Scope, id: string): Promise<ContainerObject> {
    return withRetries(async () => {
      const found = await findContainer(ports, scope, id);
      if (!found) throw errors.noContainer(id);
      return shown(isExpired(found.value, now()) ? found.value : await renewed(ports, scope, found), now());
    });
  }

  async function list(scope: Scope, { name, ...page }: ListContainersQuery) {
    const { partition, list } = containerKey(scope, '');
    return selectedPage<ContainerRecord | DeletedContainer, ContainerObject>(
      records,
      { partition, list },
      page,
      (container) =>
        'is_deleted' in container || (name !== undefined && container.name !== name)
          ? undefined
          : shown(container, now()),
    );
  }

  /** Deletes the container with its files, those too that its code wrote. */
  async function remove(scope: Scope, id: string) {
    await withRetries(async () => {
      const found = await findContainer(ports, scope, id);
      if (!found) throw errors.noContainer(id);
      const { partition, list } = containerKey(scope, id);
      const value: DeletedContainer = { id, is_deleted: true };
      // The sweep goes on where a crash breaks off.
      const due = { add: [containerDue(scope, id, seconds() + MAKING_SECONDS)] };
      await records.write(partition, [{ op: 'replace', list, id, value, ifMatch: found.etag }], due);
    });
    await ports.codeInterpreter?.end?.(scope, id);
    await purge(scope, id);
    return { id, object: 'container.deleted', deleted: true } as const;
  }

  /** Removes what belongs to a container that is not there. Safe to repeat. */
  async function purge(scope: Scope, id: string): Promise<void> {
    const partition = filesPartition(scope, id);
    let after: string | undefined;
    do {
      const page = await records.list<ContainerFile>(partition, FILES, { order: 'asc', limit: PAGE, after });
      for (const { value } of page.records) if (!value.added) await isFound(ports.removeFile(scope, value.id));
      after = page.hasMore ? page.records.at(-1)?.id : undefined;
    } while (after !== undefined);
    await blobs.deleteBelow(containerBlobs(scope, id));
    // Last, since it knows the files.
    await records.deletePartition(partition);
  }

  /** Puts a file there that `add` makes, unless the container is gone by then. Throws 400 where there are too many. */
  async function adding(scope: Scope, id: string, add: () => Promise<ContainerFile>): Promise<ContainerFileObject> {
    await useContainer(ports, scope, id);
    await requireRoom(ports, scope, id);
    const file = await add();
    try {
      await useContainer(ports, scope, id);
    } catch (error) {
      await takeOut(scope, id, file);
      throw error;
    }
    return shownAdded(id, file);
  }

  /** Puts a copy of an uploaded file into the container. Throws 404 for one that is not there. */
  const addFile = async (scope: Scope, id: string, fileId: string): Promise<ContainerFileObject> =>
    adding(scope, id, async () => addCopy(scope, id, fileId));

  async function addCopy(scope: Scope, id: string, fileId: string): Promise<ContainerFile> {
    const filename = (await files.describe(scope, [fileId])).get(fileId)?.filename;
    const opened = filename === undefined ? undefined : await files.open(scope, fileId);
    if (filename === undefined || !opened) throw errors.noFile(fileId, 'file_id');
    return addContainerFile(ports, scope, id, { id: newContainerFileId(), filename, content: opened.content });
  }

  /** Puts an upload into the container; nothing of a refused one stays. */
  const upload = async (scope: Scope, id: string, receive: ReceiveContainerFile): Promise<ContainerFileObject> =>
    adding(scope, id, async () => {
      let taken: ContainerFile | undefined;
      // Kept here, because the reader of the form may have met the end of its stream before it hears of the refusal.
      let refusal: unknown;
      try {
        const received = await receive(async (content, filename) => {
          const file = { id: newContainerFileId(), filename, content, maxBytes: maxFileBytes };
          taken = await addContainerFile(ports, scope, id, file).catch((error: unknown) => {
            refusal = error;
            throw error;
          });
          return taken;
        });
        return 'file' in received ? received.file : await addCopy(scope, id, received.fileId);
      } catch (error) {
        if (taken) await takeOut(scope, id, taken);
        throw refusal instanceof ApiError ? refusal : error;
      }
    });

  /** The file, where it can still be read: what callers have put there goes with the container's end, what code wrote is kept. */
  async function readable(scope: Scope, container: string, id: string): Promise<ContainerFile> {
    const file = await containerFile(ports, scope, container, id);
    if ((await look(scope, container)) || !file.added) return file;
    throw errors.noContainerFile(id);
  }

  /** Whether the container is running, which this keeps up. Throws 404. */
  async function look(scope: Scope, id: string): Promise<boolean> {
    return (await get(scope, id)).status === 'running';
  }

  async function getFile(scope: Scope, container: string, id: string): Promise<ContainerFileObject> {
    const file = await readable(scope, container, id);
    const [object] = await shownFiles(scope, container, [file]);
    if (!object) throw errors.noContainerFile(id);
    return object;
  }

  async function listFiles(scope: Scope, container: string, page: PageRequest) {
    const isThere = await look(scope, container);
    const { data, hasMore } = await containerFiles(ports, scope, container, page);
    const left = data.filter(({ added }) => isThere || !added);
    return { data: await shownFiles(scope, container, left), hasMore };
  }

  /** Who deleted a file that code wrote has it no more. */
  async function shownFiles(scope: Scope, container: string, some: ContainerFile[]): Promise<ContainerFileObject[]> {
    const written = some.filter(({ added }) => !added).map(({ id }) => id);
    const there = await files.describe(scope, written);
    return some.flatMap((file) => {
      const stored = there.get(file.id);
      if (file.added) return [shownAdded(container, file)];
      return stored ? [fileObject(container, file, { ...stored, source: 'assistant' })] : [];
    });
  }

  /** The content as a stream, which the caller must read or destroy. */
  async function openFile(scope: Scope, container: string, id: string) {
    const { path, added } = await readable(scope, container, id);
    const filename = path.slice(path.lastIndexOf('/') + 1);
    if (added) return { id, filename, size: added.bytes, content: await contentOf(ports, added.blob, id) };
    const opened = await files.open(scope, id);
    if (!opened) throw errors.noContainerFile(id);
    return { id, filename, ...opened };
  }

  /** Deletes a file of the container, which the next code does not find. */
  async function removeFile(scope: Scope, container: string, id: string) {
    await useContainer(ports, scope, container);
    const file = await containerFile(ports, scope, container, id);
    await takeOut(scope, container, file);
    return { id, object: 'container.file.deleted', deleted: true } as const;
  }

  /** The content first: the record leads to it. */
  async function takeOut(scope: Scope, container: string, file: ContainerFile): Promise<void> {
    if (file.added) await blobs.delete(file.added.blob);
    else await isFound(ports.removeFile(scope, file.id));
    await takeOutOfContainer(ports, scope, container, file);
  }

  /** What the sweep does with the due records of containers: what has expired is discarded, and what a crash has left is removed. */
  async function due(record: DueRecord): Promise<void> {
    const { scope, id } = containerOfDue(record);
    const { partition, list } = containerKey(scope, id);
    await withRetries(async () => {
      const found = await records.get<ContainerRecord | DeletedContainer>({ partition, list, id });
      if (!found || 'is_deleted' in found.value) {
        await purge(scope, id);
        return records.writeDue({ remove: [record] });
      }
      const { value, etag } = found;
      if (!isExpired(value, now()))
        return records.writeDue({ remove: [record], add: [containerDue(scope, id, expiryOf(value))] });
      // First, so that nobody uses it again.
      if (!value.is_discarded) {
        const discarded: ContainerRecord = { ...value, is_discarded: true };
        await records.write(partition, [{ op: 'replace', list, id, value: discarded, ifMatch: etag }]);
      }
      await discardAddedFiles(ports, scope, id);
      return records.writeDue({ remove: [record] });
    });
  }

  return { create, get, list, remove, addFile, upload, getFile, listFiles, openFile, removeFile, due };
}

function shown(container: ContainerRecord, now: number): ContainerObject {
  const { id, name, created_at, last_active_at, minutes, network_policy } = container;
  return {
    id,
    object: 'container',
    created_at,
    status: isExpired(container, now) ? 'expired' : 'running',
    expires_after: { anchor: 'last_active_at', minutes },
    last_active_at,
    name,
    ...(network_policy && { network_policy }),
  };
}

const shownAdded = (container: string, file: ContainerFile): ContainerFileObject =>
  fileObject(container, file, { bytes: 0, created_at: 0, ...file.added, source: 'user' });

const fileObject = (
  container_id: string,
  { id, path }: ContainerFile,
  { bytes, created_at, source }: Pick<ContainerFileObject, 'bytes' | 'created_at' | 'source'>,
): ContainerFileObject => ({ id, object: 'container.file', container_id, created_at, bytes, path, source });
