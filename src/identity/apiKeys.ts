/**
 * API keys that are made, listed and revoked while the hosts run. All of them are one record, so that a host learns of every change by one read.
 *
 * Of a key only its SHA-256 is kept. A slow hash with a salt protects what people think up; here are 256 random bits, which nobody can try through,
 * and a fast one costs a request nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { errors } from '../errors';
import type { Role } from '../principal';
import { GLOBAL_PARTITION, newId, orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import type { Records } from '../storage/ports';

/** What is kept of a key. Times are Unix seconds. */
export interface ApiKeyRecord {
  id: string;
  tenant: string;
  role: Role;
  /** The beginning of the key, by which its owner tells it from others. */
  prefix: string;
  /** SHA-256 of the key, in hexadecimal. */
  hash: string;
  created_at: number;
  expires_at: number | null;
}

export interface NewApiKey {
  tenant: string;
  role: Role;
  /** Unix seconds; null: never. */
  expiresAt: number | null;
}

export interface ApiKeys {
  /** Makes a key. It is in nobody's hands but the caller's from then on. Throws an ApiError where there are {@link MAX_KEYS} already. */
  create(wanted: NewApiKey): Promise<{ key: string; record: ApiKeyRecord }>;
  /** All keys, the oldest first; of one tenant where it is named. */
  list(tenant?: string): Promise<ApiKeyRecord[]>;
  /** The key that is no more, or undefined where there was none of that id. */
  revoke(id: string): Promise<ApiKeyRecord | undefined>;
}

/** Keys that there may be, of all tenants, so that the record stays small. */
export const MAX_KEYS = 1000;

const LIST = 'api_keys';
const ID = 'all';
const SHOWN = 8;

/** Whether the text has the form of a key of {@link ApiKeys}. Nothing else is worth a look into the store. */
export const isApiKey = (text: string): boolean => /^aof_[\w-]{43}$/.test(text);

/** What is kept of a key in its place. */
export const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');

/** Every key that is kept. */
export async function readApiKeys(records: Records): Promise<ApiKeyRecord[]> {
  const stored = await records.get<{ keys: ApiKeyRecord[] }>({ partition: GLOBAL_PARTITION, list: LIST, id: ID });
  return stored?.value.keys ?? [];
}

/** @param options.now Unix milliseconds. */
export function createApiKeys({ records, now }: { records: Records; now: () => number }): ApiKeys {
  /** Changes the keys; `change` may be asked several times, where others write too. */
  const update = async (change: (keys: ApiKeyRecord[]) => ApiKeyRecord[]): Promise<void> =>
    withRetries(async () => {
      const stored = await records.get<{ keys: ApiKeyRecord[] }>({ partition: GLOBAL_PARTITION, list: LIST, id: ID });
      const value = { keys: change(stored?.value.keys ?? []) };
      const at = { list: LIST, id: ID, value };
      await records.write(GLOBAL_PARTITION, [
        stored ? { op: 'replace', ...at, ifMatch: stored.etag } : { op: 'create', ...at, order: orderKey(now()) },
      ]);
    });

  return {
    async create({ tenant, role, expiresAt }) {
      const key = `aof_${randomBytes(32).toString('base64url')}`;
      const record: ApiKeyRecord = {
        id: newId('key_'),
        tenant,
        role,
        prefix: key.slice(0, SHOWN),
        hash: hashOf(key),
        created_at: Math.floor(now() / 1000),
        expires_at: expiresAt,
      };
      await update((keys) => {
        if (keys.length >= MAX_KEYS) throw errors.tooManyApiKeys(MAX_KEYS);
        return [...keys, record];
      });
      return { key, record };
    },
    async list(tenant) {
      const keys = await readApiKeys(records);
      return tenant === undefined ? keys : keys.filter((key) => key.tenant === tenant);
    },
    async revoke(id) {
      let revoked: ApiKeyRecord | undefined;
      await update((keys) => {
        revoked = keys.find((key) => key.id === id);
        return keys.filter((key) => key !== revoked);
      });
      return revoked;
    },
  };
}
