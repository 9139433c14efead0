/** Names of the table's partitions, and of the lists of one: rows are asked for behind the last name that was seen, and what lies between is not read. */
import { odata, type TableClient } from '@azure/data-tables';
import { AFTER_SEPARATOR, escaped, fits, listOf, unescaped, VALUES } from './keys';
import { takeRows } from './rows';

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
  const end = escaped(prefix) + END;
  const found: string[] = [];
  let from = escaped(prefix);
  let isFirst = true;
  if (after !== undefined && escaped(after) >= from) [from, isFirst] = [escaped(after), false];
  while (found.length < limit) {
    const begin = isFirst ? odata`PartitionKey ge ${from || START}` : odata`PartitionKey gt ${from}`;
    const filter = `${begin} and ${odata`PartitionKey lt ${end}`}`;
    const rows = await takeRows(table, filter, ROWS, ['PartitionKey', 'RowKey']);
    const keys = [...new Set(rows.map(({ partitionKey }) => partitionKey))];
    found.push(...keys.map(unescaped));
    const last = keys.at(-1);
    if (last === undefined || rows.length < ROWS) break;
    [from, isFirst] = [last, false];
  }
  return found.slice(0, limit);
}

/** Lists of the partition, behind `after`. */
export async function readLists(
  table: TableClient,
  partition: string,
  after: string | undefined,
  limit: number,
): Promise<string[]> {
  const partitionKey = escaped(partition);
  const found: string[] = [];
  if (!fits(partitionKey)) return found;
  const behind = (list: string) => VALUES + escaped(list) + AFTER_SEPARATOR;
  let from = after === undefined ? VALUES : behind(after);
  while (found.length < limit) {
    const filter = odata`PartitionKey eq ${partitionKey} and RowKey ge ${from} and RowKey lt ${VALUES + END}`;
    const rows = await takeRows(table, filter, ROWS, ['PartitionKey', 'RowKey']);
    const lists = [...new Set(rows.map(({ rowKey }) => listOf(rowKey)))];
    found.push(...lists);
    const last = lists.at(-1);
    if (last === undefined || rows.length < ROWS) break;
    from = behind(last);
  }
  return found.slice(0, limit);
}
