/** Verifies signature, issuer, audience and times of a signed token. */
import type { JWTPayload } from 'jose';
import { ApiError, errors } from '../errors';
import { ForeignIssuerError, type SigningKeys } from './ports';

/** What Entra ID and the Bot Framework sign with. Nothing else is verified, least of all by HMAC. */
const ALGORITHMS = ['RS256'];

/** What must hold of a token. */
export interface TokenRules {
  keys: SigningKeys;
  audience: string[];
  /** The setting that names the audience, for messages. */
  audienceSetting: string;
  /** By how much clocks may differ, in seconds. */
  clockSkew: number;
  requiredClaims: string[];
  /** Unix milliseconds. */
  now: () => number;
}

/** A token that holds. */
export interface VerifiedToken {
  payload: JWTPayload;
  issuer: string;
  /** The id of the key that signed it. */
  kid: string | undefined;
}

/** Gives what a token says. Throws 401 for one that does not hold, and 503 where the authority's keys cannot be had. */
export async function verifiedToken(token: string, rules: TokenRules): Promise<VerifiedToken> {
  const { keys, audience, audienceSetting, clockSkew, requiredClaims, now } = rules;
  // Loaded with the first token, and only where tokens are accepted.
  const { decodeJwt, errors: jose, jwtVerify } = await import('jose');
  try {
    const { iss } = decodeJwt(token);
    if (!iss) throw errors.wrongToken("It lacks the claim 'iss'.");
    // The keys are those of the issuer that the token names, so that one signed by another's does not verify.
    const { payload, protectedHeader } = await jwtVerify(token, async (header, jws) => keys.find(iss, header, jws), {
      algorithms: ALGORITHMS,
      audience,
      issuer: iss,
      clockTolerance: clockSkew,
      currentDate: new Date(now()),
      requiredClaims,
    });
    return { payload, issuer: iss, kid: protectedHeader.kid };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (error instanceof ForeignIssuerError) throw errors.wrongToken(error.message);
    if (error instanceof jose.JWTExpired) throw errors.wrongToken('It has expired.');
    if (error instanceof jose.JWTClaimValidationFailed)
      throw errors.wrongToken(claimFault(error.claim, audienceSetting));
    if (error instanceof jose.JOSEAlgNotAllowed) throw errors.wrongToken('It must be signed by RS256.');
    if (error instanceof jose.JWKSNoMatchingKey) throw errors.wrongToken('Nobody publishes the key it is signed by.');
    if (error instanceof jose.JOSEError) throw errors.wrongToken('Its signature or its form is wrong.');
    throw error;
  }
}

function claimFault(claim: string, audienceSetting: string): string {
  if (claim === 'aud') return `Its audience is not one of ${audienceSetting}.`;
  if (claim === 'nbf') return 'It is not valid yet.';
  return `Its claim '${claim}' is missing or wrong.`;
}
