/** What the service says of code that has run, as whoever reads the output shall see it. */
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { WrittenFile } from '../../tools/ports';
import type { Execution } from './poolClient';
import { DATA_FOLDER } from './sessionHelper';

/** A figure or picture as value of the last expression, as the service gives it. */
const image = z.object({
  type: z.literal('image'),
  format: z.string().regex(/^[a-z0-9]{1,8}$/),
  base64_data: z.base64(),
});

/** Colours of notebooks' tracebacks. */
const COLOURS = /\u001b\[[\d;]*m/g;

/** Standard output, standard error, and the value or why it failed; the service tells nothing of the order between them. */
export function outputOf({ stdout, stderr, value, failure }: Execution): string {
  const parts = [stdout, stderr.replace(COLOURS, ''), textOf(value)];
  const told = failure?.replace(COLOURS, '');
  // The traceback says it already.
  const isTraced = /^Traceback |\n.*Error\b/m.test(parts[1] ?? '');
  if (told !== undefined && !isTraced && !parts.some((part) => part.includes(told.trim()))) parts.push(told);
  return parts.map((part) => (part === '' || part.endsWith('\n') ? part : `${part}\n`)).join('');
}

function textOf(value: unknown): string {
  if (value === undefined || value === null || image.safeParse(value).success) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The image that the last expression gave, as a file of a name that is not taken. */
export function imageOf(value: unknown, taken: ReadonlySet<string>): WrittenFile | undefined {
  const parsed = image.safeParse(value);
  if (!parsed.success) return undefined;
  const content = Buffer.from(parsed.data.base64_data, 'base64');
  const pathOf = (number: number): string => `${DATA_FOLDER}/figure-${number}.${parsed.data.format}`;
  let number = 1;
  while (taken.has(pathOf(number))) number += 1;
  return { path: pathOf(number), bytes: content.length, open: () => Promise.resolve(Readable.from([content])) };
}
