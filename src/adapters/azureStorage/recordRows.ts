/** Finds the rows of records, and remembers where they are. */
import type { TableClient } from '@azure/data-tables';
import { fits, listKeys } from './keys';
import { readRow, type Row } from './rows';

/** Records whose places are remembered. */
const MAX_KNOWN = 10_000;
/** Times that a record is looked for which is deleted and created again at the same time. */
const MAX_LOOKS = 5;

/** What is remembered of a record. It may be out of date; conditions of writes find that out. */
export interface Known {
  position: string;
  isMarked: boolean;
  /** The last etag that was seen. */
  etag?: string;
}

/** The etag that the port hands out: the row's, and the name of the blob that the row's value is in. */
export function etagOf(row: Row): string {
  return joinEtag(String(row.etag), typeof row.blob === 'string' ? row.blob : undefined);
}
export const joinEtag = (rowEtag: string, blob: string | undefined): string =>
  blob === undefined ? rowEtag : `${rowEtag} ${blob}`;
/** The row's etag, and the blob. */
export function splitEtag(etag: string): { rowEtag: string; blob?: string } {
  const [rowEtag = '', blob] = etag.split(' ');
  return { rowEtag, blob };
}

/** The rows of a table's records. */
export class RecordRows {
  readonly #known = new Map<string, Known>();

  constructor(readonly table: TableClient) {}

  /** The row of a record, by one point read where its place is known. */
  async find(partitionKey: string, list: string, id: string): Promise<Row | undefined> {
    const keys = listKeys(list);
    for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
      const known = await this.known(partitionKey, list, id);
      if (!known) return undefined;
      const row = await readRow(this.table, partitionKey, keys.value(known.position));
      if (row) {
        this.remember(partitionKey, list, id, { ...known, etag: etagOf(row) });
        return row;
      }
      this.forget(partitionKey, list, id);
    }
    return undefined;
  }

  /** Where the record is, as remembered or else as it is now. */
  async known(partitionKey: string, list: string, id: string): Promise<Known | undefined> {
    const remembered = this.#known.get(nameOf(partitionKey, list, id));
    if (remembered) return remembered;
    const row = await this.#idRow(partitionKey, list, id);
    if (!row) return undefined;
    const known = { position: String(row.position), isMarked: row.isMarked === true };
    this.remember(partitionKey, list, id, known);
    return known;
  }

  /** Where the record stands now. */
  async position(partitionKey: string, list: string, id: string): Promise<string | undefined> {
    const row = await this.#idRow(partitionKey, list, id);
    return row && String(row.position);
  }

  async #idRow(partitionKey: string, list: string, id: string): Promise<Row | undefined> {
    const rowKey = listKeys(list).id(id);
    // No record has a key that is too long; callers may ask for any.
    return fits(partitionKey) && fits(rowKey) ? readRow(this.table, partitionKey, rowKey) : undefined;
  }

  remember(partitionKey: string, list: string, id: string, known: Known): void {
    const name = nameOf(partitionKey, list, id);
    this.#known.delete(name);
    this.#known.set(name, known);
    const oldest = this.#known.keys().next();
    if (this.#known.size > MAX_KNOWN && !oldest.done) this.#known.delete(oldest.value);
  }

  forget(partitionKey: string, list: string, id: string): void {
    this.#known.delete(nameOf(partitionKey, list, id));
  }
}

const nameOf = (partitionKey: string, list: string, id: string) => `${partitionKey}/${listKeys(list).id(id)}`;
