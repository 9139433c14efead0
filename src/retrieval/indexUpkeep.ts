/**
 * Puts the indexes of stores in order that were changed by little. The sweep finds them by due records and lets them wait for their turn, which an orchestration of its
 * own gives them: a large index takes minutes, and nothing else that is due is to wait so long.
 */
import { z } from 'zod';
import { GLOBAL_PARTITION, orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { ConflictError, type DueRecord } from '../storage/ports';
import type { IndexedStore } from './ports';
import type { RetrievalPorts } from './retrievalPorts';

/** Kind of the due records of stores whose index is to be put in order. */
export const INDEX_UPKEEP_DUE = 'index_upkeep';

/** The indexes that were changed in one such time, in seconds, are put in order once, at its end. */
const PERIOD_SECONDS = 600;
/** How much later an index that could not be put in order is tried again. */
const POSTPONED_SECONDS = 300;
/** List of the stores that wait for their turn. */
const WAITING = 'index_upkeep';

/** Records of earlier versions name no tenant; their indexes are found by the id alone. */
const tenantData = z.object({ tenant: z.string().default('') });

/** What has the store's index put in order; `now` in Unix seconds. Every change within ten minutes gives the same record. */
export function indexUpkeepDue({ tenant, id }: IndexedStore, now: number): DueRecord {
  return { at: (Math.floor(now / PERIOD_SECONDS) + 1) * PERIOD_SECONDS, kind: INDEX_UPKEEP_DUE, id, data: { tenant } };
}

export interface IndexUpkeep {
  /** What the sweep does with a due record: lets its store wait for its turn. Safe to repeat. */
  due(record: DueRecord): Promise<void>;
  /** Whether a store waits. */
  isWaiting(): Promise<boolean>;
  /** Puts the index in order whose store has waited longest, and returns whether another waits. One that fails is due again in five minutes; its error is thrown. */
  putNextInOrder(): Promise<boolean>;
}

export function createIndexUpkeep({
  records,
  index,
  now,
}: Pick<RetrievalPorts, 'records' | 'index' | 'now'>): IndexUpkeep {
  const waiting = async (limit: number) =>
    (await records.list(GLOBAL_PARTITION, WAITING, { order: 'asc', limit })).records;

  /** Takes the store off the list, unless it has come anew since. */
  async function done(id: string, etag: string, add: DueRecord[] = []): Promise<void> {
    try {
      await records.write(GLOBAL_PARTITION, [{ op: 'delete', list: WAITING, id, ifMatch: etag }], { add });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  return {
    async due(record) {
      const { id } = record;
      const value = { ...tenantData.parse(record.data), id };
      await withRetries(async () => {
        const known = await records.get({ partition: GLOBAL_PARTITION, list: WAITING, id });
        // Written anew, so that one whose turn it is at the moment gets another.
        const change = known
          ? ({ op: 'replace', list: WAITING, id, value, ifMatch: known.etag } as const)
          : ({ op: 'create', list: WAITING, id, order: orderKey(now()), value } as const);
        await records.write(GLOBAL_PARTITION, [change], { remove: [record] });
      });
    },

    isWaiting: async () => (await waiting(1)).length > 0,

    async putNextInOrder() {
      const [next] = await waiting(1);
      if (!next) return false;
      const { id, etag } = next;
      const data = tenantData.parse(next.value);
      try {
        await index.optimize({ ...data, id });
      } catch (error) {
        const at = Math.floor(now() / 1000) + POSTPONED_SECONDS;
        await done(id, etag, [{ at, kind: INDEX_UPKEEP_DUE, id, data }]);
        throw error;
      }
      await done(id, etag);
      return (await waiting(1)).length > 0;
    },
  };
}
