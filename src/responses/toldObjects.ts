/**
 * Which objects an upstream's answer tells of. Only ids that the upstream made are read: those of inputs, and whatever else of an answer repeats the request, are the
 * caller's words, by which nobody may get hold of another's objects.
 */
import { z } from 'zod';

const text = z.string().optional().catch(undefined);
const environment = z.object({ container_id: text }).optional().catch(undefined);
const item = z.looseObject({ type: text, id: text, container_id: text, environment }).catch({});
const response = z.looseObject({ id: text, output: z.array(item).optional().catch(undefined) });
const event = z.looseObject({
  type: text,
  response: response.optional().catch(undefined),
  item: item.optional().catch(undefined),
});

type Item = z.output<typeof item>;

export interface ToldObjects {
  /** Id of the response. */
  response?: string;
  /** Ids of items that it put out. */
  items: string[];
  /** Ids of the containers in which its code or commands ran. */
  containers: string[];
}

/** What leaves out of what a stream tells whatever it has told before: events repeat their response and its items. */
export function firstTold(): (told: ToldObjects) => ToldObjects {
  const known = new Set<string>();
  const first = (kind: string, ids: string[]): string[] => {
    const fresh = ids.filter((id) => !known.has(`${kind} ${id}`));
    for (const id of fresh) known.add(`${kind} ${id}`);
    return fresh;
  };
  return (told) => {
    const [response] = first('response', told.response === undefined ? [] : [told.response]);
    return {
      ...(response !== undefined && { response }),
      items: first('item', told.items),
      containers: first('container', told.containers),
    };
  };
}

/** Of a response, whole. */
export function toldByResponse(value: unknown): ToldObjects {
  const { id, output = [] } = response.safeParse(value).data ?? {};
  return { ...(id !== undefined && { response: id }), ...toldByItems(output) };
}

const toldByItems = (items: Item[]): ToldObjects => ({
  items: items.flatMap(({ id }) => id ?? []),
  containers: items.flatMap(({ type, container_id, environment }) => {
    if (type === 'code_interpreter_call') return container_id ?? [];
    return (type === 'shell_call' && environment?.container_id) || [];
  }),
});

/** Events that tell of new objects; deltas, which are most, do not. */
const TELLING =
  /"type"\s*:\s*"response\.(?:created|queued|in_progress|completed|incomplete|failed|cancelled|output_item\.(?:added|done))"/;

/** Of whole server-sent events. */
export function toldByEvents(events: Buffer): ToldObjects[] {
  if (!TELLING.test(events.toString('latin1'))) return [];
  return events
    .toString('utf8')
    .split(/\r\n\r\n|\n\n|\r\r/)
    .filter((one) => TELLING.test(one))
    .map(toldByEvent);
}

function toldByEvent(text: string): ToldObjects {
  const data = text.split(/\r\n|\r|\n/).flatMap((line) => (line.startsWith('data:') ? [line.slice(5)] : []));
  const { response: whole, item: one } = event.safeParse(jsonOf(data.join('\n'))).data ?? {};
  if (whole) return toldByResponse(whole);
  return toldByItems(one ? [one] : []);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The reader of the stream finds that it is broken; nothing is told by it.
  }
}

const message = z.object({
  type: z.literal('message'),
  content: z.array(z.looseObject({ type: text, text })),
});

/** The text of the response's messages, as Foundry's connectors read it from `output_text`. */
export function textOfResponse(value: unknown): string {
  const { output = [] } = response.safeParse(value).data ?? {};
  return output
    .flatMap((one) => message.safeParse(one).data?.content ?? [])
    .flatMap((part) => (part.type === 'output_text' && part.text ? [part.text] : []))
    .join('');
}
