/** The shape of orchestrations that go on for ever: do what is due, wait for the next time, begin anew. Deterministic, no I/O. */
import { RetryOptions, type OrchestrationContext, type Task } from 'durable-functions';

/** What the activity answers: when it is to be called next, in milliseconds since 1970. */
export type Tick = { isGone: true } | { isGone: false; nextRunAt: number };

const FIRST_RETRY_MILLISECONDS = 1000;
const MAX_ATTEMPTS = 5;
/** Where the clock of the activity is behind, the orchestration must not spin. */
const SHORTEST_WAIT_MILLISECONDS = 100;
/** Storage of the Durable extension keeps no timer for longer than 6 days; and should an event be lost, the orchestration looks again by then. */
const LONGEST_WAIT_MILLISECONDS = 24 * 60 * 60 * 1000;

/**
 * An orchestration that calls the activity with its own input whenever it is due, and when the event `changed` comes. Ends when what it drives is gone.
 * Fails, for the sweep to start it again, when storage stays down.
 */
export function ticking(activity: string, changed: string) {
  return function* (context: OrchestrationContext): Generator<Task, void, Tick> {
    const { df } = context;
    const input = df.getInput<unknown>();
    const retry = new RetryOptions(FIRST_RETRY_MILLISECONDS, MAX_ATTEMPTS);
    retry.backoffCoefficient = 2;
    // First in each generation: an event that came while the one before ended is lost, the record is not.
    const tick = yield df.callActivityWithRetry(activity, retry, input);
    if (tick.isGone) return;
    const now = df.currentUtcDateTime.getTime();
    const wait = Math.min(Math.max(tick.nextRunAt - now, SHORTEST_WAIT_MILLISECONDS), LONGEST_WAIT_MILLISECONDS);
    const timer = df.createTimer(new Date(now + wait));
    yield df.Task.any([df.waitForExternalEvent(changed), timer]);
    // An open timer would keep this generation from ending.
    if (!timer.isCompleted) timer.cancel();
    df.continueAsNew(input);
  };
}
