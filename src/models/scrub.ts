/** Keeps the keys of model services out of what callers and logs get to see. */
import type { ModelBackend } from '../modelBackends';

const looksSecret: [RegExp, string][] = [
  [/\b(sk|sess|pk)-[\w*.-]{6,}/g, '***'],
  [/\beyJ[\w-]{8,}(\.[\w-]*){0,2}/g, '***'],
  [/\bBearer\s+[\w.~+/=-]{8,}/gi, 'Bearer ***'],
  [/((?:api|subscription|access)[-_ ]?key["']?\s*[:=]\s*["']?)[\w*.-]{8,}/gi, '$1***'],
];

/** Shorter ones are placeholders, such as `none` and `ollama`, which may be words of an answer. */
const MIN_KEY_LENGTH = 16;

/** The backends' keys that are long enough to be told from the words of an answer. */
export const keysOf = (backends: readonly ModelBackend[]): string[] =>
  backends.flatMap(({ apiKey }) => (apiKey && apiKey.length >= MIN_KEY_LENGTH ? [apiKey] : []));

/**
 * A function that writes stars over the backends' keys where it finds them whole, for answers that go on as they are: other text, and the length, stay. It changes the
 * bytes in place; a key that is cut by the end of a piece is not found.
 */
export function createKeyMask(backends: readonly ModelBackend[]): (bytes: Buffer) => void {
  const keys = [...new Set(keysOf(backends))].map((key) => Buffer.from(key));
  return (bytes) => {
    for (const key of keys) {
      for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + key.length))
        bytes.fill('*', at, at + key.length);
    }
  };
}

/** A function that replaces the backends' keys, and whatever looks like a credential, by `***`. */
export function createScrub(backends: readonly ModelBackend[]): (text: string) => string {
  const keys = backends.flatMap(({ apiKey }) => (apiKey ? [apiKey] : []));
  return (text) => {
    let scrubbed = text;
    for (const key of keys) scrubbed = scrubbed.replaceAll(key, '***');
    for (const [pattern, replacement] of looksSecret) scrubbed = scrubbed.replace(pattern, replacement);
    return scrubbed;
  };
}
