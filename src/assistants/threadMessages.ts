/** The messages of threads (operations 18 to 21), and their deletion. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { listedDeletion } from '../storage/deletedPlaces';
import { withRetries } from '../storage/optimistic';
import { pageOf, pageWithin } from '../storage/pages';
import type { Change, PageRequest, StoredRecord } from '../storage/ports';
import type { Metadata } from '../wire/common';
import type { CreateMessageRequest, MessageFileObject, MessageObject } from '../wire/threads';
import { withMessageFiles } from './messageFiles';
import { creationOf, newMessage } from './messages';
import type { AssistantsPorts, BeginIngestion } from './ports';
import { withQuotes } from './quotes';
import { MESSAGES, runMessagesList, threadPartition, type ThreadRecord } from './threadRecords';

/** `readThread` throws 404. Methods throw it for a thread or a message that is not there. */
export function createThreadMessages(
  ports: AssistantsPorts,
  readThread: (scope: Scope, id: string) => Promise<StoredRecord<ThreadRecord>>,
) {
  const { records, now } = ports;

  /** `begin` starts the ingestion of attached files, which otherwise the sweep does. */
  async function createMessage(
    scope: Scope,
    threadId: string,
    body: CreateMessageRequest,
    begin?: BeginIngestion,
  ): Promise<MessageObject> {
    const message = newMessage(body, threadId, now(), '');
    return withMessageFiles(ports, scope, [{ body, path: '' }], begin, async (join) =>
      withRetries(async () => {
        const { value, etag } = await readThread(scope, threadId);
        if (value.active_run_id) throw errors.threadLocked(threadId, value.active_run_id);
        const thread = await join(value);
        // The condition makes a run that starts at the same moment come before or after, never between.
        const threadChange: Change =
          thread === value
            ? { op: 'check', list: 'thread', id: threadId, ifMatch: etag }
            : { op: 'replace', list: 'thread', id: threadId, value: thread, ifMatch: etag };
        await records.write(threadPartition(scope, threadId), [
          threadChange,
          creationOf(message, now(), value.last_order),
        ]);
        return message;
      }),
    );
  }

  async function readMessage(scope: Scope, threadId: string, id: string): Promise<StoredRecord<MessageObject>> {
    await readThread(scope, threadId);
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

  /** The files that it brought stay with the thread. Throws 400 while a run is active, which may be writing the message. */
  async function removeMessage(scope: Scope, threadId: string, id: string) {
    await withRetries(async () => {
      const { value: message, etag, order } = await readMessage(scope, threadId, id);
      const thread = await readThread(scope, threadId);
      if (thread.value.active_run_id) throw errors.messagesLocked(threadId, thread.value.active_run_id);
      const partition = threadPartition(scope, threadId);
      const deletion = await listedDeletion(records, { partition, list: MESSAGES, id }, { order, etag }, now());
      const changes: Change[] = [
        { op: 'check', list: 'thread', id: threadId, ifMatch: thread.etag },
        ...deletion.changes,
      ];
      if (message.run_id) changes.push({ op: 'delete', list: runMessagesList(message.run_id), id });
      await records.write(partition, changes, { add: [deletion.due] });
    });
    return { id, object: 'thread.message.deleted', deleted: true };
  }

  /** With `runId`, only the messages that run made. */
  async function listMessages(scope: Scope, threadId: string, page: PageRequest, runId?: string) {
    await readThread(scope, threadId);
    const partition = threadPartition(scope, threadId);
    if (!runId) return pageOf<MessageObject>(records, partition, MESSAGES, page);
    const ids = await pageOf<string>(records, partition, runMessagesList(runId), page);
    const found = await Promise.all(
      ids.data.map(async (id) => records.get<MessageObject>({ partition, list: MESSAGES, id })),
    );
    return { data: found.flatMap((record) => (record ? [record.value] : [])), hasMore: ids.hasMore };
  }

  const listMessageFiles = async (scope: Scope, threadId: string, id: string, page: PageRequest) =>
    pageWithin(filesOf(await getMessage(scope, threadId, id)), page);

  /** Throws 404 also for a file that the message does not have. */
  async function getMessageFile(
    scope: Scope,
    threadId: string,
    id: string,
    fileId: string,
  ): Promise<MessageFileObject> {
    const found = filesOf(await getMessage(scope, threadId, id)).find((file) => file.id === fileId);
    if (!found) throw errors.noMessageFile(fileId);
    return found;
  }

  return {
    createMessage,
    getMessage,
    modifyMessage,
    removeMessage,
    listMessages,
    listMessageFiles,
    getMessageFile,
    withQuotes: async (scope: Scope, messages: MessageObject[]) => withQuotes(records, scope, messages),
  };
}

const filesOf = ({ id, created_at, attachments }: MessageObject): MessageFileObject[] =>
  [...new Set(attachments.map(({ file_id }) => file_id))].map((fileId) => ({
    id: fileId,
    object: 'thread.message.file',
    created_at,
    message_id: id,
  }));
