/** The data source `vector_store`: this package's own vector stores, over their search. */
import { SourceError, type OpenDataSource } from '../dataSources/ports';
import { ApiError } from '../errors';
import type { Retrieval } from '../retrieval/retrieval';
import type { FoundPassage } from '../retrieval/search';

/** Opens vector stores of the caller as a source. What keeps a store from being searched is a {@link SourceError} that says what it is. */
export function vectorStoreSource({ search }: Pick<Retrieval, 'search'>): OpenDataSource<'vector_store'> {
  return ({ parameters }, scope) => ({
    // The store knows the model that embeds its queries.
    wantsVector: false,
    scale: 'similarity',
    async search({ text, limit }, signal) {
      try {
        const options = { limit, scoreThreshold: 0 };
        const passages = await search.search(scope, parameters.vector_store_ids, [text], options, signal);
        return passages.map(documentOf);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status >= 500) throw error;
        const param = 'data_sources[0].parameters.vector_store_ids';
        throw new SourceError(error.status === 404 ? 'not_found' : 'invalid', error.message, param, { cause: error });
      }
    },
  });
}

const documentOf = ({ text, filename, ordinal, score }: FoundPassage) => ({
  content: text,
  title: filename,
  filepath: filename,
  chunkId: String(ordinal),
  score,
});
