/** Where strings end in the bytes of JSON. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Bytes that are looked at one by one before the end is searched for: that is faster, but not where ends, or what looks like one, lie close together. */
const NEAR = 64;

/** Place of the quote that ends the string whose opening quote is at `start`; the length of the bytes where none does. */
export function closingQuote(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  for (;;) {
    for (const far = at + NEAR; at < far; at += 1) {
      if (bytes[at] === QUOTE) return at;
      if (bytes[at] === BACKSLASH) at += 1;
    }
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) return bytes.length;
    let first = quote;
    while (first > at && bytes[first - 1] === BACKSLASH) first -= 1;
    if ((quote - first) % 2 === 0) return quote;
    at = quote + 1;
  }
}
