/** Items of conversations: how they are written and read. */
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import type { Scope } from '../scope';
import { orderKey } from '../storage/keys';
import type { Blobs, Change } from '../storage/ports';
import type { ResponseItem } from '../wire/responseItems';
import {
  conversationPartition,
  conversationRecord,
  itemBlob,
  itemRecord,
  ITEMS,
  type ConversationPlace,
  type StoredItem,
} from './conversationRecords';
import { sizeOf } from './itemSize';
import type { ResponsesPorts } from './ports';
import { itemOwnerOf } from './responseIds';

/** Items of more bytes lie in blobs, so that as many as a write takes changes fit into it. */
const MAX_INLINE_BYTES = 64 * 1024;
const PAGE = 100;
/** Of a longer conversation only the newest are read, as many as the input of a response may hold. */
const MAX_ITEMS = 10_000;

type Ports = Pick<ResponsesPorts, 'records' | 'blobs'>;

const isLarge = (item: ResponseItem): boolean => Buffer.byteLength(JSON.stringify(item)) > MAX_INLINE_BYTES;

/**
 * The changes that add the items behind the sort key `after`, and the sort key of the last one. Large items are in their blobs when it resolves; `now` in
 * milliseconds.
 */
export async function itemCreations(
  { blobs, now }: Pick<ResponsesPorts, 'blobs' | 'now'>,
  place: ConversationPlace,
  items: ResponseItem[],
  after: string,
): Promise<{ creations: Change[]; lastOrder: string }> {
  const creations: Change[] = [];
  let lastOrder = after;
  for (const item of items) {
    const blob = isLarge(item) ? itemBlob(place, item.id) : undefined;
    if (blob !== undefined) await blobs.put(blob, Readable.from([JSON.stringify(item)]));
    const value: StoredItem = { id: item.id, ...(blob === undefined ? { item } : { blob }) };
    lastOrder = orderKey(now(), lastOrder);
    creations.push({ op: 'create', list: ITEMS, id: item.id, order: lastOrder, value });
  }
  return { creations, lastOrder };
}

/** Deletes what {@link itemCreations} put into blobs. */
export async function discardItems({ blobs }: Ports, place: ConversationPlace, items: ResponseItem[]): Promise<void> {
  for (const item of items) if (isLarge(item)) await blobs.delete(itemBlob(place, item.id));
}

export async function itemOf({ blobs }: { blobs: Blobs }, stored: StoredItem): Promise<ResponseItem> {
  if ('item' in stored) return stored.item;
  const found = await blobs.open(stored.blob);
  if (!found) throw new Error(`The content of the item ${stored.id} is not there.`);
  return JSON.parse(await textOf(found.content));
}

/** Those of the items that are in the conversation by their ids. */
export async function itemsThere({ records }: Ports, place: ConversationPlace, ids: string[]): Promise<Set<string>> {
  const there = new Set<string>();
  for (const id of ids) if (await records.get(itemRecord(place, id))) there.add(id);
  return there;
}

/**
 * The newest items that are about `maxBytes` together at most, oldest first; with `upTo` none behind that sort key. `isCut`: older ones were left out.
 */
export async function readItems(
  ports: Ports,
  place: ConversationPlace,
  { maxBytes, upTo }: { maxBytes: number; upTo?: string },
): Promise<{ items: ResponseItem[]; isCut: boolean }> {
  const newestFirst: ResponseItem[] = [];
  let bytes = 0;
  let after: string | undefined;
  for (;;) {
    const page = await ports.records.list<StoredItem>(conversationPartition(place), ITEMS, {
      order: 'desc',
      limit: PAGE,
      after,
    });
    for (const { order, value } of page.records) {
      if (upTo !== undefined && order > upTo) continue;
      const item = await itemOf(ports, value);
      bytes += sizeOf(item);
      if (bytes > maxBytes || newestFirst.length >= MAX_ITEMS) return { items: newestFirst.reverse(), isCut: true };
      newestFirst.push(item);
    }
    after = page.records.at(-1)?.id;
    if (!page.hasMore || after === undefined) return { items: newestFirst.reverse(), isCut: false };
  }
}

/** Finds an item whose id says that it is of a conversation of the scope. */
export const conversationItemFinder =
  (ports: Ports) =>
  async (scope: Scope, id: string): Promise<ResponseItem | undefined> => {
    const owner = itemOwnerOf(id);
    if (!owner) return undefined;
    const place = { scope, key: owner.chain };
    const found = await ports.records.get<StoredItem>(itemRecord(place, id));
    // Of a conversation that was deleted the items are on their way out.
    if (!found || !(await ports.records.get(conversationRecord(place)))) return undefined;
    return itemOf(ports, found.value);
  };
