/** What holds for every stream of a response, whatever it is about. Each fault found is a line of text. */
import type OpenAI from 'openai';
import type { StreamEvent } from './contractStream';
import { eventFaultsOf, type Side } from './publishedResponses';

type Item = OpenAI.Responses.ResponseOutputItem;
interface Event {
  type: string;
  sequence_number: number;
  output_index?: number;
  content_index?: number;
  item_id?: string;
  item?: Item;
  delta?: string;
  response?: OpenAI.Responses.Response;
  [field: string]: unknown;
}

const ENDS = /^(?:response\.(?:completed|failed|incomplete|cancelled)|error)$/;

/** Published schemas, numbers without gaps, one end, items that begin and end once, deltas that add up, and an end that holds what was told before. */
export function responseStreamFaults(side: Side, events: StreamEvent[]): string[] {
  const read = events.map(({ data }) => data as Event);
  const faults = events.flatMap(({ event, data }) =>
    (data as Event).type === event ? [] : [`the event '${event}' says that it is '${(data as Event).type}'`],
  );
  faults.push(...read.flatMap((event) => eventFaultsOf(side, event)));
  const first = read[0]?.sequence_number ?? 0;
  read.forEach(({ sequence_number: number }, index) => {
    if (number !== first + index) faults.push(`event ${index} has the number ${number}`);
  });
  const ends = read.filter(({ type }) => ENDS.test(type));
  if (ends.length !== 1 || ends[0] !== read.at(-1)) faults.push(`ends: ${ends.map(({ type }) => type).join(', ')}`);
  return first === 0 ? [...faults, ...contentFaults(read)] : faults;
}

function contentFaults(events: Event[]): string[] {
  const faults: string[] = [];
  const done: Item[] = [];
  const begun = new Set<number>();
  const deltas = new Map<string, string>();
  const placeOf = ({ type, item_id, output_index, content_index }: Event) =>
    `${type.replace(/\.(delta|done)$/, '')} ${item_id ?? ''} ${output_index ?? ''} ${content_index ?? ''}`;
  for (const event of events) {
    const { type, output_index: index = -1, item } = event;
    if (type === 'response.output_item.added') begun.add(index);
    else if (index >= 0 && !begun.has(index)) faults.push(`${type} before the item ${index} was added`);
    if (type === 'response.output_item.done' && item) done[index] = item;
    if (event.delta !== undefined) deltas.set(placeOf(event), (deltas.get(placeOf(event)) ?? '') + event.delta);
    if (/\.done$/.test(type)) {
      const whole = event.text ?? event.arguments ?? event.refusal ?? event.code;
      const added = deltas.get(placeOf(event)) ?? '';
      if (typeof whole === 'string' && whole !== added) faults.push(`${type}: deltas add up to '${added}'`);
    }
  }
  const { response } = events.at(-1) ?? {};
  if (response && JSON.stringify(response.output) !== JSON.stringify(done))
    faults.push(`the end has ${JSON.stringify(response.output)}, told was ${JSON.stringify(done)}`);
  return faults;
}
