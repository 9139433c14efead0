/** Threads and their messages (operations 14 to 21). */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { pageOf } from '../storage/pages';
import { MAX_WRITE_BYTES, type Change, type PageRequest, type StoredRecord } from '../storage/ports';
import type { Metadata } from '../wire/common';
import type {
  CreateMessageRequest,
  CreateThreadRequest,
  MessageObject,
  ModifyThreadRequest,
  ThreadObject,
} from '../wire/threads';
import { newMessage } from './messages';
import type { AssistantsPorts } from './ports';
import { MESSAGES, runMessagesList, threadKey, threadPartition, type ThreadRecord } from './threadRecords';
import { resolveToolResources } from './toolResources';

/** Leaves room in a write for the thread itself. */
const STAGED_CHANGES = 32;
const STAGED_BYTES = MAX_WRITE_BYTES / 2;

export type Threads = ReturnType<typeof createThreads>;

/** The threads of a scope. Methods throw 404 for an id that is not there. */
export function createThreads({ records, vectorStores, now }: AssistantsPorts) {
  async function read(scope: Scope, id: string): Promise<StoredRecord<ThreadRecord>> {
    const found = await records.get<ThreadRecord>(threadKey(scope, id));
    if (!found) throw errors.noThread(id);
    return found;
  }

  const get = async (scope: Scope, id: string): Promise<ThreadObject> => (await read(scope, id)).value.thread;

  /** Throws what `create` would; makes nothing. */
  async function check(scope: Scope, body: CreateThreadRequest): Promise<void> {
    await resolveToolResources(vectorStores, scope, body.tool_resources);
    for (const [index, message] of (body.messages ?? []).entries())
      newMessage(message, '', now(), `messages[${index}].`);
  }

  /** With an id of its own, creating it again gives the thread that is there; its messages must then fit into one write. */
  async function create(scope: Scope, body: CreateThreadRequest, ownId?: string): Promise<ThreadObject> {
    const there = ownId === undefined ? undefined : await records.get<ThreadRecord>(threadKey(scope, ownId));
    if (there) return there.value.thread;
    const thread: ThreadObject = {
      id: ownId ?? newId('thread_'),
      object: 'thread',
      created_at: Math.floor(now() / 1000),
      metadata: body.metadata ?? {},
      tool_resources: await resolveToolResources(vectorStores, scope, body.tool_resources),
    };
    const messages = (body.messages ?? []).map((message, index) =>
      newMessage(message, thread.id, now(), `messages[${index}].`),
    );
    // Messages of a thread that is not there yet are seen by nobody: the last write publishes all of them.
    const partition = threadPartition(scope, thread.id);
    const groups = writable(messages.map(creationOf));
    for (const group of groups.slice(0, -1)) await records.write(partition, group);
    const value: ThreadRecord = { thread, active_run_id: null };
    await records.write(partition, [
      { op: 'create', list: 'thread', id: thread.id, order: orderKey(now()), value },
      ...(groups.at(-1) ?? []),
    ]);
    return thread;
  }

  async function modify(scope: Scope, id: string, body: ModifyThreadRequest): Promise<ThreadObject> {
    const resources =
      body.tool_resources === undefined
        ? undefined
        : await resolveToolResources(vectorStores, scope, body.tool_resources);
    return withRetries(async () => {
      const { value, etag } = await read(scope, id);
      const thread: ThreadObject = {
        ...value.thread,
        ...(body.metadata !== undefined && { metadata: body.metadata ?? {} }),
        ...(resources && { tool_resources: resources }),
      };
      const change: Change = { op: 'replace', list: 'thread', id, value: { ...value, thread }, ifMatch: etag };
      await records.write(threadPartition(scope, id), [change]);
      return thread;
    });
  }

  async function remove(scope: Scope, id: string) {
    await read(scope, id);
    const partition = threadPartition(scope, id);
    await records.write(partition, [{ op: 'delete', list: 'thread', id }]);
    await records.deletePartition(partition);
    return { id, object: 'thread.deleted', deleted: true };
  }

  async function createMessage(scope: Scope, threadId: string, body: CreateMessageRequest): Promise<MessageObject> {
    const message = newMessage(body, threadId, now(), '');
    return withRetries(async () => {
      const { value, etag } = await read(scope, threadId);
      if (value.active_run_id) throw errors.threadLocked(threadId, value.active_run_id);
      // The check makes a run that starts at the same moment come before or after, never between.
      await records.write(threadPartition(scope, threadId), [
        { op: 'check', list: 'thread', id: threadId, ifMatch: etag },
        creationOf(message),
      ]);
      return message;
    });
  }

  async function readMessage(scope: Scope, threadId: string, id: string): Promise<StoredRecord<MessageObject>> {
    await read(scope, threadId);
    const found = await records.get<MessageObject>({ partition: threadPartition(scope, threadId), list: MESSAGES, id });
    if (!found) throw errors.noMessage(id);
    return found;
  }

  const getMessage = async (scope: Scope, threadId: string, id: string): Promise<MessageObject> =>
    (await readMessage(scope, threadId, id)).value;

  async function modifyMessage(
    scope: Scope,
    threadId: string,
    id: string,
    metadata: Metadata | null | undefined,
  ): Promise<MessageObject> {
    return withRetries(async () => {
      const { value, etag } = await readMessage(scope, threadId, id);
      if (metadata === undefined) return value;
      const message = { ...value, metadata: metadata ?? {} };
      const change: Change = { op: 'replace', list: MESSAGES, id, value: message, ifMatch: etag };
      await records.write(threadPartition(scope, threadId), [change]);
      return message;
    });
  }

  /** With `runId`, only the messages that run made. */
  async function listMessages(scope: Scope, threadId: string, page: PageRequest, runId?: string) {
    await read(scope, threadId);
    const partition = threadPartition(scope, threadId);
    if (!runId) return pageOf<MessageObject>(records, partition, MESSAGES, page);
    const ids = await pageOf<string>(records, partition, runMessagesList(runId), page);
    const found = await Promise.all(
      ids.data.map(async (id) => records.get<MessageObject>({ partition, list: MESSAGES, id })),
    );
    return { data: found.flatMap((record) => (record ? [record.value] : [])), hasMore: ids.hasMore };
  }

  return { get, check, create, modify, remove, createMessage, getMessage, modifyMessage, listMessages };
}

/** The change that stores a new message. */
export function creationOf(message: MessageObject): Extract<Change, { op: 'create' }> {
  return { op: 'create', list: MESSAGES, id: message.id, order: orderKey(message.created_at * 1000), value: message };
}

/** Splits creations into groups that an atomic write takes. */
function writable(changes: Change[]): Change[][] {
  const groups: Change[][] = [];
  let bytes = Infinity;
  for (const change of changes) {
    const size = Buffer.byteLength(JSON.stringify(change));
    const last = groups.at(-1);
    if (last && last.length < STAGED_CHANGES && bytes + size <= STAGED_BYTES) {
      last.push(change);
      bytes += size;
    } else {
      groups.push([change]);
      bytes = size;
    }
  }
  return groups;
}
