/** An orchestration instance in memory: its record, its history and the messages that wait for its next episode. */
import type { HistoryEvent, ParentInstance } from './historyEvent';
import { Status, type Row, type Statement, type StatusName } from './historyStatements';

/** What is known of an instance beside its history. Times are Unix milliseconds; input, output and custom status JSON text. */
export interface InstanceRecord {
  id: string;
  executionId: string;
  name: string;
  version: string | null;
  status: StatusName;
  input: string | null;
  output: string | null;
  customStatus: string | null;
  created: number;
  updated: number;
  parent: ParentInstance | null;
  /** Events with which a generation that continued as new begins; null once it has run. */
  carried: HistoryEvent[] | null;
}

/** A message for an instance. */
export interface Envelope {
  event: HistoryEvent;
  /** The message is for this generation only. */
  executionId?: string;
  /** Its place in the inbox table, if it is there. */
  inboxSequence?: number;
  /** Removes what is stored for the message; part of the write that takes it up. */
  remove?: Statement;
  /** Called once the message is out of memory. */
  settled(): void;
}

const finishedStatuses: ReadonlySet<StatusName> = new Set(['Completed', 'Failed', 'Canceled', 'Terminated']);

/** Whether an instance of this status has ended. */
export function isFinished(status: StatusName): boolean {
  return finishedStatuses.has(status);
}

const statusNames = new Map<number, StatusName>(
  Object.entries(Status).map(([name, value]) => [value, name as StatusName] as const),
);

/** Name of a stored status. */
export function statusName(value: unknown): StatusName {
  return statusNames.get(Number(value)) ?? 'Running';
}

/** Reads a row of the table of instances. */
export function readRecord(row: Row): InstanceRecord {
  const text = (column: string) => (row[column] === null ? null : String(row[column]));
  const parent = text('parent');
  const carried = text('carried');
  return {
    id: String(row.id),
    executionId: String(row.execution_id),
    name: String(row.name),
    version: text('version'),
    status: statusName(row.status),
    input: text('input'),
    output: text('output'),
    customStatus: text('custom_status'),
    created: Number(row.created),
    updated: Number(row.updated),
    parent: parent === null ? null : (JSON.parse(parent) as ParentInstance),
    carried: carried === null ? null : (JSON.parse(carried) as HistoryEvent[]),
  };
}

/** The record of an instance that begins at `at` (Unix milliseconds). */
export function newRecord(
  fields: Pick<InstanceRecord, 'id' | 'executionId' | 'name' | 'version' | 'input' | 'parent'> & { at: number },
): InstanceRecord {
  const { at, ...given } = fields;
  return { ...given, status: 'Pending', output: null, customStatus: null, created: at, updated: at, carried: null };
}

export class Instance {
  /** Undefined: there is no such instance. Meaningless before it is loaded. */
  record: InstanceRecord | undefined;
  isLoaded = false;
  history: HistoryEvent[] = [];
  /** Number of rows that the history has in the store. */
  episodes = 0;
  /** Characters of history as stored: what the cache counts. */
  size = 0;
  /** Ids of the tasks that may still complete. */
  open = new Set<number>();
  mailbox: Envelope[] = [];
  /** Those who wait for the instance to be deleted. */
  purges: { resolve(deleted: boolean): void; reject(error: unknown): void }[] = [];
  isQueued = false;
  isRunning = false;
  /** Inbox rows up to this sequence are in the store only; 0 when there are none. */
  unreadUpTo = 0;
  /** Inbox rows up to this sequence were read back. */
  readUpTo = 0;
  /** What was already said in the log about this instance. */
  readonly warned = new Set<string>();

  constructor(readonly id: string) {}

  get isSuspended(): boolean {
    return this.record?.status === 'Suspended';
  }

  /** Has no work to do and nothing in memory that the store does not have. */
  get isIdle(): boolean {
    const waits = this.mailbox.length > 0 || this.purges.length > 0 || (this.unreadUpTo > 0 && !this.isSuspended);
    return !this.isQueued && !this.isRunning && !waits;
  }

  /** Leaves an inbox message to the store; it is read back when the instance can take it. */
  leaveInStore(envelope: Envelope): void {
    this.unreadUpTo = Math.max(this.unreadUpTo, envelope.inboxSequence ?? 0);
    envelope.settled();
  }
}
