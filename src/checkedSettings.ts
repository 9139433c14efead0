/** Settings against their schema. */
import type { z } from 'zod';
import { ConfigError } from './configError';

/** Throws {@link ConfigError} for the first that is wrong. */
export function checked<T>(schema: z.ZodType<T>, given: Record<string, string | undefined>): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ConfigError(String(issue?.path[0]), `${issue?.message ?? 'is not valid'}.`);
}
