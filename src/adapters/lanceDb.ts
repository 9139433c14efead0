/** The vector index on LanceDB: one table per vector store, in one folder or container. */
import { types } from 'node:util';
import { connect, type Connection, Index, Session, type Table } from '@lancedb/lancedb';
import { Field, FixedSizeList, Float32, Int32, Schema, Utf8 } from 'apache-arrow';
import { z } from 'zod';
import {
  DimensionsError,
  type Chunk,
  type ChunkSearch,
  type IndexedStore,
  type ScoredChunk,
  type VectorIndex,
} from '../retrieval/ports';
import { checkedDimensions } from './checkedChunks';
import { dimensionsOf, EXACT_ROWS, keepApproximateIndex, MIN_RECALL } from './lanceDb/approximateIndex';
import { CHUNK_COLUMNS, chunkRow, ofFiles, rowId } from './lanceDb/rows';
import { readTableState, searchTable, type TableState } from './lanceDb/searchTable';

/** Handles of tables that are kept open; the least recently used is dropped. */
const MAX_OPEN_TABLES = 64;
/** LanceDB's own caches of index pages and file metadata, in bytes; its defaults are gigabytes. */
const INDEX_CACHE_BYTES = 256n * 1024n * 1024n;
const METADATA_CACHE_BYTES = 64n * 1024n * 1024n;
/** Old versions stay this long for readers that are still on them. */
const KEEP_VERSIONS_MS = 60_000;
const MAX_ATTEMPTS = 8;

/** A search may go by what was so long ago: another process can have built an index since. */
const STATE_MS = 5_000;

export interface LanceDbOptions {
  /** How the address is reached, as the `object_store` library names it. */
  storageOptions?: Record<string, string>;
  /** Rows of a store up to which every vector is compared; beyond, `optimize` builds an approximate index. */
  exactRows?: number;
  /** Share of the ten nearest that such an index must find to be kept. */
  minRecall?: number;
}

/**
 * Opens the index in a folder, which is created when first written to, or at an address such as `az://container`, whose container is there;
 * nothing is written outside it. Writes of one process to one
 * store queue up; those of several processes retry on conflict. Readers see every finished write, of other processes too.
 *
 * Vectors compare by cosine similarity, text by BM25 (English stemming and stop words, words of all scripts); ranks join them.
 */
export async function lanceDbIndex(place: string, options: LanceDbOptions = {}): Promise<VectorIndex> {
  const { storageOptions } = options;
  const reconnect = () => {
    const session = new Session(INDEX_CACHE_BYTES, METADATA_CACHE_BYTES);
    return connect(place, { readConsistencyInterval: 0, storageOptions }, session);
  };
  return new LanceDbIndex(await reconnect(), reconnect, { exactRows: EXACT_ROWS, minRecall: MIN_RECALL, ...options });
}

class LanceDbIndex implements VectorIndex {
  #database: Connection;
  readonly #reconnect: () => Promise<Connection>;
  readonly #tables = new Map<string, Table>();
  /** The last write of each store that is being written. */
  readonly #writing = new Map<string, Promise<unknown>>();
  /** Writes of each open store since it was last compacted. */
  readonly #uncompacted = new WeakMap<Table, number>();

  readonly #states = new WeakMap<Table, { at: number; state: Promise<TableState> }>();
  readonly #options: Required<Omit<LanceDbOptions, 'storageOptions'>>;

  constructor(
    database: Connection,
    reconnect: () => Promise<Connection>,
    options: Required<Omit<LanceDbOptions, 'storageOptions'>>,
  ) {
    this.#database = database;
    this.#reconnect = reconnect;
    this.#options = options;
  }

  async replaceFiles(store: IndexedStore, fileIds: string[], chunks: Chunk[], vectors: Float32Array[]): Promise<void> {
    const { id: storeId } = store;
    const dimensions = checkedDimensions(fileIds, chunks, vectors);
    if (dimensions === undefined) return this.deleteFiles(store, fileIds);
    const rows = chunks.map((chunk, index) => ({
      id: rowId(chunk),
      file_id: chunk.fileId,
      ordinal: chunk.ordinal,
      text: chunk.text,
      page: chunk.page ?? null,
      heading: chunk.heading ?? null,
      vector: vectors[index],
    }));
    await this.#write(storeId, async () => {
      const table = (await this.#open(storeId)) ?? (await this.#create(storeId, dimensions));
      await checkTable(table, storeId, dimensions);
      const merge = table.mergeInsert('id').whenMatchedUpdateAll().whenNotMatchedInsertAll();
      // Removing rows makes the merge read the whole table, so it is only asked for where the files have rows that go.
      const stale = await hasOtherRows(table, fileIds, new Set(rows.map(({ id }) => id)));
      await (stale ? merge.whenNotMatchedBySourceDelete({ where: ofFiles(fileIds) }) : merge).execute(rows);
      await this.#compactNowAndThen(table);
    });
  }

  async deleteFiles({ id: storeId }: IndexedStore, fileIds: string[]): Promise<void> {
    if (fileIds.length === 0) return;
    await this.#write(storeId, async () => {
      const table = await this.#open(storeId);
      if (!table || (await table.countRows(ofFiles(fileIds))) === 0) return;
      await table.delete(ofFiles(fileIds));
      await this.#compactNowAndThen(table);
    });
  }

  async search({ id: storeId }: IndexedStore, search: ChunkSearch): Promise<ScoredChunk[]> {
    if (search.limit <= 0 || search.fileIds?.length === 0) return [];
    const found = await this.#read(storeId, async (table) => {
      const state = await this.#stateOf(table);
      return searchTable(table, search, state).catch(async (error: unknown) => {
        await checkTable(table, storeId, search.vector.length);
        throw error;
      });
    });
    return found ?? [];
  }

  async chunksOf({ id: storeId }: IndexedStore, fileId: string): Promise<Chunk[]> {
    const rows = await this.#read(storeId, (table) =>
      table
        .query()
        .where(ofFiles([fileId]))
        .select(CHUNK_COLUMNS)
        .toArray(),
    );
    return z
      .array(chunkRow)
      .parse(rows ?? [])
      .sort((a, b) => a.ordinal - b.ordinal);
  }

  async count({ id: storeId }: IndexedStore, fileId?: string): Promise<number> {
    const filter = fileId === undefined ? undefined : ofFiles([fileId]);
    return (await this.#read(storeId, (table) => table.countRows(filter))) ?? 0;
  }

  async deleteStore({ id: storeId }: IndexedStore): Promise<void> {
    await this.#write(storeId, async () => {
      this.#tables.delete(storeId);
      try {
        await this.#database.dropTable(tableName(storeId));
      } catch (error) {
        if (!isNoTable(error)) throw error;
      }
    });
  }

  async optimize({ id: storeId }: IndexedStore): Promise<void> {
    await this.#write(storeId, async () => {
      const table = await this.#open(storeId);
      if (!table) return;
      await this.#compact(table);
      const { exactRows, minRecall } = this.#options;
      await this.#unlessInTheWay(async () => keepApproximateIndex(table, exactRows, minRecall));
      this.#states.delete(table);
    });
  }

  /** Waits for the writes that have begun. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#writing.values());
    this.#tables.clear();
    this.#database.close();
  }

  /** Runs a write after those of the same store, again while writers of other processes get in its way. */
  async #write<T>(storeId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#writing.get(storeId) ?? Promise.resolve();
    const turn = before.then(() => this.#attempt(storeId, work));
    // The next write must run whether or not this one succeeds; its own caller is told by `turn`.
    const ended = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#writing.set(storeId, ended);
    try {
      return await turn;
    } finally {
      if (this.#writing.get(storeId) === ended) this.#writing.delete(storeId);
    }
  }

  async #attempt<T>(storeId: string, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !(isConflict(error) || isNotFound(error))) throw error;
        if (isNotFound(error)) await this.#forget(storeId);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * 2 ** attempt));
      }
    }
  }

  /** Reads a store; undefined if it is not there. */
  async #read<T>(storeId: string, read: (table: Table) => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const table = await this.#open(storeId);
        return table && (await read(table));
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !isNotFound(error)) throw error;
        await this.#forget(storeId);
      }
    }
  }

  /** Another process dropped the store, and perhaps made it again: what is cached of its files is wrong. */
  async #forget(storeId: string): Promise<void> {
    this.#tables.delete(storeId);
    this.#database = await this.#reconnect();
  }

  async #open(storeId: string): Promise<Table | undefined> {
    const known = this.#tables.get(storeId);
    if (known) return this.#keep(storeId, known);
    try {
      const table = await this.#database.openTable(tableName(storeId));
      await prepare(table);
      return this.#keep(storeId, table);
    } catch (error) {
      if (isNoTable(error)) return undefined;
      throw error;
    }
  }

  async #create(storeId: string, dimensions: number): Promise<Table> {
    const table = await this.#database.createEmptyTable(tableName(storeId), schemaOf(dimensions), { existOk: true });
    await prepare(table);
    return this.#keep(storeId, table);
  }

  /** Makes the table the most recently used. A dropped handle is freed when its last query has ended and it is collected. */
  #keep(storeId: string, table: Table): Table {
    this.#tables.delete(storeId);
    this.#tables.set(storeId, table);
    const oldest = this.#tables.keys().next();
    if (this.#tables.size > MAX_OPEN_TABLES && !oldest.done) this.#tables.delete(oldest.value);
    return table;
  }

  /**
   * Every write leaves a fragment and a version that slow down what follows. Compacting costs in proportion to the table, so the larger
   * it is the more writes it waits for.
   */
  async #compactNowAndThen(table: Table): Promise<void> {
    const writes = (this.#uncompacted.get(table) ?? 0) + 1;
    this.#uncompacted.set(table, writes);
    if (writes < 50) return;
    const due = Math.min(500, (await table.countRows()) / 100);
    if (writes >= due) await this.#compact(table);
  }

  async #compact(table: Table): Promise<void> {
    this.#uncompacted.set(table, 0);
    const cleanupOlderThan = new Date(Date.now() - KEEP_VERSIONS_MS);
    await this.#unlessInTheWay(async () => table.optimize({ cleanupOlderThan }));
    this.#states.delete(table);
  }

  /** Another process wrote or compacted at the same time: nothing is lost, the next compaction does it. */
  async #unlessInTheWay(upkeep: () => Promise<unknown>): Promise<void> {
    try {
      await upkeep();
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  /** What a search must know of the table, read anew now and then. */
  async #stateOf(table: Table): Promise<TableState> {
    const known = this.#states.get(table);
    if (known && Date.now() < known.at + STATE_MS) return known.state;
    const state = readTableState(table);
    this.#states.set(table, { at: Date.now(), state });
    state.catch(() => this.#states.delete(table));
    return state;
  }
}

/** A vector store's embedding model never changes, so its vectors always have one length. */
async function checkTable(table: Table, storeId: string, dimensions: number): Promise<void> {
  const size = await dimensionsOf(table);
  if (size !== dimensions) throw new DimensionsError(storeId, dimensions, size);
}

async function hasOtherRows(table: Table, fileIds: string[], ids: Set<string>): Promise<boolean> {
  const rows: unknown = await table.query().where(ofFiles(fileIds)).select(['id']).toArray();
  return z
    .array(z.object({ id: z.string() }))
    .parse(rows)
    .some(({ id }) => !ids.has(id));
}

/** Makes what a table lacks: a process may have died between creating it and this. */
async function prepare(table: Table, attempt = 1): Promise<void> {
  const present = new Set((await table.listIndices()).map(({ name }) => name));
  const wanted = { id: Index.btree(), file_id: Index.btree(), text: Index.fts({ baseTokenizer: 'icu' }) };
  for (const [column, config] of Object.entries(wanted)) {
    if (present.has(`${column}_idx`)) continue;
    try {
      await table.createIndex(column, { config });
    } catch (error) {
      // Another opener, such as a search beside the first write, makes it at the same moment.
      if (attempt === MAX_ATTEMPTS || !isConflict(error)) throw error;
      return prepare(table, attempt + 1);
    }
  }
}

function schemaOf(dimensions: number): Schema {
  // LanceDB lets two writers that insert the same key at once collide only if the schema names the key.
  const key = new Map([['lance-schema:unenforced-primary-key', 'true']]);
  return new Schema([
    new Field('id', new Utf8(), false, key),
    new Field('file_id', new Utf8(), false),
    new Field('ordinal', new Int32(), false),
    new Field('text', new Utf8(), false),
    new Field('page', new Int32(), true),
    new Field('heading', new Utf8(), true),
    new Field('vector', new FixedSizeList(dimensions, new Field('item', new Float32(), true)), false),
  ]);
}

/** Table of a store. Letter case is spelled out, since some file systems do not tell it apart. */
function tableName(storeId: string): string {
  return storeId.replace(/[^a-z0-9_-]/gu, (character) => `.${character.codePointAt(0)?.toString(16)}.`);
}

// LanceDB tells its errors apart only by their text.
/** Also where a process died while it created the table: its folder is there, and nothing was ever written to it. To create it then completes it. */
function isNoTable(error: unknown): boolean {
  if (!types.isNativeError(error)) return false;
  return /^Table '.*' (?:was not found|exists but could not be loaded .*: Dataset at path .* was not found)/.test(
    error.message,
  );
}

function isNotFound(error: unknown): boolean {
  return types.isNativeError(error) && /not found/i.test(error.message);
}

function isConflict(error: unknown): boolean {
  return types.isNativeError(error) && /conflict|concurrent/i.test(error.message);
}
