/** The writes that move a response in the background, each whole: the response, who drives it, and its events. Pure. */
import { TooLargeError } from '../errors';
import { orderKey } from '../storage/keys';
import type { LeasedWrite } from '../storage/leasedRecord';
import type { Change, DueRecord } from '../storage/ports';
import type { OutputItem } from '../wire/responseItems';
import type { ResponseObject } from '../wire/responses';
import {
  batchId,
  driveKey,
  eventsDue,
  eventsList,
  responseDue,
  settingsKey,
  type DriveRecord,
  type ResponseReference,
} from './backgroundRecords';
import { isServerCall } from './callKinds';
import { batchOf } from './eventBatches';
import type { Settings } from './newResponse';
import { itemDone, responseEvent, type ResponseEvent } from './responseEvents';
import { TURNS, type StoredResponse } from './responseRecords';
import { packed } from './turnRecords';
import { closing } from './toldItems';

/** A response that is not over by then is given up. */
const LIFE_SECONDS = 24 * 60 * 60;
/** Seconds after which the sweep looks whether a response that should be driven is. */
export const DRIVE_GRACE_SECONDS = 10;
/** How long the events of a response are kept behind its end. */
const KEEP_EVENTS_SECONDS = 60 * 60;
/** Of all events of a response, as they are stored. */
const MAX_EVENT_BYTES = 32 * 1024 * 1024;

/** What the creation of the response writes beside its turn. `at` in milliseconds. */
export function creation(
  reference: ResponseReference,
  { settings, response }: { settings: Settings; response: ResponseObject },
  at: number,
): { changes: Change[]; due: DueRecord[] } {
  const seconds = Math.floor(at / 1000);
  const due = responseDue(reference, seconds + DRIVE_GRACE_SECONDS);
  const empty: DriveRecord = {
    lease: null,
    due_at: due.at,
    expires_at: seconds + LIFE_SECONDS,
    streams: settings.body.stream ?? false,
    next_event: 0,
    batches: 0,
    event_bytes: 0,
    told: [],
  };
  const events = [responseEvent('created', response), responseEvent('queued', response)];
  const { drive, changes } = withEvents(reference, empty, events, response);
  const order = orderKey(at);
  const create = ({ list, id }: { list: string; id: string }, value: unknown): Change => ({
    op: 'create',
    list,
    id,
    order,
    value,
  });
  return {
    changes: [
      create(driveKey(reference), drive),
      // The input is stored with the turn.
      create(settingsKey(reference), { settings: { ...settings, body: { ...settings.body, input: null } } }),
      ...changes,
    ],
    due: [due],
  };
}

/** The response as it is now, and what was told of it since. */
export interface Progress {
  /** Undefined where the response is stored as it is. */
  turn?: StoredResponse;
  response: ResponseObject;
  events: ResponseEvent[];
  told: DriveRecord['told'];
}

/** Stores how far the response is. Throws TooLargeError where its events are too many. */
export function moved(
  reference: ResponseReference,
  before: DriveRecord,
  { turn, response, events, told }: Progress,
): LeasedWrite<DriveRecord> {
  const { drive, changes } = withEvents(reference, before, events, response);
  return { value: { ...drive, told }, changes: [...(turn ? [turnChange(reference, turn)] : []), ...changes] };
}

/** Stores the end of the response, after which nothing is left but the response and, for a while, its events. */
export function over(
  reference: ResponseReference,
  before: DriveRecord,
  turn: StoredResponse,
  events: ResponseEvent[],
  at: number,
): LeasedWrite<DriveRecord> {
  const { list, id } = settingsKey(reference);
  const { changes } = withEvents(reference, before, events, turn.response);
  const keep = Math.floor(at / 1000) + KEEP_EVENTS_SECONDS;
  return {
    value: null,
    ends: true,
    changes: [turnChange(reference, turn), { op: 'delete', list, id }, ...changes],
    due: {
      remove: [responseDue(reference, before.due_at)],
      ...(before.streams && { add: [eventsDue(reference, keep)] }),
    },
  };
}

/** Ends the response as it is stored, whatever its owner has not stored of it. */
export function broken(
  reference: ResponseReference,
  before: DriveRecord,
  turn: StoredResponse,
  end: Pick<ResponseObject, 'status'> & Partial<ResponseObject>,
  at: number,
): LeasedWrite<DriveRecord> {
  const { output: stored } = turn.response;
  const { items, events } = closing(before.told);
  const output = [...stored.map(unfinished), ...items];
  const response: ResponseObject = { ...turn.response, ...end, output };
  const calls = stored.flatMap((item, index) => {
    const now = output[index];
    return now && now !== item ? [itemDone(index, now)] : [];
  });
  return over(
    reference,
    before,
    { ...turn, response },
    [...calls, ...events, responseEvent(response.status, response)],
    at,
  );
}

/** A call that is not carried out any more. */
const unfinished = (item: OutputItem): OutputItem =>
  isServerCall(item) && item.status === 'in_progress' ? { ...item, status: 'incomplete' } : item;

const turnChange = ({ key }: ResponseReference, value: StoredResponse): Change => ({
  op: 'replace',
  list: TURNS,
  id: key.turn,
  value: packed(value),
});

function withEvents(
  reference: ResponseReference,
  drive: DriveRecord,
  events: ResponseEvent[],
  response: ResponseObject,
): { drive: DriveRecord; changes: Change[] } {
  if (!drive.streams || events.length === 0) return { drive, changes: [] };
  const { batches, next_event: first } = drive;
  const batch = batchOf(events, first, response);
  const event_bytes = drive.event_bytes + Buffer.byteLength(JSON.stringify(batch));
  if (event_bytes > MAX_EVENT_BYTES) throw new TooLargeError(MAX_EVENT_BYTES);
  const id = batchId(batches);
  return {
    drive: { ...drive, next_event: first + events.length, batches: batches + 1, event_bytes },
    changes: [{ op: 'create', list: eventsList(reference), id, order: id, value: batch }],
  };
}
