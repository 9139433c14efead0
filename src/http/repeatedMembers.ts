/** JSON objects that name a member twice: readers take the first or the last of them, so what one has checked another may read differently. */
import { closingQuote } from '../jsonString';

const QUOTE = 0x22;
const COLON = 0x3a;

/** Whether the bytes name more members than `value`, which was parsed of them, has. */
export const hasRepeatedMembers = (bytes: Uint8Array, value: unknown): boolean => membersIn(bytes) !== membersOf(value);

/** Every member has one colon outside of strings. */
function membersIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) at = closingQuote(bytes, at);
    else if (byte === COLON) count += 1;
  }
  return count;
}

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inside = Object.values(value).reduce<number>((sum, member) => sum + membersOf(member), 0);
  return Array.isArray(value) ? inside : inside + Object.keys(value).length;
}
