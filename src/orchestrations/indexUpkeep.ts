/** Puts indexes in order, one after the other, until none waits. One instance at a time, beside the maintenance. Deterministic, no I/O. */
import type { OrchestrationContext, Task } from 'durable-functions';

/** The orchestration, and the id of its one instance. */
export const INDEX_UPKEEP = 'indexUpkeep';
/** Activity that puts the next index in order; returns whether another waits. */
export const PUT_NEXT_INDEX_IN_ORDER = 'putNextIndexInOrder';

/** Indexes after which the history begins anew. */
const INDEXES = 50;

export function* indexUpkeep({ df }: OrchestrationContext): Generator<Task, void, boolean> {
  for (let place = 0; place < INDEXES; place += 1) {
    const isWaiting = yield df.callActivity(PUT_NEXT_INDEX_IN_ORDER, {});
    if (!isWaiting) return;
  }
  df.continueAsNew({});
}
