/** What tokens are verified with. */
import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from 'jose';

/** The keys that the authority publishes, by the issuer whose tokens they sign. */
export interface SigningKeys {
  /**
   * The public key by which the token is to be verified. Throws a ForeignIssuerError for an issuer that the authority does not name, jose's
   * JWKSNoMatchingKey where it publishes no such key, and an ApiError 503 where it cannot be asked and was not lately.
   */
  find(issuer: string, header: JWSHeaderParameters | undefined, token: FlattenedJWSInput): Promise<CryptoKey>;
}

/** The authority of the settings gives no tokens out under that name. */
export class ForeignIssuerError extends Error {
  constructor(issuer: string) {
    super(`'${issuer.slice(0, 200)}' is not an issuer of the Entra tenant.`);
    this.name = 'ForeignIssuerError';
  }
}
