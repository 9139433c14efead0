/** The timer trigger: runs its function at the moments of a schedule, never twice at once, and knows after a restart what it missed. */
import { resolveSettings } from './appSettings';
import type { FunctionInvoker } from './functionInvoker';
import type { HostFunction } from './functionTable';
import type { HostLog } from './hostLog';
import type { HostStore, TimerStatus } from './hostStore';
import { parseTimerSchedule, type TimerSchedule } from './timerSchedule';

/** Timers of the runtime hold 24.8 days at most; a longer wait is done in parts. */
const MAX_WAIT_MS = 24 * 60 * 60 * 1000;

export class TimerTrigger {
  private readonly schedule: TimerSchedule;
  private readonly monitored: boolean;
  /** Kept in the store if monitored. */
  private status: TimerStatus | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  /** `now` gives milliseconds since 1970. Throws an Error when the schedule is wrong. */
  constructor(
    private readonly entry: HostFunction,
    private readonly invoker: FunctionInvoker,
    private readonly store: HostStore,
    private readonly log: HostLog,
    env: NodeJS.ProcessEnv,
    private readonly now: () => number = Date.now,
  ) {
    const text = resolveSettings(String(entry.trigger.schedule ?? ''), env);
    this.schedule = parseTimerSchedule(text, env.WEBSITE_TIME_ZONE || undefined);
    this.monitored = entry.trigger.useMonitor !== false && !this.schedule.isFasterThanAMinute;
  }

  /** Runs at once when an occurrence was missed or `runOnStartup` is set, then by the schedule. */
  start(): void {
    const now = this.now();
    this.status = this.monitored ? this.knownStatus(now) : undefined;
    const isPastDue = this.status !== undefined && now > this.status.next;
    if (isPastDue) this.fire(now, true);
    else if (this.entry.trigger.runOnStartup === true) this.fire(now, false);
    else this.arm(this.status?.next ?? this.schedule.next(now));
  }

  /** Begins nothing more and waits for a run under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** The stored status, or a first one. A schedule that was changed since begins anew. */
  private knownStatus(now: number): TimerStatus | undefined {
    const known = this.store.timer(this.entry.name);
    const since = known?.lastUpdated ?? now;
    const next = this.schedule.next(since);
    if (known && known.next === next) return known;
    return next === undefined ? undefined : this.save({ last: null, next, lastUpdated: since });
  }

  private save(status: TimerStatus): TimerStatus {
    this.store.saveTimer(this.entry.name, status);
    return status;
  }

  private arm(at: number | undefined): void {
    if (this.stopped || at === undefined) return;
    const wait = Math.max(0, at - this.now());
    this.timer = setTimeout(
      () => (wait > MAX_WAIT_MS ? this.arm(at) : this.fire(at, false)),
      Math.min(wait, MAX_WAIT_MS),
    );
  }

  private fire(at: number, isPastDue: boolean): void {
    this.running = this.run(at, isPastDue);
  }

  private async run(at: number, isPastDue: boolean): Promise<void> {
    // The runtime's timers may be a millisecond early, and must not meet the same moment twice.
    const last = Math.max(at, this.now());
    const { name, trigger } = this.entry;
    const data = { json: timerInput(this.status, isPastDue) };
    try {
      await this.invoker.invoke(name, [{ name: trigger.name, data }], {});
    } catch (error) {
      this.log.error(
        `Function '${name}' failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
    // Moments that passed during the run are skipped.
    const lastUpdated = Math.max(last, this.now());
    const next = this.schedule.next(lastUpdated);
    if (this.monitored && next !== undefined) this.status = this.save({ last, next, lastUpdated });
    this.arm(next);
  }
}

/** The input's JSON, in the real host's letter case. */
function timerInput(status: TimerStatus | undefined, isPastDue: boolean): string {
  return JSON.stringify({
    Schedule: { AdjustForDST: true },
    ScheduleStatus: status
      ? { Last: isoTime(status.last), Next: isoTime(status.next), LastUpdated: isoTime(status.lastUpdated) }
      : null,
    IsPastDue: isPastDue,
  });
}

function isoTime(milliseconds: number | null): string {
  return milliseconds === null ? '0001-01-01T00:00:00' : new Date(milliseconds).toISOString().replace('Z', '+00:00');
}
