/** Events of a response as it is answered (components.md section 12). */
import type { WrittenFile } from '../agentLoop/toolOutputs';
import type { CodeInterpreterCall, OutputItem } from '../wire/responseItems';
import type { ResponseObject } from '../wire/responses';

/** An event without its number, which it is given when it is sent. */
export interface ResponseEvent {
  type: string;
  response?: ResponseObject;
  item?: OutputItem;
  /** Of events about code: the call as it is, and what it wrote. The versions of the API tell of them in different ways. */
  execution?: { call: CodeInterpreterCall; files: WrittenFile[] };
  [field: string]: unknown;
}

/** Takes one event; resolves when the next may come. */
export type ResponseSink = (event: ResponseEvent) => Promise<void>;

/** Nobody listens. */
export const silent: ResponseSink = () => Promise.resolve();

/**
 * A sink that keeps the event that ends the response until `tellEnd`: who reads it may go on from the response at once, so all must be stored by then.
 */
export function endHeld(sink: ResponseSink): { sink: ResponseSink; tellEnd: () => Promise<void> } {
  let end: ResponseEvent | undefined;
  return {
    sink: async (event) => {
      if (isLast(event.type)) end = event;
      else await sink(event);
    },
    tellEnd: async () => {
      if (end) await sink(end);
    },
  };
}

/** Whether no event comes behind one of this type. */
export const isLast = (type: string): boolean => /^response\.(completed|failed|incomplete|cancelled)$/.test(type);

/** Whether nothing can happen to the response any more. */
export const isOver = (status: ResponseObject['status']): boolean => status !== 'queued' && status !== 'in_progress';

/** `response.created`, `response.completed` and the like. */
export const responseEvent = (state: string, response: ResponseObject): ResponseEvent => ({
  type: `response.${state}`,
  response: { ...response, output: [...response.output] },
});

export const itemAdded = (output_index: number, item: OutputItem): ResponseEvent => ({
  type: 'response.output_item.added',
  output_index,
  item,
});

export const itemDone = (output_index: number, item: OutputItem): ResponseEvent => ({
  type: 'response.output_item.done',
  output_index,
  item,
});

/** An event about an item, `response.<name>`. */
export const itemEvent = (
  name: string,
  { id }: { id: string },
  output_index: number,
  fields: Record<string, unknown> = {},
): ResponseEvent => ({ type: `response.${name}`, item_id: id, output_index, ...fields });
