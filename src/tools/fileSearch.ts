/** The file_search tool of runs and responses, over the search of vector stores. */
import type { FileSearchTool } from '../agentLoop/ports';
import type { Retrieval } from '../retrieval/retrieval';
import { weightsOf } from '../retrieval/search';

/** Searches as the vector store search operation does. */
export function fileSearchTool({ search }: Retrieval): FileSearchTool {
  return {
    search: async (scope, vectorStoreIds, queries, { ranking, ...options }, signal) =>
      search.search(scope, vectorStoreIds, queries, { ...options, weights: weightsOf(ranking) }, signal),
  };
}
