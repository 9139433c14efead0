/** The caller's messages as the steps of chat on your data read them. Pure. */
import { z } from 'zod';
import type { CompletionBody } from '../models/ports';
import { withoutMarkers } from './docMarkers';

export type Message = CompletionBody['messages'][number];

/** The message's text; pictures and sounds have none. */
export function textOf({ content }: Message): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.flatMap((part: unknown) => textOfPart(part)).join('\n');
}

function textOfPart(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  if ('text' in part && typeof part.text === 'string') return [part.text];
  return 'refusal' in part && typeof part.refusal === 'string' ? [part.refusal] : [];
}

/**
 * The messages with each context in its place, the answer that it belongs to: programs of the first form of chat on your data send it back before that answer, as
 * a message of a tool that nobody called, and the service went on taking it so.
 */
export function contextsInPlace<M extends Message>(messages: M[]): M[] {
  let context: object | undefined;
  return messages.flatMap((message) => {
    const sentBack = contextAlone(message);
    if (sentBack) {
      context = sentBack;
      return [];
    }
    const placed = context && message.role === 'assistant' ? { context, ...message } : message;
    context = undefined;
    return [placed];
  });
}

/** The context that is all of the message. */
function contextAlone({ role, tool_call_id, content }: Message): object | undefined {
  if (role !== 'tool' || tool_call_id != null || typeof content !== 'string') return undefined;
  try {
    return aloneContext.safeParse(JSON.parse(content)).data;
  } catch {
    return undefined; // Not JSON: something else.
  }
}

const aloneContext = z.union([
  z.looseObject({ citations: z.array(z.unknown()) }),
  z.looseObject({ intent: z.string() }),
]);

/** What the user said last; empty where there is no text. */
export function lastQuestion(messages: Message[]): string {
  const message = messages.findLast(({ role }) => role === 'user');
  return message ? textOf(message).trim() : '';
}

/** The intent of an earlier answer, which the caller sends back in its message. */
export function earlierIntent({ role, context }: Message): string | undefined {
  if (role !== 'assistant' || typeof context !== 'object' || context === null || !('intent' in context))
    return undefined;
  const { intent } = context;
  return typeof intent === 'string' && intent.trim() ? intent : undefined;
}

/** The message as a model takes it: without context, and without markers of documents that it does not have before it now. */
export function sendable({ context: _context, ...message }: Message): Message {
  if (message.role !== 'assistant' || typeof message.content !== 'string') return message;
  return { ...message, content: withoutMarkers(message.content) };
}
