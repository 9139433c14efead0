/** Comma-separated values: a line for each row in which every value carries its column's name. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SectionWriter } from './sectionWriter';
import { TableRows } from './tableRows';

const MAX_RECORD_CHARACTERS = 1_000_000;
/** What the delimiter is told by. */
const MAX_SAMPLE_CHARACTERS = 64 * 1024;
const MAX_SAMPLE_LINES = 20;

/**
 * Reads rows as they stream in; the first names the columns. The delimiter is that which Excel's line `sep=;` names, or whichever of comma, semicolon, tab and bar
 * parts most of the first lines. Throws the `CsvError` of csv-parse for a file that is not in the format, such as one with an unclosed quote.
 */
export async function readCsv(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  const { parse } = await import('csv-parse');
  const source = pieces[Symbol.asyncIterator]();
  let start = '';
  for (let next = await source.next(); !next.done; next = await source.next()) {
    start += next.value;
    if (start.includes('\n') || start.length > MAX_RECORD_CHARACTERS) break;
  }
  const [line = '', named] = /^sep=(.)\r?\n/i.exec(start) ?? [];
  start = start.slice(line.length);
  const parser = parse({
    delimiter: named ?? delimiterOf(start),
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: MAX_RECORD_CHARACTERS,
  });
  const all = async function* (): AsyncGenerator<string> {
    yield start;
    yield* { [Symbol.asyncIterator]: () => source };
  };
  await pipeline(Readable.from(all()), parser, async (rows: AsyncIterable<string[]>) => {
    const table = new TableRows(output);
    for await (const row of rows) table.add(row);
  });
}

/** Of delimiters that part as many lines, that which parts them most. What stands in quotes does not count. */
function delimiterOf(start: string): string {
  const unquoted = start.slice(0, MAX_SAMPLE_CHARACTERS).replace(/(^|[\r\n,;\t|])"(?:[^"]|"")*"/g, '$1');
  const lines = unquoted.split(/[\r\n]+/, MAX_SAMPLE_LINES);
  const counts = [',', ';', '\t', '|'].map((delimiter) => {
    const parted = lines.map((line) => line.split(delimiter).length - 1).filter((count) => count > 0);
    return { delimiter, lines: parted.length, total: parted.reduce((sum, count) => sum + count, 0) };
  });
  return counts.reduce((best, next) =>
    next.lines > best.lines || (next.lines === best.lines && next.total > best.total) ? next : best,
  ).delimiter;
}
