/** Searches of a store's table: by vectors, by full text, and by both fused by rank. */
import { MatchQuery, type Table } from '@lancedb/lancedb';
import { z } from 'zod';
import type { Chunk, ChunkSearch, ScoredChunk } from '../../retrieval/ports';
import { fuseByRank, type Ranking } from '../../retrieval/rankFusion';
import { nearestTo, USUAL_SETTINGS, vectorSearchSettings, type VectorSearchSettings } from './approximateIndex';
import { CHUNK_COLUMNS, chunkRow, ofFiles, ofRows, rowId, TEXT_INDEX } from './rows';

/** What of a query reaches the full-text search; terms beyond make it slow and no better. */
const MAX_QUERY_CHARACTERS = 2_000;
/** Candidates that each of two rankings brings, at least. */
const MIN_CANDIDATES = 50;
/** The BM25 of a chunk that counts as half close: a few words of the query that are rare in the store. */
const HALF_CLOSE_BM25 = 8;
/** Rows that may be searched before any is in the full-text index; the first compaction comes long before. */
const MAX_UNINDEXED = 20_000;
/** Rows of a filter whose vectors are all compared: as quick as the index, which can miss some where few of its rows pass. */
const EXACT_FILTERED_ROWS = 5_000;
/** The nearest that pass a filter lie further off than the nearest of all, so the index is searched this much more thoroughly. */
const FILTERED_FACTOR = 4;

/** What a search must know of a table, which changes when it is compacted. */
export interface TableState {
  /** How the approximate index is searched; absent: there is none. */
  approximate: VectorSearchSettings | undefined;
  /** Whether any row is in the full-text index. */
  textIsIndexed: boolean;
}

/** Reads what {@link searchTable} must know. */
export async function readTableState(table: Table): Promise<TableState> {
  const [approximate, text] = await Promise.all([vectorSearchSettings(table), table.indexStats(TEXT_INDEX)]);
  return { approximate, textIsIndexed: text === undefined || text.numIndexedRows > 0 };
}

/** Best first, at most `search.limit`. */
export async function searchTable(table: Table, search: ChunkSearch, state: TableState): Promise<ScoredChunk[]> {
  const ways = [nearest(table, search, state), matching(table, search, state)].filter((way) => way !== undefined);
  const [way, second] = ways;
  if (!way) return [];
  if (!second) return searchOneWay(way, search);
  const rankings = await Promise.all(ways.map(async (each) => ranked(each, search)));
  const fused = fuseByRank(rankings).slice(0, search.limit);
  const chunks = await chunksOf(table, fused);
  return fused.flatMap(({ id, score }) => {
    const chunk = chunks.get(id);
    return chunk ? [{ ...chunk, score }] : [];
  });
}

type Query = ReturnType<ReturnType<Table['query']>['fullTextSearch']> | ReturnType<Table['vectorSearch']>;

/** One way of searching. */
interface Way {
  query: (limit: number) => Promise<Query> | Query;
  /** Column of what it ranks by, which LanceDB warns of when it is not asked for. */
  measure: '_distance' | '_score';
  /** The measured as 0 to 1, on the same scale for every query. */
  closeness: (measured: number) => number;
  weight: number;
}

/** By vectors; undefined where they have no weight. */
function nearest(table: Table, search: ChunkSearch, { approximate }: TableState): Way | undefined {
  const { fileIds, vector } = search;
  if (search.weights.vector === 0) return undefined;
  return {
    async query(limit) {
      const settings = approximate ?? USUAL_SETTINGS;
      if (!fileIds) return nearestTo(table, vector, settings, limit);
      const passing = ofFiles(fileIds);
      const thorough = {
        probes: settings.probes * FILTERED_FACTOR,
        refined: settings.refined * FILTERED_FACTOR,
      };
      const query = nearestTo(table, vector, thorough, limit).where(passing);
      const isExact = approximate && (await table.countRows(passing)) <= EXACT_FILTERED_ROWS;
      return isExact ? query.bypassVectorIndex() : query;
    },
    measure: '_distance',
    // Cosine similarity; what points away from the query is as far as can be.
    closeness: (distance) => Math.max(0, 1 - distance),
    weight: search.weights.vector,
  };
}

/** By full text; undefined where it has no weight or the query no words. */
function matching(table: Table, search: ChunkSearch, { textIsIndexed }: TableState): Way | undefined {
  // A match query takes its text as words only, so quotes and operators in it have no meaning.
  const text = search.text.slice(0, MAX_QUERY_CHARACTERS).toWellFormed();
  if (!/[\p{L}\p{N}]/u.test(text) || search.weights.text === 0) return undefined;
  return {
    query(limit) {
      // While no row is in the full-text index, LanceDB (0.37) cuts to the limit before it ranks: then all that match are asked for, which compaction keeps few.
      const asked = textIsIndexed ? limit : Math.max(limit, MAX_UNINDEXED);
      const query = table.query().fullTextSearch(new MatchQuery(text, 'text')).limit(asked);
      return search.fileIds ? query.where(ofFiles(search.fileIds)) : query;
    },
    measure: '_score',
    closeness: (bm25) => bm25 / (bm25 + HALF_CLOSE_BM25),
    weight: search.weights.text,
  };
}

/** Without a second ranking nothing is fused: the chunks come with the first query. */
async function searchOneWay(way: Way, { limit }: ChunkSearch): Promise<ScoredChunk[]> {
  const rows = await rowsOf(way, CHUNK_COLUMNS, limit);
  const chunks = z.array(chunkRow).parse(rows);
  const scored = closenesses(way, rows).map((score, at) => ({ score, chunk: chunks[at] }));
  const best = scored.sort((a, b) => b.score - a.score).slice(0, limit);
  return best.flatMap(({ chunk, score }) => (chunk ? [{ ...chunk, score }] : []));
}

async function ranked(way: Way, { limit }: ChunkSearch): Promise<Ranking> {
  const asked = Math.max(limit * 2, MIN_CANDIDATES);
  const rows = await rowsOf(way, ['id'], asked);
  const ids = z.array(z.object({ id: z.string() })).parse(rows);
  const found = closenesses(way, rows).map((closeness, at) => ({ id: ids[at]?.id ?? '', closeness }));
  return {
    found: found.sort((a, b) => b.closeness - a.closeness).slice(0, asked),
    weight: way.weight,
    isCut: rows.length >= asked,
  };
}

async function rowsOf(way: Way, columns: string[], limit: number): Promise<unknown[]> {
  const query = await way.query(limit);
  return query.select([...columns, way.measure]).toArray();
}

function closenesses({ measure, closeness }: Way, rows: unknown[]): number[] {
  const measured = z.array(z.looseObject({ [measure]: z.number() })).parse(rows);
  return measured.map((row) => closeness(row[measure] ?? 0));
}

/** The chunks by their ids; one that was removed since is missing. */
async function chunksOf(table: Table, found: { id: string }[]): Promise<Map<string, Chunk>> {
  if (found.length === 0) return new Map();
  const rows: unknown = await table
    .query()
    .where(ofRows(found.map(({ id }) => id)))
    .select(CHUNK_COLUMNS)
    .toArray();
  return new Map(
    z
      .array(chunkRow)
      .parse(rows)
      .map((chunk) => [rowId(chunk), chunk]),
  );
}
