/** The stream of a response: numbered events, and errors as answers as long as nothing was said. */
import { setTimeout as sleep } from 'node:timers/promises';
import { faultLogger } from '../log';
import { errorBody, isFault, toApiError } from '../http/errorResponse';
import type { Call } from '../http/operation';
import { eventStream, type SendEvent } from '../http/serverSentEvents';
import type { ResponseEvent, ResponseSink } from '../responses/responseEvents';

/** How long the answer's head waits for the model, so that what it refuses at once is told by a status. */
const HELD_MILLISECONDS = 5_000;

/** The error as an event of a stream. */
export function errorEvent(error: unknown, sequence_number: number) {
  const { message, code, param } = errorBody(toApiError(error)).error;
  return { type: 'error', code, message, param, sequence_number };
}

/** Whether events say no more than that the response is there. */
const isOpening = ({ type }: ResponseEvent): boolean => /^response\.(created|queued|in_progress)$/.test(type);

/**
 * Streams what `work` tells its sink, each event as `show` renders it. Rejects where the work fails before it has told anything of an answer.
 */
export async function responseStream(
  { connection }: Call,
  work: (sink: ResponseSink, isStatusSent: () => boolean) => Promise<unknown>,
  show: (event: ResponseEvent) => ResponseEvent,
): Promise<Response> {
  let sequence = 0;
  const held: ResponseEvent[] = [];
  let send: SendEvent | undefined;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let speak = (): void => undefined;
  const spoken = new Promise<void>((resolve) => (speak = resolve));
  const sink: ResponseSink = async (event) => {
    const numbered = { ...show(event), sequence_number: sequence++ };
    if (!send) {
      held.push(numbered);
      if (isOpening(event)) return;
      speak();
      await opened;
      return;
    }
    await send(numbered.type, numbered);
  };
  let isStatusSent = false;
  const done = work(sink, () => isStatusSent);
  // Its failure is told below; until then nobody waits for it.
  done.catch(() => undefined);
  const waiting = new AbortController();
  await Promise.race([
    done,
    spoken,
    sleep(HELD_MILLISECONDS, undefined, { signal: waiting.signal }).catch(() => undefined),
  ]);
  waiting.abort();
  const logFault = faultLogger();
  isStatusSent = true;
  return eventStream(
    connection,
    async (sendEvent) => {
      // More may come while these are sent.
      for (let event = held.shift(); event; event = held.shift()) await sendEvent(event.type, event);
      send = sendEvent;
      open();
      try {
        await done;
      } catch (error) {
        await sendEvent('error', errorEvent(error, sequence++));
        if (isFault(error)) logFault('The stream of a response failed.', error);
      }
    },
    (error) => logFault('The stream of a response failed.', error),
  );
}
