/** Drives a schedule: starts the run that is due, waits for the next, begins anew. Deterministic, no I/O. */
import { RetryOptions, type OrchestrationContext, type Task } from 'durable-functions';

/** The orchestration's name; its instance id is the schedule's id. */
export const SCHEDULE = 'schedule';
/** Activity that starts the run that is due; its input and output are {@link ScheduleInput} and {@link ScheduleTick}. */
export const TICK_SCHEDULE = 'tickSchedule';
/** Event that wakes the orchestration: the schedule was deleted. */
export const SCHEDULE_CHANGED = 'scheduleChanged';

/** Names the schedule. */
export interface ScheduleInput {
  tenant: string;
  project: string;
  scheduleId: string;
}

/** When the next run is due, in milliseconds since 1970. */
export type ScheduleTick = { isGone: true } | { isGone: false; nextRunAt: number };

const FIRST_RETRY_MILLISECONDS = 1000;
const MAX_ATTEMPTS = 5;
/** Where the clock of the activity is behind, the orchestration must not spin. */
const SHORTEST_WAIT_MILLISECONDS = 100;
/** Storage of the Durable extension keeps no timer for longer than 6 days; and should a deletion's event be lost, the orchestration ends by then. */
const LONGEST_WAIT_MILLISECONDS = 24 * 60 * 60 * 1000;

/** Ends with its schedule. Fails, for the sweep to start it again, when storage stays down. */
export function* schedule(context: OrchestrationContext): Generator<Task, void, ScheduleTick> {
  const { df } = context;
  const input = df.getInput<ScheduleInput>();
  const retry = new RetryOptions(FIRST_RETRY_MILLISECONDS, MAX_ATTEMPTS);
  retry.backoffCoefficient = 2;
  // First in each generation: an event that came while the one before ended is lost, the record is not.
  const tick = yield df.callActivityWithRetry(TICK_SCHEDULE, retry, input);
  if (tick.isGone) return;
  const now = df.currentUtcDateTime.getTime();
  const wait = Math.min(Math.max(tick.nextRunAt - now, SHORTEST_WAIT_MILLISECONDS), LONGEST_WAIT_MILLISECONDS);
  const timer = df.createTimer(new Date(now + wait));
  yield df.Task.any([df.waitForExternalEvent(SCHEDULE_CHANGED), timer]);
  // An open timer would keep this generation from ending.
  if (!timer.isCompleted) timer.cancel();
  df.continueAsNew(input);
}
