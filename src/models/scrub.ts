/** Keeps the keys of model services out of what callers and logs get to see. */
import type { ModelBackend } from '../modelBackends';

const looksSecret: [RegExp, string][] = [
  [/\b(sk|sess|pk)-[\w*.-]{6,}/g, '***'],
  [/\beyJ[\w-]{8,}(\.[\w-]*){0,2}/g, '***'],
  [/\bBearer\s+[\w.~+/=-]{8,}/gi, 'Bearer ***'],
  [/((?:api|subscription|access)[-_ ]?key["']?\s*[:=]\s*["']?)[\w*.-]{8,}/gi, '$1***'],
];

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
