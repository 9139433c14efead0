/** How many tokens an answer says it took. */
import { tokenUsage, type TokenUsage } from '../tokenUsage';

/** Of a parsed answer; undefined where it does not say. */
export function usageOf(value: unknown): TokenUsage | undefined {
  return typeof value === 'object' && value !== null && 'usage' in value ? tokenUsage(value.usage) : undefined;
}

/** The last `usage` with a number of tokens in a piece of an answer, undefined if there is none. */
export function lastUsage(text: string): TokenUsage | undefined {
  const tokens = text.lastIndexOf('"total_tokens"');
  const at = tokens < 0 ? -1 : text.lastIndexOf('"usage"', tokens);
  const object = at < 0 ? undefined : /^"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})/.exec(text.slice(at))?.[1];
  try {
    return object === undefined ? undefined : tokenUsage(JSON.parse(object));
  } catch {
    // Something in braces that is no JSON: it tells nothing.
    return undefined;
  }
}
