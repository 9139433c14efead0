/** Searches of a store: by vectors, by full text or its semantic ranking, and by both fused by rank. */
import type { SearchClient, SearchOptions } from '@azure/search-documents';
import { STEADY_RESULTS, type ChunkSearch, type IndexedStore, type ScoredChunk } from '../../retrieval/ports';
import { fuseByRank, type Ranking } from '../../retrieval/rankFusion';
import {
  all,
  CHUNK_FIELDS,
  chunkDocument,
  chunkOf,
  fileField,
  ofFiles,
  ofStore,
  type ChunkDocument,
  type SearchDocument,
} from './chunkDocuments';
import { hasStatus } from '../../azureStatus';
import { KeptAnswers } from '../recentlyUsed';
import { SEMANTIC_CONFIGURATION, vectorField } from './indexDefinition';

/** What of a query reaches the full-text search; terms beyond make it slow and no better. */
const MAX_QUERY_CHARACTERS = 2_000;
/** Candidates that each of two rankings brings, for few results and for more: not by the limit, so that the order of the results does not depend on it. */
const CANDIDATES = 64;
const MORE_CANDIDATES = 2_000;
/** Documents of one answer, the most that the service gives. */
const PAGE = 1_000;
/** The semantic ranker takes the first so many: https://learn.microsoft.com/azure/search/semantic-search-overview. */
const RANKED_BY_MEANING = 50;
/** Answers where its queries of the month are used up, as the free plan's 1,000 are; the service's documentation names no one of them. */
const QUOTA_USED_UP = [402, 403, 429];
/** Its best score. */
const BEST_MEANING = 4;
/** The BM25 of a chunk that counts as half close: a few words of the query that are rare among all chunks. */
const HALF_CLOSE_BM25 = 8;
/** Up to so many chunks of a store all its vectors are compared; the approximate index is built over all stores, and may miss some of a small one. */
const EXACT_CHUNKS = 10_000;
/** What is known of a store's size serves so long. */
const SIZE_MS = 60_000;
const MAX_SIZES = 1_000;

export interface SearchMeans {
  /** Whether there are vectors of that length at all, and they count. */
  hasVectors: boolean;
  ranksByMeaning: boolean;
  /** By store. */
  sizes: KeptAnswers<number>;
  /** The newest complete generation of each file. */
  currentGenerations: (files: string[]) => Promise<Map<string, number>>;
}

interface Found {
  document: ChunkDocument;
  closeness: number;
}

interface Way {
  found: Found[];
  weight: number;
  isCut: boolean;
}

/** Best first, at most `search.limit`; `nearest`: how many the vectors alone have found. */
export async function searchChunks(
  client: SearchClient<SearchDocument>,
  store: IndexedStore,
  search: ChunkSearch,
  means: SearchMeans,
): Promise<{ found: ScoredChunk[]; nearest: number }> {
  const text = search.weights.text > 0 ? queryText(search.text) : undefined;
  const asked = candidates(search.limit, means.hasVectors && text !== undefined);
  const filter = search.fileIds ? all(ofStore(store), ofFiles(search.fileIds.map(fileField))) : ofStore(store);
  const [byVector, byText] = await Promise.all([
    means.hasVectors ? nearest(client, store, search, filter, asked, means.sizes) : undefined,
    text !== undefined ? matching(client, search, text, filter, asked, means.ranksByMeaning) : undefined,
  ]);
  const ways = await ofCurrentGenerations(
    [byVector, byText].filter((way) => way !== undefined),
    means,
  );
  return { found: fused(ways, search.limit), nearest: byVector?.found.length ?? 0 };
}

function candidates(limit: number, isFused: boolean): number {
  if (!isFused) return limit;
  return limit <= STEADY_RESULTS ? CANDIDATES : Math.max(limit, MORE_CANDIDATES);
}

function fused(ways: Way[], limit: number): ScoredChunk[] {
  const documents = new Map(ways.flatMap(({ found }) => found.map(({ document }) => [document.id, document])));
  const rankings: Ranking[] = ways.map(({ found, weight, isCut }) => ({
    found: found.map(({ document, closeness }) => ({ id: document.id, closeness })),
    weight,
    isCut,
  }));
  return fuseByRank(rankings)
    .slice(0, limit)
    .flatMap(({ id, score }) => {
      const document = documents.get(id);
      return document ? [{ ...chunkOf(document), score }] : [];
    });
}

/** While a file is being replaced both generations are found; one of them counts. */
async function ofCurrentGenerations(ways: Way[], { currentGenerations }: SearchMeans): Promise<Way[]> {
  const generations = new Map<string, Set<number>>();
  for (const { document } of ways.flatMap(({ found }) => found)) {
    const seen = generations.get(document.file) ?? new Set();
    generations.set(document.file, seen.add(document.generation));
  }
  const mixed = [...generations].filter(([, seen]) => seen.size > 1).map(([file]) => file);
  if (mixed.length === 0) return ways;
  const current = await currentGenerations(mixed);
  const counts = ({ document }: Found) =>
    !mixed.includes(document.file) || current.get(document.file) === document.generation;
  return ways.map((way) => ({ ...way, found: way.found.filter(counts) }));
}

async function nearest(
  client: SearchClient<SearchDocument>,
  store: IndexedStore,
  { vector, weights }: ChunkSearch,
  filter: string,
  asked: number,
  sizes: SearchMeans['sizes'],
): Promise<Way> {
  const size = await sizes.get(JSON.stringify([store.tenant, store.id]), async () => readSize(client, store));
  const exhaustive = size <= EXACT_CHUNKS;
  const scored = await firstOf(client, undefined, asked, (most) => ({
    filter,
    vectorSearchOptions: {
      filterMode: 'preFilter',
      queries: [
        {
          kind: 'vector',
          vector: Array.from(vector, (value) => Number(value.toPrecision(9))),
          fields: [vectorField(vector.length)],
          kNearestNeighborsCount: most,
          exhaustive,
        },
      ],
    },
  }));
  // The score is 1 / (1 + distance), and the distance 1 - cosine similarity; what points away from the query is as far as can be.
  const found = scored.map(({ document, score }) => ({ document, closeness: Math.max(0, 2 - 1 / score) }));
  return { found, weight: weights.vector, isCut: found.length >= asked };
}

async function matching(
  client: SearchClient<SearchDocument>,
  { weights }: ChunkSearch,
  text: string,
  filter: string,
  asked: number,
  ranksByMeaning: boolean,
): Promise<Way> {
  const scoredByMeaning = ranksByMeaning ? await meant(client, text, filter) : undefined;
  if (scoredByMeaning) {
    const found = scoredByMeaning.flatMap(({ document, meaning }) =>
      meaning === undefined ? [] : [{ document, closeness: Math.min(1, meaning / BEST_MEANING) }],
    );
    if (found.length > 0 || scoredByMeaning.length === 0) {
      return { found, weight: weights.text, isCut: found.length >= RANKED_BY_MEANING };
    }
  }
  const scored = await firstOf(client, text, asked, () => ({ filter, searchFields: ['text'], searchMode: 'any' }));
  const found = scored.map(({ document, score }) => ({ document, closeness: score / (score + HALF_CLOSE_BM25) }));
  return { found, weight: weights.text, isCut: found.length >= asked };
}

/** What the semantic ranker makes of the first that full text finds; undefined where it takes no query: then the words count. */
async function meant(
  client: SearchClient<SearchDocument>,
  text: string,
  filter: string,
): Promise<Scored[] | undefined> {
  try {
    return await firstOf(client, text, RANKED_BY_MEANING, () => ({
      filter,
      searchFields: ['text'],
      queryType: 'semantic',
      // Where the ranker is late or has too much to do, the answer comes without its scores.
      semanticSearchOptions: { configurationName: SEMANTIC_CONFIGURATION, errorMode: 'partial' },
    }));
  } catch (error) {
    // A quota that is used up is an error of the whole query. Who may not search at all is told by the query of the words.
    if (hasStatus(error, ...QUOTA_USED_UP)) return undefined;
    throw error;
  }
}

interface Scored {
  document: ChunkDocument;
  score: number;
  meaning: number | undefined;
}

async function firstOf(
  client: SearchClient<SearchDocument>,
  text: string | undefined,
  asked: number,
  options: (most: number) => SearchOptions<SearchDocument>,
): Promise<Scored[]> {
  const found = new Map<string, Scored>();
  for (let skip = 0; skip < asked; skip += PAGE) {
    const top = Math.min(PAGE, asked - skip);
    const { results } = await client.search(text, { ...options(skip + top), select: CHUNK_FIELDS, top, skip });
    let count = 0;
    for await (const { document, score, rerankerScore } of results) {
      const parsed = chunkDocument.parse(document);
      found.set(parsed.id, { document: parsed, score, meaning: rerankerScore ?? undefined });
      count += 1;
    }
    if (count < top) break;
  }
  return [...found.values()];
}

/**
 * The words of a query; undefined where it has none. The service would take signs as operators: https://learn.microsoft.com/azure/search/query-simple-syntax.
 */
function queryText(query: string): string | undefined {
  const text = query
    .slice(0, MAX_QUERY_CHARACTERS)
    .toWellFormed()
    .replace(/[^\p{L}\p{N}\p{M}'.,_@]+/gu, ' ')
    .trim();
  return /[\p{L}\p{N}]/u.test(text) ? text : undefined;
}

/** About how many chunks the stores have, for searches to keep. */
export const storeSizes = (): KeptAnswers<number> =>
  new KeptAnswers({ most: MAX_SIZES, milliseconds: SIZE_MS, now: Date.now });

async function readSize(client: SearchClient<SearchDocument>, store: IndexedStore): Promise<number> {
  const asked = { filter: ofStore(store), select: ['id'], top: 0, includeTotalCount: true };
  return (await client.search('*', asked)).count ?? 0;
}
