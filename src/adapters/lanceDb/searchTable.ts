/** Searches of a store's table: by vectors, by full text, and by both fused by rank. */
import { MatchQuery, type Table } from '@lancedb/lancedb';
import { z } from 'zod';
import { STEADY_RESULTS, type Chunk, type ChunkSearch, type ScoredChunk } from '../../retrieval/ports';
import { fuseByRank, type Ranking } from '../../retrieval/rankFusion';
import { nearestTo, USUAL_SETTINGS, vectorSearchSettings, type VectorSearchSettings } from './approximateIndex';
import { CHUNK_COLUMNS, chunkRow, ofFiles, ofRows, rowId, TEXT_INDEX } from './rows';

/** What of a query reaches the full-text search; terms beyond make it slow and no better. */
const MAX_QUERY_CHARACTERS = 2_000;
/**
 * Candidates that each of two rankings brings, for few results (at least as many as those) and for more: not by the limit, so that the order of the results does
 * not depend on it. Twice as many cost a quarter of the time more.
 */
const CANDIDATES = 64;
const MORE_CANDIDATES = 2_200;
/** The BM25 of a chunk that counts as half close: a few words of the query that are rare in the store. */
const HALF_CLOSE_BM25 = 8;
/** Rows that may be searched before any is in the full-text index; the first compaction comes long before. */
const MAX_UNINDEXED = 20_000;
/**
 * What of a filter has all its vectors compared: that is as quick as the index, which can miss some where few of its rows pass. So few files are not counted, since
 * that takes longer than it saves, however large they are.
 */
const EXACT_FILTERED_FILES = 50;
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
  const found = await Promise.all(ways.map(async (each) => ranked(each, search)));
  const fused = fuseByRank(found.map(({ ranking }) => ranking)).slice(0, search.limit);
  const places = new Map(found.flatMap(({ places: some }) => [...some]));
  const chunks = await chunksAt(table, new Map(fused.map(({ id }) => [id, places.get(id) ?? 0n])));
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
      if (!approximate) return nearestTo(table, vector, settings, limit).where(passing);
      const thorough = {
        probes: settings.probes * FILTERED_FACTOR,
        refined: settings.refined * FILTERED_FACTOR,
      };
      const query = nearestTo(table, vector, thorough, limit).where(passing);
      const isExact = fileIds.length <= EXACT_FILTERED_FILES || (await table.countRows(passing)) <= EXACT_FILTERED_ROWS;
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
  const query = await way.query(limit);
  const rows: unknown = await query.select([...CHUNK_COLUMNS, way.measure]).toArray();
  const measured = z.array(z.looseObject({ [way.measure]: z.number() })).parse(rows);
  const scored = z
    .array(chunkRow)
    .parse(rows)
    .map((chunk, at) => ({ ...chunk, score: way.closeness(measured[at]?.[way.measure] ?? 0) }));
  return scored.sort((a, b) => b.score - a.score).slice(0, limit);
}

const ranks = z.object({ ids: z.array(z.string()), places: z.array(z.bigint()), measured: z.array(z.number()) });

/** What one way of searching found, and where LanceDB has it at the moment. */
async function ranked(
  way: Way,
  { limit }: ChunkSearch,
): Promise<{ ranking: Ranking; places: Iterable<[id: string, place: bigint]> }> {
  const asked = limit <= STEADY_RESULTS ? CANDIDATES : Math.max(limit, MORE_CANDIDATES);
  const query = await way.query(asked);
  const rows = await query.select(['id', way.measure]).withRowId().toArrow();
  // By column: a hundred row objects of Arrow's cost more than the query.
  const values = (column: string): unknown[] => [...(rows.getChild(column) ?? [])];
  const { ids, places, measured } = ranks.parse({
    ids: values('id'),
    places: values('_rowid'),
    measured: values(way.measure),
  });
  const found = ids.map((id, at) => ({ id, closeness: way.closeness(measured[at] ?? 0) }));
  return {
    ranking: {
      found: found.sort((a, b) => b.closeness - a.closeness).slice(0, asked),
      weight: way.weight,
      isCut: ids.length >= asked,
    },
    places: ids.map((id, at) => [id, places[at] ?? 0n]),
  };
}

/**
 * The chunks by their ids. They are looked for at their places, which is quicker; a compaction since may have moved them, and then they are found by their ids. One
 * that was removed is missing.
 */
async function chunksAt(table: Table, places: ReadonlyMap<string, bigint>): Promise<Map<string, Chunk>> {
  const chunks = new Map<string, Chunk>();
  const take = (rows: unknown): void => {
    for (const chunk of z.array(chunkRow).parse(rows)) {
      const id = rowId(chunk);
      if (places.has(id)) chunks.set(id, chunk);
    }
  };
  if (places.size > 0)
    take(
      await table
        .takeRowIds([...places.values()])
        .select(CHUNK_COLUMNS)
        .toArray(),
    );
  const moved = [...places.keys()].filter((id) => !chunks.has(id));
  if (moved.length > 0) take(await table.query().where(ofRows(moved)).select(CHUNK_COLUMNS).toArray());
  return chunks;
}
