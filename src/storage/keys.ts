/** How records and blobs are named. The scope comes first in every key, so no id can reach another tenant's objects. */
import { randomBytes } from 'node:crypto';
import type { Scope } from '../scope';

const segment = (text: string): string => encodeURIComponent(text);

/** A partition of the scope: a collection (`assistants`), or what belongs to one object (`threads`, its id). */
export function partitionOf(scope: Scope, collection: string, id?: string): string {
  const parts = [scope.tenant, scope.project, collection, ...(id === undefined ? [] : [id])];
  return parts.map(segment).join('/');
}

/** Where a partition belongs; undefined for what concerns all tenants. */
export function readPartition(partition: string): { scope: Scope; collection: string; id?: string } | undefined {
  const [tenant, project, collection, id] = partition.split('/').map(decodeURIComponent);
  if (tenant === undefined || project === undefined || collection === undefined) return undefined;
  return { scope: { tenant, project }, collection, ...(id !== undefined && { id }) };
}

/** What the keys of all partitions of a tenant begin with. */
export const tenantPrefix = (tenant: string): string => `${segment(tenant)}/`;
/** Sorts behind all partitions of the tenant and before those of the next. */
export const behindTenant = (tenant: string): string => `${segment(tenant)}0`;

/** What concerns all tenants, such as the owner of a vector store by its id. */
export const GLOBAL_PARTITION = 'global';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A new id of 24 random characters behind the prefix, `thread_` or `file-`. */
export function newId(prefix: string): string {
  let id = prefix;
  // 62 does not divide 256: bytes past the last multiple are left out, so that every character is as likely.
  while (id.length < prefix.length + 24) {
    for (const byte of randomBytes(32)) if (byte < 248 && id.length < prefix.length + 24) id += ALPHABET[byte % 62];
  }
  return id;
}

/** The clock's milliseconds of a key of {@link orderKey}; NaN of another text. */
export const timeOf = (order: string): number => (/^\d{15}-/.test(order) ? Number(order.slice(0, 15)) : NaN);

let lastMilliseconds = 0;
let sequence = 0;

/**
 * A sort key for a record made now: later calls of this process sort later, and across processes the clock decides. Where clocks must not decide, `after` is a key
 * behind which this one sorts.
 */
export function orderKey(now: number, after = ''): string {
  return laterKey(keyOf(now), after);
}

/** The key, or the next one behind `after` if it does not sort there. */
export function laterKey(key: string, after: string): string {
  if (key > after) return key;
  const [milliseconds = '', count] = after.split('-');
  return `${milliseconds}-${String(Number(count) + 1).padStart(8, '0')}`;
}

function keyOf(now: number): string {
  if (now > lastMilliseconds) {
    lastMilliseconds = now;
    sequence = 0;
  }
  sequence += 1;
  return `${String(lastMilliseconds).padStart(15, '0')}-${String(sequence).padStart(8, '0')}`;
}
