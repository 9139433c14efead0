/** Due records as rows of a few partitions of their own, in the order of their times. */
import { createHash } from 'node:crypto';
import { odata, type TableClient } from '@azure/data-tables';
import { encodeDueData } from '../../storage/encoding';
import type { DueChanges, DueRecord } from '../../storage/ports';
import { hasStatus } from '../../azureStatus';
import { AFTER_SEPARATOR, checkedKey, escaped } from './keys';
import { takeRows } from './rows';

/**
 * Partitions that due records are spread over. One takes 2,000 rows a second, and a sweep asks each of them. Another number leaves
 * records behind where nobody looks.
 */
const SHARDS = 4;
/** Requests that one call has under way. */
const PARALLEL = 16;

/** No record's partition key begins like this. */
const shardKey = (shard: number) => `!due!${shard}`;
/** Milliseconds, so wide that they sort as text. */
const timeKey = (seconds: number) => String(Math.max(0, Math.floor(seconds * 1000))).padStart(16, '0');

type DueName = Pick<DueRecord, 'at' | 'kind' | 'id'>;

/** The due records of a table. */
export class DueRows {
  constructor(private readonly table: TableClient) {}

  /** Throws RangeError for data over 1 KB. */
  async add(records: DueRecord[]): Promise<void> {
    const rows = records.map((record) => {
      const { at, kind, id } = record;
      return { ...keysOf(record), name: JSON.stringify({ at, kind, id }), data: encodeDueData(record) };
    });
    await inParallel(rows, async (row) => this.table.upsertEntity(row, 'Replace'));
  }

  /** What of `remove` is added at the same time stays. */
  async remove({ add = [], remove = [] }: DueChanges): Promise<void> {
    const kept = new Set(add.map((record) => keysOf(record).rowKey));
    const gone = remove.map(keysOf).filter(({ rowKey }) => !kept.has(rowKey));
    await inParallel(gone, async ({ partitionKey, rowKey }) => {
      await this.table.deleteEntity(partitionKey, rowKey).catch((error: unknown) => {
        if (!hasStatus(error, 404)) throw error;
      });
    });
  }

  /** Those not after `until`, earliest first; behind `after` where it is given. */
  async due(until: number, limit: number, after?: DueName): Promise<DueRecord[]> {
    const end = `${timeKey(until)}${AFTER_SEPARATOR}`;
    const begin = after ? keysOf(after).rowKey : '';
    const shards = await Promise.all(
      Array.from({ length: SHARDS }, async (_, shard) =>
        takeRows(
          this.table,
          odata`PartitionKey eq ${shardKey(shard)} and RowKey gt ${begin} and RowKey lt ${end}`,
          limit,
        ),
      ),
    );
    const rows = shards.flat().sort((a, b) => (a.rowKey < b.rowKey ? -1 : 1));
    return rows.slice(0, limit).map(({ name, data }) => {
      const read: DueName = JSON.parse(String(name));
      return { ...read, data: JSON.parse(String(data)) };
    });
  }
}

function keysOf({ at, kind, id }: DueName) {
  const name = `${escaped(kind)}!${escaped(id)}`;
  const shard = (createHash('sha256').update(name).digest()[0] ?? 0) % SHARDS;
  return { partitionKey: shardKey(shard), rowKey: checkedKey(`${timeKey(at)}!${name}`) };
}

async function inParallel<T>(items: T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += PARALLEL) {
    await Promise.all(items.slice(from, from + PARALLEL).map(work));
  }
}
