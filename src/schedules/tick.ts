/** What moves a schedule: when a run is due, starts it, once. */
import { ApiError } from '../errors';
import { newId } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { ConflictError } from '../storage/ports';
import type { ScheduleObject } from '../wire/schedules';
import { nextMoment } from '../cron';
import type { RunPlace, SchedulesPorts } from './ports';
import {
  dueOf,
  ORCHESTRATION_GRACE_SECONDS,
  scheduleKey,
  SCHEDULES,
  schedulesPartition,
  type OpenTick,
  type ScheduleRecord,
  type ScheduleReference,
} from './scheduleRecords';

/** Seconds for which faults of the storage hold a tick up before it is given up, so that the next ones come. */
const GIVE_UP_SECONDS = 600;

/** Undefined: the schedule is gone. */
export type Ticked = { nextRunAt: number; started?: { threadId: string; runId: string } } | undefined;

/**
 * Starts the run that is due, if one is; times that were missed are made up for by that one. Two writes of the record enclose the creation: the first
 * moves `next_run_at` on and keeps the ids that the run will have, the second tells what came of it. Called again after a crash between them, or by two at
 * once, it creates the run under the same ids, thus once. A run that cannot be is told in `last_error`; a fault of the storage rejects, and the call
 * is repeated.
 */
export async function tickSchedule(ports: SchedulesPorts, reference: ScheduleReference): Promise<Ticked> {
  const { records, now } = ports;
  const seconds = (): number => Math.floor(now() / 1000);

  async function write(record: ScheduleRecord, etag: string, dueAt: number): Promise<string | undefined> {
    const value: ScheduleRecord = { ...record, due_at: dueAt };
    const [written] = await records.write(
      schedulesPartition(reference.scope),
      [{ op: 'replace', list: SCHEDULES, id: reference.scheduleId, value, ifMatch: etag }],
      dueAt === record.due_at
        ? undefined
        : { add: [dueOf(reference, dueAt)], remove: [dueOf(reference, record.due_at)] },
    );
    return written;
  }

  return withRetries(async () => {
    const found = await records.get<ScheduleRecord>(scheduleKey(reference));
    if (!found) return undefined;
    let { value: record, etag } = found;
    const at = seconds();
    if (!record.tick) {
      const { schedule, due_at } = record;
      if (schedule.next_run_at > at) return { nextRunAt: schedule.next_run_at };
      const dueAt = at + ORCHESTRATION_GRACE_SECONDS;
      const next_run_at = nextMoment(schedule.cron, schedule.time_zone, at);
      record = { schedule: { ...schedule, next_run_at }, tick: { ...newPlace(schedule), begunAt: at }, due_at };
      etag = (await write(record, etag, dueAt)) ?? '';
      record = { ...record, due_at: dueAt };
    }
    const { tick, schedule } = record;
    if (!tick) return { nextRunAt: schedule.next_run_at };
    const outcome = await startedRun(ports, reference, record, tick, at - tick.begunAt >= GIVE_UP_SECONDS);
    const settled: ScheduleRecord = { ...record, tick: null, schedule: { ...schedule, ...outcome } };
    await write(settled, etag, schedule.next_run_at + ORCHESTRATION_GRACE_SECONDS);
    const started = outcome.last_run && { threadId: outcome.last_run.thread_id, runId: outcome.last_run.id };
    return { nextRunAt: schedule.next_run_at, ...(started && { started }) };
  });
}

/** Ids for a run of the schedule. */
export const newPlace = ({ thread_id }: ScheduleObject): RunPlace => ({
  runId: newId('run_'),
  threadId: thread_id ?? newId('thread_'),
  isNewThread: thread_id === null,
});

/**
 * Creates the run of a tick and returns what to note of it. Rejects for a fault, which may pass, unless it is the last try.
 */
export async function startedRun(
  { runs, now, logFault }: SchedulesPorts,
  { scope, scheduleId }: ScheduleReference,
  { schedule }: ScheduleRecord,
  tick: OpenTick,
  isLastTry: boolean,
): Promise<Partial<Pick<ScheduleObject, 'last_run'>> & Pick<ScheduleObject, 'last_error'>> {
  try {
    const { id, thread_id, created_at } = await runs.create(scope, schedule.run, tick);
    return { last_run: { id, thread_id, started_at: created_at }, last_error: null };
  } catch (error) {
    if (error instanceof ConflictError) throw error;
    const occurred_at = Math.floor(now() / 1000);
    if (error instanceof ApiError && isOfTheCaller(error)) {
      return { last_error: { code: error.details.code ?? null, message: error.message, occurred_at } };
    }
    if (!isLastTry) throw error;
    logFault(`Schedule ${scheduleId}: run ${tick.runId} was given up.`, error);
    return { last_error: { code: 'server_error', message: 'The run could not be created.', occurred_at } };
  }
}

/** Too many writers at once (409) pass, as faults do. */
const isOfTheCaller = ({ status }: ApiError): boolean => status < 500 && status !== 409;
