/** Drives a run to its end: advance, wait for tool outputs, cancel or expiry, again. Deterministic, no I/O. */
import { RetryOptions, type OrchestrationContext, type Task } from 'durable-functions';

/** The orchestration's name; its instance id is the run's id. */
export const ASSISTANT_RUN = 'assistantRun';
/** Activity that moves the run; its input and output are {@link RunInput} and {@link Advanced}. */
export const ADVANCE_RUN = 'advanceRun';
/** Event that wakes the orchestration: outputs came, the run was cancelled, or its owner let it go. */
export const RUN_CHANGED = 'runChanged';

/** Names the run. */
export interface RunInput {
  tenant: string;
  project: string;
  threadId: string;
  runId: string;
}

/** What the activity says of the run. */
export interface Advanced {
  /** `done`: terminal or gone. `waiting`: requires the caller's tool outputs. `busy`: driven by another owner. */
  state: 'done' | 'waiting' | 'busy';
  /** When to look again if nothing happens, in milliseconds since 1970. */
  until?: number;
}

const FIRST_RETRY_MILLISECONDS = 1000;
const MAX_ATTEMPTS = 5;

export function* assistantRun(context: OrchestrationContext): Generator<Task, void, Advanced> {
  const { df } = context;
  const input: unknown = df.getInput();
  const retry = new RetryOptions(FIRST_RETRY_MILLISECONDS, MAX_ATTEMPTS);
  retry.backoffCoefficient = 2;
  for (;;) {
    const { state, until } = yield df.callActivityWithRetry(ADVANCE_RUN, retry, input);
    if (state === 'done') return;
    const timer = df.createTimer(new Date(Math.max(until ?? 0, df.currentUtcDateTime.getTime())));
    yield df.Task.any([df.waitForExternalEvent(RUN_CHANGED), timer]);
    // An open timer would keep the orchestration alive.
    if (!timer.isCompleted) timer.cancel();
  }
}
