/** What holds for every stream of a run, whatever it is about. Each fault found is a line of text. */
import type { MessageObject, RunObject, RunStepObject, ThreadObject } from '../../src/wire/threads';
import { faultsOf } from './contractFaults';
import { eventSchema } from './contractSchemas';

export interface StreamEvent {
  event: string;
  data: unknown;
}

/** The events of a whole stream; comments are left out. */
export function readEvents(text: string): StreamEvent[] {
  return text.split('\n\n').flatMap((block) => {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
    if (lines.length === 0) return [];
    const field = (name: string) =>
      lines
        .filter((line) => line.startsWith(`${name}: `))
        .map((line) => line.slice(name.length + 2))
        .join('\n');
    const data = field('data');
    return [{ event: field('event'), data: data === '[DONE]' ? data : (JSON.parse(data) as unknown) }];
  });
}

/** Schemas, names against statuses, the order of each object's events, and deltas that add up to the finished message. */
export function streamFaults(events: StreamEvent[]): string[] {
  const isCut = events.at(-1)?.event === 'error';
  return [...events.flatMap(schemaFaults), ...(isCut ? [] : [...endFaults(events), ...objectFaults(events)])];
}

function schemaFaults({ event, data }: StreamEvent): string[] {
  const schema = eventSchema(event);
  if (!schema) return [`unknown event '${event}'`];
  return [...faultsOf(schema, data).map((fault) => `${event}: ${fault}`), ...statusFault(event, data)];
}

/** `created` is said of what is queued or in progress; any other name is the status itself. */
function statusFault(event: string, data: unknown): string[] {
  if (event.endsWith('.delta') || !isObject(data) || !('status' in data)) return [];
  const [name = ''] = event.split('.').slice(-1);
  const expected = name === 'created' ? (event === 'thread.run.created' ? 'queued' : 'in_progress') : name;
  return data.status === expected ? [] : [`${event} holds the status '${String(data.status)}'`];
}

function endFaults(events: StreamEvent[]): string[] {
  const last = events.at(-1)?.event;
  const dones = events.filter(({ event }) => event === 'done').length;
  if (last !== 'done' || dones !== 1) return [`the stream has ${dones} 'done' and ends with '${String(last)}'`];
  const end = events.at(-2)?.event ?? 'nothing';
  return RUN_END.test(end) ? [] : [`the stream is done with '${end}'`];
}

const RUN_END = /^thread\.run\.(completed|incomplete|failed|cancelled|expired|requires_action)$/;

type Streamed = RunObject | RunStepObject | MessageObject | ThreadObject;
const isObject = (value: unknown): value is Streamed => typeof value === 'object' && value !== null;

function objectFaults(events: StreamEvent[]): string[] {
  const byObject = new Map<string, StreamEvent[]>();
  for (const one of events) {
    if (!isObject(one.data) || typeof one.data.id !== 'string') continue;
    byObject.set(one.data.id, [...(byObject.get(one.data.id) ?? []), one]);
  }
  return [...byObject].flatMap(([id, own]) => {
    if (id.startsWith('msg_')) {
      const faults = orderFaults(id, own, MESSAGE_ORDER);
      return faults.length > 0 ? faults : textFaults(id, own);
    }
    return id.startsWith('step_') ? orderFaults(id, own, STEP_ORDER) : [];
  });
}

const MESSAGE_ORDER = /^created in_progress (delta )*(completed|incomplete) $/;
/** A step that the stream before this one began only ends here; one that waits for outputs ends in a later stream. */
const STEP_ORDER = /^(created in_progress (delta )*)?((completed|failed|cancelled|expired) )?$/;

function orderFaults(id: string, events: StreamEvent[], order: RegExp): string[] {
  const names = events.map(({ event }) => `${event.split('.').at(-1)} `).join('');
  return order.test(names) ? [] : [`${id} came as: ${names}`];
}

interface MessageDelta {
  delta: {
    content: {
      index: number;
      text?: { value: string; annotations: Record<string, unknown>[] };
      image_file?: { file_id: string };
    }[];
  };
}

function textFaults(id: string, events: StreamEvent[]): string[] {
  const deltas = events
    .filter(({ event }) => event === 'thread.message.delta')
    .flatMap(({ data }) => (data as MessageDelta).delta.content);
  const texts = deltas.flatMap(({ text }) => text ?? []);
  const { content } = events.at(-1)?.data as MessageObject;
  const images = content.flatMap((one) => (one.type === 'image_file' ? [one.image_file.file_id] : []));
  const announcedImages = deltas.flatMap(({ index, image_file }) => (image_file ? [[index, image_file.file_id]] : []));
  if (JSON.stringify(announcedImages) !== JSON.stringify([...images.entries()]))
    return [`${id}: images came as ${JSON.stringify(announcedImages)}`];
  const place = content.findIndex(({ type }) => type === 'text');
  const part = content[place];
  if (part?.type !== 'text') return texts.length === 0 ? [] : [`${id} ends without its text`];
  if (deltas.some(({ index, text }) => text && index !== place)) return [`${id}: text came for another part`];
  const value = texts.map((text) => text.value).join('');
  const announced = texts.flatMap(({ annotations }) => annotations);
  const faults = value === part.text.value ? [] : [`${id}: deltas add up to '${value}', not '${part.text.value}'`];
  if (announced.length !== part.text.annotations.length)
    faults.push(`${id}: ${announced.length} annotations in deltas`);
  for (const [index, annotation] of part.text.annotations.entries()) {
    const { index: number, ...given } = announced[index] ?? {};
    // Only deltas quote.
    if (isCitation(given.file_citation)) given.file_citation = { file_id: given.file_citation.file_id };
    if (JSON.stringify(given) !== JSON.stringify(annotation) || number !== index)
      faults.push(`${id}: annotation ${index} came as ${JSON.stringify(announced[index])}`);
    const at = part.text.value.slice(annotation.start_index, annotation.end_index);
    if (at !== annotation.text) faults.push(`${id}: annotation ${index} stands at '${at}'`);
  }
  return faults;
}

const isCitation = (value: unknown): value is { file_id: string } =>
  typeof value === 'object' && value !== null && 'file_id' in value;
