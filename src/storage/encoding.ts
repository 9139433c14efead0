/** Changes as JSON text, checked against the limits of the record port; every adapter of it begins here. */
import { TooLargeError } from '../errors';
import { MAX_CHANGES, MAX_WRITE_BYTES, type Change, type DueRecord } from './ports';

/** A change with its value as JSON text. */
export type TextChange =
  | { op: 'create'; list: string; id: string; order: string; value: string }
  | { op: 'replace'; list: string; id: string; value: string; ifMatch?: string }
  | { op: 'delete'; list: string; id: string; ifMatch?: string }
  | { op: 'check'; list: string; id: string; ifMatch: string };

/** Bytes of JSON of a due record's data. */
const MAX_DUE_BYTES = 1024;

/**
 * The changes of one write with their values as text, and the bytes of those. Throws RangeError past {@link MAX_CHANGES} and for two changes
 * of one record, TooLargeError past {@link MAX_WRITE_BYTES}, TypeError for what is not JSON.
 */
export function encodeChanges(changes: Change[]): { text: TextChange[]; bytes: number } {
  if (changes.length > MAX_CHANGES)
    throw new RangeError(`A write holds at most ${MAX_CHANGES} changes, not ${changes.length}.`);
  if (new Set(changes.map(({ list, id }) => JSON.stringify([list, id]))).size < changes.length)
    throw new RangeError('A write changes a record once.');
  const text = changes.map((change) => ('value' in change ? { ...change, value: encode(change.value) } : change));
  const bytes = text.reduce((sum, change) => sum + ('value' in change ? Buffer.byteLength(change.value) : 0), 0);
  if (bytes > MAX_WRITE_BYTES) throw new TooLargeError(MAX_WRITE_BYTES);
  return { text, bytes };
}

/** The data of a due record as text. Throws RangeError past 1 KB. */
export function encodeDueData({ kind, id, data }: DueRecord): string {
  const text = encode(data);
  if (Buffer.byteLength(text) > MAX_DUE_BYTES)
    throw new RangeError(`The data of due record ${kind}/${id} is over ${MAX_DUE_BYTES} bytes.`);
  return text;
}

function encode(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`A record's value must be JSON, not ${typeof value}.`);
  return text;
}
