/** Due records of ingestion jobs: what the sweep finds when an orchestration was never started or has died. */
import { z } from 'zod';
import type { DueRecord } from '../storage/ports';
import type { IngestionJob } from './storeRecords';

/** Kind of the due records of ingestion jobs. */
export const FILE_BATCH_DUE = 'file_batch';

const dueData = z.object({ tenant: z.string(), project: z.string(), store: z.string() });

/** The due record that has the job looked at; `at` in Unix seconds. */
export function dueOf({ scope, storeId, jobId }: IngestionJob, at: number): DueRecord {
  return { at, kind: FILE_BATCH_DUE, id: jobId, data: { ...scope, store: storeId } };
}

/** The job that a due record is about. */
export function jobOf({ id, data }: DueRecord): IngestionJob {
  const { tenant, project, store } = dueData.parse(data);
  return { scope: { tenant, project }, storeId: store, jobId: id };
}
