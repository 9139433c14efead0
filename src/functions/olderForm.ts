/** Answers in the form of the assistants API that the caller speaks. */
import { services } from '../app';
import { isOf } from '../assistants/objectKind';
import { olderForm } from '../assistants/olderForm';
import { asksForOlderForm } from '../http/assistantsVersion';
import type { Call, Operation } from '../http/operation';
import type { Scope } from '../scope';
import type { MessageObject } from '../wire/threads';

/** The value in the caller's form. */
export const inFormOf = async (call: Call, value: unknown): Promise<unknown> =>
  asksForOlderForm(call) ? inOlderForm(call.scope, value) : value;

/** An object, a list or an event's data in the older form, messages with the quotes of their citations. */
export async function inOlderForm(scope: Scope, value: unknown): Promise<unknown> {
  const { threads } = await services();
  const quoted = async (one: unknown): Promise<unknown> =>
    isOf<MessageObject>(one, 'thread.message') ? threads.withQuotes(scope, one) : one;
  if (!isOf<{ object: 'list'; data: unknown[] }>(value, 'list')) return olderForm(await quoted(value));
  return olderForm({ ...value, data: await Promise.all(value.data.map(quoted)) });
}

/** The operation, whose answers are in the caller's form; a whole Response is left to its handler. */
export const inCallersForm = (operation: Operation): Operation => ({
  ...operation,
  handle: async (call) => {
    const value = await operation.handle(call);
    return value instanceof Response ? value : inFormOf(call, value);
  },
});
