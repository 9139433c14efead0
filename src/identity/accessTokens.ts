/** Verifies access tokens of Entra ID. */
import type { EntraSettings } from '../entraSettings';
import { ApiError, errors } from '../errors';
import type { Principal } from '../principal';
import { bearers, readClaims } from './bearer';
import { ForeignIssuerError, type SigningKeys } from './ports';

/** By how much clocks may differ, in seconds. */
const CLOCK_SKEW = 60;

/** What Entra ID signs with: https://learn.microsoft.com/entra/identity-platform/access-tokens. Nothing else is verified, least of all by HMAC. */
const ALGORITHMS = ['RS256'];

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
  const audience = audiences.flatMap((each) => [each, `${each}/`]);
  const bearerOf = bearers(principals);

  return async (token) => {
    // Loaded with the first token, and only where tokens are accepted.
    const { decodeJwt, errors: jose, jwtVerify } = await import('jose');
    try {
      const { iss } = decodeJwt(token);
      if (!iss) throw errors.wrongToken("It lacks the claim 'iss'.");
      // The keys are those of the issuer that the token names, so that one signed by another's does not verify.
      const { payload } = await jwtVerify(token, async (header, jws) => keys.find(iss, header, jws), {
        algorithms: ALGORITHMS,
        audience,
        issuer: iss,
        clockTolerance: CLOCK_SKEW,
        currentDate: new Date(now()),
        requiredClaims: ['exp', 'tid'],
      });
      const claims = readClaims(payload);
      if ('lacks' in claims) throw errors.wrongToken(`It lacks '${claims.lacks}', so it is no access token.`);
      if (claims.tid !== tenantId) throw errors.wrongToken('It is of another Entra tenant.');
      return bearerOf(claims);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (error instanceof ForeignIssuerError) throw errors.wrongToken(error.message);
      if (error instanceof jose.JWTExpired) throw errors.wrongToken('It has expired.');
      if (error instanceof jose.JWTClaimValidationFailed) throw errors.wrongToken(claimFault(error.claim));
      if (error instanceof jose.JOSEAlgNotAllowed) throw errors.wrongToken('It must be signed by RS256.');
      if (error instanceof jose.JWKSNoMatchingKey) throw errors.wrongToken('Nobody publishes the key it is signed by.');
      if (error instanceof jose.JOSEError) throw errors.wrongToken('Its signature or its form is wrong.');
      throw error;
    }
  };
}

function claimFault(claim: string): string {
  if (claim === 'aud') return 'Its audience is not one of ENTRA_AUDIENCE.';
  if (claim === 'nbf') return 'It is not valid yet.';
  return `Its claim '${claim}' is missing or wrong.`;
}
