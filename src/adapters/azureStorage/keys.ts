/**
 * Row and partition keys of Table Storage, which takes neither every character nor more than 1 KB and sorts rows ascending only. What is
 * encoded here sorts as the bytes of the text do, so a list is a range of row keys.
 */

/** UTF-16 units of a partition or row key: Table Storage takes 1 KiB. */
const MAX_KEY = 512;

/** Below every character of escaped text, so that a shorter text sorts before those that it begins. */
const SEPARATOR = '!';
/** The character after {@link SEPARATOR}: the end of a range of row keys. */
export const AFTER_SEPARATOR = '"';

/** Letters, digits, `-` and `_` stay; any other byte is a character that sorts where the byte does, and its hexadecimal. */
const escapes = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return /[-0-9A-Z_a-z]/.test(character) ? character : placeOf(character) + byte.toString(16).padStart(2, '0');
});

/** A character that keys may hold, and that sorts among those that stay as the given one does. */
function placeOf(character: string): string {
  if (character < '-') return '$';
  if (character < '0') return '.';
  if (character < 'A') return ':';
  if (character < '_') return '[';
  return character < 'a' ? '`' : '~';
}

/** The text in characters that keys may hold, in the order of its UTF-8 bytes. */
export function escaped(text: string): string {
  let result = '';
  for (const byte of Buffer.from(text)) result += escapes[byte];
  return result;
}

/** The text that was escaped. */
export function unescaped(text: string): string {
  const bytes = text.replace(/[$.:[`~](..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}

/** Whether Table Storage takes the key. */
export const fits = (key: string): boolean => key.length <= MAX_KEY;

/** Throws RangeError if Table Storage does not take the key. */
export function checkedKey(key: string): string {
  if (!fits(key))
    throw new RangeError(`The key '${key.slice(0, 60)}…' is longer than the ${MAX_KEY} characters of one.`);
  return key;
}

/** Where a record stands in its list: sorts by its order, then by its id. */
export const positionOf = (order: string, id: string): string => escaped(order) + SEPARATOR + escaped(id);

/** The order and the id of a position. */
export function readPosition(position: string): { order: string; id: string } {
  const [order = '', id = ''] = position.split(SEPARATOR).map(unescaped);
  return { order, id };
}

/** Positions longer than this have no marker, whose key is twice as long. Those of the product have about 60 characters. */
const MAX_MARKED = 150;
/** Whether a marker's key has room for the position. */
export const canBeMarked = (position: string): boolean => position.length <= MAX_MARKED;

/** What the row keys of all values begin with. */
export const VALUES = `v${SEPARATOR}`;
/** The list of a value's row key. */
export const listOf = (valueKey: string): string => unescaped(valueKey.split(SEPARATOR)[1] ?? '');

/** The row keys of one list. */
export function listKeys(list: string) {
  const prefix = (kind: string) => kind + SEPARATOR + escaped(list) + SEPARATOR;
  const [ids, values, markers] = [prefix('i'), prefix('v'), prefix('m')];
  const end = (first: string) => first.slice(0, -1) + AFTER_SEPARATOR;
  return {
    /** The row that says where the record of that id stands. */
    id: (id: string) => ids + escaped(id),
    /** The row that holds the record of that position. */
    value: (position: string) => values + position,
    positionOf: (valueKey: string) => valueKey.slice(values.length),
    /** The key before every value, and the one behind. */
    firstValue: values,
    lastValue: end(values),
    /** A row whose key sorts the other way round: the greatest position first. */
    marker: (position: string) => markers + descending(position),
    firstMarker: markers,
    lastMarker: end(markers),
  };
}
export type ListKeys = ReturnType<typeof listKeys>;

/** Hexadecimal of the bytes' complements; the end, above every digit, puts a text before those that it begins. */
function descending(position: string): string {
  const complement = Buffer.from(position, 'latin1').map((byte) => 0xff - byte);
  return `${Buffer.from(complement).toString('hex')}~`;
}
