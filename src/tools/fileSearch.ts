/** The file_search tool of assistants, over the search of vector stores. */
import type { AttachableVectorStores, FileSearchTool } from '../assistants/ports';
import type { Retrieval } from '../retrieval/retrieval';

/** Searches as the vector store search operation does. */
export function fileSearchTool({ search }: Retrieval): FileSearchTool {
  return {
    search: async (scope, vectorStoreIds, queries, options, signal) =>
      search.search(scope, vectorStoreIds, queries, options, signal),
  };
}

/** The vector stores that tool resources may name. */
export function attachableVectorStores({ vectorStores }: Retrieval): AttachableVectorStores {
  return { check: async (scope, ids) => vectorStores.check(scope, ids) };
}
