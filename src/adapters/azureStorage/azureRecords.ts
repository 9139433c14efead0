/**
 * Records in Table Storage. A partition of the port is a partition of the table. A record has three rows there:
 *
 * - `v!list!order!id`, the record. A list is a range of these rows, which one query reads in order and as of one moment.
 * - `i!list!id`, where that row is. It makes ids unique, and never changes.
 * - `m!list!` and the order turned round: a marker. The table sorts ascending only, so to read the end of a list the first markers say where
 *   the last page begins, and that range is read. Nothing but speed hangs on them: a batch takes 100 rows, so where a write creates or deletes more
 *   than 33 records some get no marker, or leave it behind.
 *
 * So a change of a record writes one row, and its value lies in one place, where a row for each order would take two or three. What a
 * get needs besides its point read, the place of the record, is remembered from the last 10,000 records.
 *
 * A value of more than 960 KB is a blob, which is written before the row that names it and deleted after it.
 */
import { odata, type TableClient } from '@azure/data-tables';
import {
  UnknownCursorError,
  type ListRequest,
  type NamesRequest,
  type Place,
  type RecordKey,
  type RecordPage,
  type Records,
  type StoredRecord,
} from '../../storage/ports';
import { encodeChanges } from '../../storage/encoding';
import type { StorageAccount } from '../../storageAccount';
import { batchSender, BatchRefusedError, MAX_OPERATIONS, type Operation } from './batches';
import { onFirstUse, storageClients } from './clients';
import { DueRows } from './dueRows';
import { escaped, fits, listKeys, positionOf, readPosition, type ListKeys } from './keys';
import { LargeValues } from './largeValues';
import { readLists, readPartitions } from './names';
import { RecordRows, etagOf } from './recordRows';
import { readValue, takeRows, type Row } from './rows';
import { RecordWriter } from './recordWriter';

/** Times that a read begins again since a value it came to was replaced meanwhile. */
const MAX_READS = 5;

/** How far the clock of another instance may be ahead. */
const CLOCK_SKEW_SECONDS = 3;

export interface AzureRecordsOptions {
  account: StorageAccount;
  /** Stands before the names of the table and the container, `records`. */
  prefix: string;
  /** Told what went wrong after a write was done: a due record that stays is looked at in vain. */
  logFault: (message: string, error: unknown) => void;
  /** Until one sending of a request counts as lost; 35,000. */
  timeoutMs?: number;
}

/** Records in the account's table, which is made on first use. Nothing is sent before. */
export async function azureRecords({ account, prefix, logFault, timeoutMs }: AzureRecordsOptions): Promise<Records> {
  const clients = await storageClients(account, timeoutMs);
  const table = clients.table(`${prefix}records`);
  const values = new LargeValues(clients.blobs.getContainerClient(`${prefix}records`));
  return new AzureRecords(table, values, logFault);
}

class AzureRecords implements Records {
  readonly #ready: () => Promise<void>;
  readonly #due: DueRows;
  readonly #rows: RecordRows;
  readonly #writer: RecordWriter;
  readonly #send: (operations: Operation[]) => Promise<string[]>;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(
    private readonly table: TableClient,
    private readonly values: LargeValues,
    private readonly logFault: AzureRecordsOptions['logFault'],
  ) {
    this.#ready = onFirstUse(async () => table.createTable());
    this.#due = new DueRows(table);
    this.#rows = new RecordRows(table);
    this.#send = batchSender(table);
    this.#writer = new RecordWriter(this.#rows, values, this.#send);
  }

  async get<T>(key: RecordKey): Promise<StoredRecord<T> | undefined> {
    await this.#ready();
    return whileValuesGo(async () => {
      const row = await this.#rows.find(escaped(key.partition), key.list, key.id);
      return row && this.#record<T>(row, listKeys(key.list));
    });
  }

  async list<T>(partition: string, list: string, page: ListRequest): Promise<RecordPage<T>> {
    await this.#ready();
    const { order, limit, after, before } = page;
    const partitionKey = escaped(partition);
    const keys = listKeys(list);
    const [from, to] = await Promise.all([after, before].map(async (one) => this.#cursor(partitionKey, list, one)));
    const range = order === 'asc' ? { above: from, below: to } : { above: to, below: from };
    // With `before` alone the page is the one nearest to it.
    const fromEnd = (order === 'desc') !== (before !== undefined && after === undefined);
    return whileValuesGo(async () => {
      const rows = fromEnd
        ? await this.#last(partitionKey, keys, range, limit + 1)
        : await takeRows(this.table, valuesIn(partitionKey, keys, range), limit + 1);
      const shown = fromEnd ? rows.slice(-limit) : rows.slice(0, limit);
      const records = await Promise.all(shown.map(async (row) => this.#record<T>(row, keys)));
      return { records: order === 'asc' ? records : records.reverse(), hasMore: rows.length > limit };
    });
  }

  async write(...[partition, changes, due = {}]: Parameters<Records['write']>): Promise<string[]> {
    const { text } = encodeChanges(changes);
    return this.#tracked(async () => {
      await this.#ready();
      if (due.add) await this.#due.add(due.add);
      const etags = await this.#writer.write(partition, text);
      // A sweep that came before the changes found nothing for them, and took them away.
      if (due.add) await this.#due.add(due.add.filter(({ at }) => at <= Date.now() / 1000 + CLOCK_SKEW_SECONDS));
      await this.#due.remove(due).catch((error: unknown) => {
        this.logFault('A due record could not be removed, and will be looked at once more:', error);
      });
      return etags;
    });
  }

  async deletePartition(partition: string): Promise<void> {
    const partitionKey = escaped(partition);
    if (!fits(partitionKey)) return;
    await this.#tracked(async () => {
      await this.#ready();
      const filter = odata`PartitionKey eq ${partitionKey}`;
      for (let areBlobsGone = false; ;) {
        const rows = await takeRows(this.table, filter, MAX_OPERATIONS + 1, ['PartitionKey', 'RowKey']);
        if (rows.length === 0 && areBlobsGone) return;
        // Before the last rows: without any nobody would find the partition again, to remove blobs that were left.
        if (rows.length <= MAX_OPERATIONS) {
          await this.values.discardPartition(partitionKey);
          areBlobsGone = true;
        }
        if (rows.length === 0) return;
        const deletes = rows.slice(0, MAX_OPERATIONS).map((row): Operation => ({ do: 'delete', row }));
        await this.#send(deletes).catch((error: unknown) => {
          // Someone else deletes as well: what is left is asked for again.
          if (!(error instanceof BatchRefusedError && error.isGone)) throw error;
        });
      }
    });
  }

  async partitions(prefix: string, { after, limit }: NamesRequest): Promise<string[]> {
    await this.#ready();
    return readPartitions(this.table, prefix, after, limit);
  }

  async lists(partition: string, { after, limit }: NamesRequest): Promise<string[]> {
    await this.#ready();
    return readLists(this.table, partition, after, limit);
  }

  async due(...[until, limit, after]: Parameters<Records['due']>): ReturnType<Records['due']> {
    await this.#ready();
    return this.#due.due(until, limit, after);
  }

  async writeDue(changes: Parameters<Records['writeDue']>[0]): Promise<void> {
    await this.#tracked(async () => {
      await this.#ready();
      if (changes.add) await this.#due.add(changes.add);
      await this.#due.remove(changes);
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #tracked<T>(work: () => Promise<T>): Promise<T> {
    const promise = work();
    this.#underWay.add(promise);
    try {
      return await promise;
    } finally {
      this.#underWay.delete(promise);
    }
  }

  /** The record of a row. Throws {@link ValueGoneError}. */
  async #record<T>(row: Row, keys: ListKeys): Promise<StoredRecord<T>> {
    const text = typeof row.blob === 'string' ? await this.values.get(row.blob) : readValue(row);
    if (text === undefined) throw new ValueGoneError(row);
    const value: T = JSON.parse(text);
    return { ...readPosition(keys.positionOf(row.rowKey)), etag: etagOf(row), value };
  }

  async #cursor(partitionKey: string, list: string, id: string | Place | undefined): Promise<string | undefined> {
    if (id === undefined) return undefined;
    if (typeof id !== 'string') return positionOf(id.order, id.id);
    const position = await this.#rows.position(partitionKey, list, id);
    if (position === undefined) throw new UnknownCursorError(id);
    return position;
  }

  /** The last `count` rows of the range, in ascending order; more where they lie between the same markers. */
  async #last(partitionKey: string, keys: ListKeys, range: Range, count: number): Promise<Row[]> {
    let rows: Row[] = [];
    for (let { below } = range; ;) {
      const wanted = count - rows.length;
      const markers = await takeRows(this.table, markersIn(partitionKey, keys, { above: range.above, below }), wanted);
      const from = markers.length < wanted ? undefined : String(markers.at(-1)?.position);
      const filter = valuesIn(partitionKey, keys, { above: range.above, from, below });
      rows = [...(await takeRows(this.table, filter, Infinity)), ...rows];
      if (from === undefined || rows.length >= count) return rows;
      below = from;
    }
  }
}

/** The blob of a row's value is gone: the record was replaced or deleted after the row was read. */
class ValueGoneError extends Error {
  constructor({ partitionKey, rowKey, blob }: Row) {
    super(`The value of row '${rowKey}' in '${partitionKey}' is gone: there is no blob '${String(blob)}'.`);
  }
}

/** Reads again where the blob of a value was gone. */
async function whileValuesGo<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ValueGoneError) || attempt === MAX_READS) throw error;
    }
  }
}

/** Positions of a range, all but `from` outside it. */
interface Range {
  above?: string;
  from?: string;
  below?: string;
}

function valuesIn(partitionKey: string, keys: ListKeys, { above, from, below }: Range): string {
  const first = above === undefined ? keys.firstValue : keys.value(above);
  const last = below === undefined ? keys.lastValue : keys.value(below);
  const filter = odata`PartitionKey eq ${partitionKey} and RowKey gt ${first} and RowKey lt ${last}`;
  return from === undefined ? filter : `${filter} and ${odata`RowKey ge ${keys.value(from)}`}`;
}

function markersIn(partitionKey: string, keys: ListKeys, { above, below }: Range): string {
  const first = below === undefined ? keys.firstMarker : keys.marker(below);
  const last = above === undefined ? keys.lastMarker : keys.marker(above);
  return odata`PartitionKey eq ${partitionKey} and RowKey gt ${first} and RowKey lt ${last}`;
}
