/** Puts the indexes of stores in order that were changed by little: the sweep finds them by due records. */
import { z } from 'zod';
import type { DueRecord } from '../storage/ports';
import type { IndexedStore } from './ports';
import type { RetrievalPorts } from './retrievalPorts';

/** Kind of the due records of stores whose index is to be put in order. */
export const INDEX_UPKEEP_DUE = 'index_upkeep';

/** The indexes that were changed in one such time, in seconds, are put in order once, at its end. */
const PERIOD_SECONDS = 600;

/** Records of earlier versions name no tenant; their indexes are found by the id alone. */
const dueData = z.object({ tenant: z.string().default('') });

/** What has the store's index put in order; `now` in Unix seconds. Every change within ten minutes gives the same record. */
export function indexUpkeepDue({ tenant, id }: IndexedStore, now: number): DueRecord {
  return { at: (Math.floor(now / PERIOD_SECONDS) + 1) * PERIOD_SECONDS, kind: INDEX_UPKEEP_DUE, id, data: { tenant } };
}

export type IndexUpkeep = (due: DueRecord) => Promise<void>;

/** Returns the handler of the due records; safe to repeat. */
export function createIndexUpkeep({ records, index }: Pick<RetrievalPorts, 'records' | 'index'>): IndexUpkeep {
  return async (due) => {
    // A change that comes meanwhile gives a record of a later time.
    await index.optimize({ ...dueData.parse(due.data), id: due.id });
    await records.writeDue({ remove: [due] });
  };
}
