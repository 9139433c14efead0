/** The items of an input: given ids, references resolved, calls matched with their outputs. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { InputItem, ResponseItem } from '../wire/responseItems';
import { isCallOfOutput, isCallOutput } from './callKinds';
import { inputOf } from './context';
import { conversationItemFinder } from './conversationItems';
import type { ResponsesPorts } from './ports';
import { itemOwnerOf, itemPrefixes, newItemId, type ResponseKey } from './responseIds';
import { readTurn } from './turnRecords';

/**
 * The items as they are stored, with ids of that response where they bring none. Throws 404 for a reference that leads nowhere; `param` is where the request
 * has them.
 */
export async function storedItems(
  ports: Pick<ResponsesPorts, 'records' | 'blobs'>,
  scope: Scope,
  input: string | InputItem[] | null | undefined,
  key: ResponseKey,
  param = 'input',
): Promise<ResponseItem[]> {
  const given: InputItem[] =
    typeof input === 'string'
      ? [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }]
      : (input ?? []);
  const items: ResponseItem[] = [];
  for (const [index, item] of given.entries()) {
    if (item.type === 'item_reference') {
      const found = (await referred(ports, scope, item.id)) ?? (await conversationItemFinder(ports)(scope, item.id));
      if (!found) throw errors.noItem(item.id, `${param}[${index}]`);
      items.push(found);
    } else items.push(withId(item, key));
  }
  return items;
}

type OwnItem = Exclude<InputItem, { type: 'item_reference' }>;

/** The item with an id and a status, which callers may leave out. */
export function withId(item: OwnItem, key: ResponseKey): ResponseItem {
  const id = item.id ?? newItemId(itemPrefixes[item.type], key);
  switch (item.type) {
    case 'message':
      return item.role === 'assistant'
        ? { ...item, id, status: item.status ?? 'completed' }
        : { ...item, id, status: item.status ?? 'completed' };
    case 'function_call':
    case 'custom_tool_call':
    case 'function_call_output':
    case 'custom_tool_call_output':
      return { ...item, id, status: item.status ?? 'completed' };
    case 'mcp_call':
    case 'mcp_approval_response':
    case 'reasoning':
      return { ...item, id };
    default:
      return item;
  }
}

/** The item of a stored response of the scope. */
async function referred(
  ports: Pick<ResponsesPorts, 'records' | 'blobs'>,
  scope: Scope,
  id: string,
): Promise<ResponseItem | undefined> {
  const owner = itemOwnerOf(id);
  const found = owner && (await readTurn(ports.records, scope, owner));
  if (!found || 'deleted' in found.value) return undefined;
  const { value } = found;
  return (
    value.response.output.find((item) => item.id === id) ?? (await inputOf(ports, value)).find((item) => item.id === id)
  );
}

/** Throws 400 for an item that comes twice, or is among those that are there: in a conversation each is once. */
export function checkDistinct(items: ResponseItem[], there: ResponseItem[], param: string): void {
  const ids = new Set(there.map(({ id }) => id));
  for (const { id } of items) {
    if (ids.has(id)) throw errors.duplicateItem(id, param);
    ids.add(id);
  }
}

/**
 * Throws 400 unless each call of the caller's tools has its output and each output its call, as the services do. `isCut`: what came first was left out, calls perhaps among it.
 * A call that is told again while it waits for its output is the same call: the AI SDK repeats it beside `previous_response_id`.
 */
export function checkCalls(items: ResponseItem[], isCut: boolean): void {
  /** How many calls with that id wait for their output; below zero: outputs without a call. */
  const open = new Map<string, number>();
  // The model was cut off in them, so there may be nothing to answer.
  const cut = new Set(
    items.flatMap((item) => (isCallOfOutput(item) && item.status === 'incomplete' ? [item.call_id] : [])),
  );
  /** How often a call was told again. */
  const repeated = new Map<string, number>();
  const note = (id: string, step: 1 | -1) => open.set(id, (open.get(id) ?? 0) + step);
  for (const item of items) {
    if (isCallOfOutput(item)) {
      if ((open.get(item.call_id) ?? 0) > 0) repeated.set(item.call_id, (repeated.get(item.call_id) ?? 0) + 1);
      note(item.call_id, 1);
    }
    if (isCallOutput(item)) note(item.call_id, -1);
  }
  for (const [id, count] of open) {
    if (count > (repeated.get(id) ?? 0) && !cut.has(id)) throw errors.noToolOutput(id);
    if (count < 0 && !isCut) throw errors.noToolCall(id);
  }
  const requests = new Set(items.flatMap((item) => (item.type === 'mcp_approval_request' ? [item.id] : [])));
  for (const item of items)
    if (item.type === 'mcp_approval_response' && !requests.has(item.approval_request_id) && !isCut)
      throw errors.noApprovalRequest(item.approval_request_id);
}
