/** What was said before a response: the responses that it continues, or its conversation, read in pages. */
import { text as textOf } from 'node:stream/consumers';
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { ResponseItem } from '../wire/responseItems';
import type { FilesOfCalls } from './chatItems';
import { readItems } from './conversationItems';
import type { ConversationPlace } from './conversationRecords';
import { sizeOf } from './itemSize';
import type { ResponsesPorts } from './ports';
import { isOver } from './responseEvents';
import type { ResponseKey } from './responseIds';
import { chainPartition, TURNS, type ConversationPoint, type StoredResponse, type TurnRecord } from './responseRecords';
import { findResponse, readTurn } from './turnRecords';

/** Responses read at once, at most: a longer page is fewer waits for the store. */
const PAGE = 250;
/** Of a longer conversation only the newest responses are read. */
const MAX_TURNS = 2_000;
/** Of all items together, as JSON: more than any model reads, and little enough for the memory. */
const MAX_BYTES = 32 * 1024 * 1024;

type Ports = Pick<ResponsesPorts, 'records' | 'blobs'>;

/** The items before a response, oldest first. */
export interface Context {
  items: ResponseItem[];
  /** Those that its code wrote. */
  files: FilesOfCalls;
  /** Something older was left out, since the conversation is too long. */
  isCut: boolean;
}

/** The key of the response that a request continues. Throws 400 where it names none that is there and complete. */
export async function previousResponse(
  { records }: Ports,
  scope: Scope,
  id: string,
): Promise<{ key: ResponseKey; order: string; stored: StoredResponse }> {
  const found = await findResponse(records, scope, id);
  if (!found) throw errors.previousResponseNotFound(id);
  const { status } = found.stored.response;
  if (!isOver(status)) throw errors.previousResponseNotDone(id, status);
  return found;
}

/** The conversation that ends with the response `last`, which is read already. */
export async function readChain(ports: Ports, scope: Scope, last: ResponseKey, stored: TurnRecord): Promise<Context> {
  const newestFirst: ResponseItem[][] = [];
  const files: FilesOfCalls = {};
  let bytes = 0;
  let largest = 1;
  let turns = 0;
  let conversation: ConversationPoint | undefined;
  const isFull = () => turns >= MAX_TURNS || bytes > MAX_BYTES;
  const take = async (value: TurnRecord): Promise<void> => {
    turns += 1;
    conversation = value.conversation;
    if ('deleted' in value) return;
    const items = [...(await inputOf(ports, value)), ...value.response.output];
    const size = items.reduce((sum, item) => sum + sizeOf(item), 0);
    bytes += size;
    largest = Math.max(largest, size);
    newestFirst.push(items);
    Object.assign(files, value.files);
  };
  await take(stored);
  let at: ResponseKey = last;
  let wanted = stored.previous;
  while (wanted && !isFull()) {
    // Of another chain: that one was forked off here.
    if (wanted.chain !== at.chain) {
      const found = await readTurn(ports.records, scope, wanted);
      if (!found) break;
      await take(found.value);
      at = wanted;
      wanted = found.value.previous;
      continue;
    }
    const page = await ports.records.list<TurnRecord>(chainPartition(scope, at.chain), TURNS, {
      order: 'desc',
      // No more than fit, as far as one can tell by those before: a page is held whole.
      limit: Math.max(1, Math.min(PAGE, Math.ceil((MAX_BYTES - bytes) / largest))),
      after: at.turn,
    });
    for (const { id, value } of page.records) {
      if (isFull() || wanted?.chain !== at.chain) break;
      // Two callers may have continued the same response at the same time.
      if (id !== wanted.turn) continue;
      await take(value);
      wanted = value.previous;
    }
    const end = page.records.at(-1);
    if (!end || (!page.hasMore && wanted?.chain === at.chain)) break;
    at = { chain: at.chain, turn: end.id };
  }
  const items = newestFirst.reverse().flat();
  if (!conversation || isFull()) return { items, files, isCut: wanted !== null && isFull() };
  // The first of the chain was given in a conversation.
  const { key, order } = conversation;
  const before = await readItems(ports, { scope, key }, { maxBytes: MAX_BYTES - bytes, upTo: order });
  return { items: [...before.items, ...items], files, isCut: before.isCut };
}

/** The items of a conversation, the newest that fit. */
export const readConversationContext = async (ports: Ports, place: ConversationPlace): Promise<Context> => ({
  ...(await readItems(ports, place, { maxBytes: MAX_BYTES })),
  files: {},
});

/** What a response continued, without what was deleted of it since. */
export async function contextBefore(
  ports: Ports,
  scope: Scope,
  { previous, conversation }: StoredResponse,
): Promise<Context> {
  const nothing: Context = { items: [], files: {}, isCut: false };
  if (previous) {
    const found = await readTurn(ports.records, scope, previous);
    return found ? readChain(ports, scope, previous, found.value) : nothing;
  }
  if (!conversation) return nothing;
  const { key, order } = conversation;
  return { ...nothing, ...(await readItems(ports, { scope, key }, { maxBytes: MAX_BYTES, upTo: order })) };
}

/** The response's own input. */
export async function inputOf({ blobs }: Ports, { input, response }: StoredResponse): Promise<ResponseItem[]> {
  if (Array.isArray(input)) return input;
  const found = await blobs.open(input.blob);
  if (!found) throw new Error(`The input of ${response.id} is not there.`);
  return JSON.parse(await textOf(found.content));
}
