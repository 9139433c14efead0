/** How a channel's conversation with an agent is stored: one partition each, with the newest replies. */
import { createHash } from 'node:crypto';
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import type { Leased } from '../storage/leasedRecord';
import type { RecordKey } from '../storage/ports';
import type { ReplyActivity } from '../wire/activities';

/** Whoever has the lease answers just now. */
export interface ConversationRecord extends Leased {
  /** Where the agent goes on; null before its first answer. */
  at: string | null;
  /** How many turns failed: one that is taken again must not meet what is left of the last try. */
  failures: number;
  /** Ids of the replies that are kept, the oldest first. */
  recent: string[];
}

export interface ReplyRecord {
  reply: ReplyActivity;
}

export const CONVERSATION = 'conversation';
export const REPLIES = 'replies';

const digest = (...texts: string[]): string => createHash('sha256').update(JSON.stringify(texts)).digest('hex');

/** An agent's versions share it; ids of channels are theirs, so they are hashed. */
export const conversationPartition = (scope: Scope, agent: string, channelId: string, conversationId: string): string =>
  partitionOf(scope, 'activities', digest(agent.split(':')[0] ?? '', channelId, conversationId));

export const conversationKey = (partition: string): RecordKey => ({
  partition,
  list: CONVERSATION,
  id: CONVERSATION,
});

/** The id of the reply to an activity. */
export const replyId = (activityId: string): string => digest(activityId);

export const replyKey = (partition: string, id: string): RecordKey => ({ partition, list: REPLIES, id });
