/** How containers are stored: an entry in their scope's list, and a partition with their files for each. */
import { createHash } from 'node:crypto';
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import type { DueRecord, RecordKey } from '../storage/ports';

/** A container in which code of responses runs. */
export interface ContainerRecord {
  id: string;
  name: string;
  /** Unix seconds. */
  created_at: number;
  /** Unix seconds; as of its last use. */
  last_active_at: number;
  /** Without use, after which it expires. */
  minutes: number;
  network_policy?: { type: 'disabled' };
  /** It has expired, and what callers had put into it is gone or going. */
  is_discarded?: true;
}

/** What is left of a deleted container: without it, a stored response that ran code there would make it known again. */
export interface DeletedContainer {
  id: string;
  is_deleted: true;
}

/** A file as it lies in its container. */
export interface ContainerFile {
  id: string;
  /** Absolute, below `/mnt/data`. */
  path: string;
  /** Of one that the caller has put there; absent of one that code wrote, which is a file of the scope by the same id. */
  added?: {
    /** With its content. */
    blob: string;
    bytes: number;
    /** Unix seconds. */
    created_at: number;
  };
}

/** A file that was deleted, and that the next code must not find. */
export interface RemovedFile {
  path: string;
}

const CONTAINERS = 'containers';
/** Lists of a container's partition. */
export const FILES = 'files';
/** Paths that are taken by files of callers. */
export const PATHS = 'paths';
export const REMOVED = 'removed';

/** Kind of the due records of containers. */
export const CONTAINER_DUE = 'container';

/** Where the entry of a container lies. */
export const containerKey = (scope: Scope, id: string): RecordKey => ({
  partition: partitionOf(scope, CONTAINERS),
  list: CONTAINERS,
  id,
});

export const filesPartition = (scope: Scope, container: string): string => partitionOf(scope, CONTAINERS, container);

/** Below which the contents of callers' files lie: with the large inputs of responses, of which no chain begins with `cntr_`. */
export const containerBlobs = ({ tenant, project }: Scope, container: string): string =>
  ['responses', tenant, project, container].map(encodeURIComponent).join('/');

export const pathId = (path: string): string => createHash('sha256').update(path).digest('hex');

/** Whether it can be the id of a container. */
export const isContainerId = (id: string): boolean => /^[\x21-\x7e]{1,128}$/.test(id);

/** When an unused container expires, in Unix seconds. */
export const expiryOf = ({ last_active_at: active, minutes }: ContainerRecord): number => active + minutes * 60;

/** `now` in Unix milliseconds. */
export const isExpired = (container: ContainerRecord, now: number): boolean =>
  container.is_discarded === true || expiryOf(container) * 1000 <= now;

/** Has the container looked at then, in Unix seconds. */
export const containerDue = ({ tenant, project }: Scope, id: string, at: number): DueRecord => ({
  at,
  kind: CONTAINER_DUE,
  id: JSON.stringify([tenant, project, id]),
  data: { tenant, project, container: id },
});

/** The container that is to be looked at. */
export function containerOfDue({ data }: DueRecord): { scope: Scope; id: string } {
  const { tenant = '', project = '', container = '' } = data;
  return { scope: { tenant, project }, id: container };
}
