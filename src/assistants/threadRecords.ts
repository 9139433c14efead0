/** How a thread and everything in it is stored: one partition a thread. */
import type { WrittenFile } from '../agentLoop/toolOutputs';
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import type { Leased } from '../storage/leasedRecord';
import type { DueRecord, RecordKey } from '../storage/ports';
import type { RunObject, RunStepObject, ThreadObject } from '../wire/threads';

export interface ThreadRecord {
  thread: ThreadObject;
  /** The run that locks the thread; set and cleared in the same write as the run's own change. */
  active_run_id: string | null;
  /**
   * Sort key of the last record that a run, or the thread's creation, added: what follows sorts behind it, also where another instance's clock is behind. A
   * message of a caller does not write the thread's record, so that between two of them the clocks decide.
   */
  last_order?: string;
  /** Files that messages brought by `file_ids`, for whichever tools a run has. */
  file_ids?: string[];
  /** How many of them, from the first, are in the thread's vector store: they join it with the first run that searches. */
  searchable?: number;
}

export interface RunRecord extends Leased {
  run: RunObject;
  additional_instructions: string | null;
  /** `at` of the due record that was written with the run. */
  due_at: number;
  /** Sort key of the last message or step of the run, or of what was there before it. */
  last_order?: string;
}

export interface StepRecord {
  step: RunStepObject;
  /** Queries of each file_search call, by call id: the wire object has no place for them. */
  queries: Record<string, string[]>;
  /** Files and images that each code_interpreter call wrote, by call id, with the paths that links name. */
  files?: Record<string, WrittenFile[]>;
}

/** Names a run; the input of its orchestration and activities. */
export interface RunReference {
  scope: Scope;
  threadId: string;
  runId: string;
}

export const threadPartition = (scope: Scope, threadId: string): string => partitionOf(scope, 'threads', threadId);

export const threadKey = (scope: Scope, threadId: string): RecordKey => ({
  partition: threadPartition(scope, threadId),
  list: 'thread',
  id: threadId,
});

/** The list of a scope's threads: entries that only lead to the thread's own partition. */
export const threadsPartition = (scope: Scope): string => partitionOf(scope, 'threads');
export const THREADS = 'threads';

export const runKey = ({ scope, threadId, runId }: RunReference): RecordKey => ({
  partition: threadPartition(scope, threadId),
  list: 'runs',
  id: runId,
});

export const MESSAGES = 'messages';
export const RUNS = 'runs';
/** The steps of a run. */
export const stepsList = (runId: string): string => `steps/${runId}`;
/** Ids of the messages that a run made. */
export const runMessagesList = (runId: string): string => `messages/${runId}`;

/** Kind of the due records of runs. */
export const RUN_DUE = 'run';

/** When the sweep must look at the run again, in Unix seconds. */
export const runDue = ({ scope, threadId, runId }: RunReference, at: number): DueRecord => ({
  at,
  kind: RUN_DUE,
  id: runId,
  data: { tenant: scope.tenant, project: scope.project, thread: threadId },
});

/** The run that a due record names. */
export function runOfDue(due: DueRecord): RunReference {
  const { tenant = '', project = '', thread = '' } = due.data;
  return { scope: { tenant, project }, threadId: thread, runId: due.id };
}

/** Kind of the due records of threads that are being made or deleted. */
export const THREAD_DUE = 'thread';

/** When the sweep must look whether the thread is there whole or not at all, in Unix seconds. */
export const threadDue = (scope: Scope, threadId: string, at: number): DueRecord => ({
  at,
  kind: THREAD_DUE,
  id: threadId,
  data: { tenant: scope.tenant, project: scope.project },
});

/** The thread that a due record names. */
export function threadOfDue(due: DueRecord): { scope: Scope; threadId: string } {
  const { tenant = '', project = '' } = due.data;
  return { scope: { tenant, project }, threadId: due.id };
}
