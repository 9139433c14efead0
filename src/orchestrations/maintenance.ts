/** Looks after everything that is due: runs and batches that nobody drives, and what has expired. Deterministic, no I/O. */
import type { OrchestrationContext, Task } from 'durable-functions';

/** Activity that handles one portion of due records; returns how many it handled. */
export const SWEEP_DUE = 'sweepDue';
/** Activity that purges the history of orchestrations that ended long ago. */
export const PURGE_HISTORY = 'purgeHistory';

/** More portions wait for the next start, seconds later. */
const MAX_PORTIONS = 20;

export function* maintenance(context: OrchestrationContext): Generator<Task, void, number> {
  for (let portion = 0; portion < MAX_PORTIONS; portion += 1) {
    const handled = yield context.df.callActivity(SWEEP_DUE, { portion });
    if (handled === 0) break;
  }
  yield context.df.callActivity(PURGE_HISTORY, {});
}
