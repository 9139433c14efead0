/** Who calls: the bearer of an API key or of an access token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiError, errors } from '../errors';
import { appRoles, mayDo, type Principal } from '../principal';
import type { Operation } from './operation';

interface RequestHeaders {
  get(name: string): string | null;
}

/** What proves who calls. */
export interface Credentials {
  /** Key → tenant, of the settings: their bearers may do everything. */
  apiKeys: ReadonlyMap<string, string>;
  /** The bearer of another key, or undefined. */
  ofKey: (key: string) => Promise<Principal | undefined>;
  /** The bearer of an access token, where such are accepted. Throws 401, 403 or 503. */
  ofToken?: (token: string) => Promise<Principal>;
  /** The WWW-Authenticate header of a 401, without its error. */
  challenge: string;
}

/** Gives the caller by the headers of a request; at once for a key of the settings. Throws 401, 403 or 503. */
export type Authenticate = (headers: RequestHeaders) => Principal | Promise<Principal>;

/** Whether the text has the form of a signed token. */
export const isToken = (text: string): boolean => /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text);

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Goes by the key in `api-key`, or by the key or token in `Authorization: Bearer`. Every key of the settings is compared, as digests in constant
 * time, so that the answer's time tells nothing about keys. Nothing else is read or asked for those.
 */
export function createAuthentication({ apiKeys, ofKey, ofToken, challenge }: Credentials): Authenticate {
  const counts = new Map<string, number>();
  const known = [...apiKeys].map(([key, tenant]): [Buffer, Principal] => {
    const count = (counts.get(tenant) ?? 0) + 1;
    counts.set(tenant, count);
    return [digest(key), { tenant, role: 'contributor', id: `API_KEYS:${tenant}:${count}` }];
  });

  /** Tells how to do better, as RFC 6750 says. */
  const refused = (error: unknown): unknown => {
    if (!(error instanceof ApiError) || error.status !== 401) return error;
    const reason =
      error.details.code === MISSING
        ? ''
        : `, error="invalid_token", error_description="${error.message.replace(/["\\]|[^ -~]/g, "'")}"`;
    const headers = { ...error.details.headers, 'www-authenticate': challenge + reason };
    return new ApiError(error.status, error.message, { ...error.details, headers }, { cause: error.cause });
  };

  const other = async (given: string, isBearer: boolean): Promise<Principal> => {
    try {
      if (isBearer && isToken(given)) {
        if (!ofToken) throw errors.wrongToken('This server accepts none, since ENTRA_TENANT_ID is not set; use a key.');
        return await ofToken(given);
      }
      const principal = await ofKey(given);
      if (!principal) throw errors.wrongKey();
      return principal;
    } catch (error) {
      throw refused(error);
    }
  };

  return (headers) => {
    const key = headers.get('api-key');
    const given = (key || /^Bearer\s+(.+)$/i.exec(headers.get('authorization') ?? '')?.[1])?.trim();
    if (!given) throw refused(errors.missingKey());
    const wanted = digest(given);
    let principal: Principal | undefined;
    for (const [each, owner] of known) if (timingSafeEqual(each, wanted)) principal = owner;
    return principal ?? other(given, !key);
  };
}

const MISSING = errors.missingKey().details.code;

/** Throws 403 where the caller's role does not do for the operation, or they may not use the project. */
export function authorize(
  { role, id, project: only }: Principal,
  { role: needed, method, path }: Operation,
  project: string,
): void {
  if (only !== undefined && only !== project) throw errors.wrongProject(only);
  if (mayDo(role, needed)) return;
  throw errors.roleTooLow(id, appRoles[role], appRoles[needed], `${method.toUpperCase()} ${path}`);
}
