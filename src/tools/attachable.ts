/** Files and vector stores as assistants, threads and messages name them, over retrieval. */
import type { AttachableFiles } from '../agentLoop/ports';
import type { AttachableVectorStores } from '../assistants/ports';
import { ApiError, isFound } from '../errors';
import type { KeptHere } from '../responses/upstreamResponses';
import type { Retrieval } from '../retrieval/retrieval';

/** Of a store that is made with or for a thread, by the services' rule. */
export const THREAD_STORE_EXPIRY = { anchor: 'last_active_at' as const, days: 7 };

/** The vector stores that tool resources may name, and those of threads. */
export function attachableVectorStores({ vectorStores, vectorStoreFiles }: Retrieval): AttachableVectorStores {
  return {
    check: async (scope, ids, param) => vectorStores.check(scope, ids, param),
    async createForThread(scope, fileIds) {
      const { job } = await vectorStores.create(scope, { file_ids: fileIds, expires_after: THREAD_STORE_EXPIRY });
      if (!job) throw new Error('A store for attached files needs at least one file.');
      return job;
    },
    async createForAssistant(scope, assistantId, fileIds) {
      const { job } = await vectorStores.create(scope, { name: assistantId, file_ids: fileIds });
      if (!job) throw new Error('A store for the files of an assistant needs at least one file.');
      return job;
    },
    addFiles: async (scope, storeId, fileIds) => vectorStoreFiles.addAll(scope, storeId, fileIds),
    async removeFile(scope, storeId, fileId) {
      await isFound(vectorStoreFiles.remove(scope, storeId, fileId));
    },
    noteUse: async (scope, storeId) => vectorStores.noteUse(scope, storeId),
    async remove(scope, storeId) {
      await vectorStores.remove(scope, storeId);
    },
  };
}

/** The files that tool resources and messages may name. */
export function attachableFiles({ files }: Retrieval): AttachableFiles {
  return {
    async firstMissing(scope, ids) {
      if (ids.length === 0) return undefined;
      const found = await files.findAll(scope, ids);
      return ids.find((id) => !found.has(id));
    },
    describe: async (scope, ids) => files.findAll(scope, ids),
    async open(scope, id) {
      try {
        const { size, content } = await files.content(scope, id);
        return { size, content };
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return undefined;
        throw error;
      }
    },
  };
}

/** The files and vector stores that no upstream reaches. */
export function keptHere({ files, vectorStores }: Retrieval): KeptHere {
  return {
    isFile: async (scope, id) => (await files.findAll(scope, [id])).has(id),
    isVectorStore: async (scope, id) => isFound(vectorStores.check(scope, [id])),
  };
}
