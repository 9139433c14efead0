/**
 * The connection behind an invocation. The Functions library passes on neither the caller's leaving nor the pace at which it reads; but it serves
 * streamed HTTP with Node's own server, whose diagnostics channel gives both (functions-host-observed.md, HTTP streaming).
 */
import diagnostics from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Bytes that may wait for a slow reader before its source is held back. */
const HIGH_WATER_MARK = 1024 * 1024;

export interface Connection {
  /** Aborts when the caller has left before the answer ended. */
  signal: AbortSignal;
  /** Resolves when the caller has read enough that more may be written, or has left. */
  drained(): Promise<void>;
  /** Whether so much waits for the caller that no more should be written before `drained` has resolved. */
  isFull(): boolean;
  /** Cuts the connection: the only way to tell a caller that an answer which has begun will not be whole. */
  cut(): void;
}

const open = new Map<string, ServerResponse>();

diagnostics.subscribe('http.server.request.start', (message) => {
  const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
  const id = request.headers['x-ms-invocation-id'];
  if (typeof id !== 'string') return;
  open.set(id, response);
  response.once('close', () => open.delete(id));
});

/** The connection of the invocation; one that never ends where the host does not stream. */
export function connectionOf(invocationId: string): Connection {
  const response = open.get(invocationId);
  if (!response) return unknown();
  const controller = new AbortController();
  const left = (): void => {
    if (!response.writableFinished) controller.abort(new DOMException('The caller has left.', 'AbortError'));
  };
  if (response.destroyed) left();
  else response.once('close', left);
  return {
    signal: controller.signal,
    drained: () => drained(response),
    isFull: () => !response.destroyed && response.writableLength >= HIGH_WATER_MARK,
    cut: () => void response.destroy(),
  };
}

const unknown = (): Connection => ({
  signal: new AbortController().signal,
  drained: () => Promise.resolve(),
  isFull: () => false,
  cut: () => undefined,
});

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed || response.writableLength < HIGH_WATER_MARK) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
