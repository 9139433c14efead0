/** Messages as they begin. */
import { errors } from '../errors';
import { newId, orderKey } from '../storage/keys';
import type { Change } from '../storage/ports';
import type { CreateMessageRequest, MessageContent, MessageObject } from '../wire/threads';
import { MESSAGES } from './threadRecords';

/**
 * A caller's message, complete at once. `now` in milliseconds; `path` is where the message stands in the request, for errors. Throws 400 for images in a message of
 * an assistant. The files that it names are checked by `withMessageFiles`.
 */
export function newMessage(body: CreateMessageRequest, threadId: string, now: number, path: string): MessageObject {
  const at = Math.floor(now / 1000);
  return {
    ...emptyMessage(threadId, at),
    status: 'completed',
    completed_at: at,
    role: body.role,
    content: contentOf(body, path),
    attachments: attachmentsOf(body),
    metadata: body.metadata ?? {},
  };
}

/** An assistant's message that a run is about to write; `at` in Unix seconds. */
export function runMessage(run: { id: string; thread_id: string; assistant_id: string }, at: number): MessageObject {
  return {
    ...emptyMessage(run.thread_id, at),
    status: 'in_progress',
    role: 'assistant',
    assistant_id: run.assistant_id,
    run_id: run.id,
  };
}

/**
 * The change that stores a new message; `now`, in milliseconds, is its place among the others: its second is too coarse where another process wrote within it.
 * `after` is the thread's `last_order`.
 */
export function creationOf(message: MessageObject, now: number, after?: string): Extract<Change, { op: 'create' }> {
  return { op: 'create', list: MESSAGES, id: message.id, order: orderKey(now, after), value: message };
}

function emptyMessage(threadId: string, at: number): MessageObject {
  return {
    id: newId('msg_'),
    object: 'thread.message',
    created_at: at,
    thread_id: threadId,
    status: 'completed',
    incomplete_details: null,
    completed_at: null,
    incomplete_at: null,
    role: 'user',
    content: [],
    assistant_id: null,
    run_id: null,
    attachments: [],
    metadata: {},
  };
}

/** Files of the older form name no tools: they are for those of whichever run. */
function attachmentsOf({ attachments, file_ids }: CreateMessageRequest): MessageObject['attachments'] {
  const named = attachments ?? [];
  const others = (file_ids ?? []).filter((id) => !named.some(({ file_id }) => file_id === id));
  return [...named, ...others.map((file_id) => ({ file_id, tools: [] }))];
}

function contentOf(body: CreateMessageRequest, path: string): MessageContent[] {
  if (typeof body.content === 'string') return [{ type: 'text', text: { value: body.content, annotations: [] } }];
  return body.content.map((part, index) => {
    if (part.type === 'text') return { type: 'text', text: { value: part.text, annotations: [] } };
    if (body.role === 'user') return part;
    throw errors.unsupported(`${path}content[${index}].${part.type}`, "Only messages of role 'user' hold images.");
  });
}
