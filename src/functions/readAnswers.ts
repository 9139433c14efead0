/** Answers of model services that are read here and not passed on. */
import { errors } from '../errors';

/** The bytes, whole. Throws 502 where they are more than they may; they are then not read to their end. */
export async function bytesWithin(
  given: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of given) {
    bytes += piece.length;
    if (bytes > maxBytes) throw errors.answerTooLarge(maxBytes);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** The answer's text. Throws as {@link bytesWithin}. */
export const answerText = async ({ body }: Response, maxBytes: number): Promise<string> =>
  (await bytesWithin(body ?? [], maxBytes)).toString('utf8');

/** Throws 502 for what is no JSON. */
export function jsonOf(text: Buffer | string): unknown {
  try {
    return JSON.parse(text.toString());
  } catch (error) {
    throw errors.answerNotJson(error);
  }
}
