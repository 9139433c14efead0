/** A run while one owner drives it: fenced writes, and the signal that stops the work. */
import { randomUUID } from 'node:crypto';
import { laterKey } from '../storage/keys';
import { LeasedRecord, type LeasedKind } from '../storage/leasedRecord';
import type { Change, StoredRecord } from '../storage/ports';
import type { RunObject } from '../wire/threads';
import type { AssistantsPorts } from './ports';
import { isTerminal } from './runStatus';
import {
  runDue,
  runKey,
  threadKey,
  threadPartition,
  type RunRecord,
  type RunReference,
  type ThreadRecord,
} from './threadRecords';

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

const kindOf = ({ now }: AssistantsPorts, { runId }: RunReference): LeasedKind<RunRecord> => ({
  name: `Run ${runId}`,
  canMove: ({ run }) => {
    const expired = run.expires_at !== null && now() >= run.expires_at * 1000;
    return !isTerminal(run.status) && (run.status !== 'requires_action' || expired);
  },
  stopOf: ({ run }) => (run.status === 'cancelling' ? new RunCancelledError() : undefined),
  expiry: ({ run }) =>
    run.expires_at === null ? undefined : { at: run.expires_at * 1000, error: () => new RunExpiredError() },
});

export class DrivenRun {
  private constructor(
    private readonly ports: AssistantsPorts,
    readonly reference: RunReference,
    private readonly record: LeasedRecord<RunRecord>,
  ) {}

  /**
   * Takes the lease of a run that can be moved, or returns the run as it is: terminal, waiting for tool outputs, or leased by
   * another (`busyUntil`, milliseconds). `owner` is who may have the lease already.
   */
  static async open(
    ports: AssistantsPorts,
    reference: RunReference,
    owner: string = randomUUID(),
  ): Promise<{ driven: DrivenRun } | { run: RunObject; busyUntil?: number } | undefined> {
    const kind = kindOf(ports, reference);
    const found = await LeasedRecord.take(ports, runKey(reference), kind, owner, (value) => ({
      value: { ...value, run: started(value.run, Math.floor(ports.now() / 1000)) },
    }));
    if (!found) return undefined;
    if (!('taken' in found)) {
      const { value, ...rest } = found;
      return { run: value.run, ...rest };
    }
    return { driven: new DrivenRun(ports, reference, found.taken) };
  }

  get run(): RunObject {
    return this.record.value.run;
  }
  get additionalInstructions(): string | null {
    return this.record.value.additional_instructions;
  }
  get partition(): string {
    return threadPartition(this.reference.scope, this.reference.threadId);
  }
  /** Aborts, with the reason, when the run is cancelled, expires, or is lost to another owner. */
  get signal(): AbortSignal {
    return this.record.signal;
  }

  /**
   * Writes the run as `update` makes it of its newest state, with other changes of the thread's partition, all or none. A terminal run frees its
   * thread in the same write. Throws LeaseLostError, and {@link RunCancelledError} unless the update itself ends the run.
   */
  async write(update: (run: RunObject) => RunObject, changes: Change[] = []): Promise<RunObject> {
    const written = await this.record.write(async (value) => {
      const run = update(value.run);
      const ends = isTerminal(run.status);
      const freed = ends ? await this.lockedThread() : undefined;
      let last_order = value.last_order ?? '';
      // Another instance, with a clock of its own, may have written what stands before.
      const ordered = changes.map((change) => {
        if (change.op !== 'create') return change;
        last_order = laterKey(change.order, last_order);
        return { ...change, order: last_order };
      });
      return {
        value: { ...value, run, last_order },
        releases: ends || run.status === 'requires_action',
        ends,
        changes: [...ordered, ...(freed ? [freedThread(freed, last_order)] : [])],
        due: ends ? { remove: [runDue(this.reference, value.due_at)] } : {},
      };
    });
    return written.run;
  }

  /** The thread that this run locks; none if the thread is gone or another run's. */
  private async lockedThread(): Promise<StoredRecord<ThreadRecord> | undefined> {
    const { scope, threadId, runId } = this.reference;
    const thread = await this.ports.records.get<ThreadRecord>(threadKey(scope, threadId));
    return thread?.value.active_run_id === runId ? thread : undefined;
  }

  /** Lets the run go as the process ends, and has the sweep look at it. */
  async letGo(): Promise<void> {
    await this.record.letGo({ add: [runDue(this.reference, Math.floor(this.ports.now() / 1000))] });
  }

  /** Ends the watch. The lease lapses by itself unless the last write released it. */
  close(): void {
    this.record.close();
  }
}

/** The run as its first owner takes it, `at` in Unix seconds. */
const started = (run: RunObject, at: number): RunObject =>
  run.status === 'queued' ? { ...run, status: 'in_progress', started_at: run.started_at ?? at } : run;

/** The change that unlocks the thread. */
function freedThread({ value, etag }: StoredRecord<ThreadRecord>, last_order: string): Change {
  const free: ThreadRecord = { ...value, active_run_id: null, last_order };
  return { op: 'replace', list: 'thread', id: value.thread.id, value: free, ifMatch: etag };
}
