/** What retrieval needs of the outside: a parser of documents and an index of chunks. */
import type { Readable } from 'node:stream';
import { ApiError } from '../errors';

/** Why a document has no text to index; `code` is the `last_error.code` of a vector store file. */
export class DocumentError extends Error {
  constructor(
    readonly code: 'unsupported_file' | 'invalid_file' | 'server_error',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'DocumentError';
  }
}

/** Vectors of another length than those that the store holds: its embedding model gives other ones than when it was filled. Answered as 400. */
export class DimensionsError extends ApiError {
  constructor(storeId: string, given: number, held: number) {
    super(
      400,
      `The embedding model gives vectors of ${given} dimensions, and those in the vector store '${storeId}' have ${held}. Let EMBEDDING_DEPLOYMENT name the model again that filled it, or add its files to a new vector store.`,
      { code: 'embedding_dimensions_changed' },
    );
    this.name = 'DimensionsError';
  }
}

/** A stretch of a document's text with where it stands. */
export interface DocumentSection {
  text: string;
  /** From 1, for paged formats. */
  page?: number;
  heading?: string;
}

export interface DocumentParser {
  /**
   * The document's text in reading order. Memory stays bounded whatever the document says of itself. Throws {@link DocumentError}: `unsupported_file` for a
   * kind it does not read, `invalid_file` for one that is damaged, encrypted, empty, without text, or beyond the limits.
   */
  parse(
    file: { filename: string; bytes: number; open: () => Promise<Readable> },
    signal?: AbortSignal,
  ): Promise<DocumentSection[]>;
}

/** A chunk of a file as indexed. */
export interface Chunk {
  fileId: string;
  /** Position in the file, from 0. */
  ordinal: number;
  text: string;
  page?: number;
  heading?: string;
}

export interface ScoredChunk extends Chunk {
  /** 0 to 1: how close the chunk is to the query, on the same scale for every query. */
  score: number;
}

/** Weights of the rankings by vectors and by full text; not both 0. */
export interface RankingWeights {
  vector: number;
  text: number;
}

/** Results of a search whose order is the same whatever its limit up to here is; and so it is of any limit beyond. */
export const STEADY_RESULTS = 51;

export interface ChunkSearch {
  text: string;
  vector: Float32Array;
  /** How much each ranking counts when both are fused by rank; one that counts 0 is not asked for. */
  weights: RankingWeights;
  limit: number;
  /** Only chunks of these files; absent: of all. */
  fileIds?: string[];
}

/** A vector store as the index knows it. Ids are unique by themselves; the tenant makes sure that nobody reaches another's. */
export interface IndexedStore {
  tenant: string;
  id: string;
}

/** An index of chunks; every vector store is a space of its own, created by its first write. */
export interface VectorIndex {
  /**
   * Makes the chunks of the named files exactly these, whatever was there. Idempotent; atomic per call for readers. The vectors match
   * `chunks` in order and length. Throws {@link DimensionsError}.
   */
  replaceFiles(store: IndexedStore, fileIds: string[], chunks: Chunk[], vectors: Float32Array[]): Promise<void>;
  /** Removes the files' chunks; does nothing where there are none. */
  deleteFiles(store: IndexedStore, fileIds: string[]): Promise<void>;
  /** Best first: vector and full text fused by rank. Empty for a store that was never written. Throws {@link DimensionsError}. */
  search(store: IndexedStore, search: ChunkSearch): Promise<ScoredChunk[]>;
  /** The file's chunks in order. */
  chunksOf(store: IndexedStore, fileId: string): Promise<Chunk[]>;
  /** Number of chunks, of one file or of the whole store. */
  count(store: IndexedStore, fileId?: string): Promise<number>;
  /** Removes the whole store; does nothing if absent. */
  deleteStore(store: IndexedStore): Promise<void>;
  /**
   * Compacts what many small writes left and brings the indexes up to date; of a large store it may take a minute. Searches and writes go on meanwhile or after it,
   * and find the same.
   */
  optimize(store: IndexedStore): Promise<void>;
  close(): Promise<void>;
}
