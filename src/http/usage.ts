/** How many tokens an answer says it took. */

/** Of a parsed answer; NaN where it does not say. */
export function tokensOf(value: unknown): number {
  const usage: unknown = typeof value === 'object' && value !== null && 'usage' in value ? value.usage : undefined;
  if (typeof usage !== 'object' || usage === null || !('total_tokens' in usage)) return NaN;
  return Number(usage.total_tokens);
}

/** The last `total_tokens` in a piece of an answer, NaN if there is none. */
export function lastTokens(text: string): number {
  const at = text.lastIndexOf('"total_tokens"');
  return at < 0 ? NaN : Number(/^"total_tokens"\s*:\s*(\d+)/.exec(text.slice(at))?.[1]);
}
