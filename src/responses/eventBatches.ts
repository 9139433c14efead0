/**
 * The events of a response in the background on their way to its readers: put together while they wait, numbered and stored in batches, and filled again with what
 * the response itself holds. Pure.
 */
import type { OutputItem } from '../wire/responseItems';
import type { ResponseObject } from '../wire/responses';
import type { EventBatch } from './backgroundRecords';
import { isLast, type ResponseEvent } from './responseEvents';

const DELTA = /\.delta$/;

/** Events that wait to be stored. Pieces of one text that come one after the other become one event: nobody sees them sooner. */
export class WaitingEvents {
  private events: ResponseEvent[] = [];
  private last: { event: ResponseEvent; deltas: string[]; logprobs: unknown[] } | undefined;
  /** About as many as their JSON has, but for items. */
  bytes = 0;

  get isEmpty(): boolean {
    return this.events.length === 0;
  }

  push(event: ResponseEvent): void {
    const { delta, logprobs } = event;
    const isDelta = DELTA.test(event.type) && typeof delta === 'string';
    this.bytes += isDelta ? delta.length : JSON.stringify(event.item ?? '').length + 200;
    if (isDelta && this.last && isSameText(this.last.event, event)) {
      this.last.deltas.push(delta);
      if (Array.isArray(logprobs)) this.last.logprobs.push(...logprobs);
      return;
    }
    this.settle();
    this.events.push(event);
    if (isDelta) this.last = { event, deltas: [delta], logprobs: Array.isArray(logprobs) ? [...logprobs] : [] };
  }

  /** All of them, which no longer wait. */
  take(): ResponseEvent[] {
    this.settle();
    this.bytes = 0;
    return this.events.splice(0);
  }

  private settle(): void {
    const { last } = this;
    this.last = undefined;
    if (!last || last.deltas.length === 1) return;
    const { event, deltas, logprobs } = last;
    const whole = { ...event, delta: deltas.join(''), ...('logprobs' in event && { logprobs }) };
    this.events[this.events.length - 1] = whole;
  }
}

const isSameText = (a: ResponseEvent, b: ResponseEvent): boolean =>
  a.type === b.type && a.item_id === b.item_id && a.content_index === b.content_index;

/** The events as they are stored, numbered from `first`; `response` is what is stored with them. */
export function batchOf(events: ResponseEvent[], first: number, response: ResponseObject): EventBatch {
  return {
    events: events.map((event, index) => ({ ...withoutHeld(event, response.output), sequence_number: first + index })),
  };
}

/** The event without what is read from the response: that itself, and of its finished items what is told again at their ends. */
function withoutHeld(event: ResponseEvent, output: OutputItem[]): ResponseEvent {
  const { response, item, ...rest } = event;
  if (response) return rest;
  const held = typeof event.output_index === 'number' ? output[event.output_index] : undefined;
  switch (event.type) {
    case 'response.output_item.done':
      return item && item !== held ? event : rest;
    case 'response.output_text.done':
      return isOfMessage(event, held) ? without(event, 'text', 'logprobs') : event;
    case 'response.content_part.done':
      return isOfMessage(event, held) ? without(event, 'part') : event;
    default:
      return event;
  }
}

function without(event: ResponseEvent, ...fields: string[]): ResponseEvent {
  const kept = Object.entries(event).filter(([name]) => !fields.includes(name));
  return { type: event.type, ...Object.fromEntries(kept) };
}

/** Whether the item is the message of the event, and finished: no later write changes it. */
const isOfMessage = (event: ResponseEvent, held: OutputItem | undefined): boolean =>
  held?.type === 'message' && held.id === event.item_id;

const OPENINGS: Partial<Record<string, ResponseObject['status']>> = {
  'response.created': 'queued',
  'response.queued': 'queued',
  'response.in_progress': 'in_progress',
};

/** A stored event as readers get it; `response` is at least as new. */
export function filled<T extends ResponseEvent>(event: T, response: ResponseObject): T {
  const status = OPENINGS[event.type];
  if (status) return { ...event, response: opening(response, status) };
  if (isLast(event.type)) return { ...event, response };
  const held = typeof event.output_index === 'number' ? response.output[event.output_index] : undefined;
  if (!held) return event;
  if (event.type === 'response.output_item.done') return event.item ? event : { ...event, item: held };
  const part =
    held.type === 'message' && typeof event.content_index === 'number' ? held.content[event.content_index] : undefined;
  if (!part) return event;
  if (event.type === 'response.content_part.done') return 'part' in event ? event : { ...event, part };
  if (event.type === 'response.output_text.done' && part.type === 'output_text' && !('text' in event))
    return { ...event, text: part.text, logprobs: part.logprobs };
  return event;
}

/** The response as it was when nothing was done for it. */
const opening = (response: ResponseObject, status: ResponseObject['status']): ResponseObject => ({
  ...response,
  status,
  completed_at: null,
  error: null,
  incomplete_details: null,
  output: [],
  usage: null,
});
