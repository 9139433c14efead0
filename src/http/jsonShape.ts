/** How deep and how large the JSON in some bytes is, seen without building it: what is too much for the parser must not get there. */
import { closingQuote } from '../jsonString';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

export interface JsonLimits {
  /** Objects and arrays inside one another. */
  depth: number;
  /** Names and values, an object or array counting twice: the parser's time grows with them, and hardly with the length of texts. */
  values: number;
}

/** The limit that the JSON passes, or undefined if it passes none. What is wrong with bytes that are no JSON is for the parser to say. */
export function limitPassed(bytes: Uint8Array, limits: JsonLimits): keyof JsonLimits | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE:
        at = closingQuote(bytes, at);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        values += 1;
        if (depth > limits.depth) return 'depth';
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        break;
      case COMMA:
      case COLON:
        values += 1;
        break;
      default:
    }
    if (values > limits.values) return 'values';
  }
  return undefined;
}
