/** What is stored of a response in the background beside its turn: who drives it, what is needed to go on, and its events. */
import type { Scope } from '../scope';
import type { Leased } from '../storage/leasedRecord';
import type { DueRecord, RecordKey } from '../storage/ports';
import type { Settings } from './newResponse';
import { chainPartition } from './responseRecords';
import { responseIdOf, responseKeyOf, type ResponseKey } from './responseIds';
import type { ResponseEvent } from './responseEvents';
import type { ToldItem } from './toldItems';

/** Names a response. */
export interface ResponseReference {
  scope: Scope;
  key: ResponseKey;
}

/**
 * There from the creation of the response to its end. Whoever writes the response meanwhile, its events or its end, does so on the condition that this record is as
 * it was.
 */
export interface DriveRecord extends Leased {
  /** `at` of the due record that was written with it. */
  due_at: number;
  /** When the response is given up, in Unix seconds. */
  expires_at: number;
  /** Whether its events are kept. */
  streams: boolean;
  /** Number of the next event. */
  next_event: number;
  /** Batches of events so far, and their bytes together. */
  batches: number;
  event_bytes: number;
  /** What the events have told of that is not in the response's output. */
  told: ToldItem[];
}

/** What the request decides, with the secrets of its tools: gone with the end of the response. */
export interface SettingsRecord {
  settings: Settings;
}

/** Events that were written together. What the response itself holds is left out of them. */
export interface EventBatch {
  events: (ResponseEvent & { sequence_number: number })[];
}

const DRIVES = 'drives';
const SETTINGS = 'settings';

const recordKey = ({ scope, key }: ResponseReference, list: string): RecordKey => ({
  partition: chainPartition(scope, key.chain),
  list,
  id: key.turn,
});
export const driveKey = (reference: ResponseReference): RecordKey => recordKey(reference, DRIVES);
export const settingsKey = (reference: ResponseReference): RecordKey => recordKey(reference, SETTINGS);

/** The list of the batches of a response's events. */
export const eventsList = ({ key }: ResponseReference): string => `events/${key.turn}`;

/** Id and order of a batch, its number from 0. */
export const batchId = (batch: number): string => String(batch).padStart(10, '0');

/** Kind of the due records of responses that must be driven. */
export const RESPONSE_DUE = 'response';
/** Kind of the due records of events that are to be removed. */
export const RESPONSE_EVENTS_DUE = 'responseEvents';

const dueRecord = (kind: string, { scope, key }: ResponseReference, at: number): DueRecord => ({
  at,
  kind,
  id: responseIdOf(key),
  data: { tenant: scope.tenant, project: scope.project },
});

/** When the sweep must look whether somebody drives the response, in Unix seconds. */
export const responseDue = (reference: ResponseReference, at: number): DueRecord =>
  dueRecord(RESPONSE_DUE, reference, at);

/** When the response's events go, in Unix seconds. */
export const eventsDue = (reference: ResponseReference, at: number): DueRecord =>
  dueRecord(RESPONSE_EVENTS_DUE, reference, at);

/** The response that a due record names. */
export function responseOfDue({ id, data }: DueRecord): ResponseReference {
  return referenceTo({ tenant: data.tenant ?? '', project: data.project ?? '' }, id);
}

/** Throws for an id that is none of a response. */
export function referenceTo(scope: Scope, id: string): ResponseReference {
  const key = responseKeyOf(id);
  if (!key) throw new Error(`'${id}' is no id of a response.`);
  return { scope, key };
}
