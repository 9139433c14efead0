/** Tokens that an answer of a model says it took. */
export interface TokenUsage {
  total: number;
  prompt: number;
  completion: number;
}

/** Of a `usage` object, in the words of chat completions or of responses; undefined where it does not say. */
export function tokenUsage(usage: unknown): TokenUsage | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const facts = new Map<string, unknown>(Object.entries(usage));
  const numberOf = (...names: string[]): number | undefined => {
    const given = names.map((name) => facts.get(name)).find((value) => typeof value === 'number');
    return typeof given === 'number' && Number.isFinite(given) && given >= 0 ? given : undefined;
  };
  const prompt = numberOf('prompt_tokens', 'input_tokens');
  const completion = numberOf('completion_tokens', 'output_tokens');
  const total = numberOf('total_tokens') ?? (prompt === undefined ? undefined : prompt + (completion ?? 0));
  if (total === undefined) return undefined;
  return { total, prompt: prompt ?? total - (completion ?? 0), completion: completion ?? 0 };
}
