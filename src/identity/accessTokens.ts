/** Verifies access tokens of Entra ID: https://learn.microsoft.com/entra/identity-platform/access-tokens. */
import type { EntraSettings } from '../entraSettings';
import { errors } from '../errors';
import type { Principal } from '../principal';
import { bearers, readClaims } from './bearer';
import type { SigningKeys } from './ports';
import { verifiedToken } from './verifiedToken';

/** By how much clocks may differ, in seconds. */
const CLOCK_SKEW = 60;

export interface AccessTokensOptions {
  settings: EntraSettings;
  keys: SigningKeys;
  /** Unix milliseconds. */
  now: () => number;
}

/**
 * A function that verifies signature, issuer, audience and times of a token, and gives its bearer. It throws 401 for a token that does not hold,
 * 403 for a bearer who may do nothing here, 503 where the authority's keys cannot be had.
 */
export function accessTokens({ settings, keys, now }: AccessTokensOptions): (token: string) => Promise<Principal> {
  const { audiences, tenantId, principals } = settings;
  const bearerOf = bearers(principals);
  const rules = {
    keys,
    audience: audiences.flatMap((each) => [each, `${each}/`]),
    audienceSetting: 'ENTRA_AUDIENCE',
    clockSkew: CLOCK_SKEW,
    requiredClaims: ['exp', 'tid'],
    now,
  };

  return async (token) => {
    const { payload } = await verifiedToken(token, rules);
    const claims = readClaims(payload);
    if ('lacks' in claims) throw errors.wrongToken(`It lacks '${claims.lacks}', so it is no access token.`);
    if (claims.tid !== tenantId) throw errors.wrongToken('It is of another Entra tenant.');
    return bearerOf(claims);
  };
}
