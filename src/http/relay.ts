/** A source of bytes as a stream that goes at its reader's pace, ends whatever happens, and ends its source when the reader leaves. */
import { finished, type Readable } from 'node:stream';
import { errors } from '../errors';
import type { Connection } from './connection';
import type { PassedAnswer, PassThroughOptions } from './passThrough';
import { PassedUsage } from './usage';

/** Writes bytes to the reader; nothing once it is gone. */
export type Emit = (bytes: Uint8Array) => void;

export interface RelayHandlers {
  data(piece: Buffer, emit: Emit): void;
  end(emit: Emit): void;
  /** The source broke off; not called when that is because the reader left. */
  broken(error: unknown, emit: Emit): void;
  /** Always the last. */
  closed?(): void;
}

/** Pieces that wait in the stream itself; most wait in the connection, which counts bytes. */
const WAITING_PIECES = 16;

/** Relays the source that `begin` gives, now or later; `emit` may be used until `closed`. */
export function relay(
  connection: Connection,
  begin: (emit: Emit) => Promise<Readable> | Readable,
  handlers: RelayHandlers,
): ReadableStream<Uint8Array> {
  let source: Readable | undefined;
  let isOpen = true;
  let isHeldBack = false;
  let leave = (): void => undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const emit: Emit = (bytes) => {
          if (isOpen && bytes.length > 0) controller.enqueue(bytes);
        };
        const close = (closeStream: boolean): void => {
          if (!isOpen) return;
          isOpen = false;
          connection.signal.removeEventListener('abort', onAbort);
          source?.destroy();
          handlers.closed?.();
          if (closeStream) controller.close();
        };
        const onAbort = (): void => close(true);
        leave = () => close(false);
        if (connection.signal.aborted) return close(true);
        connection.signal.addEventListener('abort', onAbort, { once: true });
        const broken = (error: unknown): void => {
          if (isOpen && !connection.signal.aborted) handlers.broken(error, emit);
          close(true);
        };
        const untilDrained = async (readable: Readable): Promise<void> => {
          readable.pause();
          if (isHeldBack) return;
          isHeldBack = true;
          await connection.drained();
          isHeldBack = false;
          readable.resume();
        };
        const run = (readable: Readable): void => {
          source = readable;
          // Also where it closes without having ended; its listener for errors stays after that.
          readable.on('error', () => undefined);
          if (!isOpen) return void readable.destroy();
          finished(readable, { writable: false }, (error) => {
            if (error) return broken(error);
            if (isOpen) handlers.end(emit);
            close(true);
          });
          readable.on('data', (piece: Buffer) => {
            handlers.data(piece, emit);
            if (connection.isFull()) void untilDrained(readable);
            else if ((controller.desiredSize ?? 0) <= 0) readable.pause();
          });
        };
        const begun = begin(emit);
        // Not awaited: `start` must return before anything is read.
        if (begun instanceof Promise) begun.then(run).catch(broken);
        else run(begun);
      },
      // Not called where a piece was kept and nothing enqueued, so it can't be what waits for the connection.
      pull() {
        if (!isHeldBack && source?.isPaused()) source.resume();
      },
      cancel: () => leave(),
    },
    { highWaterMark: WAITING_PIECES },
  );
}

/**
 * The answer's bytes, of which `head` were read before. A body that breaks off cuts the caller's connection: its status has gone already.
 *
 * @param tellsUsage Whether the bytes may say how many tokens the answer took.
 */
export function passBytes(
  answer: PassedAnswer,
  head: Buffer[],
  { connection, onFault, maskKeys }: Pick<PassThroughOptions, 'connection' | 'onFault' | 'maskKeys'>,
  tellsUsage: boolean,
): Response {
  const passed = tellsUsage ? new PassedUsage() : undefined;
  const pass = (piece: Buffer, emit: Emit): void => {
    maskKeys?.(piece);
    passed?.take(piece);
    emit(piece);
  };
  const body = relay(
    connection,
    (emit) => {
      for (const piece of head) pass(piece, emit);
      return answer.body;
    },
    {
      data: pass,
      end: () => {
        const usage = passed?.usage();
        if (usage) answer.settleUsage(usage);
      },
      broken: (error) => {
        onFault(errors.answerBroken(error));
        connection.cut();
      },
    },
  );
  return new Response(body, { status: answer.status, headers: answer.headers });
}
