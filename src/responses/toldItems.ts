/** Items that a stream has told of and that are not in the output yet, and how they are closed where the process that told them ended. Pure. */
import type { OutputItem } from '../wire/responseItems';
import { itemAdded, itemDone, type ResponseEvent } from './responseEvents';

export interface ToldItem {
  /** Its place in the output. */
  index: number;
  item: OutputItem;
  /** `nothing`: it only has a place, which items behind it count. */
  told: 'nothing' | 'begun' | 'whole';
}

const INTERRUPTED = 'The server was interrupted.';

/** The items as they are stored while their turn of the model goes on: those that are not whole as they would be closed. */
export function closable(told: ToldItem[]): ToldItem[] {
  const inOrder = told.toSorted((a, b) => a.index - b.index);
  // Behind the last that was told of nobody counts.
  const end = inOrder.findLastIndex((one) => one.told !== 'nothing') + 1;
  return inOrder.slice(0, end).map((one) => (one.told === 'whole' ? one : { ...one, item: incomplete(one.item) }));
}

/** What closes the items: they go to the output, and the stream tells of those that it left open. */
export const closing = (told: ToldItem[]): { items: OutputItem[]; events: ResponseEvent[] } => ({
  items: told.map(({ item }) => item),
  events: told.flatMap(({ index, item, told: how }) => [
    ...(how === 'nothing' ? [itemAdded(index, item)] : []),
    ...(how === 'whole' ? [] : [itemDone(index, item)]),
  ]),
});

/** A message says nothing then: what follows is the whole answer. A request that nobody saw must not be approved, and stays as a call that was not made. */
function incomplete(item: OutputItem): OutputItem {
  switch (item.type) {
    case 'message':
    case 'reasoning':
      return { ...item, status: 'incomplete', content: [] };
    case 'mcp_list_tools':
      return { ...item, error: INTERRUPTED };
    case 'mcp_call':
      return { ...item, status: 'incomplete', error: INTERRUPTED };
    case 'mcp_approval_request':
      return { ...item, type: 'mcp_call', status: 'incomplete', output: null, error: INTERRUPTED };
    case 'function_call':
    case 'custom_tool_call':
    case 'file_search_call':
    case 'code_interpreter_call':
      return { ...item, status: 'incomplete' };
  }
}

/** Whether the item was broken off: it is shown, and the model is not told of it. */
export const isIncomplete = (item: { type: string; status?: string | null }): boolean =>
  item.type !== 'message' && item.status === 'incomplete';
