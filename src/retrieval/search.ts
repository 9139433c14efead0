/** Search in vector stores (operation 42, and the file_search tool). */
import { errors } from '../errors';
import { ModelError } from '../models/ports';
import type { Scope } from '../scope';
import type { Attributes, Filter, RankingOptions, SearchRequest, SearchResultsPage } from '../wire/vectorStores';
import { passesFilter } from './attributeFilter';
import { STEADY_RESULTS, type RankingWeights, type ScoredChunk } from './ports';
import type { RetrievalPorts } from './retrievalPorts';
import {
  FILES,
  isExpired,
  requireStore,
  storeFileKey,
  storePartition,
  type StoreFile,
  type StoreRecord,
} from './storeRecords';
import type { VectorStores } from './vectorStores';

/** Files that a filter may select; the index is asked by their ids. */
const MAX_FILTERED_FILES = 10_000;
/** Results that pages reach; what lies deeper is better found by another query. */
const MAX_PAGED_RESULTS = 1_000;
/** Records read at once while a filter is evaluated. */
const FILTER_PAGE = 500;

/** A chunk that was found, with what its file is called and carries. */
export interface FoundPassage {
  fileId: string;
  filename: string;
  /** 0 to 1. */
  score: number;
  text: string;
  attributes: Attributes;
  /** From 1, for paged formats. */
  page?: number;
  heading?: string;
  /** Position in the file, from 0. */
  ordinal: number;
}

export interface SearchOptions {
  limit: number;
  scoreThreshold: number;
  filters?: Filter;
  /** Of vectors and full text; absent: those that suit the store's embedding model. */
  weights?: RankingWeights;
}

export type Search = ReturnType<typeof createSearch>;

export function createSearch(
  { records, index, embeddings, rewriteQueries, now }: RetrievalPorts,
  vectorStores: VectorStores,
) {
  /**
   * Best passages of all the stores first, at most `limit`, none below `scoreThreshold`; of a passage that several queries find the best score counts. Throws
   * 404 for a store that is not there, 400 for an expired one, and ModelError.
   */
  async function search(
    scope: Scope,
    storeIds: string[],
    queries: string[],
    options: SearchOptions,
    signal?: AbortSignal,
  ): Promise<FoundPassage[]> {
    const found = await Promise.all(
      [...new Set(storeIds)].map(async (id) => searchStore(scope, id, queries, options, signal)),
    );
    return best(found.flat(), options.limit);
  }

  async function searchStore(
    scope: Scope,
    storeId: string,
    queries: string[],
    options: SearchOptions,
    signal?: AbortSignal,
  ): Promise<FoundPassage[]> {
    const store = await requireStore(records, scope, storeId);
    if (isExpired(store.value, Math.floor(now() / 1000))) throw errors.vectorStoreExpired(storeId);
    await vectorStores.touch(scope, store);
    const fileIds = options.filters && (await filteredFiles(scope, store.value, options.filters));
    if (store.value.file_counts.total === 0 || fileIds?.length === 0) return [];
    const chunks = await searchIndex(scope, store.value, queries, options, fileIds, signal);
    return passagesOf(scope, storeId, chunks);
  }

  /** Ids of the files whose attributes pass. Throws 400 if there are too many to ask the index for. */
  async function filteredFiles(scope: Scope, store: StoreRecord, filter: Filter): Promise<string[]> {
    const ids: string[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await records.list<StoreFile>(storePartition(scope, store.id), FILES, {
        order: 'asc',
        limit: FILTER_PAGE,
        after,
      });
      for (const { value } of page.records) if (passesFilter(value.attributes, filter)) ids.push(value.id);
      if (ids.length > MAX_FILTERED_FILES) {
        const message = `Invalid 'filters': it selects more than ${MAX_FILTERED_FILES} files. Narrow it down.`;
        throw errors.invalidParameter(message, 'invalid_value', 'filters');
      }
      after = page.records.at(-1)?.id;
      if (!page.hasMore || after === undefined) return ids;
    }
  }

  async function searchIndex(
    { tenant }: Scope,
    store: StoreRecord,
    queries: string[],
    options: SearchOptions,
    fileIds: string[] | undefined,
    signal?: AbortSignal,
  ): Promise<ScoredChunk[]> {
    const model = embeddings.byId(store.embedding_model);
    const weights = options.weights ?? { vector: 1, text: model.textWeight };
    // Composed, as the text of documents is.
    const texts = queries.map((query) => query.normalize('NFC'));
    const vectors = await model.embed(texts, 'query', signal, tenant);
    const found = await Promise.all(
      vectors.map(async (vector, place) => {
        const text = texts[place] ?? '';
        return index.search({ tenant, id: store.id }, { text, vector, weights, limit: options.limit, fileIds });
      }),
    );
    return found.flat().filter(({ score }) => score >= options.scoreThreshold);
  }

  /** Leaves out chunks of files that are not, or no longer, part of the store. */
  async function passagesOf(scope: Scope, storeId: string, chunks: ScoredChunk[]): Promise<FoundPassage[]> {
    const ids = [...new Set(chunks.map(({ fileId }) => fileId))];
    const found = await Promise.all(ids.map(async (id) => records.get<StoreFile>(storeFileKey(scope, storeId, id))));
    const files = new Map(found.flatMap((file) => (file ? [[file.id, file.value]] : [])));
    return chunks.flatMap(({ fileId, ...chunk }) => {
      const file = files.get(fileId);
      if (!file || file.status === 'failed' || file.status === 'cancelled') return [];
      return [{ ...chunk, fileId, filename: file.filename, attributes: file.attributes }];
    });
  }

  /**
   * The search operation; `page` of the request is the `next_page` of the answer before. Ranking `none` goes by the vectors alone; any other ranker fuses
   * them with full text. Throws as `search`, model failures as their API errors.
   */
  async function page(
    scope: Scope,
    storeId: string,
    request: SearchRequest,
    signal?: AbortSignal,
  ): Promise<SearchResultsPage> {
    const start = request.page === undefined ? 0 : startOf(request.page);
    const end = start + request.max_num_results;
    const options = {
      scoreThreshold: request.ranking_options?.score_threshold ?? 0,
      filters: request.filters,
      weights: weightsOf(request.ranking_options),
    };
    try {
      const queries = await searchQueries(request, signal);
      // One more tells whether there is more.
      const count = Math.min(end, MAX_PAGED_RESULTS) + 1;
      const passages = await inSteadyOrder(count, async (limit) =>
        search(scope, [storeId], queries, { ...options, limit }, signal),
      );
      const hasMore = passages.length > end && end < MAX_PAGED_RESULTS;
      return {
        object: 'vector_store.search_results.page',
        search_query: queries,
        data: passages.slice(start, Math.min(end, MAX_PAGED_RESULTS)).map(resultOf),
        has_more: hasMore,
        next_page: hasMore ? String(end) : null,
      };
    } catch (error) {
      if (error instanceof ModelError) throw errors.modelFailed(error, error);
      throw error;
    }
  }

  async function searchQueries(request: SearchRequest, signal?: AbortSignal): Promise<string[]> {
    const queries = [request.query].flat();
    if (!request.rewrite_query) return queries;
    if (!rewriteQueries) {
      const advice = 'Set QUERY_REWRITE_DEPLOYMENT to a chat deployment that rewrites queries, or leave it out.';
      throw errors.unsupported('rewrite_query', advice);
    }
    return rewriteQueries(queries, signal);
  }

  return { search, page };
}

/**
 * The first `count` passages that `find` finds, in an order that does not depend on `count`, so that no page repeats or leaves out what another has: those that a small
 * search finds, and behind them what only a large one does.
 */
async function inSteadyOrder(count: number, find: (limit: number) => Promise<FoundPassage[]>): Promise<FoundPassage[]> {
  const first = await find(Math.min(count, STEADY_RESULTS));
  const last = first.at(-1);
  if (count <= STEADY_RESULTS || first.length < STEADY_RESULTS || !last) return first;
  const given = new Set(first.map(placeOf));
  const others = (await find(count + STEADY_RESULTS)).filter((passage) => !given.has(placeOf(passage)));
  return [...first, ...others.map((passage) => ({ ...passage, score: Math.min(passage.score, last.score) }))];
}

const placeOf = ({ fileId, ordinal }: FoundPassage): string => `${fileId}#${ordinal}`;

/** Where the page begins. Throws 400 for a token that no answer gave. */
function startOf(token: string): number {
  const start = /^[1-9]\d{0,3}$/.test(token) ? Number(token) : MAX_PAGED_RESULTS;
  if (start < MAX_PAGED_RESULTS) return start;
  throw errors.invalidParameter("Invalid 'page': give the 'next_page' of an answer.", 'invalid_value', 'page');
}

export function weightsOf(ranking: RankingOptions): RankingWeights | undefined {
  if (ranking?.ranker === 'none') return { vector: 1, text: 0 };
  const hybrid = ranking?.hybrid_search;
  return hybrid && { vector: hybrid.embedding_weight, text: hybrid.text_weight };
}

function resultOf({ fileId, filename, score, attributes, text }: FoundPassage): SearchResultsPage['data'][number] {
  return { file_id: fileId, filename, score, attributes, content: [{ type: 'text', text }] };
}

/** The passages by score, each once. */
function best(passages: FoundPassage[], limit: number): FoundPassage[] {
  const unique = new Map<string, FoundPassage>();
  for (const passage of passages.sort((a, b) => b.score - a.score)) {
    const key = placeOf(passage);
    if (!unique.has(key)) unique.set(key, passage);
    if (unique.size === limit) break;
  }
  return [...unique.values()];
}
