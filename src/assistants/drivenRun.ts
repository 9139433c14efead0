/** A run while one owner drives it: lease, fenced writes, and the signal that stops the work. */
import { randomUUID } from 'node:crypto';
import { laterKey } from '../storage/keys';
import { ConflictError, type Change, type DueChanges, type StoredRecord } from '../storage/ports';
import type { RunObject } from '../wire/threads';
import type { AssistantsPorts } from './ports';
import { isTerminal } from './runStatus';
import {
  runDue,
  runKey,
  RUNS,
  threadKey,
  threadPartition,
  type RunRecord,
  type RunReference,
  type ThreadRecord,
} from './threadRecords';

/** A crashed owner is replaced after this long. */
export const LEASE_MILLISECONDS = 10_000;
const RENEW_MILLISECONDS = 3_000;
/** How often the owner looks whether the run was cancelled, perhaps by another instance. */
const WATCH_MILLISECONDS = 750;
const MAX_TRIES = 20;

/** Another owner took the run over or is to do so, or it is gone: this one must stop without a trace. */
export class LeaseLostError extends Error {
  constructor() {
    super('The run is driven by another owner, or is gone.');
    this.name = 'LeaseLostError';
  }
}

/** The run was asked to stop. */
export class RunCancelledError extends Error {
  constructor() {
    super('The run was cancelled.');
    this.name = 'RunCancelledError';
  }
}

/** The run's time is over. */
export class RunExpiredError extends Error {
  constructor() {
    super('The run has expired.');
    this.name = 'RunExpiredError';
  }
}

export class DrivenRun {
  private readonly stop = new AbortController();
  private timers: NodeJS.Timeout[] = [];
  private watching: Promise<void> | undefined;
  /** Writes go one after the other: each needs the etag of the one before. */
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly ports: AssistantsPorts,
    readonly reference: RunReference,
    private stored: StoredRecord<RunRecord>,
    private readonly owner: string,
  ) {}

  /**
   * Takes the lease of a run that can be moved, or returns the run as it is: terminal, waiting for tool outputs, or leased by
   * another (`busyUntil`, milliseconds). `owner` is who may have the lease already.
   */
  static async open(
    ports: AssistantsPorts,
    reference: RunReference,
    owner: string = randomUUID(),
  ): Promise<{ driven: DrivenRun } | { run: RunObject; busyUntil?: number; isHandedOver?: true } | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const stored = await ports.records.get<RunRecord>(runKey(reference));
      if (!stored) return undefined;
      const { run, lease } = stored.value;
      const expired = run.expires_at !== null && ports.now() >= run.expires_at * 1000;
      if (isTerminal(run.status) || (run.status === 'requires_action' && !expired)) return { run };
      if (ports.ending?.aborted) return { run, busyUntil: ports.now() + LEASE_MILLISECONDS, isHandedOver: true };
      if (lease && lease.owner !== owner && lease.until > ports.now()) return { run, busyUntil: lease.until };
      const driven = new DrivenRun(ports, reference, stored, owner);
      if (await driven.acquire()) return { driven };
    }
    throw new Error(`Run ${reference.runId} is changed too often to be leased.`);
  }

  get run(): RunObject {
    return this.stored.value.run;
  }
  get additionalInstructions(): string | null {
    return this.stored.value.additional_instructions;
  }
  get partition(): string {
    return threadPartition(this.reference.scope, this.reference.threadId);
  }
  /** Aborts, with the reason, when the run is cancelled, expires, or is lost to another owner. */
  get signal(): AbortSignal {
    return this.stop.signal;
  }

  private async acquire(): Promise<boolean> {
    const { run } = this.stored.value;
    const started: RunObject =
      run.status === 'queued'
        ? { ...run, status: 'in_progress', started_at: run.started_at ?? Math.floor(this.ports.now() / 1000) }
        : run;
    try {
      await this.replace(started, [], {});
    } catch (error) {
      if (error instanceof ConflictError) return false;
      throw error;
    }
    if (started.status === 'cancelling') this.stop.abort(new RunCancelledError());
    this.ports.ending?.addEventListener('abort', this.onEnding);
    // It may have been while the lease was taken.
    if (this.ports.ending?.aborted) this.onEnding();
    const { expires_at: expiresAt } = started;
    if (expiresAt !== null)
      this.every(Math.max(0, expiresAt * 1000 - this.ports.now()), () => this.stop.abort(new RunExpiredError()));
    this.every(WATCH_MILLISECONDS, () => {
      // A slow store is not asked again before it has answered.
      this.watching ??= this.watch()
        .catch((error: unknown) => this.watchFailed(error))
        .finally(() => (this.watching = undefined));
    });
    return true;
  }

  private readonly onEnding = (): void => this.stop.abort(new LeaseLostError());

  private every(milliseconds: number, work: () => void): void {
    const timer = setInterval(work, milliseconds);
    timer.unref();
    this.timers.push(timer);
  }

  /** One failed look does not matter while the lease lasts. */
  private watchFailed(error: unknown): void {
    if (this.signal.aborted) return;
    const { lease } = this.stored.value;
    const isLost = error instanceof LeaseLostError || !lease || lease.until <= this.ports.now();
    if (isLost) this.stop.abort(new LeaseLostError());
    else this.ports.logFault(`Run ${this.reference.runId}: its record cannot be looked at.`, error);
  }

  /** Renews the lease in time, and notices what others did to the run. */
  private async watch(): Promise<void> {
    const lease = this.stored.value.lease;
    if (lease && lease.until - this.ports.now() < LEASE_MILLISECONDS - RENEW_MILLISECONDS) {
      await this.write((run) => run);
      return;
    }
    const found = await this.ports.records.get<RunRecord>(runKey(this.reference));
    // Its thread was deleted.
    if (!found) this.stop.abort(new LeaseLostError());
    if (found && found.etag !== this.stored.etag) this.check(found.value);
  }

  /** Throws if the run, as found, is no longer to be moved by this owner. */
  private check(found: RunRecord): void {
    const error =
      found.run.status === 'cancelling'
        ? new RunCancelledError()
        : found.lease?.owner === this.owner
          ? undefined
          : new LeaseLostError();
    if (!error) return;
    this.stop.abort(error);
    throw error;
  }

  /**
   * Writes the run as `update` makes it of its newest state, with other changes of the thread's partition, all or none. A terminal run frees its
   * thread in the same write. Throws {@link LeaseLostError}, and {@link RunCancelledError} unless the update itself ends the run.
   */
  async write(update: (run: RunObject) => RunObject, changes: Change[] = []): Promise<RunObject> {
    const turn = this.writing.then(async () => this.writeNow(update, changes));
    this.writing = turn.catch(() => undefined);
    return turn;
  }

  private async writeNow(update: (run: RunObject) => RunObject, changes: Change[]): Promise<RunObject> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const next = update(this.run);
      const freed = isTerminal(next.status) ? await this.lockedThread() : undefined;
      const due = isTerminal(next.status) ? { remove: [runDue(this.reference, this.stored.value.due_at)] } : {};
      try {
        await this.replace(next, changes, due, freed);
        return next;
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        await this.reload(isTerminal(next.status));
      }
    }
    throw new Error(`Run ${this.reference.runId} is changed too often to be written.`);
  }

  /** `freed` is the thread that the run's end unlocks. */
  private async replace(
    run: RunObject,
    changes: Change[],
    due: DueChanges,
    freed?: StoredRecord<ThreadRecord>,
  ): Promise<void> {
    const released = isTerminal(run.status) || run.status === 'requires_action';
    const lease = released ? null : { owner: this.owner, until: this.ports.now() + LEASE_MILLISECONDS };
    let last_order = this.stored.value.last_order ?? '';
    // Another instance, with a clock of its own, may have written what stands before.
    const ordered = changes.map((change) => {
      if (change.op !== 'create') return change;
      last_order = laterKey(change.order, last_order);
      return { ...change, order: last_order };
    });
    const value: RunRecord = { ...this.stored.value, run, lease, last_order };
    const last: Change[] = freed ? [freedThread(freed, last_order)] : [];
    const [etag = ''] = await this.ports.records.write(
      this.partition,
      [{ op: 'replace', list: RUNS, id: run.id, value, ifMatch: this.stored.etag }, ...ordered, ...last],
      due,
    );
    this.stored = { ...this.stored, value, etag };
  }

  private async reload(ending: boolean): Promise<void> {
    const found = await this.ports.records.get<RunRecord>(runKey(this.reference));
    if (!found) throw new LeaseLostError();
    if (!(ending && found.value.run.status === 'cancelling' && found.value.lease?.owner === this.owner))
      this.check(found.value);
    this.stored = found;
  }

  /** The thread that this run locks; none if the thread is gone or another run's. */
  private async lockedThread(): Promise<StoredRecord<ThreadRecord> | undefined> {
    const { scope, threadId, runId } = this.reference;
    const thread = await this.ports.records.get<ThreadRecord>(threadKey(scope, threadId));
    return thread?.value.active_run_id === runId ? thread : undefined;
  }

  /** Releases the lease and has the sweep look at the run, for another owner to go on at once. Does nothing where another has it already. */
  async letGo(): Promise<void> {
    await this.writing;
    const { value, etag } = this.stored;
    const due = { add: [runDue(this.reference, Math.floor(this.ports.now() / 1000))] };
    const change = { op: 'replace', list: RUNS, id: value.run.id, value: { ...value, lease: null }, ifMatch: etag } as const;
    await this.ports.records.write(this.partition, [change], due).catch((error: unknown) => {
      // It lapses by itself.
      if (!(error instanceof ConflictError)) this.ports.logFault(`Run ${value.run.id}: its lease was not released.`, error);
    });
  }

  /** Ends the watch. The lease lapses by itself unless the last write released it. */
  close(): void {
    this.ports.ending?.removeEventListener('abort', this.onEnding);
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
  }
}

/** The change that unlocks the thread. */
function freedThread({ value, etag }: StoredRecord<ThreadRecord>, last_order: string): Change {
  const free: ThreadRecord = { ...value, active_run_id: null, last_order };
  return { op: 'replace', list: 'thread', id: value.thread.id, value: free, ifMatch: etag };
}
