/**
 * The orchestration of an ingestion job: plans, ingests group by group, and plans again until nothing is left. All work is in the activities, which
 * never throw: a failed task would leave its siblings running. The counts and the end of the job are written by the activities too.
 */
import type { OrchestrationContext, Task } from 'durable-functions';
import type { IngestionJob } from '../retrieval/storeRecords';
import type { FileCounts } from '../wire/vectorStores';

export const FILE_BATCH = 'fileBatch';
export const PLAN_FILE_BATCH = 'planFileBatch';
export const INGEST_FILES = 'ingestFiles';
export const FAIL_FILES = 'failFiles';
/** Event that stops what has not begun; the job's record says that it is cancelled before the event comes. */
export const CANCEL_FILE_BATCH = 'cancelFileBatch';

/** Activities at work at once. */
const GROUPS_AT_ONCE = 4;
/** Plans after which the history begins anew. */
const ROUNDS = 20;
/** Rounds with faults, one after the other, after which the files concerned are given up. */
const MAX_FAULTY_ROUNDS = 5;

export interface FileBatchInput {
  job: IngestionJob;
  /** Rounds with faults just before. */
  faultyRounds?: number;
}

/** Answer of {@link PLAN_FILE_BATCH}; `fault` when storage failed. */
export type PlanAnswer = { groups: string[][]; counts?: FileCounts } | { fault: true };

export interface FilesInput {
  job: IngestionJob;
  fileIds: string[];
}

/** Answer of {@link INGEST_FILES} and {@link FAIL_FILES}. */
export interface FilesAnswer {
  /** Files that a fault kept from their outcome. */
  faulty: string[];
  /** Of the job, afterwards; absent where nothing was written. */
  counts?: FileCounts;
}

/** What the orchestration shows as its custom status. */
export interface FileBatchProgress {
  total: number;
  done: number;
}

/** Ends when the job has no pending files. Fails, for the sweep to start it again, when storage stays down. */
export function* fileBatch(context: OrchestrationContext): Generator<Task, void, unknown> {
  const { df } = context;
  const { job, faultyRounds: before = 0 } = df.getInput<FileBatchInput>();
  let faultyRounds = before;
  let cancelled = df.waitForExternalEvent(CANCEL_FILE_BATCH);
  for (let round = 0; round < ROUNDS; round += 1) {
    const plan = (yield df.callActivity(PLAN_FILE_BATCH, { job })) as PlanAnswer;
    if ('fault' in plan) {
      faultyRounds += 1;
      if (faultyRounds > MAX_FAULTY_ROUNDS) throw new Error('The records of the job cannot be read.');
      yield pause(context, faultyRounds);
      continue;
    }
    showProgress(context, plan.counts);
    if (plan.groups.length === 0) return;
    if (cancelled.isCompleted) cancelled = df.waitForExternalEvent(CANCEL_FILE_BATCH);
    const faulty = yield* ingestGroups(context, job, plan.groups, cancelled);
    faultyRounds = faulty.length > 0 ? faultyRounds + 1 : 0;
    if (faulty.length === 0) continue;
    if (faultyRounds > MAX_FAULTY_ROUNDS) yield* giveUp(context, job, faulty);
    else yield pause(context, faultyRounds);
  }
  df.continueAsNew({ job, faultyRounds } satisfies FileBatchInput);
}

/** Ingests the groups, a few at a time, until all are done or the job is cancelled. Returns the files that met faults. */
function* ingestGroups(
  context: OrchestrationContext,
  job: IngestionJob,
  groups: string[][],
  cancelled: Task,
): Generator<Task, string[], unknown> {
  const { df } = context;
  const faulty: string[] = [];
  for (let start = 0; start < groups.length && !cancelled.isCompleted; start += GROUPS_AT_ONCE) {
    const some = groups.slice(start, start + GROUPS_AT_ONCE);
    const atWork = df.Task.all(
      some.map((fileIds) => df.callActivity(INGEST_FILES, { job, fileIds } satisfies FilesInput)),
    );
    // Never two `any` over the same activities: the second would start those again that are still at work. To wait for `atWork` itself starts nothing.
    yield df.Task.any([atWork, cancelled]);
    const answers = (yield atWork) as FilesAnswer[];
    faulty.push(...answers.flatMap((answer) => answer.faulty));
    showProgress(context, fewestLeft(answers));
  }
  return faulty;
}

/** The counts of the group that was done last. */
function fewestLeft(answers: FilesAnswer[]): FileCounts | undefined {
  return answers
    .flatMap(({ counts }) => counts ?? [])
    .reduce<FileCounts | undefined>(
      (last, counts) => (last && last.in_progress < counts.in_progress ? last : counts),
      undefined,
    );
}

/** Lets files fail whose faults did not pass. */
function* giveUp({ df }: OrchestrationContext, job: IngestionJob, fileIds: string[]): Generator<Task, void, unknown> {
  const answer = (yield df.callActivity(FAIL_FILES, { job, fileIds } satisfies FilesInput)) as FilesAnswer;
  if (answer.faulty.length > 0) throw new Error('The outcome of files cannot be written.');
}

/** A timer of 1, 2, 4, 8, 16 seconds. */
function pause({ df }: OrchestrationContext, faultyRounds: number): Task {
  return df.createTimer(new Date(df.currentUtcDateTime.getTime() + 1000 * 2 ** (faultyRounds - 1)));
}

function showProgress({ df }: OrchestrationContext, counts: FileCounts | undefined): void {
  if (!counts) return;
  df.setCustomStatus({ total: counts.total, done: counts.total - counts.in_progress } satisfies FileBatchProgress);
}
