/** A request whose body may be large, as the library gets it: apart from the client's connection, so that neither ends the other. */
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';

/** Bodies up to here go on as they are: they have arrived, or will before anybody could mind. */
const SMALL_BYTES = 64 * 1024;

/** Whether the body needs a stream of its own. */
export const isUpload = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > SMALL_BYTES;

/** The request with its body passed on at the reader's pace. `onChunk` hears each chunk's length, and ends the passing by returning false. */
export function separateBody(request: IncomingMessage, onChunk: (length: number) => boolean): IncomingMessage {
  const body = new PassThrough({ highWaterMark: SMALL_BYTES });
  // Its reader may have left.
  body.on('error', () => undefined);
  request.on('data', (chunk: Buffer) => {
    if (body.destroyed) return;
    if (!onChunk(chunk.length)) return void body.destroy(new Error('The body is over the limit.'));
    if (body.write(chunk)) return;
    request.pause();
    body.once('drain', () => request.resume());
  });
  request.once('end', () => body.end());
  request.once('close', () => {
    if (!request.complete) body.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  });
  body.once('close', () => request.resume());
  const { headers, method, url, socket } = request;
  return Object.assign(body, { headers, method, url, socket }) as unknown as IncomingMessage;
}
