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

/** Bytes at either end of an answer in which its usage is looked for; most services tell it last, some before what they made. */
const END_BYTES = 4096;

/** Of an answer that is not parsed, as its two ends tell; undefined where they do not say. */
export const usageAtEnds = (start: Buffer, end = start): TokenUsage | undefined =>
  lastUsage(end.subarray(-END_BYTES).toString('latin1')) ?? lastUsage(start.toString('latin1', 0, END_BYTES));

/** Finds the usage of an answer that passes in pieces, of which only the two ends are kept. */
export class PassedUsage {
  private start: Buffer = Buffer.alloc(0);
  private end: Buffer = Buffer.alloc(0);

  take(piece: Buffer): void {
    if (this.start.length < END_BYTES) this.start = Buffer.concat([this.start, piece.subarray(0, END_BYTES)]);
    this.end =
      piece.length >= END_BYTES ? piece.subarray(-END_BYTES) : Buffer.concat([this.end, piece]).subarray(-END_BYTES);
  }

  /** Undefined where the answer does not say. */
  usage(): TokenUsage | undefined {
    return usageAtEnds(this.start, this.end);
  }
}
