/** Schedules as callers see them: create, get, list, delete, run now. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { listedDeletion } from '../storage/deletedPlaces';
import { newId, orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { pageOf } from '../storage/pages';
import type { Change, PageRequest, StoredRecord } from '../storage/ports';
import type { CreateScheduleRequest, ScheduleObject } from '../wire/schedules';
import type { RunObject } from '../wire/threads';
import { nextMoment } from '../cron';
import type { SchedulesPorts } from './ports';
import {
  countKey,
  dueOf,
  scheduleKey,
  SCHEDULES,
  schedulesPartition,
  type ScheduleRecord,
  type ScheduleReference,
} from './scheduleRecords';
import { sweepSchedule } from './scheduleSweep';
import { newPlace, startedRun, tickSchedule } from './tick';

/** Schedules of a tenant in a project. */
export const MAX_SCHEDULES = 1000;
/** Seconds in which the orchestration of a new schedule should have begun. */
const START_GRACE_SECONDS = 10;

export type Schedules = ReturnType<typeof createSchedules>;

/** The schedules of a scope. Methods throw 404 for an id that is not there. */
export function createSchedules(ports: SchedulesPorts) {
  const { records, runs, now } = ports;
  const seconds = (): number => Math.floor(now() / 1000);

  async function read(reference: ScheduleReference): Promise<StoredRecord<ScheduleRecord>> {
    const found = await records.get<ScheduleRecord>(scheduleKey(reference));
    if (!found) throw errors.noSchedule(reference.scheduleId);
    return found;
  }

  const get = async (scope: Scope, id: string): Promise<ScheduleObject> =>
    (await read({ scope, scheduleId: id })).value.schedule;

  /** The change that counts `step` schedules more. Throws 400 past the limit. */
  async function counted(scope: Scope, step: 1 | -1): Promise<Change> {
    const { list, id } = countKey(scope);
    const found = await records.get<number>(countKey(scope));
    const value = (found?.value ?? 0) + step;
    if (value > MAX_SCHEDULES) throw errors.tooManySchedules(MAX_SCHEDULES);
    if (!found) return { op: 'create', list, id, order: orderKey(now()), value };
    return { op: 'replace', list, id, value, ifMatch: found.etag };
  }

  /**
   * Checks everything that its runs will need, and throws what their creation would: 404 for an assistant, thread or vector store that is not there.
   * Nothing drives the schedule yet: the caller starts its orchestration, or the sweep will.
   */
  async function create(scope: Scope, body: CreateScheduleRequest): Promise<ScheduleObject> {
    const { cron, time_zone, run } = body;
    const schedule: ScheduleObject = {
      id: newId('sched_'),
      object: 'schedule',
      created_at: seconds(),
      cron,
      time_zone,
      thread_id: body.thread_id ?? null,
      run,
      next_run_at: nextMoment(cron, time_zone, seconds()),
      last_run: null,
      last_error: null,
      metadata: body.metadata ?? {},
    };
    await runs.check(scope, run, body.thread_id ?? undefined);
    const due = dueOf({ scope, scheduleId: schedule.id }, schedule.created_at + START_GRACE_SECONDS);
    const value: ScheduleRecord = { schedule, tick: null, due_at: due.at };
    const creation: Change = { op: 'create', list: SCHEDULES, id: schedule.id, order: orderKey(now()), value };
    await withRetries(async () =>
      records.write(schedulesPartition(scope), [creation, await counted(scope, 1)], { add: [due] }),
    );
    return schedule;
  }

  async function list(scope: Scope, page: PageRequest) {
    const found = await pageOf<ScheduleRecord>(records, schedulesPartition(scope), SCHEDULES, page);
    return { data: found.data.map(({ schedule }) => schedule), hasMore: found.hasMore };
  }

  /**
   * Deletes the schedule; when it resolves no run will start any more. A tick that is under way has its run created before, so that whoever is at it
   * finds it done.
   */
  async function remove(scope: Scope, id: string) {
    const reference: ScheduleReference = { scope, scheduleId: id };
    await withRetries(async () => {
      const { value, etag, order } = await read(reference);
      if (value.tick) await startedRun(ports, reference, value, value.tick, true);
      const deletion = await listedDeletion(records, scheduleKey(reference), { order, etag }, now());
      await records.write(schedulesPartition(scope), [...deletion.changes, await counted(scope, -1)], {
        add: [deletion.due],
        remove: [dueOf(reference, value.due_at)],
      });
    });
    return { id, object: 'schedule.deleted', deleted: true };
  }

  /** Creates a run as the next tick would, which comes all the same. Throws what the creation throws. */
  async function runNow(scope: Scope, id: string): Promise<RunObject> {
    const reference: ScheduleReference = { scope, scheduleId: id };
    const { schedule } = (await read(reference)).value;
    const run = await runs.create(scope, schedule.run, newPlace(schedule));
    await withRetries(async () => {
      const found = await records.get<ScheduleRecord>(scheduleKey(reference));
      if (!found) return;
      const last_run = { id: run.id, thread_id: run.thread_id, started_at: run.created_at };
      const value: ScheduleRecord = {
        ...found.value,
        schedule: { ...found.value.schedule, last_run, last_error: null },
      };
      await records.write(schedulesPartition(scope), [
        { op: 'replace', list: SCHEDULES, id, value, ifMatch: found.etag },
      ]);
    });
    return run;
  }

  return {
    get,
    create,
    list,
    remove,
    runNow,
    tick: async (reference: ScheduleReference) => tickSchedule(ports, reference),
    due: sweepSchedule.bind(undefined, ports),
  };
}
