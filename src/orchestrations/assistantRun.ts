/** Drives a run to its end: advance, wait for tool outputs, cancel or expiry, again. Deterministic, no I/O. */
import { driving } from './driving';

/** The orchestration's name; its instance id is the run's id. */
export const ASSISTANT_RUN = 'assistantRun';
/** Activity that moves the run; its input is {@link RunInput}, its output `Advanced`. */
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

export const assistantRun = driving(ADVANCE_RUN, RUN_CHANGED);
