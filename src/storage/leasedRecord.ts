/**
 * A record whose work one owner does at a time: it takes the lease, renews it, notices what others do to the record, and every write carries the record's etag,
 * so that an owner whose lease was taken over fails and leaves no trace.
 */
import { ConflictError, type Change, type DueChanges, type RecordKey, type Records, type StoredRecord } from './ports';

/** A crashed owner is replaced after this long. */
export const LEASE_MILLISECONDS = 10_000;
/** How often its owner renews a lease. */
export const RENEW_MILLISECONDS = 3_000;
/** How often the owner looks whether it is asked to stop, perhaps by another instance. */
const WATCH_MILLISECONDS = 750;
const MAX_TRIES = 20;
/** The longest delay of a timer. */
const MAX_DELAY = 2 ** 31 - 1;

/** Who does the work now. A write of the record that another has leased since fails by its etag. */
export interface Lease {
  owner: string;
  /** Milliseconds since 1970. */
  until: number;
}

export interface Leased {
  lease: Lease | null;
}

/** Another owner took the record over or is to do so, or it is gone: this one must stop without a trace. */
export class LeaseLostError extends Error {
  constructor(name: string) {
    super(`${name} is driven by another owner, or is gone.`);
    this.name = 'LeaseLostError';
  }
}

/** What is particular to the records of a kind. */
export interface LeasedKind<V> {
  /** Named in errors and in the log: `Run run_1`. */
  name: string;
  /** Whether there is work that an owner could do now. */
  canMove: (value: V) => boolean;
  /** Why the owner must stop, as the record says; undefined where it need not. */
  stopOf: (value: V) => Error | undefined;
  /** When the time of the work is over, in milliseconds since 1970, and what stops it then. */
  expiry: (value: V) => { at: number; error: () => Error } | undefined;
}

/** One write of the record. */
export interface LeasedWrite<V> {
  /** As it is from now on, but for its lease; null deletes it. */
  value: V | null;
  /** Lets the lease go. */
  releases?: boolean;
  /** Whether it ends the work, so that being asked to stop does not keep it from being written. */
  ends?: boolean;
  /** Other changes of the partition, all or none with it. */
  changes?: Change[];
  due?: DueChanges;
}

interface Ports {
  records: Records;
  /** Milliseconds since 1970. */
  now: () => number;
  logFault: (message: string, error: unknown) => void;
  /** Aborts when the process ends: owners stop, and no lease is taken any more. */
  ending?: AbortSignal;
}

export class LeasedRecord<V extends Leased> {
  private readonly stop = new AbortController();
  private timers: NodeJS.Timeout[] = [];
  private watching: Promise<void> | undefined;
  private isClosed = false;
  /** Writes go one after the other: each needs the etag of the one before. */
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly ports: Ports,
    private readonly key: RecordKey,
    private readonly kind: LeasedKind<V>,
    private readonly owner: string,
    private stored: StoredRecord<V>,
  ) {}

  /**
   * Takes the lease with the write that `begin` makes, or returns the record as it is: one that cannot be moved, or one that another has leased
   * (`busyUntil`, milliseconds). Undefined if it is gone. `owner` may have the lease already.
   */
  static async take<V extends Leased>(
    ports: Ports,
    key: RecordKey,
    kind: LeasedKind<V>,
    owner: string,
    begin: (value: V) => LeasedWrite<V> | Promise<LeasedWrite<V>>,
  ): Promise<{ taken: LeasedRecord<V> } | { value: V; busyUntil?: number } | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const stored = await ports.records.get<V>(key);
      if (!stored) return undefined;
      const { value } = stored;
      if (!kind.canMove(value)) return { value };
      const { lease } = value;
      if (ports.ending?.aborted) return { value, busyUntil: ports.now() + LEASE_MILLISECONDS };
      if (lease && lease.owner !== owner && lease.until > ports.now()) return { value, busyUntil: lease.until };
      const record = new LeasedRecord(ports, key, kind, owner, stored);
      try {
        await record.replace(await begin(value));
      } catch (error) {
        if (error instanceof ConflictError) continue;
        throw error;
      }
      record.keepWatch();
      return { taken: record };
    }
    throw new Error(`${kind.name} is changed too often to be leased.`);
  }

  get value(): V {
    return this.stored.value;
  }

  /** Aborts, with the reason, when the owner is asked to stop, the time is over, or the record is lost to another owner. */
  get signal(): AbortSignal {
    return this.stop.signal;
  }

  /** Stops the work for a reason of the owner's own. */
  abort(reason: Error): void {
    this.stop.abort(reason);
  }

  private keepWatch(): void {
    const asked = this.kind.stopOf(this.value);
    if (asked) this.stop.abort(asked);
    const { ending } = this.ports;
    ending?.addEventListener('abort', this.onEnding);
    // It may have been while the lease was taken.
    if (ending?.aborted) this.onEnding();
    const expiry = this.kind.expiry(this.value);
    if (expiry) {
      const left = Math.max(0, expiry.at - this.ports.now());
      this.every(Math.min(left, MAX_DELAY), () => {
        if (left <= MAX_DELAY) this.stop.abort(expiry.error());
      });
    }
    this.every(WATCH_MILLISECONDS, () => {
      // A slow store is not asked again before it has answered.
      this.watching ??= this.watch()
        .catch((error: unknown) => this.watchFailed(error))
        .finally(() => (this.watching = undefined));
    });
  }

  private readonly onEnding = (): void => this.stop.abort(this.lost());

  private every(milliseconds: number, work: () => void): void {
    const timer = setInterval(work, milliseconds);
    timer.unref();
    this.timers.push(timer);
  }

  /** One failed look does not matter while the lease lasts. */
  private watchFailed(error: unknown): void {
    if (this.signal.aborted || this.isClosed) return;
    const { lease } = this.value;
    const isLost = error instanceof LeaseLostError || !lease || lease.until <= this.ports.now();
    if (isLost) this.stop.abort(this.lost());
    else this.ports.logFault(`${this.kind.name}: its record cannot be looked at.`, error);
  }

  private lost(): LeaseLostError {
    return new LeaseLostError(this.kind.name);
  }

  /** Renews the lease in time, and notices what others did to the record. */
  private async watch(): Promise<void> {
    const { lease } = this.value;
    if (lease && lease.until - this.ports.now() < LEASE_MILLISECONDS - RENEW_MILLISECONDS) {
      await this.write((value) => ({ value }));
      return;
    }
    const found = await this.ports.records.get<V>(this.key);
    if (this.isClosed) return;
    if (!found) this.stop.abort(this.lost());
    else if (found.etag !== this.stored.etag) this.check(found.value);
  }

  /** Throws if the record, as found, is no longer to be moved by this owner. */
  private check(found: V): void {
    const error = this.kind.stopOf(found) ?? (found.lease?.owner === this.owner ? undefined : this.lost());
    if (!error) return;
    this.stop.abort(error);
    throw error;
  }

  /**
   * Writes what `update` makes of the record's newest state, all of it or nothing. Throws {@link LeaseLostError}, and why the owner must stop unless the write
   * ends the work.
   */
  async write(update: (value: V) => LeasedWrite<V> | Promise<LeasedWrite<V>>): Promise<V> {
    const turn = this.writing.then(async () => this.writeNow(update));
    this.writing = turn.catch(() => undefined);
    return turn;
  }

  private async writeNow(update: (value: V) => LeasedWrite<V> | Promise<LeasedWrite<V>>): Promise<V> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      // A renewal may come when the end is written already.
      if (this.isOver) return this.value;
      const next = await update(this.value);
      try {
        await this.replace(next);
        return this.value;
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        await this.reload(next.ends ?? false);
      }
    }
    throw new Error(`${this.kind.name} is changed too often to be written.`);
  }

  /** The record was deleted by this owner's last write. */
  private isOver = false;

  private async replace({ value, releases = false, changes = [], due = {} }: LeasedWrite<V>): Promise<void> {
    const { partition, list, id } = this.key;
    const ifMatch = this.stored.etag;
    const lease = releases ? null : { owner: this.owner, until: this.ports.now() + LEASE_MILLISECONDS };
    const own: Change =
      value === null
        ? { op: 'delete', list, id, ifMatch }
        : { op: 'replace', list, id, value: { ...value, lease }, ifMatch };
    const [etag = ''] = await this.ports.records.write(partition, [own, ...changes], due);
    if (value === null) this.isOver = true;
    else this.stored = { ...this.stored, value: { ...value, lease }, etag };
  }

  private async reload(ends: boolean): Promise<void> {
    const found = await this.ports.records.get<V>(this.key);
    if (!found) {
      this.stop.abort(this.lost());
      throw this.lost();
    }
    const isAsked = this.kind.stopOf(found.value) !== undefined && found.value.lease?.owner === this.owner;
    if (!(ends && isAsked)) this.check(found.value);
    this.stored = found;
  }

  /** Releases the lease as the process ends, for another owner to go on at once. What keeps it from that is told in the log, and the lease lapses by itself. */
  async letGo(due?: DueChanges): Promise<void> {
    await this.write((value) => ({ value, releases: true, ends: true, due })).catch((error: unknown) => {
      if (!(error instanceof LeaseLostError))
        this.ports.logFault(`${this.kind.name}: its lease was not released.`, error);
    });
  }

  /** Ends the watch. The lease lapses by itself unless the last write released it. */
  close(): void {
    this.isClosed = true;
    this.ports.ending?.removeEventListener('abort', this.onEnding);
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
  }
}
