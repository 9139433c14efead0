/** Drives a sync: mirrors the container when that is due, portion by portion, waits for the next time, begins anew. */
import { ticking } from './ticking';

/** The orchestration's name; its instance id is the sync's id. */
export const SYNC = 'sync';
/** Activity that does a portion of what is due; its input is {@link SyncInput}, its output a `Tick`. */
export const TICK_SYNC = 'tickSync';
/** Event that wakes the orchestration: the sync is to run now, or was deleted. */
export const SYNC_CHANGED = 'syncChanged';

/** Names the sync. */
export interface SyncInput {
  tenant: string;
  project: string;
  syncId: string;
}

/** Ends with its sync. */
export const sync = ticking(TICK_SYNC, SYNC_CHANGED);
