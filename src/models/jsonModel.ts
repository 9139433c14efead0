/** Sets the `model` of a JSON body in its bytes, so that nothing else of the body changes and nothing of it is built in memory. */
import { closingQuote } from '../jsonString';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const KEY = 'model';
const MODEL = Buffer.from(`"${KEY}":`);

interface Span {
  start: number;
  end: number;
}
interface Found {
  /** Just behind the object's opening brace. */
  inside: number;
  isEmpty: boolean;
  /** The values of the member; a reader may take the first or the last of several. */
  values: Span[];
}

/**
 * The JSON object with its top-level `model` set to the name; the very same bytes if it is that already. Where there is no `model` one is put in, if
 * `insert` says so. Bytes that are no JSON object come back as they are: the service says what is wrong with them.
 */
export function withModel(bytes: Uint8Array, model: string, insert: boolean): Uint8Array {
  const body = bufferOf(bytes);
  const found = findModel(body);
  if (!found) return bytes;
  const { inside, isEmpty, values } = found;
  const name = Buffer.from(JSON.stringify(model));
  if (values.length === 0) {
    if (!insert) return bytes;
    return Buffer.concat([
      body.subarray(0, inside),
      MODEL,
      name,
      Buffer.from(isEmpty ? '' : ','),
      body.subarray(inside),
    ]);
  }
  if (values.every((value) => isName(body, value, name, model))) return bytes;
  return replaced(body, values, name);
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function replaced(body: Buffer, spans: Span[], by: Buffer): Buffer {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const { start, end } of spans) {
    pieces.push(body.subarray(from, start), by);
    from = end;
  }
  pieces.push(body.subarray(from));
  return Buffer.concat(pieces);
}

function isName(body: Buffer, { start, end }: Span, name: Buffer, model: string): boolean {
  if (end - start === name.length && body.compare(name, 0, name.length, start, end) === 0) return true;
  return body[start] === QUOTE && textOf(body, { start, end }) === model;
}

function findModel(body: Buffer): Found | undefined {
  const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  let at = skipBlanks(body, hasMark ? 3 : 0);
  if (body[at] !== OPEN_BRACE) return undefined;
  const inside = at + 1;
  at = skipBlanks(body, inside);
  const values: Span[] = [];
  if (body[at] === CLOSE_BRACE) return { inside, isEmpty: true, values };
  while (body[at] === QUOTE) {
    const key = { start: at, end: endOfString(body, at) };
    at = skipBlanks(body, key.end);
    if (body[at] !== COLON) return undefined;
    at = skipBlanks(body, at + 1);
    const value = { start: at, end: endOfValue(body, at) };
    if (isModelKey(body, key)) values.push(value);
    at = skipBlanks(body, value.end);
    if (body[at] === CLOSE_BRACE) return { inside, isEmpty: false, values };
    if (body[at] !== COMMA) return undefined;
    at = skipBlanks(body, at + 1);
  }
  return undefined;
}

function isModelKey(body: Buffer, key: Span): boolean {
  const length = key.end - key.start;
  if (length === KEY.length + 2) return body.toString('latin1', key.start + 1, key.end - 1) === KEY;
  // Any of its letters may be written as an escape.
  return (
    length <= 6 * (KEY.length + 2) && body.subarray(key.start, key.end).includes(BACKSLASH) && textOf(body, key) === KEY
  );
}

/** The text of a string in JSON, or undefined for what is none. */
function textOf(body: Buffer, { start, end }: Span): string | undefined {
  try {
    return String(JSON.parse(body.toString('utf8', start, end)));
  } catch {
    return undefined; // Broken JSON is for the service to refuse.
  }
}

function skipBlanks(body: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = body[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

/** Just behind the string that begins at `start`, or the end of the bytes. */
const endOfString = (body: Buffer, start: number): number => Math.min(closingQuote(body, start) + 1, body.length);

/** Just behind the value that begins at `start`. */
function endOfValue(body: Buffer, start: number): number {
  if (body[start] === QUOTE) return endOfString(body, start);
  let depth = 0;
  for (let at = start; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at) - 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || (byte !== undefined && byte <= 0x20))) return at;
  }
  return body.length;
}
