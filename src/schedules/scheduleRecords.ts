/** How schedules are stored: all of a scope in one partition, with their number. */
import { z } from 'zod';
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import type { DueRecord, RecordKey } from '../storage/ports';
import type { ScheduleObject } from '../wire/schedules';
import type { RunPlace } from './ports';

/** Names a schedule; the input of its orchestration. */
export interface ScheduleReference {
  scope: Scope;
  scheduleId: string;
}

/** A tick whose run may have been created already. Whoever comes next creates it under the same ids, so that there is one. */
export interface OpenTick extends RunPlace {
  /** Unix seconds. */
  begunAt: number;
}

export interface ScheduleRecord {
  schedule: ScheduleObject;
  tick: OpenTick | null;
  /** `at` of the due record that was written with the schedule. */
  due_at: number;
}

export const SCHEDULES = 'schedules';

export const schedulesPartition = (scope: Scope): string => partitionOf(scope, SCHEDULES);

export const scheduleKey = ({ scope, scheduleId }: ScheduleReference): RecordKey => ({
  partition: schedulesPartition(scope),
  list: SCHEDULES,
  id: scheduleId,
});

/** How many schedules the scope has; written with each creation and deletion. */
export const countKey = (scope: Scope): RecordKey => ({
  partition: schedulesPartition(scope),
  list: 'count',
  id: SCHEDULES,
});

/** Kind of the due records of schedules. */
export const SCHEDULE_DUE = 'schedule';

/** Seconds that the orchestration of a schedule has for what is due before the sweep looks after it. */
export const ORCHESTRATION_GRACE_SECONDS = 30;

const dueData = z.object({ tenant: z.string(), project: z.string() });

/** The due record that has the schedule looked at; `at` in Unix seconds. */
export const dueOf = ({ scope, scheduleId }: ScheduleReference, at: number): DueRecord => ({
  at,
  kind: SCHEDULE_DUE,
  id: scheduleId,
  data: { tenant: scope.tenant, project: scope.project },
});

/** The schedule that a due record is about. */
export const scheduleOfDue = ({ id, data }: DueRecord): ScheduleReference => ({
  scope: dueData.parse(data),
  scheduleId: id,
});
