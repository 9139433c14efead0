import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostFunction } from '../../src/localHost/functionTable';
import { HostLog } from '../../src/localHost/hostLog';
import { HostStore } from '../../src/localHost/hostStore';
import { parseTimerSchedule } from '../../src/localHost/timerSchedule';
import { TimerTrigger } from '../../src/localHost/timerTrigger';

const at = (time: string) => Date.parse(`2026-01-05T${time}Z`);

describe('parseTimerSchedule', () => {
  it.each([
    ['0 */5 * * * *', '10:01:00', '10:05:00'],
    ['*/5 * * * *', '10:05:00', '10:10:00'],
    ['30 15 10 * * Mon-Fri', '10:00:00', '10:15:30'],
    ['00:10:00', '10:01:00', '10:11:00'],
  ])('finds the next moment of %s after %s', (schedule, from, next) => {
    expect(parseTimerSchedule(schedule, 'UTC').next(at(from))).toBe(at(next));
  });

  it('asks for day of month and weekday both, as NCRONTAB does', () => {
    const next = parseTimerSchedule('0 0 0 13 * 5', 'UTC').next(at('00:00:00'));
    expect(new Date(next ?? 0).toISOString()).toBe('2026-02-13T00:00:00.000Z');
  });

  it('uses the time zone', () => {
    const next = parseTimerSchedule('0 0 9 * * *', 'America/New_York').next(at('10:00:00'));
    expect(next).toBe(at('14:00:00'));
  });

  it('knows which schedules come more than once a minute', () => {
    expect(parseTimerSchedule('*/30 * * * * *').isFasterThanAMinute).toBe(true);
    expect(parseTimerSchedule('0 * * * * *').isFasterThanAMinute).toBe(false);
    expect(parseTimerSchedule('00:00:59').isFasterThanAMinute).toBe(true);
  });

  it.each([
    '',
    '* * *',
    '0 0 0 L * *',
    '0 0 0 15W * *',
    '0 0 0 * * 5#2',
    '0 0 0 * * 7',
    '61 * * * * *',
    '00:00:00',
    '@daily',
  ])('refuses %j', (schedule) => {
    expect(() => parseTimerSchedule(schedule)).toThrow();
  });
});

describe('TimerTrigger', () => {
  let folder: string;
  let store: HostStore;
  let inputs: unknown[];
  let invoked: (input: unknown) => Promise<void>;
  const triggers: TimerTrigger[] = [];
  const logged: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'timer-'));
    store = new HostStore(join(folder, 'host.sqlite'));
    inputs = [];
    invoked = async () => undefined;
    jest.useFakeTimers({ now: at('10:01:00'), doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
  });
  afterEach(async () => {
    await Promise.all(triggers.splice(0).map((trigger) => trigger.stop()));
    jest.useRealTimers();
    store.close();
    await rm(folder, { recursive: true });
  });

  function start(options: object): TimerTrigger {
    const trigger = { type: 'timerTrigger', direction: 'in' as const, name: 'timer1', ...options };
    const entry: HostFunction = {
      name: 'tick',
      metadata: { name: 'tick', bindings: { timer1: trigger } },
      callback: () => undefined,
      trigger,
      durableClients: [],
    };
    const invoke = async (_: string, [input]: { data: object }[]) => {
      const value: unknown = JSON.parse(input && 'json' in input.data ? String(input.data.json) : '');
      inputs.push(value);
      await invoked(value);
      return undefined;
    };
    const invoker = { invoke, orchestrators: new Map(), activities: new Map() };
    const log = new HostLog(
      true,
      (text) => text,
      (text) => void logged.push(text),
    );
    const timer = new TimerTrigger(entry, invoker, store, log, { WEBSITE_TIME_ZONE: 'UTC' });
    triggers.push(timer);
    timer.start();
    return timer;
  }
  const advance = (milliseconds: number) => jest.advanceTimersByTimeAsync(milliseconds);

  it('fires at the moments of the schedule and tells the last one', async () => {
    start({ schedule: '0 */5 * * * *' });
    await advance(3 * 60_000);
    expect(inputs).toEqual([]);
    await advance(60_000);
    await advance(5 * 60_000);
    const iso = (time: string) => `2026-01-05T${time}.000+00:00`;
    expect(inputs).toEqual([
      {
        Schedule: { AdjustForDST: true },
        ScheduleStatus: { Last: '0001-01-01T00:00:00', Next: iso('10:05:00'), LastUpdated: iso('10:01:00') },
        IsPastDue: false,
      },
      {
        Schedule: { AdjustForDST: true },
        ScheduleStatus: { Last: iso('10:05:00'), Next: iso('10:10:00'), LastUpdated: iso('10:05:00') },
        IsPastDue: false,
      },
    ]);
  });

  it('fires once at start when moments were missed, past due, and not again for runOnStartup', async () => {
    await start({ schedule: '0 */5 * * * *' }).stop();
    jest.setSystemTime(at('10:21:00'));
    start({ schedule: '0 */5 * * * *', runOnStartup: true });
    await advance(1);
    expect(inputs).toEqual([expect.objectContaining({ IsPastDue: true })]);
    await advance(4 * 60_000);
    expect(inputs).toHaveLength(2);
    expect(inputs[1]).toMatchObject({ IsPastDue: false });
  });

  it('fires at start with runOnStartup', async () => {
    start({ schedule: '0 0 0 1 1 *', runOnStartup: true });
    await advance(1);
    expect(inputs).toEqual([expect.objectContaining({ IsPastDue: false })]);
  });

  it('is not past due when the schedule was changed to a moment still to come', async () => {
    await start({ schedule: '0 */5 * * * *' }).stop();
    jest.setSystemTime(at('10:21:00'));
    start({ schedule: '0 0 23 * * *' });
    await advance(60_000);
    expect(inputs).toEqual([]);
  });

  it('keeps no status without the monitor, or when it is faster than a minute', async () => {
    start({ schedule: '0 */5 * * * *', useMonitor: false });
    await advance(4 * 60_000);
    start({ schedule: '*/30 * * * * *' });
    await advance(30_000);
    expect(inputs).toHaveLength(2);
    expect(inputs.every((input) => Object(input).ScheduleStatus === null)).toBe(true);
    expect(store.timer('tick')).toBeUndefined();
  });

  it('never runs twice at once: moments that pass during a run are skipped', async () => {
    let finish = () => {};
    invoked = () => new Promise((resolve) => (finish = resolve));
    start({ schedule: '0 * * * * *' });
    await advance(3 * 60_000 + 1000);
    expect(inputs).toHaveLength(1);
    finish();
    await advance(60_000);
    expect(inputs).toHaveLength(2);
    finish();
  });

  it('goes on after a failure and logs it', async () => {
    invoked = async () => {
      throw new Error('the work failed');
    };
    start({ schedule: '0 * * * * *' });
    await advance(2 * 60_000 + 100);
    expect(inputs).toHaveLength(2);
    expect(logged.join('')).toContain("Function 'tick' failed: Error: the work failed");
  });

  it("waits longer than the runtime's timers can", async () => {
    start({ schedule: '0 0 0 5 3 *' });
    await advance(58 * 24 * 3600_000);
    expect(inputs).toEqual([]);
    await advance(24 * 3600_000);
    expect(inputs).toHaveLength(1);
  });
});
