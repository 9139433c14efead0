import { schedule, type ScheduleInput } from '../../src/orchestrations/schedule';

const input: ScheduleInput = { tenant: 't', project: '-', scheduleId: 'sched_1' };
const DAY = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 2, 1);

/** One generation up to its first task, recording what it asks of its context. */
function generation() {
  const continued: unknown[] = [];
  const timer = { at: 0, isCompleted: false, cancel: jest.fn() };
  const df = {
    getInput: () => input,
    currentUtcDateTime: new Date(NOW),
    callActivityWithRetry: (name: string, retry: { maxNumberOfAttempts: number }, given: unknown) => ({
      name,
      attempts: retry.maxNumberOfAttempts,
      input: given,
    }),
    createTimer: (at: Date) => Object.assign(timer, { at: at.getTime() }),
    waitForExternalEvent: (name: string) => ({ event: name }),
    Task: { any: (tasks: unknown[]) => ({ any: tasks }) },
    continueAsNew: (next: unknown) => void continued.push(next),
  };
  const run = schedule({ df } as never);
  expect(run.next().value).toMatchObject({ name: 'tickSchedule', attempts: 5, input });
  return { run, timer, continued };
}

it('looks at the record, waits for the next time or the deletion, and begins anew', () => {
  const { run, timer, continued } = generation();
  const waiting = run.next({ isGone: false, nextRunAt: NOW + 5000 });
  expect(waiting.value).toEqual({ any: [{ event: 'scheduleChanged' }, timer] });
  expect(timer.at).toBe(NOW + 5000);
  timer.isCompleted = true;
  expect(run.next()).toEqual({ done: true, value: undefined });
  expect(timer.cancel).not.toHaveBeenCalled();
  expect(continued).toEqual([input]);
});

it('cancels its timer when the event comes first', () => {
  const { run, timer, continued } = generation();
  run.next({ isGone: false, nextRunAt: NOW + 5000 });
  expect(run.next().done).toBe(true);
  expect(timer.cancel).toHaveBeenCalledTimes(1);
  expect(continued).toEqual([input]);
});

it('ends with its schedule', () => {
  const { run, continued } = generation();
  expect(run.next({ isGone: true })).toEqual({ done: true, value: undefined });
  expect(continued).toEqual([]);
});

it.each([
  ['waits no longer than a day at once', NOW + 40 * DAY, NOW + DAY],
  ['does not spin where the time of its activity has passed', NOW - 1000, NOW + 100],
])('%s', (_rule, nextRunAt, expected) => {
  const { run, timer } = generation();
  run.next({ isGone: false, nextRunAt });
  expect(timer.at).toBe(expected);
});

it('fails, for the sweep to start it again, when its activity fails in the end', () => {
  const { run, continued } = generation();
  expect(() => run.throw(new Error('storage is down'))).toThrow('storage is down');
  expect(continued).toEqual([]);
});
