/** An agent as paths name it. Pure. */
import type { NamedAgent } from './agents';

/** `name`, or `name:version`. */
export function namedAgent(text: string): NamedAgent {
  const colon = text.indexOf(':');
  return colon < 0 ? { name: text } : { name: text.slice(0, colon), version: text.slice(colon + 1) };
}
