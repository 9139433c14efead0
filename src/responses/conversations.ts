/** Conversations and their items as callers see them. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { deleteListed } from '../storage/deletedPlaces';
import { withRetries } from '../storage/optimistic';
import { pageOf } from '../storage/pages';
import type { DueRecord, PageRequest } from '../storage/ports';
import type { Metadata } from '../wire/common';
import type { ConversationObject, CreateConversationRequest } from '../wire/conversations';
import type { InputItem, ResponseItem } from '../wire/responseItems';
import { conversationChange } from './conversationAppend';
import { discardItems, itemCreations, itemOf, itemsThere } from './conversationItems';
import { purgeConversation, sweepConversation } from './conversationPurge';
import {
  CONVERSATION,
  conversationIdOf,
  conversationPartition,
  conversationPlace,
  conversationRecord,
  itemRecord,
  ITEMS,
  laterConversationDue,
  newConversationKey,
  type ConversationPlace,
  type ConversationRecord,
  type StoredItem,
} from './conversationRecords';
import { freeConversation, readConversation, settledConversation } from './conversationTurn';
import { checkDistinct, storedItems } from './inputItems';
import type { ResponsesPorts } from './ports';
import { newResponseKey } from './responseIds';

export type Conversations = ReturnType<typeof createConversations>;

/** The conversations of a scope. Methods throw 404 for an id that is not there. */
export function createConversations(ports: ResponsesPorts) {
  const { records, blobs, now } = ports;

  const newItems = async (place: ConversationPlace, given: InputItem[] | null | undefined): Promise<ResponseItem[]> => {
    const items = await storedItems(ports, place.scope, given, newResponseKey(place.key), 'items');
    checkDistinct(items, [], 'items');
    return items;
  };

  /** The conversation with its first items: all in one write. */
  async function create(scope: Scope, body: CreateConversationRequest): Promise<ConversationObject> {
    const place = { scope, key: newConversationKey() };
    const items = await newItems(place, body.items);
    const { creations, lastOrder } = await itemCreations(ports, place, items, '');
    const conversation: ConversationObject = {
      id: conversationIdOf(place.key),
      object: 'conversation',
      created_at: Math.floor(now() / 1000),
      metadata: body.metadata ?? {},
    };
    const value: ConversationRecord = { conversation, lease: null, last_order: lastOrder };
    await records.write(conversationPartition(place), [
      { op: 'create', list: CONVERSATION, id: CONVERSATION, order: '', value },
      ...creations,
    ]);
    return conversation;
  }

  const get = async (scope: Scope, id: string): Promise<ConversationObject> =>
    (await readConversation(ports, conversationPlace(scope, id))).value.conversation;

  async function update(scope: Scope, id: string, metadata: Metadata | null): Promise<ConversationObject> {
    const place = conversationPlace(scope, id);
    return withRetries(async () => {
      const found = await readConversation(ports, place);
      const conversation = { ...found.value.conversation, metadata: metadata ?? {} };
      await records.write(conversationPartition(place), [conversationChange(found, { conversation })]);
      return conversation;
    });
  }

  /** Deletes the conversation and its items. A response that works on it comes to its end, and adds nothing. */
  async function remove(scope: Scope, id: string) {
    const place = conversationPlace(scope, id);
    const { due, turn } = await withRetries(async () => {
      const { etag, value } = await readConversation(ports, place);
      const turn = value.appending?.turn;
      const due = laterConversationDue(place, now(), turn);
      await records.write(
        conversationPartition(place),
        [{ op: 'delete', list: CONVERSATION, id: CONVERSATION, ifMatch: etag }],
        { add: [due] },
      );
      return { due, turn };
    });
    await purgeConversation(ports, place, turn);
    await records.writeDue({ remove: [due] });
    return { id, object: 'conversation.deleted', deleted: true };
  }

  /** Adds items behind those that are there. Throws 400 while a response works on the conversation, and for an item that is there already. */
  async function addItems(scope: Scope, id: string, given: InputItem[]): Promise<ResponseItem[]> {
    const place = conversationPlace(scope, id);
    await readConversation(ports, place);
    const items = await newItems(place, given);
    const chosenIds = given.flatMap((item) => item.id ?? []);
    try {
      await withRetries(async () => {
        const found = await freeConversation(ports, place);
        const [there] = await itemsThere(ports, place, chosenIds);
        if (there !== undefined) throw errors.duplicateItem(there, 'items');
        const { creations, lastOrder } = await itemCreations(ports, place, items, found.value.last_order);
        await records.write(conversationPartition(place), [
          conversationChange(found, { last_order: lastOrder }),
          ...creations,
        ]);
      });
    } catch (error) {
      // Deleted meanwhile: nothing would lead to the blobs any more.
      if (!(await records.get(conversationRecord(place)))) await discardItems(ports, place, items);
      throw error;
    }
    return items;
  }

  async function readItem(place: ConversationPlace, itemId: string): Promise<StoredItem> {
    await settledConversation(ports, place);
    const found = await records.get<StoredItem>(itemRecord(place, itemId));
    if (!found) throw errors.noItem(itemId);
    return found.value;
  }

  const getItem = async (scope: Scope, id: string, itemId: string): Promise<ResponseItem> =>
    itemOf(ports, await readItem(conversationPlace(scope, id), itemId));

  /** Deletes the item, and returns its conversation. */
  async function removeItem(scope: Scope, id: string, itemId: string): Promise<ConversationObject> {
    const place = conversationPlace(scope, id);
    const stored = await readItem(place, itemId);
    await deleteListed(records, itemRecord(place, itemId), now());
    if ('blob' in stored) await blobs.delete(stored.blob);
    return get(scope, id);
  }

  /** Throws 400 for a cursor that is none of its items. */
  async function listItems(scope: Scope, id: string, page: PageRequest) {
    const place = conversationPlace(scope, id);
    await settledConversation(ports, place);
    const { data, hasMore } = await pageOf<StoredItem>(records, conversationPartition(place), ITEMS, page);
    return { data: await Promise.all(data.map(async (stored) => itemOf(ports, stored))), hasMore };
  }

  const due = async (record: DueRecord): Promise<void> => sweepConversation(ports, record);

  return { create, get, update, remove, addItems, getItem, removeItem, listItems, due };
}
