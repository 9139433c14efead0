/** The caller's messages as the steps of chat on your data read them. Pure. */
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
