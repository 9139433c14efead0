/** One HTTP request on the listener and the answer to it, as the parts of the host hand it on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HostFunction } from './functionTable';
import type { RouteParams } from './routeTemplate';

export interface HttpExchange {
  request: IncomingMessage;
  response: ServerResponse;
  invocationId: string;
  entry: HostFunction;
  params: RouteParams;
  /** Path and query as sent to the function. */
  target: string;
  /** Text after the `?`, '' if none. */
  query: string;
  /** Bytes of the answer's body so far. */
  sentBytes: number;
  /** The body went over the limit, and the exchange was answered for it. */
  isTooLarge: boolean;
}

/** An answer without a body. */
export function answerEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': '0' }).end();
}

/** Time in milliseconds that a refused request's body is read on, so that its sender sees the answer instead of a reset. */
const DRAIN_MS = 5_000;

/** Answers 500 without a body, as the real host does for bodies over the limit, and closes once the sender has stopped or 5 seconds are over. */
export function answerTooLarge(request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(500, { 'content-length': '0', connection: 'close' });
  response.flushHeaders();
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, DRAIN_MS);
  request.once('end', end).once('close', end).resume();
}

/** Bytes that the request says its body has; 0 if it doesn't say. */
export function declaredLength(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}
