/** Answers that are streams of server-sent events. */
import type { Connection } from './connection';
import { errorBody, toApiError } from './errorResponse';

/** Silence after which a comment keeps proxies from closing the stream. */
const KEEP_ALIVE_MILLISECONDS = 15_000;

/** Sends one event, without a name where `event` is undefined; resolves when the reader has room for more. A reader that has left is not written to. */
export type SendEvent = (event: string | undefined, data: unknown) => Promise<void>;

/**
 * An event stream that `produce` writes. Whatever happens the stream ends properly: an error becomes an `error` event, and comments go between events
 * while nothing else does. `onFault` is told of errors. Where events are not `named`, as in chat completions, the error is `{"error": …}`.
 */
export function eventStream(
  connection: Connection,
  produce: (send: SendEvent) => Promise<void>,
  onFault: (error: unknown) => void,
  named = true,
): Response {
  const encoder = new TextEncoder();
  let read = true;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (text: string): void => {
        if (read && !connection.signal.aborted) controller.enqueue(encoder.encode(text));
      };
      const keepAlive = setInterval(() => write(': keep-alive\n\n'), KEEP_ALIVE_MILLISECONDS);
      const send: SendEvent = async (event, data) => {
        keepAlive.refresh();
        write(frame(event, data));
        await connection.drained();
      };
      // Not awaited: `start` must return before anything is read.
      void produce(send)
        .catch((error: unknown) => {
          onFault(error);
          const body = errorBody(toApiError(error));
          // The contract has the fields of the error alone; the SDKs throw only what they find in `error`.
          write(named ? frame('error', { ...body.error, ...body }) : frame(undefined, body));
        })
        .finally(() => {
          clearInterval(keepAlive);
          if (read) controller.close();
        });
    },
    cancel() {
      read = false;
    },
  });
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    },
  });
}

function frame(event: string | undefined, data: unknown): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}
