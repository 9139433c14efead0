/** What the user sees: the answer and its sources on standard output, all else on standard error. */
import { styleText } from 'node:util';
import type { Citation } from './citations';
import type { UnreadFile } from './findFiles';
import { oneLine } from './plainText';
import { unreadTable } from './unreadTable';

const DEFAULT_WIDTH = 100;

/** Writes a piece of what was asked for. */
export function answer(text: string): void {
  process.stdout.write(text);
}

/** Writes a line about what happens. */
export function note(text: string): void {
  process.stderr.write(`${styled('dim', text, process.stderr)}\n`);
}

/** Writes a line that the user should not miss. */
export function warn(text: string): void {
  process.stderr.write(`${styled('yellow', text, process.stderr)}\n`);
}

/** Writes which files the answer leaves out; nothing if there are none. */
export function tellUnread(files: UnreadFile[]): void {
  if (files.length === 0) return;
  warn(`${files.length === 1 ? 'One file' : `${files.length} files`} could not be read:`);
  process.stderr.write(unreadTable(files, process.stderr.columns ?? DEFAULT_WIDTH));
}

/** Writes the sources of the answer. `names`: file id → name. */
export function showCitations(citations: Citation[], names: ReadonlyMap<string, string>): void {
  if (citations.length === 0) return note('The answer cites nothing.');
  answer('\n');
  for (const { number, fileId, quote } of citations) {
    const name = styled('bold', oneLine(names.get(fileId) ?? fileId), process.stdout);
    answer(`[${number}] ${name}${quote ? ` — "${oneLine(quote)}"` : ''}\n`);
  }
}

/** Colours only on a terminal, and not against NO_COLOR. */
function styled(style: 'bold' | 'dim' | 'yellow', text: string, stream: NodeJS.WriteStream): string {
  return styleText(style, text, { stream });
}
