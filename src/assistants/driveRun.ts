/** Drives a run to where it waits for its caller, within the caller's process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RunHandedOverError } from '../errors';
import type { RunObject } from '../wire/threads';
import type { RunState } from './advanceRun';
import type { RunSink } from './runSink';
import type { RunReference } from './threadRecords';

/** How often a run that another owner has taken over is looked at. */
const FOLLOW_MILLISECONDS = 500;

/** `advanceRun` with its ports. */
export type Advance = (reference: RunReference, sink?: RunSink, owner?: string) => Promise<RunState | undefined>;

/**
 * Drives the run to its end or to its caller; follows it where another owner took it over. Undefined if it is gone. Throws {@link RunHandedOverError} once `ending`
 * has aborted, since nothing can be followed then.
 */
export async function driveRun(
  advance: Advance,
  reference: RunReference,
  { sink, owner, ending }: { sink?: RunSink; owner?: string; ending?: AbortSignal } = {},
): Promise<RunObject | undefined> {
  for (;;) {
    const state = await advance(reference, sink, owner);
    if (state?.busyUntil === undefined) return state?.run;
    if (ending?.aborted) throw new RunHandedOverError(reference.runId);
    await sleep(FOLLOW_MILLISECONDS);
  }
}
