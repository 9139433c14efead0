/** Atomic writes of records: changes as operations on rows, sent as one batch. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TextChange } from '../../storage/encoding';
import { ConflictError } from '../../storage/ports';
import { BatchRefusedError, MAX_OPERATIONS, restError, type Operation } from './batches';
import { canBeMarked, checkedKey, escaped, listKeys, positionOf } from './keys';
import type { LargeValues } from './largeValues';
import { etagOf, joinEtag, splitEtag, type Known, type RecordRows } from './recordRows';
import { MAX_ROW_BYTES, readRow, valueProperties } from './rows';

/** Times that changes without a condition are tried while other writers change the same records. */
const MAX_TRIES = 20;
/** The etag of a record that another writer changed after the write whose etag is asked for: no condition on it holds. */
const OVERWRITTEN = 'overwritten';
/** The service takes an etag of another form for no condition at all, or for a fault. */
const rowEtagForm = /^W\/"[^"]+"$/;

/** What a change does to the rows. */
interface Step {
  change: TextChange;
  operations: Operation[];
  /** The operation whose answer has the record's new etag. */
  valueKey?: string;
  /** The caller's condition: if it fails, so does the write. Otherwise it is read and tried again. */
  isConditional: boolean;
  /** The blob of the record's new value, and the one of its old. */
  blob?: string;
  oldBlob?: string;
  /** What is known of the record after the write; undefined for one that is gone. */
  known?: Known;
}

/** Writes records to the partition keys of a table. */
export class RecordWriter {
  constructor(
    private readonly rows: RecordRows,
    private readonly values: LargeValues,
    private readonly send: (operations: Operation[]) => Promise<string[]>,
  ) {}

  /** All changes or none; the new etags in order. Throws {@link ConflictError}. */
  async write(partition: string, changes: TextChange[]): Promise<string[]> {
    if (changes.length === 0) return [];
    const partitionKey = escaped(partition);
    const contents = await Promise.all(changes.map(async (change) => this.#content(partitionKey, change)));
    const blobs = contents.flatMap(({ blob }) => blob ?? []);
    try {
      return await this.#commit(partition, partitionKey, changes, contents);
    } catch (error) {
      // After any other failure the rows may be there, and need their blobs.
      if (error instanceof ConflictError || error instanceof RangeError || isRefusal(error))
        await this.values.discard(blobs);
      throw error;
    }
  }

  async #commit(
    partition: string,
    partitionKey: string,
    changes: TextChange[],
    contents: Content[],
  ): Promise<string[]> {
    /** Written into every row, so that a write is known again whose answer was lost. */
    const token = randomUUID();
    const hasRoom = roomForMarkers(changes);
    for (let tries = 1; ; tries += 1) {
      const steps = await Promise.all(
        changes.map(async (change, n) =>
          this.#step(partition, partitionKey, change, { ...contents[n], token, hasRoom: hasRoom[n] === true }),
        ),
      );
      const etags = await this.#sent(steps.flatMap((step) => step.operations)).catch(async (error: unknown) => {
        if (!(error instanceof BatchRefusedError)) throw error;
        if (error.wasRepeated) {
          const written = await this.#etagsIfWritten(partitionKey, steps, token, error);
          if (written) return written;
        }
        const failed = stepAt(steps, error.index);
        if (failed === undefined || failed.isConditional || tries === MAX_TRIES)
          throw conflict(partition, (failed ?? steps[0])?.change);
        this.rows.forget(partitionKey, failed.change.list, failed.change.id);
        await sleep(Math.random() * 5 * tries);
        return undefined;
      });
      if (etags) return this.#settled(partitionKey, steps, etags);
    }
  }

  /** Etags by row key. */
  async #sent(operations: Operation[]): Promise<Map<string, string>> {
    const etags = operations.length > 0 ? await this.send(operations) : [];
    return new Map(operations.map(({ row }, n) => [row.rowKey, etags[n] ?? '']));
  }

  /** Remembers what was written, removes the blobs of old values, and gives the etags of the port. */
  async #settled(partitionKey: string, steps: Step[], etags: Map<string, string>): Promise<string[]> {
    await this.values.discard(steps.flatMap(({ oldBlob }) => oldBlob ?? []));
    return steps.map(({ change: { list, id }, valueKey, known, blob }) => {
      const rowEtag = valueKey === undefined ? '' : (etags.get(valueKey) ?? '');
      const etag = rowEtag && joinEtag(rowEtag, blob);
      if (known) this.rows.remember(partitionKey, list, id, { ...known, etag });
      else this.rows.forget(partitionKey, list, id);
      return known ? etag : '';
    });
  }

  /**
   * Whether an earlier sending of this write was carried out, by the token in its rows: one row is enough. Where other writers have changed all
   * of them since, it counts as refused. If it only deleted, what it should delete is gone, and nobody can tell by whom: then it
   * counts as done.
   */
  async #etagsIfWritten(
    partitionKey: string,
    steps: Step[],
    token: string,
    { isGone }: BatchRefusedError,
  ): Promise<Map<string, string> | undefined> {
    const kept = steps.flatMap(({ valueKey, known }) => (valueKey !== undefined && known ? valueKey : []));
    if (kept.length === 0) return isGone ? new Map() : undefined;
    const found = await Promise.all(
      kept.map(async (key) => {
        const row = await readRow(this.rows.table, partitionKey, key, ['PartitionKey', 'token']);
        return [key, row?.token === token ? String(row.etag) : OVERWRITTEN] as const;
      }),
    );
    return found.some(([, etag]) => etag !== OVERWRITTEN) ? new Map(found) : undefined;
  }

  async #content(partitionKey: string, change: TextChange): Promise<Content> {
    if (!('value' in change)) return {};
    const value = Buffer.from(change.value);
    if (value.length <= MAX_ROW_BYTES) return { properties: valueProperties(value) };
    const blob = await this.values.put(partitionKey, value);
    return { properties: { blob }, blob };
  }

  async #step(partition: string, partitionKey: string, change: TextChange, content: StepContent): Promise<Step> {
    const { list, id } = change;
    const keys = listKeys(list);
    const { token, hasRoom } = content;
    if (change.op === 'create') {
      const position = positionOf(change.order, id);
      const known = { position, isMarked: hasRoom && canBeMarked(position) };
      const valueKey = checkedKey(keys.value(position));
      const row = { partitionKey: checkedKey(partitionKey), rowKey: valueKey, token, ...content.properties };
      const idRow = { partitionKey, rowKey: checkedKey(keys.id(id)), position, isMarked: known.isMarked };
      const operations: Operation[] = [
        { do: 'create', row: idRow },
        { do: 'create', row },
      ];
      if (known.isMarked) {
        // One that was left behind may be there still.
        operations.push({ do: 'put', row: { partitionKey, rowKey: keys.marker(position), position } });
      }
      return { change, operations, valueKey, isConditional: true, blob: content.blob, known };
    }
    const known = await this.#current(partitionKey, change);
    if (!known) {
      if (change.op === 'delete' && change.ifMatch === undefined)
        return { change, operations: [], isConditional: false };
      throw conflict(partition, change);
    }
    const valueKey = keys.value(known.position);
    const { rowEtag, blob } = splitEtag(known.etag);
    if (!rowEtagForm.test(rowEtag)) throw conflict(partition, change);
    const isConditional = change.ifMatch !== undefined;
    const row = { partitionKey, rowKey: valueKey };
    if (change.op === 'delete') {
      const idRow = { partitionKey, rowKey: keys.id(id) };
      const operations: Operation[] = [
        { do: 'delete', row, etag: rowEtag },
        { do: 'delete', row: idRow },
      ];
      if (known.isMarked && hasRoom) {
        operations.push({ do: 'delete', row: { partitionKey, rowKey: keys.marker(known.position) } });
      }
      return { change, operations, valueKey, isConditional, oldBlob: blob };
    }
    if (change.op === 'check') {
      const operations: Operation[] = [{ do: 'merge', row: { ...row, token }, etag: rowEtag }];
      return { change, operations, valueKey, isConditional, blob, known };
    }
    const operations: Operation[] = [{ do: 'replace', row: { ...row, token, ...content.properties }, etag: rowEtag }];
    return { change, operations, valueKey, isConditional, blob: content.blob, oldBlob: blob, known };
  }

  /** Where the record is and the etag that it must have: the caller's, or else the one it has. */
  async #current(partitionKey: string, { list, id, ...change }: Exclude<TextChange, { op: 'create' }>) {
    const known = await this.rows.known(partitionKey, list, id);
    const etag = change.ifMatch ?? known?.etag;
    if (!known || etag !== undefined) return known && { ...known, etag: etag ?? '' };
    const row = await this.rows.find(partitionKey, list, id);
    const found = row && (await this.rows.known(partitionKey, list, id));
    return found && { ...found, etag: etagOf(row) };
  }
}

/** A value as the properties of its row, and the blob if it is in one. */
interface Content {
  properties?: Record<string, Uint8Array | string>;
  blob?: string;
}

interface StepContent extends Content {
  token: string;
  /** Whether the batch takes an operation on the record's marker. */
  hasRoom: boolean;
}

/** Which changes may write or delete a marker: a batch takes 100 operations, and 80 may be needed for the records themselves. */
function roomForMarkers(changes: TextChange[]): boolean[] {
  const needsTwo = changes.map(({ op }) => op === 'create' || op === 'delete');
  let room = MAX_OPERATIONS - needsTwo.reduce((sum, two) => sum + (two ? 2 : 1), 0);
  return needsTwo.map((two) => two && room-- > 0);
}

function stepAt(steps: Step[], index: number): Step | undefined {
  let end = 0;
  return steps.find(({ operations }) => index < (end += operations.length));
}

function conflict(partition: string, change: TextChange | undefined): ConflictError {
  return new ConflictError({ partition, list: change?.list ?? '', id: change?.id ?? '' });
}

const isRefusal = (error: unknown): boolean => {
  const status = restError(error)?.statusCode ?? 0;
  return status >= 400 && status < 500;
};
