/** Comma-separated values: a line for each row in which every value carries its column's name. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SectionWriter } from './sectionWriter';
import { TableRows } from './tableRows';

const MAX_RECORD_CHARACTERS = 1_000_000;

/**
 * Reads rows as they stream in; the first names the columns. The delimiter is whichever of comma, semicolon, tab and bar the first line has
 * most of. Throws the `CsvError` of csv-parse for a file that is not in the format, such as one with an unclosed quote.
 */
export async function readCsv(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  const { parse } = await import('csv-parse');
  const source = pieces[Symbol.asyncIterator]();
  let start = '';
  for (let next = await source.next(); !next.done; next = await source.next()) {
    start += next.value;
    if (start.includes('\n') || start.length > MAX_RECORD_CHARACTERS) break;
  }
  const parser = parse({
    delimiter: delimiterOf(start),
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

function delimiterOf(start: string): string {
  const line = start.split(/\r|\n/, 1)[0] ?? '';
  const count = (delimiter: string): number => line.split(delimiter).length;
  return [',', ';', '\t', '|'].reduce((best, next) => (count(next) > count(best) ? next : best));
}
