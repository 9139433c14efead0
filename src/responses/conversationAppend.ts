/** Adds what a response took and gave to its conversation: in order, and once however often it is tried. */
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { withRetries } from '../storage/optimistic';
import { ConflictError, type Change, type DueRecord, type StoredRecord } from '../storage/ports';
import type { ResponseItem } from '../wire/responseItems';
import { discardItems, itemCreations, itemsThere } from './conversationItems';
import {
  ADDED,
  addedRecord,
  appendingBlob,
  CONVERSATION,
  conversationDue,
  conversationPartition,
  conversationRecord,
  laterConversationDue,
  type ConversationPlace,
  type ConversationRecord,
} from './conversationRecords';
import type { ResponsesPorts } from './ports';
import { itemOwnerOf } from './responseIds';

/** Items of one write, which takes them all inline: with the records beside them less than {@link MAX_WRITE_BYTES}. */
const GROUP = 24;

type Ports = Pick<ResponsesPorts, 'records' | 'blobs' | 'now'>;
type Stored = StoredRecord<ConversationRecord>;

/** What replaces the record of the conversation, provided that nobody else has. */
export const conversationChange = ({ etag, value }: Stored, fields: Partial<ConversationRecord>): Change => ({
  op: 'replace',
  list: CONVERSATION,
  id: CONVERSATION,
  value: { ...value, ...fields },
  ifMatch: etag,
});

/**
 * Adds the items of the response `turn`, and frees the conversation of it in the same write. Does nothing where they were added before, or the conversation
 * is gone. `due` is removed with it.
 */
export async function appendTurn(
  ports: Ports,
  place: ConversationPlace,
  turn: string,
  items: ResponseItem[],
  due?: DueRecord,
): Promise<void> {
  const { records, blobs, now } = ports;
  let hasBlob = false;
  await withRetries(async () => {
    await finishAppending(ports, place);
    const found = await records.get<ConversationRecord>(conversationRecord(place));
    if (!found) {
      await discardItems(ports, place, items);
      if (hasBlob) await blobs.delete(appendingBlob(place, turn));
      return;
    }
    if (await records.get(addedRecord(place, turn))) {
      // Another process has added them meanwhile.
      if (hasBlob) await blobs.delete(appendingBlob(place, turn));
      return;
    }
    if (items.length <= GROUP) {
      await writeGroup(ports, place, found, { turn, items, isLast: true, due });
      return;
    }
    await blobs.put(appendingBlob(place, turn), Readable.from([JSON.stringify(items)]));
    hasBlob = true;
    const again = due ?? laterConversationDue(place, now(), turn);
    const appending = { turn, done: 0, due_at: again.at };
    await records.write(conversationPartition(place), [conversationChange(found, { appending })], { add: [again] });
  });
  await finishAppending(ports, place);
}

/** Goes on where items of a response are being added by several writes, perhaps by a process that died. */
export async function finishAppending(ports: Ports, place: ConversationPlace): Promise<void> {
  const { records, blobs } = ports;
  const read = new Map<string, ResponseItem[]>();
  const step = async (): Promise<boolean> => {
    const found = await records.get<ConversationRecord>(conversationRecord(place));
    const appending = found?.value.appending;
    if (!found || !appending) return true;
    const { turn, done, due_at } = appending;
    const items = read.get(turn) ?? (await itemsBeingAdded(ports, place, turn));
    read.set(turn, items);
    const isLast = done + GROUP >= items.length;
    const due = conversationDue(place, due_at, turn);
    await writeGroup(ports, place, found, { turn, items: items.slice(done, done + GROUP), isLast, due });
    if (isLast) await blobs.delete(appendingBlob(place, turn));
    return isLast;
  };
  while (!(await withRetries(step)));
}

async function itemsBeingAdded({ blobs }: Ports, place: ConversationPlace, turn: string): Promise<ResponseItem[]> {
  const found = await blobs.open(appendingBlob(place, turn));
  // Another process has just added the last of them.
  if (!found) throw new ConflictError(conversationRecord(place));
  return JSON.parse(await textOf(found.content));
}

async function writeGroup(
  ports: Ports,
  place: ConversationPlace,
  found: Stored,
  { turn, items, isLast, due }: { turn: string; items: ResponseItem[]; isLast: boolean; due?: DueRecord },
): Promise<void> {
  const { lease, last_order, appending } = found.value;
  // Ids that callers have chosen may have come into the conversation in another way.
  const foreign = items.flatMap(({ id }) => (itemOwnerOf(id)?.turn === turn ? [] : [id]));
  const there = await itemsThere(ports, place, foreign);
  const fresh = items.filter(({ id }) => !there.has(id));
  const { creations, lastOrder } = await itemCreations(ports, place, fresh, last_order);
  const ended: Partial<ConversationRecord> = {
    lease: lease?.turn === turn ? null : lease,
    appending: undefined,
  };
  const changed = conversationChange(found, {
    last_order: lastOrder,
    ...(isLast ? ended : { appending: appending && { ...appending, done: appending.done + items.length } }),
  });
  const added: Change = { op: 'create', list: ADDED, id: turn, order: lastOrder, value: {} };
  await ports.records.write(
    conversationPartition(place),
    [changed, ...creations, ...(isLast ? [added] : [])],
    isLast && due ? { remove: [due] } : undefined,
  );
}
