/** Names of the table's partitions, and of the lists of one: rows are asked for behind the last name that was seen, and what lies between is not read. */
import { odata, type TableClient } from '@azure/data-tables';
import { AFTER_SEPARATOR, escaped, fits, listOf, unescaped, VALUES } from './keys';
import { takeRows, type Row } from './rows';

/** Rows of one answer; small partitions come many at once. */
const ROWS = 1000;
/** Behind all escaped text that begins so, of which no character but the last is `~`. */
const END = '~~';
/** Before all escaped text, and behind the partitions of due records. */
const START = '#';

/** Partitions of records whose key begins with `prefix`, behind `after`. */
export async function readPartitions(
  table: TableClient,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<string[]> {
  const begin = escaped(prefix);
  const below = odata`PartitionKey lt ${begin + END}`;
  const behind = (key: string) => `${odata`PartitionKey gt ${key}`} and ${below}`;
  const isBehind = after !== undefined && escaped(after) >= begin;
  const first = isBehind ? behind(escaped(after)) : `${odata`PartitionKey ge ${begin || START}`} and ${below}`;
  const keys = await readNames(table, limit, first, ({ partitionKey }) => partitionKey, behind);
  return keys.map(unescaped);
}

/** Lists of the partition, behind `after`. */
export async function readLists(
  table: TableClient,
  partition: string,
  after: string | undefined,
  limit: number,
): Promise<string[]> {
  const partitionKey = escaped(partition);
  if (!fits(partitionKey)) return [];
  const from = (rowKey: string) =>
    odata`PartitionKey eq ${partitionKey} and RowKey ge ${rowKey} and RowKey lt ${VALUES + END}`;
  const behind = (list: string) => from(VALUES + escaped(list) + AFTER_SEPARATOR);
  const first = after === undefined ? from(VALUES) : behind(after);
  return readNames(table, limit, first, ({ rowKey }) => listOf(rowKey), behind);
}

/** The names that rows have, in order: of those that `first` selects, and then of those behind the last name that was seen. */
async function readNames(
  table: TableClient,
  limit: number,
  first: string,
  nameOf: (row: Row) => string,
  behind: (name: string) => string,
): Promise<string[]> {
  const found: string[] = [];
  for (let filter = first; found.length < limit;) {
    const rows = await takeRows(table, filter, ROWS, ['PartitionKey', 'RowKey']);
    const names = [...new Set(rows.map(nameOf))];
    found.push(...names);
    const last = names.at(-1);
    if (last === undefined || rows.length < ROWS) break;
    filter = behind(last);
  }
  return found.slice(0, limit);
}
