/** Reads the body of an answer whole, within a limit. */
import { malformed } from './openAiErrors';

/** The first `maxBytes` of the pieces as text; `complete` unless there was more, in which case the rest is dropped. */
export async function readText(
  pieces: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<{ text: string; complete: boolean }> {
  const read: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    read.push(piece);
    bytes += piece.length;
    if (bytes > maxBytes) return { text: Buffer.concat(read).subarray(0, maxBytes).toString('utf8'), complete: false };
  }
  return { text: Buffer.concat(read).toString('utf8'), complete: true };
}

/** The whole answer parsed as JSON, if it is not larger than `maxBytes`; otherwise throws {@link UpstreamError}. */
export async function readJson(pieces: AsyncIterable<Uint8Array>, maxBytes: number): Promise<unknown> {
  const { text, complete } = await readText(pieces, maxBytes);
  if (!complete) throw malformed(`it is larger than ${maxBytes} bytes`);
  return parseJson(text);
}

/** Throws {@link UpstreamError} for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed('it is not valid JSON', cause);
  }
}
