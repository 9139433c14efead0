/** Threads (operations 14 to 17), and their list. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId, orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { MAX_WRITE_BYTES, type Change, type PageRequest, type StoredRecord } from '../storage/ports';
import { selectedPage } from '../storage/selectedPages';
import type { CreateThreadRequest, ModifyThreadRequest, ThreadObject } from '../wire/threads';
import { askedMessages, checkMessages, withMessageFiles } from './messageFiles';
import { creationOf, newMessage } from './messages';
import type { AssistantsPorts, BeginIngestion } from './ports';
import { createThreadMessages } from './threadMessages';
import { purgeThread } from './threadPurge';
import {
  RUNS,
  threadDue,
  threadKey,
  threadPartition,
  threadsPartition,
  THREADS,
  type ThreadRecord,
} from './threadRecords';
import { checkToolResources, withToolResources } from './toolResources';

/** Leaves room in a write for the thread itself. */
const STAGED_CHANGES = 32;
const STAGED_BYTES = MAX_WRITE_BYTES / 2;

type Creation = Extract<Change, { op: 'create' }>;

/** A creation that takes longer gives up, long before the sweep takes it for dead. */
const CREATION_SECONDS = 600;
const SWEEP_CREATION_SECONDS = 3600;
const SWEEP_DELETION_SECONDS = 60;

/** `begin` starts the ingestion of attached files, which otherwise the sweep does; `path` is where the thread stands in the request; `ownId` is one that the caller chose. */
interface CreateThreadOptions {
  begin?: BeginIngestion;
  path?: string;
  ownId?: string;
}

export type Threads = ReturnType<typeof createThreads>;

/** The threads of a scope, with their messages. Methods throw 404 for an id that is not there, also of a file or vector store that a request names. */
export function createThreads(ports: AssistantsPorts) {
  const { records, now } = ports;
  const seconds = (): number => Math.floor(now() / 1000);

  async function read(scope: Scope, id: string): Promise<StoredRecord<ThreadRecord>> {
    const found = await records.get<ThreadRecord>(threadKey(scope, id));
    if (!found) throw errors.noThread(id);
    return found;
  }

  const get = async (scope: Scope, id: string): Promise<ThreadObject> => (await read(scope, id)).value.thread;

  /** Throws what `create` would; makes nothing. */
  async function check(scope: Scope, body: CreateThreadRequest, path = ''): Promise<void> {
    await checkToolResources(ports, scope, body.tool_resources);
    await checkMessages(ports, scope, askedMessages(`${path}messages`, body.messages));
  }

  /** With an id of its own, creating it again gives the thread that is there; its messages must then fit into one write. */
  async function create(
    scope: Scope,
    body: CreateThreadRequest,
    { begin, path = '', ownId }: CreateThreadOptions = {},
  ): Promise<ThreadObject> {
    const there = ownId === undefined ? undefined : await records.get<ThreadRecord>(threadKey(scope, ownId));
    if (there) return there.value.thread;
    await checkToolResources(ports, scope, body.tool_resources);
    const empty: ThreadObject = {
      id: ownId ?? newId('thread_'),
      object: 'thread',
      created_at: seconds(),
      metadata: body.metadata ?? {},
      tool_resources: withToolResources({}, body.tool_resources),
    };
    const asked = askedMessages(`${path}messages`, body.messages);
    const messages = asked.map((message) => creationOf(newMessage(message.body, empty.id, now(), message.path), now()));
    return withMessageFiles(ports, scope, asked, begin, async (join) => {
      const record = await join({ thread: empty, active_run_id: null, last_order: messages.at(-1)?.order });
      await publish(scope, record, messages);
      return record.thread;
    });
  }

  /** The entry first: one whose thread is not there is passed over. So are messages of such a thread: the last write publishes all of them. */
  async function publish(scope: Scope, value: ThreadRecord, messages: Creation[]): Promise<void> {
    const { id } = value.thread;
    const partition = threadPartition(scope, id);
    const began = seconds();
    const due = threadDue(scope, id, began + SWEEP_CREATION_SECONDS);
    const entry: Change = { op: 'create', list: THREADS, id, order: orderKey(now()), value: { id } };
    // An earlier attempt at a thread of its own id may have left the entry.
    const listed = await records.get({ partition: threadsPartition(scope), list: THREADS, id });
    await records.write(threadsPartition(scope), listed ? [] : [entry], { add: [due] });
    const groups = writable(messages);
    for (const group of groups.slice(0, -1)) await records.write(partition, group);
    if (seconds() > began + CREATION_SECONDS) throw errors.tooManyConflicts();
    await records.write(
      partition,
      [{ op: 'create', list: 'thread', id, order: orderKey(now()), value }, ...(groups.at(-1) ?? [])],
      { remove: [due] },
    );
  }

  async function modify(scope: Scope, id: string, body: ModifyThreadRequest): Promise<ThreadObject> {
    await checkToolResources(ports, scope, body.tool_resources);
    return withRetries(async () => {
      const { value, etag } = await read(scope, id);
      const thread: ThreadObject = {
        ...value.thread,
        ...(body.metadata !== undefined && { metadata: body.metadata ?? {} }),
        tool_resources: withToolResources(value.thread.tool_resources, body.tool_resources),
      };
      // Another store has nothing of the thread's own files yet.
      const searchable = body.tool_resources === undefined ? value.searchable : undefined;
      const changed: ThreadRecord = { ...value, thread, searchable };
      const change: Change = { op: 'replace', list: 'thread', id, value: changed, ifMatch: etag };
      await records.write(threadPartition(scope, id), [change]);
      return thread;
    });
  }

  /** Deletes the thread with its messages, runs and steps. A run that is under way stops: without its record nothing more can be written. */
  async function remove(scope: Scope, id: string) {
    const due = threadDue(scope, id, seconds() + SWEEP_DELETION_SECONDS);
    await withRetries(async () => {
      const { value, etag } = await read(scope, id);
      const changes: Change[] = [{ op: 'delete', list: 'thread', id, ifMatch: etag }];
      if (value.active_run_id) changes.push({ op: 'delete', list: RUNS, id: value.active_run_id });
      await records.write(threadPartition(scope, id), changes, { add: [due] });
    });
    await purgeThread(records, scope, id, now());
    await records.writeDue({ remove: [due] });
    return { id, object: 'thread.deleted', deleted: true };
  }

  const list = async (scope: Scope, page: PageRequest) =>
    selectedPage<{ id: string }, ThreadObject>(
      records,
      { partition: threadsPartition(scope), list: THREADS },
      page,
      async ({ id }) => (await records.get<ThreadRecord>(threadKey(scope, id)))?.value.thread,
    );

  return { get, check, create, modify, remove, list, ...createThreadMessages(ports, read) };
}

/** Splits creations into groups that an atomic write takes. */
function writable(changes: Creation[]): Creation[][] {
  const groups: Creation[][] = [];
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
