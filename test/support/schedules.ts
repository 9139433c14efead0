/** Schedules over real records and real runs, with a clock that tests set and faults that they inject. Without HTTP. */
import { createSchedules } from '../../src/schedules/schedules';
import type { RunPlace, ScheduledRuns } from '../../src/schedules/ports';
import type { CreateScheduleRequest } from '../../src/wire/schedules';
import { openAssistants } from './assistants';

export const secondsOf = (time: string): number => Date.parse(time) / 1000;

/** Opens the capability in a folder of its own, at 2026-03-01 12:00 UTC. */
export async function openSchedules() {
  const open = await openAssistants();
  const { runs, clock, records, scope } = open;
  clock.now = Date.parse('2026-03-01T12:00:00Z');
  const assistant = await open.assistants.create(scope, { model: 'model' });
  /** Called around the creation of each run; what they throw the creation throws. */
  const faults: { before?: (place: RunPlace) => unknown; after?: () => unknown } = {};
  const createdRuns: { runId: string; threadId: string }[] = [];
  const ports: ScheduledRuns = {
    check: async (where, body, threadId) => runs.check(where, body, threadId),
    create: async (where, body, place) => {
      const { runId, threadId, isNewThread } = place;
      await faults.before?.(place);
      const run = isNewThread
        ? await runs.createWithThread(where, body, { threadId, runId })
        : await runs.create(where, threadId, body, { runId });
      createdRuns.push({ runId: run.id, threadId: run.thread_id });
      await faults.after?.();
      return run;
    },
  };
  const logged: unknown[] = [];
  const schedules = createSchedules({
    records,
    runs: ports,
    now: () => clock.now,
    logFault: (_message, error) => logged.push(error),
  });
  return {
    ...open,
    assistant,
    faults,
    logged,
    schedules,
    /** The different runs that were created, in order. */
    started: () => [...new Set(createdRuns.map(({ runId }) => runId))],
    at: (time: string) => void (clock.now = Date.parse(time)),
    create: async (given: Partial<CreateScheduleRequest> = {}) =>
      schedules.create(scope, { cron: '0 * * * *', time_zone: 'UTC', run: { assistant_id: assistant.id }, ...given }),
    get: async (id: string) => schedules.get(scope, id),
    tick: async (scheduleId: string) => schedules.tick({ scope, scheduleId }),
  };
}
