/** Containers as callers see them: made, looked at, and gone when nobody uses them. */
import { errors, isFound } from '../errors';
import type { Scope } from '../scope';
import { newId } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { selectedPage } from '../storage/selectedPages';
import type { DueRecord } from '../storage/ports';
import {
  MAX_IDLE_MINUTES,
  type ContainerObject,
  type CreateContainerRequest,
  type ListContainersQuery,
} from '../wire/containers';
import { copyIntoContainer, discardAddedFiles } from './containerFiles';
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
import { findContainer, isAutoContainer, makeContainer, renewed } from './containerUse';
import { filesOfContainers } from './filesOfContainers';
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

export type Containers = ReturnType<typeof createContainers>;

/** The containers of a scope. Methods throw 404 for an id that is not there, and 400 where one that has expired would have to be used. */
export function createContainers(ports: ContainersPorts) {
  const { records, blobs, files, now } = ports;
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

  /** What the sweep does with the due records of containers: what has expired is discarded, and what a crash has left is removed. */
  async function due(record: DueRecord): Promise<void> {
    const { scope, id } = containerOfDue(record);
    const { partition, list } = containerKey(scope, id);
    await withRetries(async () => {
      const found = await records.get<ContainerRecord | DeletedContainer>({ partition, list, id });
      if (!found || 'is_deleted' in found.value) {
        await purge(scope, id);
        // Nothing tells of a caller's own container any more.
        if (found && !isAutoContainer(id))
          return records.write(partition, [{ op: 'delete', list, id, ifMatch: found.etag }], { remove: [record] });
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

  return {
    create,
    get,
    list,
    remove,
    due,
    ...filesOfContainers(ports, async (scope, id) => (await get(scope, id)).status === 'running'),
  };
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
