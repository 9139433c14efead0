/** What a write of chunks must hold, whatever index takes it. */
import type { Chunk } from '../retrieval/ports';

/** The vectors' length, undefined without chunks. Throws where the arguments do not fit together. */
export function checkedDimensions(fileIds: string[], chunks: Chunk[], vectors: Float32Array[]): number | undefined {
  if (chunks.length !== vectors.length) throw new Error(`${chunks.length} chunks came with ${vectors.length} vectors.`);
  const files = new Set(fileIds);
  const stranger = chunks.find((chunk) => !files.has(chunk.fileId));
  if (stranger) throw new Error(`A chunk of file '${stranger.fileId}' came in a write of other files.`);
  const places = new Set(chunks.map(({ fileId, ordinal }) => `${fileId}#${ordinal}`));
  if (places.size !== chunks.length) throw new Error('Two chunks have the same place in one file.');
  const dimensions = vectors[0]?.length;
  if (vectors.some((vector) => vector.length !== dimensions)) throw new Error('The vectors differ in length.');
  return dimensions;
}
