/** What the sweep does with the due records of schedules: one whose orchestration never began or has died goes on. */
import { ConflictError, type DueRecord } from '../storage/ports';
import type { SchedulesPorts } from './ports';
import {
  dueOf,
  ORCHESTRATION_GRACE_SECONDS,
  scheduleKey,
  scheduleOfDue,
  SCHEDULES,
  schedulesPartition,
  type ScheduleRecord,
  type ScheduleReference,
} from './scheduleRecords';

/** Starts the orchestration of a schedule that is due (`start` does nothing while it runs), and looks at it again after its next time. */
export async function sweepSchedule(
  { records, now }: Pick<SchedulesPorts, 'records' | 'now'>,
  due: DueRecord,
  start: (reference: ScheduleReference) => Promise<void>,
): Promise<void> {
  const reference = scheduleOfDue(due);
  const found = await records.get<ScheduleRecord>(scheduleKey(reference));
  if (found?.value.due_at !== due.at) {
    await records.writeDue({ remove: [due] });
    return;
  }
  await start(reference);
  const { schedule, tick } = found.value;
  const seconds = Math.floor(now() / 1000);
  const dueAt = (tick ? seconds : Math.max(schedule.next_run_at, seconds)) + ORCHESTRATION_GRACE_SECONDS;
  const value: ScheduleRecord = { ...found.value, due_at: dueAt };
  try {
    await records.write(
      schedulesPartition(reference.scope),
      [{ op: 'replace', list: SCHEDULES, id: reference.scheduleId, value, ifMatch: found.etag }],
      { add: [dueOf(reference, dueAt)], remove: [due] },
    );
  } catch (error) {
    // The orchestration is at work, and has moved the due record or will.
    if (!(error instanceof ConflictError)) throw error;
  }
}
