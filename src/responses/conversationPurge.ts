/** Frees what a deleted conversation leaves: its items, large ones in blobs. */
import type { DueRecord } from '../storage/ports';
import {
  appendingBlob,
  conversationOfDue,
  conversationPartition,
  conversationRecord,
  ITEMS,
  laterConversationDue,
  type ConversationPlace,
  type StoredItem,
} from './conversationRecords';
import { settleTurn } from './conversationTurn';
import type { ResponsesPorts } from './ports';

const PAGE = 100;

/** Deletes the items of a conversation that is not there any more, those that `turn` was adding too. Safe to repeat. */
export async function purgeConversation(
  { records, blobs }: Pick<ResponsesPorts, 'records' | 'blobs'>,
  place: ConversationPlace,
  turn?: string,
): Promise<void> {
  const partition = conversationPartition(place);
  let after: string | undefined;
  do {
    const page = await records.list<StoredItem>(partition, ITEMS, { order: 'asc', limit: PAGE, after });
    for (const { value } of page.records) if ('blob' in value) await blobs.delete(value.blob);
    after = page.hasMore ? page.records.at(-1)?.id : undefined;
  } while (after !== undefined);
  if (turn !== undefined) await blobs.delete(appendingBlob(place, turn));
  // Last, since it knows where the blobs are.
  await records.deletePartition(partition);
}

/** What the sweep does with the due records of conversations. */
export async function sweepConversation(
  ports: Pick<ResponsesPorts, 'records' | 'blobs' | 'now' | 'logFault'>,
  due: DueRecord,
): Promise<void> {
  const { records, now } = ports;
  const { place, turn } = conversationOfDue(due);
  const isThere = (await records.get(conversationRecord(place))) !== undefined;
  if (!isThere) await purgeConversation(ports, place, turn);
  const isOpen = isThere && turn !== undefined && !(await settleTurn(ports, place, turn));
  const again = laterConversationDue(place, now(), turn);
  await records.writeDue({ remove: [due], ...(isOpen && { add: [again] }) });
}
