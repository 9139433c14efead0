/** Fires durable timers. The store holds them; memory holds when the next is due and which are on their way. */
import { historyEvent } from './historyEvent';
import type { HistoryStore } from './historyStore';
import type { Envelope } from './instance';

export interface TimersOptions {
  store: HistoryStore;
  now(): number;
  log(level: 'info' | 'warn' | 'error', message: string): void;
  deliver(instanceId: string, envelope: Envelope): void;
}

/** The clock is looked at at least this often, since it may jump: a laptop sleeps, someone sets it. */
const maxWaitMilliseconds = 250;
const retryMilliseconds = 1_000;
const maxUnderWay = 1_000;

export class Timers {
  private nextAt = Infinity;
  private clock: NodeJS.Timeout | undefined;
  private readonly underWay = new Set<string>();
  private isLooking = false;
  private stopped = false;

  constructor(private readonly options: TimersOptions) {}

  /** A timer was stored that fires at `fireAt` (Unix milliseconds). */
  schedule(fireAt: number): void {
    if (fireAt >= this.nextAt) return;
    this.nextAt = fireAt;
    this.arm();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.clock);
  }

  private arm(atLeast = 0): void {
    clearTimeout(this.clock);
    if (this.stopped || this.isLooking || this.nextAt === Infinity) return;
    const wait = Math.max(atLeast, Math.min(this.nextAt - this.options.now(), maxWaitMilliseconds));
    this.clock = setTimeout(() => this.check(), wait);
  }

  private check(): void {
    if (this.options.now() < this.nextAt) this.arm();
    else if (this.underWay.size < maxUnderWay) void this.look();
    else this.arm(maxWaitMilliseconds);
  }

  /** Hands on what is due and finds out when the next is. */
  private async look(): Promise<void> {
    this.isLooking = true;
    this.nextAt = Infinity;
    const now = this.options.now();
    let pause = 0;
    try {
      const count = this.underWay.size + maxUnderWay;
      const due = await this.options.store.read('dueTimers', now, count);
      for (const row of due) {
        this.fire(String(row.instance_id), String(row.execution_id), Number(row.task_id), Number(row.fire_at));
      }
      if (due.length === count) this.nextAt = now;
      const [next] = await this.options.store.read('nextTimer', now);
      if (next && next.fire_at !== null) this.nextAt = Math.min(this.nextAt, Number(next.fire_at));
    } catch (error) {
      if (!this.stopped) this.options.log('error', `Timers could not be read: ${String(error)}`);
      this.nextAt = now;
      pause = retryMilliseconds;
    } finally {
      this.isLooking = false;
      this.arm(pause);
    }
  }

  private fire(instanceId: string, executionId: string, taskId: number, fireAt: number): void {
    const key = JSON.stringify([instanceId, executionId, taskId]);
    if (this.stopped || this.underWay.has(key)) return;
    this.underWay.add(key);
    this.options.deliver(instanceId, {
      event: historyEvent('TimerFired', Math.max(fireAt, this.options.now()), {
        TimerId: taskId,
        FireAt: new Date(fireAt).toISOString(),
      }),
      executionId,
      remove: ['deleteTimer', instanceId, executionId, taskId],
      settled: () => this.underWay.delete(key),
    });
  }
}
