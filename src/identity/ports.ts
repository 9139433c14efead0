/** What tokens are verified with. */
import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from 'jose';

/** The keys that the authority publishes, by the issuer whose tokens they sign. */
export interface SigningKeys {
  /**
   * The public key by which the token is to be verified. Throws a ForeignIssuerError for an issuer that the authority does not name, jose's
   * JWKSNoMatchingKey where it publishes no such key, and an ApiError 503 where it cannot be asked and was not lately.
   */
  find(issuer: string, header: JWSHeaderParameters | undefined, token: FlattenedJWSInput): Promise<CryptoKey>;
  /** The channels that the key may sign for; undefined where its authority names none. Throws as `find` does. */
  endorsements(issuer: string, kid: string | undefined): Promise<readonly string[] | undefined>;
}

/** The authority of the settings gives no tokens out under that name. */
export class ForeignIssuerError extends Error {
  /** @param of Whose issuers there are: `the Entra tenant`. */
  constructor(issuer: string, of: string) {
    super(`'${issuer.slice(0, 200)}' is not an issuer of ${of}.`);
    this.name = 'ForeignIssuerError';
  }
}
