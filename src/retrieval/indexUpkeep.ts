/** Puts the indexes of stores in order that were changed by little: the sweep finds them by due records. */
import type { DueRecord } from '../storage/ports';
import type { RetrievalPorts } from './retrievalPorts';

/** Kind of the due records of stores whose index is to be put in order. */
export const INDEX_UPKEEP_DUE = 'index_upkeep';

/** The indexes that were changed in one such time, in seconds, are put in order once, at its end. */
const PERIOD_SECONDS = 600;

/** What has the store's index put in order; `now` in Unix seconds. Every change within ten minutes gives the same record. */
export function indexUpkeepDue(storeId: string, now: number): DueRecord {
  return { at: (Math.floor(now / PERIOD_SECONDS) + 1) * PERIOD_SECONDS, kind: INDEX_UPKEEP_DUE, id: storeId, data: {} };
}

export type IndexUpkeep = (due: DueRecord) => Promise<void>;

/** Returns the handler of the due records; safe to repeat. */
export function createIndexUpkeep({ records, index }: Pick<RetrievalPorts, 'records' | 'index'>): IndexUpkeep {
  return async (due) => {
    // A change that comes meanwhile gives a record of a later time.
    await index.optimize(due.id);
    await records.writeDue({ remove: [due] });
  };
}
