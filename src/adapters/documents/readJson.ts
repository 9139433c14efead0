/** JSON and JSON Lines: a line for each value as `path.to.key: value`, a paragraph for each object of an array. */
import type { SectionWriter } from './sectionWriter';
import { wholeText } from './readText';

const MAX_DEPTH = 100;

/** Reads one JSON value. Text that is not JSON, or JSON with comments, is read as the text it is. */
export async function readJson(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  const text = await wholeText(pieces);
  writeOrKeep(text, output);
}

/** Reads a JSON value a line, each a paragraph. Lines that are not JSON are kept as they are. */
export async function readJsonLines(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  for (const line of (await wholeText(pieces)).split('\n')) {
    if (line.trim()) writeOrKeep(line, output);
    output.break(2);
  }
}

function writeOrKeep(text: string, output: SectionWriter): void {
  const value = nestsDeeper(text, MAX_DEPTH) ? undefined : parse(text);
  if (value === undefined) output.write(text);
  else writeValue('', value, output);
}

/** Whether brackets nest deeper than `limit`. Seen before parsing, for deep values cost the parser memory that no limit bounds. */
function nestsDeeper(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (const [token] of text.matchAll(/["[{\]}]|\\./g)) {
    if (token === '"') inString = !inString;
    else if (inString) continue;
    else if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    if (depth > limit) return true;
  }
  return false;
}

/** The value, or undefined if the text is no JSON. Numbers that JavaScript would write otherwise, such as 9007199254740993 or 1.50, stay text. */
function parse(text: string): unknown {
  const keepDigits = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? (context?.source ?? value) : value;
  try {
    // Only where it matters: a reviver makes parsing many times slower.
    return JSON.parse(text, /\d{16}|\.\d*0\b/.test(text) ? keepDigits : undefined);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function writeValue(path: string, value: unknown, output: SectionWriter): void {
  if (Array.isArray(value)) writeArray(path, value, output);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) writeValue(path ? `${path}.${key}` : key, inner, output);
  } else if (value !== null) writeLine(path, String(value), output);
}

function writeArray(path: string, values: unknown[], output: SectionWriter): void {
  if (values.every((value) => typeof value !== 'object' || value === null)) {
    const texts = values.filter((value) => value !== null).map(String);
    // A list of lines, such as the source of a notebook's cell, is one text.
    const areLines = texts.length > 1 && texts.slice(0, -1).every((text) => text.endsWith('\n'));
    writeLine(path, texts.join(areLines ? '' : ', '), output);
    return;
  }
  values.forEach((value, index) => {
    output.break(2);
    writeValue(path ? `${path}[${index}]` : '', value, output);
  });
  output.break(2);
}

function writeLine(path: string, text: string, output: SectionWriter): void {
  output.break(1);
  output.write(path ? `${path}: ${text}` : text);
}
