/** Tokens of the managed identity, or of whoever is signed in to Azure. */
import type { AccessToken, TokenCredential } from '@azure/identity';

/** That of Azure OpenAI. */
const SCOPE = 'https://cognitiveservices.azure.com/.default';
/** A token is renewed this long before it expires, while the old one still serves. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** A token that is this close to its end might run out on the way. */
const USABLE_BEFORE_MS = 10_000;

/**
 * A function that gives a valid token, cached until shortly before it expires and then renewed behind the scenes, by one call however many
 * ask. Rejects with the credential's error when there is no valid token.
 *
 * Not the library's getBearerTokenProvider: a renewal behind the scenes that fails there rejects a promise that nobody holds, which ends the
 * process.
 *
 * @param options.credential Default: `DefaultAzureCredential`, loaded with the first token.
 * @param options.scope For what; default: Azure OpenAI.
 * @param options.now Unix milliseconds.
 */
export function azureToken(options: {
  credential?: TokenCredential;
  scope?: string;
  now: () => number;
}): () => Promise<string> {
  let { credential } = options;
  let current: AccessToken | undefined;
  let renewal: Promise<AccessToken> | undefined;

  async function fetchToken(): Promise<AccessToken> {
    // Loaded only here: with a key configured nobody pays for the library.
    credential ??= new (await import('@azure/identity')).DefaultAzureCredential();
    const token = await credential.getToken(options.scope ?? SCOPE);
    if (!token) throw new Error('The credential gave no token.');
    current = token;
    return token;
  }

  const renew = () =>
    (renewal ??= fetchToken().finally(() => {
      renewal = undefined;
    }));

  return async () => {
    const now = options.now();
    if (current && now < current.expiresOnTimestamp - USABLE_BEFORE_MS) {
      const renewAt = Math.min(current.refreshAfterTimestamp ?? Infinity, current.expiresOnTimestamp - RENEW_BEFORE_MS);
      // A failed early renewal is tried again by the next caller, and reported once the token has run out.
      if (now >= renewAt) renew().catch(() => undefined);
      return current.token;
    }
    return (await renew()).token;
  };
}
