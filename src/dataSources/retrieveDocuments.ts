/** Asks a source all search queries, and merges what they find. */
import type { FoundDocument } from './cutDocuments';
import { SourceError, type DataSource, type SourceDocument, type SourceQuery } from './ports';

/** Queries that one request has under way at its source. */
const CONCURRENCY = 4;
/** A source that takes longer is given up, in milliseconds. */
const PATIENCE_MS = 30_000;
/** Of all documents of a request together, far more than any model reads. */
const MAX_CHARACTERS = 32_000_000;

/**
 * The documents that the queries find, each once. Where a query fails: with `allowPartialResult` the others count, unless all fail; without it the first failure
 * is thrown, and ends the others. Documents too large together are such a failure. Throws SourceError, what else a source throws, or the signal's reason.
 */
export async function retrieveDocuments(
  source: DataSource,
  queries: SourceQuery[],
  allowPartialResult: boolean,
  signal: AbortSignal,
): Promise<FoundDocument[]> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const found: { query: string; documents: SourceDocument[] }[] = [];
  const faults: unknown[] = [];
  let characters = 0;
  const waiting = queries.values();
  const lane = async (): Promise<void> => {
    for (const query of waiting) {
      try {
        const documents = await searchInTime(source, query, stop);
        characters += documents.reduce((sum, document) => sum + sizeOf(document), 0);
        if (characters > MAX_CHARACTERS) throw tooLarge();
        found.push({ query: query.text, documents });
      } catch (error) {
        signal.throwIfAborted();
        if (!allowPartialResult) {
          failed.abort(error);
          throw error;
        }
        faults.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  if (found.length === 0 && faults.length > 0) throw faults[0];
  // In the order of the queries, whichever answered first.
  const order = new Map(queries.map(({ text }, place) => [text, place]));
  return merged(found.sort((a, b) => (order.get(a.query) ?? 0) - (order.get(b.query) ?? 0)));
}

const sizeOf = ({ content, title = '', url = '', filepath = '', chunkId = '' }: SourceDocument): number =>
  content.length + title.length + url.length + filepath.length + chunkId.length;

const tooLarge = (): SourceError =>
  new SourceError(
    'invalid',
    `The documents found have more than ${MAX_CHARACTERS} characters together. Index smaller pieces, or set lower top_n_documents and max_search_queries.`,
    'data_sources[0].parameters.top_n_documents',
  );

async function searchInTime(source: DataSource, query: SourceQuery, signal: AbortSignal): Promise<SourceDocument[]> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await source.search(query, AbortSignal.any([signal, late]));
  } catch (error) {
    if (late.aborted && !signal.aborted)
      throw new SourceError('timeout', `It did not answer within ${PATIENCE_MS / 1000} s.`, undefined, {
        cause: error,
      });
    throw error;
  }
}

function merged(found: { query: string; documents: SourceDocument[] }[]): FoundDocument[] {
  const byIdentity = new Map<string, FoundDocument>();
  for (const { query, documents } of found) {
    for (const document of documents) {
      const { url, filepath, title, chunkId, content, score, originalScore, rerankScore } = document;
      const identity = JSON.stringify([url, filepath, title, chunkId, content]);
      const known = byIdentity.get(identity);
      if (!known) {
        byIdentity.set(identity, { ...document, searchQueries: [query] });
        continue;
      }
      known.searchQueries.push(query);
      if (score > known.score) Object.assign(known, { score, originalScore });
      if (rerankScore !== undefined) known.rerankScore = Math.max(known.rerankScore ?? 0, rerankScore);
    }
  }
  return [...byIdentity.values()];
}
