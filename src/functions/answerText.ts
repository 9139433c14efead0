/** Answers of model services that are read here and not passed on. */
import { errors } from '../errors';

/** The answer's text. Throws 502 where it has more bytes than it may; it is then not read to its end. */
export async function answerText({ body }: Response, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.length;
    if (bytes > maxBytes) throw errors.answerTooLarge(maxBytes);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
