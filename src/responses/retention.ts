/** Responses, conversations and containers that have not been used for long. */
import { isFound } from '../errors';
import type { Scope } from '../scope';
import { timeOf } from '../storage/keys';
import { UnknownCursorError, type Blobs, type RecordPage, type Records } from '../storage/ports';
import { discardAddedFiles } from './containerFiles';
import {
  containerKey,
  expiryOf,
  FILES,
  filesPartition,
  type ContainerRecord,
  type DeletedContainer,
} from './containerRecords';
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

/** Containers looked at by one step. */
const PAGE = 50;

/**
 * Forgets those of the scope's oldest containers that expired before that moment, in Unix milliseconds. Looks at 50 at most, and returns where to go on: the id to begin behind, ''
 * for the beginning, undefined where none is that old. What their code wrote ages as files do.
 */
export async function removeUnusedContainers(
  { records, blobs }: { records: Records; blobs: Blobs },
  scope: Scope,
  before: number,
  after = '',
): Promise<string | undefined> {
  const { partition, list } = containerKey(scope, '');
  let page: RecordPage<ContainerRecord | DeletedContainer>;
  try {
    page = await records.list(partition, list, { order: 'asc', limit: PAGE, after: after || undefined });
  } catch (error) {
    if (error instanceof UnknownCursorError) return '';
    throw error;
  }
  let lastKept = after;
  for (const { id, order, value, etag } of page.records) {
    if (timeOf(order) >= before) return undefined;
    if (!('is_deleted' in value) && expiryOf(value) * 1000 >= before) {
      lastKept = id;
      continue;
    }
    await discardAddedFiles({ records, blobs }, scope, id);
    await records.deletePartition(filesPartition(scope, id));
    await records.write(partition, [{ op: 'delete', list, id, ifMatch: etag }]);
  }
  return page.hasMore ? lastKept : undefined;
}

/** Forgets which files code wrote in a container that has no entry, as those of earlier versions, if that was before that moment, in Unix milliseconds. */
export async function removeUnlistedContainer(
  records: Records,
  scope: Scope,
  id: string,
  before: number,
): Promise<void> {
  if (await records.get(containerKey(scope, id))) return;
  const partition = filesPartition(scope, id);
  const newest = await records.list(partition, FILES, { order: 'desc', limit: 1 });
  if (newest.records.some(({ order }) => !(timeOf(order) < before))) return;
  await records.deletePartition(partition);
}
