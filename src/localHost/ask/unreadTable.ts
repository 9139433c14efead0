/** Tells which files could not be read. */
import type { UnreadFile } from './findFiles';
import { oneLine } from './plainText';

const MAX_NAME = 44;
const MIN_REASON = 24;
const INDENT = '  ';

/**
 * One file a row in alphabetical order, its reason beside it, wrapped at `width` columns. What several reasons say alike after their first
 * sentence is said once, at the end. Ends with a line break.
 */
export function unreadTable(files: UnreadFile[], width: number): string {
  const rows = files.map(({ name, reason }) => ({ name: oneLine(name), ...splitReason(oneLine(reason)) }));
  rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  const common = new Set(rows.map(({ rest }) => rest).filter((rest, at, all) => rest && all.indexOf(rest) !== at));
  const column = Math.max(0, ...rows.map(({ name }) => name.length).filter((length) => length <= MAX_NAME));
  const lines = rows.flatMap(({ name, first, rest }) =>
    row(name, common.has(rest) ? first : `${first} ${rest}`.trim(), column, width),
  );
  for (const rest of common) lines.push(...wrap(rest, width));
  return lines.map((line) => `${line}\n`).join('');
}

/** The first sentence, and what follows it. */
function splitReason(reason: string): { first: string; rest: string } {
  const [, first = reason, rest = ''] = /^(.*?\.) (.+)$/.exec(reason) ?? [];
  return { first, rest };
}

/** A name longer than its column has a line of its own. */
function row(name: string, reason: string, column: number, width: number): string[] {
  const room = Math.max(MIN_REASON, width - column - 2 * INDENT.length);
  const isLong = name.length > column;
  const reasons = wrap(reason, room).map((line, at) => {
    const left = at === 0 && !isLong ? name : '';
    return `${INDENT}${left.padEnd(column)}${INDENT}${line}`;
  });
  return isLong ? [INDENT + name, ...reasons] : reasons;
}

function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const open = lines.at(-1);
    if (open !== undefined && open.length + 1 + word.length <= room) lines[lines.length - 1] = `${open} ${word}`;
    else lines.push(word);
  }
  return lines;
}
