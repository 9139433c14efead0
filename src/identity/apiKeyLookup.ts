/** Whose an API key is that {@link ApiKeys} made, as every host knows it a few seconds after a change. */
import { errors } from '../errors';
import type { Principal } from '../principal';
import type { Records } from '../storage/ports';
import { hashOf, isApiKey, readApiKeys, type ApiKeyRecord } from './apiKeys';

/** Keys are read again in the background after this; requests wait for it only past the bound, which is how long a revoked key may go on. */
const REFRESH_MS = 3_000;
export const MAX_AGE_MS = 8_000;
/** A key that is not known sends for new ones at most so often: whoever sends made-up keys costs the store no more. */
const UNKNOWN_KEY_MS = 1_000;

export interface ApiKeyLookupOptions {
  records: Records;
  /** Unix milliseconds. */
  now: () => number;
}

/**
 * A function that gives the bearer of a key, or undefined where it is unknown, revoked or expired. Throws 503 where the keys cannot be read. A key
 * is found by its hash, which nobody can steer, so how long that takes tells nothing about other keys.
 */
export function apiKeyLookup({ records, now }: ApiKeyLookupOptions): (key: string) => Promise<Principal | undefined> {
  let known = new Map<string, ApiKeyRecord>();
  let readAt = -Infinity;
  let askedAt = -Infinity;
  let reading: Promise<void> | undefined;

  const read = async (): Promise<void> => {
    reading ??= (async () => {
      // From before the read: what is revoked while it runs counts from here.
      const at = (askedAt = now());
      const keys = await readApiKeys(records).catch((cause: unknown) => {
        throw errors.apiKeysUnreadable(cause);
      });
      known = new Map(keys.map((key) => [key.hash, key]));
      readAt = at;
    })().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  return async (key) => {
    if (!isApiKey(key)) return undefined;
    const hash = hashOf(key);
    const asked = now();
    // What was read in a time to come was read before the clock was set back.
    const age = readAt <= asked ? asked - readAt : Infinity;
    if (age >= MAX_AGE_MS) {
      await read();
      // It may have been under way for long, where the store is slow, and know nothing of what was revoked since.
      if (asked - readAt >= MAX_AGE_MS) await read();
    } else if (!known.has(hash) && (reading || now() - askedAt >= UNKNOWN_KEY_MS)) await read();
    // A refresh that fails is tried again by the next request, and told once the keys are too old.
    else if (age >= REFRESH_MS && now() - askedAt >= UNKNOWN_KEY_MS) read().catch(() => undefined);
    const found = known.get(hash);
    if (!found || (found.expires_at !== null && found.expires_at * 1000 <= now())) return undefined;
    return { tenant: found.tenant, role: found.role, id: found.id };
  };
}
