/** The shape of orchestrations that drive a run or a response to its end. Deterministic, no I/O. */
import { RetryOptions, type OrchestrationContext, type Task } from 'durable-functions';

/** What the activity says of what it drives. */
export interface Advanced {
  /** `done`: over or gone. `waiting`: for its caller. `busy`: driven by another owner, or to be driven on. */
  state: 'done' | 'waiting' | 'busy';
  /** When to look again if nothing happens, in milliseconds since 1970. */
  until?: number;
}

const FIRST_RETRY_MILLISECONDS = 1000;
const MAX_ATTEMPTS = 5;

/** An orchestration that calls the activity with its own input until it is done: at the time that the activity says, and when the event `changed` comes. */
export function driving(activity: string, changed: string) {
  return function* (context: OrchestrationContext): Generator<Task, void, Advanced> {
    const { df } = context;
    const input: unknown = df.getInput();
    const retry = new RetryOptions(FIRST_RETRY_MILLISECONDS, MAX_ATTEMPTS);
    retry.backoffCoefficient = 2;
    for (;;) {
      const { state, until } = yield df.callActivityWithRetry(activity, retry, input);
      if (state === 'done') return;
      const timer = df.createTimer(new Date(Math.max(until ?? 0, df.currentUtcDateTime.getTime())));
      yield df.Task.any([df.waitForExternalEvent(changed), timer]);
      // An open timer would keep the orchestration alive.
      if (!timer.isCompleted) timer.cancel();
    }
  };
}
