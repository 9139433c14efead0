/**
 * Removes what tenants have not used for as long as they keep things.
 *
 * A pass goes through all partitions in the order of their keys, once a day, in steps of a second's work: so it finds objects however they came to be there, those
 * that were there before the setting too, and a step costs the same however much there is. Where it stands is a record; a due record has it go on.
 */
import type { RetentionDays } from '../retentionSettings';
import type { Scope } from '../scope';
import { behindTenant, GLOBAL_PARTITION, readPartition } from '../storage/keys';
import { ConflictError, type DueRecord, type Records, type StoredRecord } from '../storage/ports';

/** Kind of the due record that has the pass go on. */
export const RETENTION_DUE = 'retention';

const LIST = 'retention';
const ID = 'pass';
/** Partitions that a step asks for at once, and looks at at the same time. */
const PAGE = 50;
const PARALLEL = 8;
/** A step begins no other page after this. */
const STEP_MS = 1_000;
const DAY_MS = 86_400_000;
const DAY_SECONDS = 86_400;

/** An object of a partition, or the partition of a whole collection where it has no id. */
export interface Aging {
  scope: Scope;
  id: string | undefined;
  /** What was last used earlier is to be removed, in Unix milliseconds. */
  before: number;
  /** Where the collection's step before this one ended. */
  after: string | undefined;
}

/**
 * Removes what is older, a bounded number of objects. Safe to repeat. Returns from where the next step has to go on with this partition, or undefined where it is
 * done.
 */
export type RemoveUnused = (aging: Aging) => Promise<string | undefined>;

interface Pass {
  /** The setting that it goes by. */
  days: string;
  /** The last partition that is done; '' before the first. */
  after: string;
  /** In the partition behind it. */
  within?: string;
  /** Of the due record that was written with it. */
  due_at: number;
}

export type Retention = ReturnType<typeof createRetention>;

/** @param ports.kinds By the collections of partitions. `now`: Unix milliseconds. */
export function createRetention(ports: {
  records: Records;
  days: RetentionDays;
  kinds: ReadonlyMap<string, RemoveUnused>;
  now: () => number;
  logFault: (message: string, error: unknown) => void;
}) {
  const { records, days, kinds, now, logFault } = ports;
  const setting = JSON.stringify([...days].sort(([a], [b]) => (a < b ? -1 : 1)));
  const key = { partition: GLOBAL_PARTITION, list: LIST, id: ID };
  const dueAt = (at: number): DueRecord => ({ at, kind: RETENTION_DUE, id: ID, data: {} });
  const read = async (): Promise<StoredRecord<Pass> | undefined> => records.get<Pass>(key);

  async function write(found: StoredRecord<Pass> | undefined, value: Pass, due: DueRecord[]): Promise<void> {
    try {
      await records.write(
        GLOBAL_PARTITION,
        [
          found
            ? { op: 'replace', list: LIST, id: ID, value, ifMatch: found.etag }
            : { op: 'create', list: LIST, id: ID, order: ID, value },
        ],
        { add: [dueAt(value.due_at)], remove: due },
      );
    } catch (error) {
      // Another instance did the same.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  /** Sees to it that passes are made by the setting; for the start of an instance. */
  async function begin(): Promise<void> {
    const found = await read();
    if (days.size === 0 || found?.value.days === setting) return;
    await write(found, { days: setting, after: '', due_at: Math.floor(now() / 1000) }, []);
  }

  /** What the sweep does with the due record. */
  async function due(record: DueRecord): Promise<void> {
    const found = await read();
    if (found?.value.due_at !== record.at) return records.writeDue({ remove: [record] });
    if (days.size === 0) {
      await records.write(GLOBAL_PARTITION, [{ op: 'delete', list: LIST, id: ID }], { remove: [record] });
      return;
    }
    const next = await step(found.value);
    const seconds = Math.floor(now() / 1000);
    const pass = next
      ? { days: setting, ...next, due_at: seconds + 1 }
      : { days: setting, after: '', due_at: seconds + DAY_SECONDS };
    await write(found, pass, [record]);
  }

  /** Goes on with the pass; undefined when it is through. */
  async function step(pass: Pick<Pass, 'after' | 'within'>): Promise<Pick<Pass, 'after' | 'within'> | undefined> {
    const end = performance.now() + STEP_MS;
    let { after, within } = pass;
    do {
      const names = await records.partitions('', { after, limit: PAGE });
      for (let from = 0; from < names.length; from += PARALLEL) {
        const { done, skipTo, rest } = await look(names.slice(from, from + PARALLEL), within);
        within = rest;
        after = done ?? after;
        if (rest !== undefined) break;
        if (skipTo !== undefined) {
          after = skipTo;
          break;
        }
        if (names.length < PAGE && from + PARALLEL >= names.length) return undefined;
      }
      if (names.length === 0) return undefined;
    } while (performance.now() < end);
    return { after, within };
  }

  /** Looks at some partitions: the last that is done, and where to go on that is not just behind it. */
  async function look(
    names: string[],
    within: string | undefined,
  ): Promise<{ done?: string; skipTo?: string; rest?: string }> {
    const kept = names.findIndex((name) => {
      const place = readPartition(name);
      return place !== undefined && daysOf(place.scope.tenant) === undefined;
    });
    const some = kept < 0 ? names : names.slice(0, kept);
    const rests = await Promise.all(some.map(async (name, at) => lookAt(name, at === 0 ? within : undefined)));
    const unfinished = rests.findIndex((rest) => rest !== undefined);
    if (unfinished >= 0) return { done: some[unfinished - 1], rest: rests[unfinished] };
    const keeping = readPartition(names[kept] ?? '')?.scope.tenant;
    return { done: some.at(-1), ...(keeping !== undefined && { skipTo: behindTenant(keeping) }) };
  }

  const daysOf = (tenant: string): number | undefined => days.get(tenant) ?? days.get('*');

  /** One that fails is tried again by the next pass, and does not keep the others. */
  async function lookAt(name: string, after: string | undefined): Promise<string | undefined> {
    const place = readPartition(name);
    const kept = place && daysOf(place.scope.tenant);
    const remove = place && kinds.get(place.collection);
    if (!remove || kept === undefined) return undefined;
    try {
      return await remove({ scope: place.scope, id: place.id, before: now() - kept * DAY_MS, after });
    } catch (error) {
      logFault(`What is too old in ${name} could not be removed:`, error);
      return undefined;
    }
  }

  return { begin, due };
}
