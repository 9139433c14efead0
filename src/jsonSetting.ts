/** Settings that are JSON, or the path of a file that holds it. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError } from './configError';

/** Whether the setting is JSON itself, and no path. */
export const isJsonText = (given: string): boolean => /^\s*[[{]/.test(given);

/** The text without the byte order mark that editors on Windows put before it. */
export const withoutMark = (text: string): string => text.replace(/^\ufeff/, '');

/** The value of a setting that is JSON, or the path of a file that holds it. Throws {@link ConfigError}, which never quotes it. */
export function readJsonSetting(setting: string, given: string): unknown {
  let json = given;
  if (!isJsonText(given)) {
    try {
      json = withoutMark(readFileSync(given, 'utf8'));
    } catch (error) {
      const code = z.object({ code: z.string() }).safeParse(error).data?.code ?? 'unreadable';
      throw new ConfigError(
        setting,
        `must be JSON, or the path of a file that holds it, which cannot be read (${code}).`,
      );
    }
  }
  try {
    return JSON.parse(json);
  } catch (error) {
    // The parser's message quotes the text, and that may be a key.
    const position = /position \d+/.exec(String(error))?.[0];
    throw new ConfigError(setting, `is not valid JSON${position ? ` (at ${position})` : ''}.`);
  }
}
