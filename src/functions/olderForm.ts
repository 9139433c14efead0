/** Answers in the form of the assistants API that the caller speaks. */
import { olderForm } from '../assistants/olderForm';
import { asksForOlderForm } from '../http/assistantsVersion';
import type { Call, Operation } from '../http/operation';

/** The value in the caller's form. */
export const inFormOf = ({ request }: Call, value: unknown): unknown =>
  asksForOlderForm(request) ? olderForm(value) : value;

/** The operation, whose answers are in the caller's form; a whole Response is left to its handler. */
export const inCallersForm = (operation: Operation): Operation => ({
  ...operation,
  handle: async (call) => {
    const value = await operation.handle(call);
    return value instanceof Response ? value : inFormOf(call, value);
  },
});
