/** Gives instances with work their turns: one at a time each, as many together as the settings allow. */
import type { Envelope, Instance } from './instance';
import type { InstanceCache } from './instanceCache';
import type { Turn } from './turn';

export interface DispatcherOptions {
  cache: InstanceCache;
  turn: Pick<Turn, 'take'>;
  maxConcurrent: number;
  log(level: 'info' | 'warn' | 'error', message: string): void;
}

const retryMilliseconds = 1_000;
/** A replay of this many events takes about a millisecond. */
const eventsPerMillisecond = 25;
const noPauseBelow = 500;
const maxPauseMilliseconds = 250;

/**
 * An instance pauses after its turn in proportion to its history, milliseconds: each of its turns replays the whole of it, so it does
 * better to gather messages, and leaves time to the others.
 */
function pauseAfter({ history }: Instance): number {
  if (history.length < noPauseBelow) return 0;
  return Math.min(history.length / eventsPerMillisecond, maxPauseMilliseconds);
}

export class Dispatcher {
  private readonly ready: Instance[] = [];
  private running = 0;
  private stopped = false;

  constructor(private readonly options: DispatcherOptions) {}

  /** Hands a message to an instance. */
  deliver(instanceId: string, envelope: Envelope): void {
    const instance = this.options.cache.obtain(instanceId);
    // Older messages are still in the store: this one has to come after them.
    const comesLater = envelope.inboxSequence !== undefined && instance.unreadUpTo > 0 && !instance.isSuspended;
    if (comesLater) instance.leaveInStore(envelope);
    else instance.mailbox.push(envelope);
    this.schedule(instance);
  }

  /** Has an instance look for what is stored for it. */
  wake(instanceId: string): void {
    this.schedule(this.options.cache.obtain(instanceId));
  }

  /** Deletes an instance, whatever its state. Resolves with whether there was one. */
  purge(instanceId: string): Promise<boolean> {
    const instance = this.options.cache.obtain(instanceId);
    return new Promise((resolve, reject) => {
      instance.purges.push({ resolve, reject });
      this.schedule(instance);
    });
  }

  /** Begins no more turns; those under way fail at their next write. */
  stop(): void {
    this.stopped = true;
  }

  private schedule(instance: Instance): void {
    if (instance.isQueued || instance.isRunning) return;
    instance.isQueued = true;
    this.ready.push(instance);
    this.pump();
  }

  private pump(): void {
    while (!this.stopped && this.running < this.options.maxConcurrent) {
      const instance = this.ready.shift();
      if (!instance) return;
      instance.isQueued = false;
      instance.isRunning = true;
      this.running += 1;
      void this.run(instance);
    }
  }

  private async run(instance: Instance): Promise<void> {
    let pause = 0;
    try {
      await this.options.turn.take(instance);
      pause = pauseAfter(instance);
    } catch (error) {
      pause = retryMilliseconds;
      if (!this.stopped) this.options.log('error', `Orchestration '${instance.id}' waits a moment: ${String(error)}`);
    }
    this.running -= 1;
    if (this.stopped) return;
    // While it pauses it counts as running, so that no message gives it a turn.
    if (pause > 0) setTimeout(() => this.endTurn(instance), pause).unref();
    else this.endTurn(instance);
    this.pump();
  }

  private endTurn(instance: Instance): void {
    instance.isRunning = false;
    if (instance.isIdle) this.options.cache.release(instance);
    else this.schedule(instance);
  }
}
