/** Streams of responses in the background, as clients read them, and what must be so of each. */
import type OpenAI from 'openai';

export type StreamEvent = OpenAI.Responses.ResponseStreamEvent;

/** The events until the stream ends, or until `isEnough` says so. */
export async function eventsOf(
  stream: AsyncIterable<StreamEvent>,
  isEnough: (event: StreamEvent) => boolean = () => false,
): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (isEnough(event)) break;
  }
  return events;
}

/** Whether the event is the last of a response. */
export const isEnd = ({ type }: { type: string }): boolean =>
  /^response\.(completed|failed|incomplete|cancelled)$/.test(type);

interface OpenItem {
  id: string;
  text: string;
}

/** What is wrong with a whole stream: gaps, doubles, items that were not opened or not closed, texts that are not the sum of their pieces. */
export function faultsOfStream(events: StreamEvent[]): string[] {
  const faults: string[] = [];
  events.forEach((event, index) => {
    if (event.sequence_number !== index)
      faults.push(`event ${index} (${event.type}) has number ${event.sequence_number}`);
  });
  const types = events.map((event) => event.type);
  if (types.slice(0, 2).join() !== 'response.created,response.queued')
    faults.push(`it begins with ${types.slice(0, 2).join()}`);
  const ends = events.filter(isEnd);
  if (ends.length !== 1 || events.at(-1) !== ends[0])
    faults.push(`it ends with ${types.at(-1)}, of ${ends.length} ends`);
  const open = new Map<number, OpenItem>();
  const done: string[] = [];
  for (const event of events) {
    if (event.type === 'response.output_item.added') {
      if (open.has(event.output_index) || done[event.output_index] !== undefined)
        faults.push(`item ${event.output_index} is added twice`);
      open.set(event.output_index, { id: event.item.id ?? '', text: '' });
    }
    if (event.type === 'response.output_text.delta') {
      const item = open.get(event.output_index);
      if (item?.id !== event.item_id) faults.push(`a delta of ${event.item_id} comes while it is not open`);
      else item.text += event.delta;
    }
    if (event.type === 'response.output_text.done' && open.get(event.output_index)?.text !== event.text)
      faults.push(`the text of ${event.item_id} is not the sum of its pieces`);
    if (event.type === 'response.output_item.done') {
      if (open.get(event.output_index)?.id !== event.item.id)
        faults.push(`item ${event.output_index} is done and was not open`);
      open.delete(event.output_index);
      done[event.output_index] = event.item.id ?? '';
    }
  }
  if (open.size > 0) faults.push(`items stay open: ${[...open.keys()].join()}`);
  const last = events.at(-1);
  if (last && 'response' in last) {
    const ids = last.response.output.map(({ id }) => id);
    if (ids.join() !== done.join()) faults.push(`its output has ${ids.join()}, its events have ${done.join()}`);
  }
  return faults;
}
