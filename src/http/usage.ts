/** How many tokens an answer says it took. */
import { tokenUsage, type TokenUsage } from '../tokenUsage';

/** Of a parsed answer; undefined where it does not say. */
export function usageOf(value: unknown): TokenUsage | undefined {
  return typeof value === 'object' && value !== null && 'usage' in value ? tokenUsage(value.usage) : undefined;
}

/** The last `usage` with a number of tokens in a piece of an answer, undefined if there is none. */
export function lastUsage(text: string): TokenUsage | undefined {
  const tokens = text.lastIndexOf('"total_tokens"');
  const at = tokens < 0 ? -1 : text.lastIndexOf('"usage"', tokens);
  const object = at < 0 ? undefined : /^"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})/.exec(text.slice(at))?.[1];
  try {
    return object === undefined ? undefined : tokenUsage(JSON.parse(object));
  } catch {
    // Something in braces that is no JSON: it tells nothing.
    return undefined;
  }
}

/** Bytes at the end of an answer in which its usage is looked for. */
const END_BYTES = 4096;

/** Finds the usage of an answer that passes in pieces, of which the last bytes are kept. */
export class UsageAtEnd {
  private end: Buffer = Buffer.alloc(0);

  take(piece: Buffer): void {
    this.end = piece.length >= END_BYTES ? piece.subarray(-END_BYTES) : joined(this.end, piece);
  }

  /** Undefined where what was taken last does not say. */
  usage(): TokenUsage | undefined {
    return lastUsage(this.end.toString('latin1'));
  }
}

const joined = (end: Buffer, piece: Buffer): Buffer => Buffer.concat([end, piece]).subarray(-END_BYTES);
