/** The vector index on LanceDB: one table per vector store, in one folder. */
import { types } from 'node:util';
import { connect, type Connection, Index, MatchQuery, Session, type Table } from '@lancedb/lancedb';
import { Field, FixedSizeList, Float32, Int32, Schema, Utf8 } from 'apache-arrow';
import { z } from 'zod';
import type { Chunk, ChunkSearch, ScoredChunk, VectorIndex } from '../retrieval/ports';
import { fuseByRank } from '../retrieval/rankFusion';

/** Handles of tables that are kept open; the least recently used is dropped. */
const MAX_OPEN_TABLES = 64;
/** LanceDB's own caches of index pages and file metadata, in bytes; its defaults are gigabytes. */
const INDEX_CACHE_BYTES = 256n * 1024n * 1024n;
const METADATA_CACHE_BYTES = 64n * 1024n * 1024n;
/** What of a query reaches the full-text search; terms beyond make it slow and no better. */
const MAX_QUERY_CHARACTERS = 2_000;
/** Candidates that each ranking brings, at least. */
const MIN_CANDIDATES = 50;
/** The BM25 of a chunk that counts as half close: a few words of the query that are rare in the store. */
const HALF_CLOSE_BM25 = 8;
const TEXT_INDEX = 'text_idx';
/** Rows that may be searched before any is in the full-text index; the first compaction comes long before. */
const MAX_UNINDEXED = 20_000;
/** Old versions stay this long for readers that are still on them. */
const KEEP_VERSIONS_MS = 60_000;
const MAX_ATTEMPTS = 8;

const COLUMNS = ['id', 'file_id', 'ordinal', 'text', 'page', 'heading'];

const chunkRow = z
  .object({
    file_id: z.string(),
    ordinal: z.number(),
    text: z.string(),
    page: z.number().nullable(),
    heading: z.string().nullable(),
  })
  .transform((row): Chunk => ({
    fileId: row.file_id,
    ordinal: row.ordinal,
    text: row.text,
    ...(row.page !== null && { page: row.page }),
    ...(row.heading !== null && { heading: row.heading }),
  }));

/** Id of a chunk's row, the same on every write of that place in the file: what makes a replacement idempotent. */
const rowId = (chunk: Pick<Chunk, 'fileId' | 'ordinal'>) => `${chunk.fileId}#${chunk.ordinal}`;

/**
 * Opens the index in a folder, which is created when first written to; nothing is written outside it. Writes of one process to one
 * store queue up; those of several processes retry on conflict. Readers see every finished write, of other processes too.
 *
 * Vectors compare by cosine similarity, text by BM25 (English stemming and stop words, words of all scripts); {@link fuseByRank} joins them.
 */
export async function lanceDbIndex(directory: string): Promise<VectorIndex> {
  const reconnect = () => {
    const session = new Session(INDEX_CACHE_BYTES, METADATA_CACHE_BYTES);
    return connect(directory, { readConsistencyInterval: 0 }, session);
  };
  return new LanceDbIndex(await reconnect(), reconnect);
}

class LanceDbIndex implements VectorIndex {
  #database: Connection;
  readonly #reconnect: () => Promise<Connection>;
  readonly #tables = new Map<string, Table>();
  /** The last write of each store that is being written. */
  readonly #writing = new Map<string, Promise<unknown>>();
  /** Writes of each open store since it was last compacted. */
  readonly #uncompacted = new WeakMap<Table, number>();

  constructor(database: Connection, reconnect: () => Promise<Connection>) {
    this.#database = database;
    this.#reconnect = reconnect;
  }

  async replaceFiles(storeId: string, fileIds: string[], chunks: Chunk[], vectors: Float32Array[]): Promise<void> {
    const dimensions = checkedDimensions(fileIds, chunks, vectors);
    if (dimensions === undefined) return this.deleteFiles(storeId, fileIds);
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

  async deleteFiles(storeId: string, fileIds: string[]): Promise<void> {
    if (fileIds.length === 0) return;
    await this.#write(storeId, async () => {
      const table = await this.#open(storeId);
      if (!table || (await table.countRows(ofFiles(fileIds))) === 0) return;
      await table.delete(ofFiles(fileIds));
      await this.#compactNowAndThen(table);
    });
  }

  async search(storeId: string, search: ChunkSearch): Promise<ScoredChunk[]> {
    if (search.limit <= 0 || search.fileIds?.length === 0) return [];
    const rankings = await this.#read(storeId, async (table) =>
      (await Promise.all([nearest(table, search), matching(table, search)])).filter((ranking) => ranking !== undefined),
    );
    if (!rankings) return [];
    const chunks = new Map(rankings.flatMap(({ rows }) => rows.map(({ chunk }) => [rowId(chunk), chunk])));
    const fused = fuseByRank(
      rankings.map(({ rows, weight, isCut }) => ({
        found: rows.map(({ chunk, closeness }) => ({ id: rowId(chunk), closeness })),
        weight,
        isCut,
      })),
    );
    return fused.slice(0, search.limit).flatMap(({ id, score }) => {
      const chunk = chunks.get(id);
      return chunk ? [{ ...chunk, score }] : [];
    });
  }

  async chunksOf(storeId: string, fileId: string): Promise<Chunk[]> {
    const rows = await this.#read(storeId, (table) =>
      table
        .query()
        .where(ofFiles([fileId]))
        .select(COLUMNS)
        .toArray(),
    );
    return z
      .array(chunkRow)
      .parse(rows ?? [])
      .sort((a, b) => a.ordinal - b.ordinal);
  }

  async count(storeId: string, fileId?: string): Promise<number> {
    const filter = fileId === undefined ? undefined : ofFiles([fileId]);
    return (await this.#read(storeId, (table) => table.countRows(filter))) ?? 0;
  }

  async deleteStore(storeId: string): Promise<void> {
    await this.#write(storeId, async () => {
      this.#tables.delete(storeId);
      try {
        await this.#database.dropTable(tableName(storeId));
      } catch (error) {
        if (!isNoTable(error)) throw error;
      }
    });
  }

  async optimize(storeId: string): Promise<void> {
    await this.#write(storeId, async () => {
      const table = await this.#open(storeId);
      if (table) await this.#compact(table);
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
    try {
      await table.optimize({ cleanupOlderThan: new Date(Date.now() - KEEP_VERSIONS_MS) });
    } catch (error) {
      // Another process wrote or compacted at the same time. Nothing is lost: the next compaction does it.
      if (!isConflict(error)) throw error;
    }
  }
}

/** The vectors' length, undefined without chunks. Throws where the arguments do not fit together. */
function checkedDimensions(fileIds: string[], chunks: Chunk[], vectors: Float32Array[]): number | undefined {
  if (chunks.length !== vectors.length) throw new Error(`${chunks.length} chunks came with ${vectors.length} vectors.`);
  const files = new Set(fileIds);
  const stranger = chunks.find((chunk) => !files.has(chunk.fileId));
  if (stranger) throw new Error(`A chunk of file '${stranger.fileId}' came in a write of other files.`);
  if (new Set(chunks.map(rowId)).size !== chunks.length) throw new Error('Two chunks have the same place in one file.');
  const dimensions = vectors[0]?.length;
  if (vectors.some((vector) => vector.length !== dimensions)) throw new Error('The vectors differ in length.');
  return dimensions;
}

/** A vector store's embedding model never changes, so its vectors always have one length. */
async function checkTable(table: Table, storeId: string, dimensions: number): Promise<void> {
  const type: unknown = (await table.schema()).fields.find(({ name }) => name === 'vector')?.type;
  const size = z.object({ listSize: z.number() }).parse(type).listSize;
  if (size !== dimensions)
    throw new Error(`Vectors of ${dimensions} dimensions do not fit ${storeId}, which has ${size}.`);
}

async function hasOtherRows(table: Table, fileIds: string[], ids: Set<string>): Promise<boolean> {
  const rows: unknown = await table.query().where(ofFiles(fileIds)).select(['id']).toArray();
  return z
    .array(z.object({ id: z.string() }))
    .parse(rows)
    .some(({ id }) => !ids.has(id));
}

/** What one way of searching found, best first. */
interface Found {
  rows: { chunk: Chunk; closeness: number }[];
  weight: number;
  isCut: boolean;
}

/** By vectors; undefined where they have no weight. */
async function nearest(table: Table, search: ChunkSearch): Promise<Found | undefined> {
  if (search.weights.vector === 0) return undefined;
  const query = table.query().nearestTo(search.vector).distanceType('cosine');
  // Cosine similarity; what points away from the query is as far as can be.
  const found = await candidates(query, '_distance', (distance) => Math.max(0, 1 - distance), search);
  return { ...found, weight: search.weights.vector };
}

/** By full text; undefined where it has no weight or the query no words. */
async function matching(table: Table, search: ChunkSearch): Promise<Found | undefined> {
  // A match query takes its text as words only, so quotes and operators in it have no meaning.
  const text = search.text.slice(0, MAX_QUERY_CHARACTERS).toWellFormed();
  if (!/[\p{L}\p{N}]/u.test(text) || search.weights.text === 0) return undefined;
  const query = table.query().fullTextSearch(new MatchQuery(text, 'text'));
  const closeness = (bm25: number): number => bm25 / (bm25 + HALF_CLOSE_BM25);
  const found = await candidates(query, '_score', closeness, search, await textLimit(table));
  return { ...found, weight: search.weights.text };
}

/**
 * Rows that must be asked for. While no row is in the full-text index, LanceDB (0.37) cuts to the limit before it ranks: then all that match
 * are asked for, which compaction keeps few.
 */
async function textLimit(table: Table): Promise<number> {
  const stats = await table.indexStats(TEXT_INDEX);
  return stats && stats.numIndexedRows === 0 ? MAX_UNINDEXED : 0;
}

type Candidates = ReturnType<ReturnType<Table['query']>['fullTextSearch']> | ReturnType<Table['vectorSearch']>;

async function candidates(
  query: Candidates,
  measure: '_distance' | '_score',
  closeness: (measured: number) => number,
  { limit, fileIds }: ChunkSearch,
  atLeast = 0,
): Promise<Pick<Found, 'rows' | 'isCut'>> {
  const filtered = fileIds ? query.where(ofFiles(fileIds)) : query;
  const asked = Math.max(limit * 2, MIN_CANDIDATES, atLeast);
  // LanceDB logs a warning when the measure that it ranks by is not asked for.
  const found: unknown = await filtered
    .select([...COLUMNS, measure])
    .limit(asked)
    .toArray();
  const measures = z.array(z.looseObject({ [measure]: z.number() })).parse(found);
  const chunks = z.array(chunkRow).parse(found);
  const rows = chunks.map((chunk, at) => ({ chunk, closeness: closeness(measures[at]?.[measure] ?? 0) }));
  return { rows: rows.sort((a, b) => b.closeness - a.closeness), isCut: rows.length >= asked };
}

/** Makes what a table lacks: a process may have died between creating it and this. */
async function prepare(table: Table): Promise<void> {
  const present = new Set((await table.listIndices()).map(({ name }) => name));
  const wanted = { id: Index.btree(), file_id: Index.btree(), text: Index.fts({ baseTokenizer: 'icu' }) };
  for (const [column, config] of Object.entries(wanted)) {
    if (!present.has(`${column}_idx`)) await table.createIndex(column, { config });
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

function ofFiles(fileIds: string[]): string {
  return `file_id IN (${fileIds.map((id) => `'${id.replaceAll("'", "''")}'`).join(', ')})`;
}

// LanceDB tells its errors apart only by their text.
function isNoTable(error: unknown): boolean {
  return types.isNativeError(error) && /^Table '.*' was not found/.test(error.message);
}

function isNotFound(error: unknown): boolean {
  return types.isNativeError(error) && /not found/i.test(error.message);
}

function isConflict(error: unknown): boolean {
  return types.isNativeError(error) && /conflict|concurrent/i.test(error.message);
}
