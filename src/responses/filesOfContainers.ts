/** The files of containers as callers see them: put there by form and by id, shown, read and deleted. */
import { errors, isFound } from '../errors';
import type { Scope } from '../scope';
import type { PageRequest } from '../storage/ports';
import { receiveContent, type TakeContent } from '../storage/receivedContent';
import type { ContainerFileObject } from '../wire/containers';
import {
  addContainerFile,
  containerFile,
  containerFiles,
  contentOf,
  newContainerFileId,
  requireRoom,
  takeOutOfContainer,
} from './containerFiles';
import type { ContainerFile } from './containerRecords';
import type { ContainersPorts } from './containers';
import { useContainer } from './containerUse';

/** Reads an upload: hands the content on to `take` as it arrives, with its name, or tells the id of an uploaded file. */
export type ReceiveContainerFile = (
  take: TakeContent<ContainerFile>,
) => Promise<{ file: ContainerFile } | { fileId: string }>;

/**
 * The files of a scope's containers. Methods throw 404 for a container or a file that is not there, and 400 where a container that has expired would have to be used.
 *
 * @param look Whether the container is running, which this keeps up. Throws 404.
 */
export function filesOfContainers(
  ports: Pick<ContainersPorts, 'records' | 'blobs' | 'files' | 'now' | 'removeFile' | 'maxFileBytes'>,
  look: (scope: Scope, container: string) => Promise<boolean>,
) {
  const { blobs, files, maxFileBytes } = ports;

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
      const store: TakeContent<ContainerFile> = async (content, filename) => {
        const file = { id: newContainerFileId(), filename, content, maxBytes: maxFileBytes };
        return (taken = await addContainerFile(ports, scope, id, file));
      };
      const discard = async (): Promise<void> => {
        if (taken) await takeOut(scope, id, taken);
      };
      return receiveContent({ store, discard }, receive, async (received) =>
        'file' in received ? received.file : addCopy(scope, id, received.fileId),
      );
    });

  /** The file, where it can still be read: what callers have put there goes with the container's end, what code wrote is kept. */
  async function readable(scope: Scope, container: string, id: string): Promise<ContainerFile> {
    const file = await containerFile(ports, scope, container, id);
    if ((await look(scope, container)) || !file.added) return file;
    throw errors.noContainerFile(id);
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

  return { addFile, upload, getFile, listFiles, openFile, removeFile };
}

const shownAdded = (container: string, file: ContainerFile): ContainerFileObject =>
  fileObject(container, file, { bytes: 0, created_at: 0, ...file.added, source: 'user' });

const fileObject = (
  container_id: string,
  { id, path }: ContainerFile,
  { bytes, created_at, source }: Pick<ContainerFileObject, 'bytes' | 'created_at' | 'source'>,
): ContainerFileObject => ({ id, object: 'container.file', container_id, created_at, bytes, path, source });
