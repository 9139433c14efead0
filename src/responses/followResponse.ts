/** The stream of a response in the background, read from what is stored: on any instance, from any event, to the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { errors } from '../errors';
import { UnknownCursorError, type RecordPage } from '../storage/ports';
import type { ResponseObject } from '../wire/responses';
import { eventsList, type EventBatch, type ResponseReference } from './backgroundRecords';
import { filled } from './eventBatches';
import type { ResponsesPorts } from './ports';
import { isLast, isOver, type ResponseEvent } from './responseEvents';
import { responseIdOf } from './responseIds';
import { chainPartition } from './responseRecords';
import { findResponse } from './turnRecords';

/** Batches read at once. */
const PAGE = 8;
/** How soon a reader looks again; longer each time that nothing came. */
const FIRST_PAUSE_MILLISECONDS = 100;
const LONGEST_PAUSE_MILLISECONDS = 1000;

export type NumberedEvent = ResponseEvent & { sequence_number: number };
type Ports = Pick<ResponsesPorts, 'records'>;

/**
 * The events behind number `startingAfter` (-1: all), to the last. Throws 404 once the response is deleted, 400 where its events are not kept any more, and the
 * signal's reason.
 */
export async function* followResponse(
  ports: Ports,
  reference: ResponseReference,
  startingAfter: number,
  signal: AbortSignal,
): AsyncGenerator<NumberedEvent, void, void> {
  let last: string | undefined;
  let pause = FIRST_PAUSE_MILLISECONDS;
  for (;;) {
    signal.throwIfAborted();
    const { records, hasMore } = await batches(ports, reference, last);
    // Behind the events: so that it holds what they leave out.
    const response = await responseOf(ports, reference);
    if (last === undefined && records.length === 0) throw errors.responseStreamGone(response.id);
    for (const { id, value } of records) {
      last = id;
      for (const event of value.events) {
        if (event.sequence_number > startingAfter) yield filled(event, response);
        if (isLast(event.type)) return;
      }
    }
    if (hasMore) continue;
    pause =
      records.length > 0 || isOver(response.status)
        ? FIRST_PAUSE_MILLISECONDS
        : Math.min(pause * 1.5, LONGEST_PAUSE_MILLISECONDS);
    await sleep(pause, undefined, { signal });
  }
}

async function batches(
  { records }: Ports,
  reference: ResponseReference,
  after: string | undefined,
): Promise<RecordPage<EventBatch>> {
  const { scope, key } = reference;
  try {
    return await records.list<EventBatch>(chainPartition(scope, key.chain), eventsList(reference), {
      order: 'asc',
      limit: PAGE,
      ...(after !== undefined && { after }),
    });
  } catch (error) {
    if (!(error instanceof UnknownCursorError)) throw error;
    throw errors.responseStreamGone((await responseOf({ records }, reference)).id);
  }
}

async function responseOf({ records }: Ports, { scope, key }: ResponseReference): Promise<ResponseObject> {
  const id = responseIdOf(key);
  const found = await findResponse(records, scope, id);
  if (!found) throw errors.noResponse(id);
  return found.stored.response;
}
