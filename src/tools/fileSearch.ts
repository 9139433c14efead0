/** The file_search tool of assistants, over the search of vector stores. */
import type { FileSearchTool } from '../assistants/ports';
import type { Retrieval } from '../retrieval/retrieval';

/** Searches as the vector store search operation does. */
export function fileSearchTool({ search }: Retrieval): FileSearchTool {
  return {
    search: async (scope, vectorStoreIds, queries, options, signal) =>
      search.search(scope, vectorStoreIds, queries, options, signal),
  };
}
