/** Answers in the form of the assistants API that the caller speaks. */
import { services } from '../app';
import { isOf } from '../assistants/objectKind';
import { olderForm } from '../assistants/olderForm';
import { asksForOlderForm } from '../http/assistantsVersion';
import type { Call, Operation } from '../http/operation';
import type { Scope } from '../scope';
import type { MessageObject } from '../wire/threads';

/** The value in the caller's form. */
export const inFormOf = async ({ request, scope }: Call, value: unknown): Promise<unknown> =>
  asksForOlderForm(request) ? inOlderForm(scope, value) : value;

/** An object, a list or an event's data in the older form, messages with the quotes of their citations. */
export async function inOlderForm(scope: Scope, value: unknown): Promise<unknown> {
  if (isOf<MessageList>(value, 'list') && value.data.every(isMessage))
    return olderForm({ ...value, data: await withQuotes(scope, value.data) });
  return olderForm(isMessage(value) ? (await withQuotes(scope, [value]))[0] : value);
}

interface MessageList {
  object: 'list';
  data: unknown[];
}
const isMessage = (value: unknown): value is MessageObject => isOf<MessageObject>(value, 'thread.message');
const withQuotes = async (scope: Scope, messages: MessageObject[]): Promise<MessageObject[]> =>
  (await services()).threads.withQuotes(scope, messages);

/** The operation, whose answers are in the caller's form; a whole Response is left to its handler. */
export const inCallersForm = (operation: Operation): Operation => ({
  ...operation,
  handle: async (call) => {
    const value = await operation.handle(call);
    return value instanceof Response ? value : inFormOf(call, value);
  },
});
