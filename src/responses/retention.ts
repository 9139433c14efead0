/** Responses and conversations that have not been used for long. */
import { isFound } from '../errors';
import type { Scope } from '../scope';
import { timeOf } from '../storage/keys';
import type { Blobs, Records } from '../storage/ports';
import { conversationIdOf, conversationRecord, type ConversationRecord } from './conversationRecords';
import type { Conversations } from './conversations';
import { chainBlobs, chainPartition, TURNS } from './responseRecords';

/** Removes a chain of responses if none was added to it since that moment, in Unix milliseconds. Responses elsewhere that continue one of it go on without it. */
export async function removeUnusedChain(
  { records, blobs }: { records: Records; blobs: Blobs },
  scope: Scope,
  chain: string,
  before: number,
): Promise<void> {
  const partition = chainPartition(scope, chain);
  const newest = await records.list(partition, TURNS, { order: 'desc', limit: 1 });
  if (newest.records.some(({ order }) => !(timeOf(order) < before))) return;
  // The blobs first: the records lead to them.
  await blobs.deleteBelow(chainBlobs(scope, chain));
  await records.deletePartition(partition);
}

/** Removes a conversation with its items if none was added to it since that moment, in Unix milliseconds, and no response works on it. */
export async function removeUnusedConversation(
  records: Records,
  conversations: Pick<Conversations, 'remove'>,
  scope: Scope,
  key: string,
  before: number,
): Promise<void> {
  const found = await records.get<ConversationRecord>(conversationRecord({ scope, key }));
  // What is half deleted is the sweep's.
  if (!found) return;
  const { conversation, lease, last_order: last } = found.value;
  if (conversation.created_at * 1000 >= before || timeOf(last) >= before || (lease?.until ?? 0) >= before) return;
  // Its owner may have come first.
  await isFound(conversations.remove(scope, conversationIdOf(key)));
}
