/** What schedules need of the outside. */
import type { Scope } from '../scope';
import type { Records } from '../storage/ports';
import type { ScheduledRun } from '../wire/schedules';
import type { RunObject } from '../wire/threads';

/** The ids that a run is to have. */
export interface RunPlace {
  runId: string;
  threadId: string;
  /** Whether the thread is made with the run. */
  isNewThread: boolean;
}

/** How runs are created. */
export interface ScheduledRuns {
  /** Throws what the creation of the run would throw as things are, without a `threadId` on a thread of its own; makes nothing. */
  check(scope: Scope, body: ScheduledRun, threadId: string | undefined): Promise<void>;
  /**
   * Creates the run; where it has been created already, gives the run that is there. Throws ApiError, and ConflictError where another call creates it at
   * the same moment.
   */
  create(scope: Scope, body: ScheduledRun, place: RunPlace): Promise<RunObject>;
}

export interface SchedulesPorts {
  records: Records;
  runs: ScheduledRuns;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Faults that a caller must not see in detail. */
  logFault: (message: string, error: unknown) => void;
}
