/**
 * The orchestration of an ingestion job: plans, ingests group by group, and plans again until nothing is left. All work is in the activities, which
 * never throw: a failed task would leave its siblings running. The counts and the end of the job are written by the activities too.
 */
import type { OrchestrationContext, Task } from 'durable-functions';
import type { FaultReason } from '../retrieval/ingestion';
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
/** Rounds with faults and without progress, one after the other, after which the files concerned are given up. */
const MAX_FAULTY_ROUNDS = 5;

/** What is left of the patience with faults. */
interface Patience {
  /** Rounds with faults and without progress just before. */
  faultyRounds?: number;
  /** What was wrong with the model service in them. */
  reason?: FaultReason;
}

export interface FileBatchInput extends Patience {
  job: IngestionJob;
}

/** Answer of {@link PLAN_FILE_BATCH}; `fault` when storage failed. */
export type PlanAnswer = { groups: string[][]; counts?: FileCounts } | { fault: true };

export interface FilesInput {
  job: IngestionJob;
  fileIds: string[];
}

export interface FailInput extends FilesInput {
  /** What the files' `last_error` says; absent for faults of ours. */
  reason?: string;
}

/** Answer of {@link INGEST_FILES} and {@link FAIL_FILES}. */
export interface FilesAnswer {
  /** Files that a fault kept from their outcome. */
  faulty: string[];
  /** Where the fault was the model service's. */
  reason?: FaultReason;
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
  const { job, faultyRounds: before = 0, reason: firstReason } = df.getInput<FileBatchInput>();
  let faultyRounds = before;
  let reason = firstReason;
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
    const { faulty, hasProgressed } = yield* ingestGroups(context, job, plan.groups, cancelled);
    if (faulty.length === 0 || hasProgressed) {
      faultyRounds = 0;
      reason = undefined;
    }
    if (faulty.length === 0) continue;
    faultyRounds += 1;
    reason = mostTelling([reason, ...faulty.map((answer) => answer.reason)]);
    if (faultyRounds > MAX_FAULTY_ROUNDS) yield* giveUp(context, job, faulty, reason?.message);
    else yield pause(context, faultyRounds);
  }
  df.continueAsNew({ job, faultyRounds, reason } satisfies FileBatchInput);
}

interface Round {
  /** Answers about files that met faults. */
  faulty: FilesAnswer[];
  /** Whether any file got its outcome. */
  hasProgressed: boolean;
}

/** Ingests the groups, a few at a time, until all are done or the job is cancelled. */
function* ingestGroups(
  context: OrchestrationContext,
  job: IngestionJob,
  groups: string[][],
  cancelled: Task,
): Generator<Task, Round, unknown> {
  const { df } = context;
  const round: Round = { faulty: [], hasProgressed: false };
  for (let start = 0; start < groups.length && !cancelled.isCompleted; start += GROUPS_AT_ONCE) {
    const some = groups.slice(start, start + GROUPS_AT_ONCE);
    const atWork = df.Task.all(
      some.map((fileIds) => df.callActivity(INGEST_FILES, { job, fileIds } satisfies FilesInput)),
    );
    // Never two `any` over the same activities: the second would start those again that are still at work. To wait for `atWork` itself starts nothing.
    yield df.Task.any([atWork, cancelled]);
    const answers = (yield atWork) as FilesAnswer[];
    round.faulty.push(...answers.filter(({ faulty }) => faulty.length > 0));
    round.hasProgressed ||= answers.some(({ faulty }, place) => faulty.length < (some[place]?.length ?? 0));
    showProgress(context, fewestLeft(answers));
  }
  return round;
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

/** The first, but one that says what is wrong before one that only says to wait. */
function mostTelling(reasons: (FaultReason | undefined)[]): FaultReason | undefined {
  const given = reasons.filter((reason) => reason !== undefined);
  return given.find(({ isToWait }) => !isToWait) ?? given[0];
}

/** Lets files fail whose faults did not pass: those that the model service kept from their outcome with its reason, the others with ours. */
function* giveUp(
  { df }: OrchestrationContext,
  job: IngestionJob,
  answers: FilesAnswer[],
  reason: string | undefined,
): Generator<Task, void, unknown> {
  for (const isOfModel of [true, false]) {
    const fileIds = answers
      .filter((answer) => (answer.reason !== undefined) === isOfModel)
      .flatMap(({ faulty }) => faulty);
    if (fileIds.length === 0) continue;
    const input: FailInput = { job, fileIds, ...(isOfModel && { reason }) };
    const answer = (yield df.callActivity(FAIL_FILES, input)) as FilesAnswer;
    if (answer.faulty.length > 0) throw new Error('The outcome of files cannot be written.');
  }
}

/** A timer of 1, 2, 4, 8, 16 seconds. */
function pause({ df }: OrchestrationContext, faultyRounds: number): Task {
  return df.createTimer(new Date(df.currentUtcDateTime.getTime() + 1000 * 2 ** (faultyRounds - 1)));
}

function showProgress({ df }: OrchestrationContext, counts: FileCounts | undefined): void {
  if (!counts) return;
  df.setCustomStatus({ total: counts.total, done: counts.total - counts.in_progress } satisfies FileBatchProgress);
}
