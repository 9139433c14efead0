/** Everything that retrieval is handed. */
import type { EmbeddingModels } from '../models/ports';
import type { Blobs, Records } from '../storage/ports';
import type { DocumentParser, VectorIndex } from './ports';
import type { RewriteQueries } from './queryRewriting';

export interface RetrievalPorts {
  records: Records;
  blobs: Blobs;
  index: VectorIndex;
  parser: DocumentParser;
  embeddings: EmbeddingModels;
  /** Absent: nothing rewrites queries. */
  rewriteQueries?: RewriteQueries;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Largest file, in bytes. */
  maxFileBytes: number;
}
