/** Rows of Table Storage: reading them, and a record's value in their properties. */
import type { TableClient, TableEntityResult } from '@azure/data-tables';
import { restError } from './batches';

export type Row = TableEntityResult<Record<string, unknown>> & { partitionKey: string; rowKey: string };

/** Bytes of one property. */
const PROPERTY_BYTES = 64 * 1024;
/** Bytes of a value that are kept in its row, in 15 properties: a row takes 1 MiB with its keys. A larger value is a blob. */
export const MAX_ROW_BYTES = 15 * PROPERTY_BYTES;
/** Rows that the service gives in one answer. */
const MAX_PAGE = 1000;

/** A value as binary properties: as text it would count twice, and its quotes once more on the way. */
export function valueProperties(value: Buffer): Record<string, Uint8Array> {
  const parts = Array.from({ length: Math.ceil(value.length / PROPERTY_BYTES) }, (_, n) => [
    `value${n}`,
    value.subarray(n * PROPERTY_BYTES, (n + 1) * PROPERTY_BYTES),
  ]);
  return Object.fromEntries(parts);
}

/** The value of {@link valueProperties}. */
export function readValue(row: Row): string {
  const parts: Uint8Array[] = [];
  for (let part = row.value0; part instanceof Uint8Array; part = row[`value${parts.length}`]) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** The row, or undefined. */
export async function readRow(
  table: TableClient,
  partitionKey: string,
  rowKey: string,
  select?: string[],
): Promise<Row | undefined> {
  try {
    const row = await table.getEntity(partitionKey, rowKey, select && { queryOptions: { select } });
    return { ...row, partitionKey, rowKey };
  } catch (error) {
    const { statusCode, code } = restError(error) ?? {};
    if (statusCode === 404 && code !== 'TableNotFound') return undefined;
    throw error;
  }
}

/** The first rows of a query, at most `limit`, in the order of their keys. The service may need several answers for them. */
export async function takeRows(table: TableClient, filter: string, limit: number, select?: string[]): Promise<Row[]> {
  const rows: Row[] = [];
  const pages = table
    .listEntities({ queryOptions: { filter, select } })
    .byPage({ maxPageSize: Math.min(limit, MAX_PAGE) });
  for await (const page of pages) {
    for (const row of page) rows.push({ ...row, partitionKey: String(row.partitionKey), rowKey: String(row.rowKey) });
    if (rows.length >= limit) return rows.slice(0, limit);
  }
  return rows;
}
