/** Registers the orchestration of ingestion jobs and its activities, and starts it. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import {
  CANCEL_FILE_BATCH,
  FAIL_FILES,
  FILE_BATCH,
  fileBatch,
  INGEST_FILES,
  PLAN_FILE_BATCH,
  type FailInput,
  type FileBatchInput,
  type FilesAnswer,
  type FilesInput,
  type PlanAnswer,
} from '../orchestrations/fileBatch';
import { inLogScope, logFault } from '../log';
import type { IngestionJob } from '../retrieval/storeRecords';
import type { FileCounts } from '../wire/vectorStores';
import { raiseEvent, startOrchestration } from './orchestrationStart';

/** Progress lines of one process are at least this far apart, in milliseconds; the last of a job always shows. */
const LOG_INTERVAL_MILLISECONDS = 300;

/** Starts the job's orchestration; should that fail, the sweep finds the job by its due record. */
export async function startFileBatch(invocation: InvocationContext, job: IngestionJob): Promise<void> {
  const input: FileBatchInput = { job };
  await startOrchestration(invocation, FILE_BATCH, job.jobId, input);
}

/** Tells the job's orchestration that it is cancelled. Without the event it learns so from its next activity. */
export async function stopFileBatch(invocation: InvocationContext, jobId: string): Promise<void> {
  await raiseEvent(invocation, jobId, CANCEL_FILE_BATCH);
}

// The activities answer with their faults: the orchestrator decides what to do about them.

async function planFileBatch({ job }: FileBatchInput): Promise<PlanAnswer> {
  try {
    const { ingestion } = (await services()).retrieval;
    return await ingestion.plan(job);
  } catch (error) {
    logFault('The ingestion cannot be planned.', error);
    return { fault: true };
  }
}

async function ingestFiles({ job, fileIds }: FilesInput, context: InvocationContext): Promise<FilesAnswer> {
  try {
    const { ingestion } = (await services()).retrieval;
    const { faulty, faults, reason, counts } = await ingestion.ingest(job, fileIds);
    for (const fault of faults) logFault(`A file of ${job.storeId} met a fault.`, fault);
    logProgress(job, counts, context);
    return { faulty, reason, counts };
  } catch (error) {
    logFault(`Files of ${job.storeId} cannot be ingested.`, error);
    return { faulty: fileIds };
  }
}

async function failFiles({ job, fileIds, reason }: FailInput, context: InvocationContext): Promise<FilesAnswer> {
  try {
    const { ingestion } = (await services()).retrieval;
    const { counts, faults } = await ingestion.fail(job, fileIds, reason);
    for (const fault of faults) logFault(`A file of ${job.storeId} met a fault.`, fault);
    logProgress(job, counts, context);
    return { faulty: [], counts };
  } catch (error) {
    logFault(`Files of ${job.storeId} cannot be given up.`, error);
    return { faulty: fileIds };
  }
}

let lastLogged = 0;

/** `vs_… 12 of 50 files ingested (1 failed)` */
function logProgress({ storeId }: IngestionJob, counts: FileCounts | undefined, context: InvocationContext): void {
  if (!counts) return;
  if (counts.in_progress > 0 && Date.now() - lastLogged < LOG_INTERVAL_MILLISECONDS) return;
  lastLogged = Date.now();
  const { total, failed, completed } = counts;
  context.info(`${storeId} ${completed} of ${total} files ingested${failed > 0 ? ` (${failed} failed)` : ''}`);
}

/** The activity with lines of the log that name the job. */
const logged =
  <Input extends { job: IngestionJob }, Answer>(work: (input: Input, context: InvocationContext) => Promise<Answer>) =>
  async (input: Input, context: InvocationContext): Promise<Answer> =>
    inLogScope(context, { tenant: input.job.scope.tenant, job: input.job.jobId }, async () => work(input, context));

/** Registers the orchestration with its activities. */
export function registerIngestion(): void {
  df.app.orchestration(FILE_BATCH, fileBatch);
  df.app.activity(PLAN_FILE_BATCH, { handler: logged(planFileBatch) });
  df.app.activity(INGEST_FILES, { handler: logged(ingestFiles) });
  df.app.activity(FAIL_FILES, { handler: logged(failFiles) });
}
