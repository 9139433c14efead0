/** How a conversation and its items are stored: one partition a conversation. */
import { createHash } from 'node:crypto';
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, partitionOf } from '../storage/keys';
import type { DueRecord, RecordKey } from '../storage/ports';
import type { ConversationObject } from '../wire/conversations';
import type { ResponseItem } from '../wire/responseItems';

/** Names a conversation. `key` is its id without the prefix, and the chain of the responses that are given in it. */
export interface ConversationPlace {
  scope: Scope;
  key: string;
}

export interface ConversationRecord {
  conversation: ConversationObject;
  /** The response that works on the conversation, by its turn, and until when it does unless it says so again, in milliseconds since 1970. */
  lease: { turn: string; until: number } | null;
  /** Sort key of the last item that was added: what follows sorts behind it. */
  last_order: string;
  /** Items of a response that are more than one write takes: they lie in a blob, and the first `done` of them are added. */
  appending?: { turn: string; done: number; due_at: number };
}

/** An item, or the blob that holds it as JSON where it is large. */
export type StoredItem = { id: string } & ({ item: ResponseItem } | { blob: string });

const CONVERSATION_ID = /^conv_([A-Za-z0-9]{24})$/;

export const newConversationKey = (): string => newId('');
export const conversationIdOf = (key: string): string => `conv_${key}`;

/** Where the conversation is stored. Throws 404 for an id that is none of a conversation of this server. */
export function conversationPlace(scope: Scope, id: string): ConversationPlace {
  const key = CONVERSATION_ID.exec(id)?.[1];
  if (key === undefined) throw errors.noConversation(id);
  return { scope, key };
}

/** The list of the conversation itself. */
export const CONVERSATION = 'conversation';
export const ITEMS = 'items';
/** Which responses' items were added, so that no response adds them twice. */
export const ADDED = 'added';

export const conversationPartition = ({ scope, key }: ConversationPlace): string =>
  partitionOf(scope, 'conversations', key);

const recordOf = (place: ConversationPlace, list: string, id: string): RecordKey => ({
  partition: conversationPartition(place),
  list,
  id,
});
export const conversationRecord = (place: ConversationPlace): RecordKey => recordOf(place, CONVERSATION, CONVERSATION);
export const itemRecord = (place: ConversationPlace, id: string): RecordKey => recordOf(place, ITEMS, id);
export const addedRecord = (place: ConversationPlace, turn: string): RecordKey => recordOf(place, ADDED, turn);

const blobOf = ({ scope: { tenant, project }, key }: ConversationPlace, kind: string, name: string): string =>
  ['conversations', tenant, project, key, kind, name].map(encodeURIComponent).join('/');

/** Where a large item is kept. Callers choose ids, of which not every one can name a file. */
export const itemBlob = (place: ConversationPlace, id: string): string =>
  blobOf(place, 'items', createHash('sha256').update(id).digest('hex'));

/** Where the items of a response lie while they are added by several writes. */
export const appendingBlob = (place: ConversationPlace, turn: string): string => blobOf(place, 'appending', turn);

/** Kind of the due records of conversations that are being deleted, and of responses whose items are being added. */
export const CONVERSATION_DUE = 'conversation';

/** When the sweep must look whether a conversation is gone whole, or has the items of that response; in Unix seconds. */
export const conversationDue = ({ scope, key }: ConversationPlace, at: number, turn?: string): DueRecord => ({
  at,
  kind: CONVERSATION_DUE,
  id: turn === undefined ? key : `${key}-${turn}`,
  data: { tenant: scope.tenant, project: scope.project, key, ...(turn !== undefined && { turn }) },
});

/** How soon the sweep looks after what was begun, and again after what was not over. */
const SWEEP_SECONDS = 60;

/** As {@link conversationDue}, a minute from `now`, which is in milliseconds. */
export const laterConversationDue = (place: ConversationPlace, now: number, turn?: string): DueRecord =>
  conversationDue(place, Math.floor(now / 1000) + SWEEP_SECONDS, turn);

/** The conversation that a due record names, and the response's turn. */
export function conversationOfDue({ data }: DueRecord): { place: ConversationPlace; turn: string | undefined } {
  const { tenant = '', project = '', key = '', turn } = data;
  return { place: { scope: { tenant, project }, key }, turn };
}
