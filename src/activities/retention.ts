/** Conversations of channels that have not been used for long. */
import type { Scope } from '../scope';
import { partitionOf, timeOf } from '../storage/keys';
import type { Records } from '../storage/ports';
import { conversationKey, REPLIES, type ConversationRecord } from './conversationRecords';

/**
 * Removes what is kept of a channel's conversation, whose next message then begins anew, if its newest reply is older than that moment, in Unix milliseconds, and nobody
 * answers just now. One without kept replies has no content, and stays.
 */
export async function removeUnusedChannelConversation(
  records: Records,
  scope: Scope,
  id: string,
  before: number,
): Promise<void> {
  const partition = partitionOf(scope, 'activities', id);
  const [newest] = (await records.list(partition, REPLIES, { order: 'desc', limit: 1 })).records;
  if (!newest || !(timeOf(newest.order) < before)) return;
  const found = await records.get<ConversationRecord>(conversationKey(partition));
  if ((found?.value.lease?.until ?? 0) >= before) return;
  await records.deletePartition(partition);
}
