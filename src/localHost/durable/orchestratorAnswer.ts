/** Reads what an orchestrator function hands back after one replay: its actions so far, and how it ended if it did. */
import { z } from 'zod';

const input = z.unknown().optional();
const retryOptions = z.object({
  firstRetryIntervalInMilliseconds: z.number().positive(),
  maxNumberOfAttempts: z.number(),
  backoffCoefficient: z.number().nullish(),
  maxRetryIntervalInMilliseconds: z.number().nullish(),
  retryTimeoutInMilliseconds: z.number().nullish(),
});
const activity = { functionName: z.string(), input };
const subOrchestrator = {
  functionName: z.string(),
  instanceId: z.string().nullish(),
  input,
  version: z.string().nullish(),
};

/** Retry policy of an activity or a sub-orchestration. */
export type RetryOptions = z.infer<typeof retryOptions>;

const anyAction = z.object({ actionType: z.number(), compoundActions: z.array(z.unknown()).optional() });
const simpleAction = z.discriminatedUnion('actionType', [
  z.object({ actionType: z.literal(0), ...activity }),
  z.object({ actionType: z.literal(1), ...activity, retryOptions }),
  z.object({ actionType: z.literal(2), ...subOrchestrator }),
  z.object({ actionType: z.literal(3), ...subOrchestrator, retryOptions }),
  z.object({ actionType: z.literal(4), input }),
  z.object({ actionType: z.literal(5), fireAt: z.iso.datetime(), isCanceled: z.boolean() }),
  z.object({ actionType: z.literal(6), externalEventName: z.string() }),
]);

/** Number of each action type that the engine carries out. */
export const ActionType = {
  callActivity: 0,
  callActivityWithRetry: 1,
  callSubOrchestrator: 2,
  callSubOrchestratorWithRetry: 3,
  continueAsNew: 4,
  createTimer: 5,
  waitForExternalEvent: 6,
  whenAny: 11,
  whenAll: 12,
} as const;

/** One action of an orchestrator, by `actionType`: see {@link ActionType}. */
export type Action = z.infer<typeof simpleAction> | { actionType: 11 | 12; compoundActions: Action[] };

/** Features of Durable Functions that the local host refuses, by action type. */
const refused: Readonly<Record<number, string>> = {
  7: 'entities (callEntity)',
  8: 'callHttp',
  9: 'entities (signalEntity)',
  10: 'entities (scheduled signalEntity)',
  13: 'entity locks',
  14: 'entity locks',
};

/** The orchestrator used a feature that the local host does not have, or handed back something unreadable. */
export class OrchestratorAnswerError extends Error {}

/** How the orchestrator function stands after a replay. */
export interface OrchestratorAnswer {
  actions: Action[];
  /** The function returned, or continues as new. */
  isDone: boolean;
  /** JSON text of the returned value. */
  output: string;
  /** The function threw; the message may be empty, and then the real host neither completes nor fails the instance. */
  error?: string;
  /** JSON text, or null when none is set. */
  customStatus: string | null;
}

const dataLabel = '$OutOfProcData$:';
const maxCustomStatusCharacters = (16 * 1024) / 2;
const maxActions = 100_000;

const envelope = z.object({
  isDone: z.boolean(),
  actions: z.array(z.array(z.unknown())).length(1),
  output: z.unknown().optional(),
  error: z.string().optional(),
  customStatus: z.unknown().optional(),
});

/** Reads the JSON text that the function returned. Throws {@link OrchestratorAnswerError}. */
export function readAnswer(text: string): OrchestratorAnswer {
  return read(text);
}

/**
 * Reads the answer that the message of a failed orchestrator carries, or returns undefined when it carries none: then the failure
 * is not the orchestrator's own. Throws {@link OrchestratorAnswerError}.
 */
export function readFailure(message: string): OrchestratorAnswer | undefined {
  const at = message.indexOf(dataLabel);
  if (at < 0) return undefined;
  const answer = read(message.slice(at + dataLabel.length));
  return { ...answer, isDone: false, error: answer.error ?? '' };
}

function read(text: string): OrchestratorAnswer {
  const parsed = envelope.safeParse(parseJson(text));
  if (!parsed.success) throw new OrchestratorAnswerError('The orchestrator returned no state that can be read.');
  const { isDone, output, error, customStatus } = parsed.data;
  const actions = parsed.data.actions[0] ?? [];
  if (actions.length > maxActions) {
    throw new OrchestratorAnswerError(`The orchestrator has more than ${maxActions} actions.`);
  }
  return {
    actions: actions.map(readAction),
    isDone,
    output: JSON.stringify(output ?? null),
    error,
    customStatus: readCustomStatus(customStatus),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readAction(value: unknown): Action {
  const { actionType, compoundActions } = anyAction.parse(value);
  if (actionType === ActionType.whenAny || actionType === ActionType.whenAll) {
    return { actionType, compoundActions: (compoundActions ?? []).map(readAction) };
  }
  const feature = refused[actionType];
  if (feature) throw new OrchestratorAnswerError(`The local host does not support ${feature}.`);
  const action = simpleAction.safeParse(value);
  if (!action.success) {
    throw new OrchestratorAnswerError(
      `The orchestrator returned an action that cannot be read: ${action.error.message}`,
    );
  }
  if ('retryOptions' in action.data && action.data.retryOptions.retryTimeoutInMilliseconds != null) {
    // The real host stops retrying without telling the library, which then waits for ever.
    throw new OrchestratorAnswerError(
      'RetryOptions.retryTimeoutInMilliseconds hangs the orchestration on the real host; remove it.',
    );
  }
  return action.data;
}

function readCustomStatus(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const text = JSON.stringify(value);
  if (text.length > maxCustomStatusCharacters) {
    throw new OrchestratorAnswerError('The custom status is larger than 16 KB of UTF-16.');
  }
  return text;
}
