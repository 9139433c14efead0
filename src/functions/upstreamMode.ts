/** RESPONSES_MODE=upstream: the operations of responses and conversations that an upstream answers take the place of those that this server answers itself. */
import { services, settings } from '../app';
import { errors } from '../errors';
import type { Operation } from '../http/operation';

const isOn = (): boolean => settings().responsesMode === 'upstream';

/** The operations with those that take their place in that mode, and those that there are in that mode alone. */
export function withUpstreamMode(own: Operation[], passed: Operation[]): Operation[] {
  const nameOf = ({ method, path }: Operation): string => `${method} ${path}`;
  const byName = new Map(passed.map((operation) => [nameOf(operation), operation]));
  const ownNames = new Set(own.map(nameOf));
  return [
    ...own.map((operation) => {
      const other = byName.get(nameOf(operation));
      return other ? { ...operation, instead: () => (isOn() ? other : undefined) } : operation;
    }),
    ...passed.filter((operation) => !ownNames.has(nameOf(operation))).map(inThatModeAlone),
  ];
}

const inThatModeAlone = (operation: Operation): Operation => ({
  ...operation,
  handle: async (call) => {
    if (isOn()) return operation.handle(call);
    const what = operation.path.slice(1);
    throw errors.unsupported(what, "It needs an upstream that has Responses: set RESPONSES_MODE to 'upstream'.");
  },
});

/** Throws 400 where there is no backend that may be the upstream. */
export async function requireBackends(): Promise<void> {
  const { backends } = await services();
  if (backends.length > 0) return;
  throw errors.unsupported(
    'responses',
    "RESPONSES_MODE is 'upstream': set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS to a service that has Responses, or RESPONSES_MODE to 'native'.",
  );
}
