/** Who calls: the tenant that a key belongs to. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { errors } from '../errors';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * The tenant of the key in `api-key` or `Authorization: Bearer`. Every configured key is compared, as digests in constant time, so
 * that the answer's time tells nothing about keys. Throws 401.
 */
export function authenticate(
  headers: { get(name: string): string | null },
  apiKeys: ReadonlyMap<string, string>,
): string {
  const given = headers.get('api-key') || /^Bearer\s+(.+)$/i.exec(headers.get('authorization') ?? '')?.[1];
  if (!given) throw errors.missingKey();
  const wanted = digest(given.trim());
  let tenant: string | undefined;
  for (const [key, owner] of digestsOf(apiKeys)) if (timingSafeEqual(key, wanted)) tenant = owner;
  if (tenant === undefined) throw errors.wrongKey();
  return tenant;
}

const digests = new WeakMap<ReadonlyMap<string, string>, [Buffer, string][]>();

function digestsOf(apiKeys: ReadonlyMap<string, string>): [Buffer, string][] {
  let known = digests.get(apiKeys);
  if (!known) {
    known = [...apiKeys].map(([key, tenant]) => [digest(key), tenant]);
    digests.set(apiKeys, known);
  }
  return known;
}
