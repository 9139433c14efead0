/** A vector index that is opened when it is first used. */
import type { Late } from '../late';
import type { VectorIndex } from '../retrieval/ports';

/** The index that `opened` opens. What its opening throws, every use throws, and the next tries again. */
export const lateVectorIndex = (opened: Late<VectorIndex>): VectorIndex => ({
  replaceFiles: async (...given) => (await opened.get()).replaceFiles(...given),
  deleteFiles: async (...given) => (await opened.get()).deleteFiles(...given),
  search: async (...given) => (await opened.get()).search(...given),
  chunksOf: async (...given) => (await opened.get()).chunksOf(...given),
  count: async (...given) => (await opened.get()).count(...given),
  deleteStore: async (...given) => (await opened.get()).deleteStore(...given),
  optimize: async (...given) => (await opened.get()).optimize(...given),
  close: async () => opened.ifMade(async (index) => index.close()),
});
