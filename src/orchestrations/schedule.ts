/** Drives a schedule: starts the run that is due, waits for the next, begins anew. */
import { ticking, type Tick } from './ticking';

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

export type ScheduleTick = Tick;

/** Ends with its schedule. */
export const schedule = ticking(TICK_SCHEDULE, SCHEDULE_CHANGED);
