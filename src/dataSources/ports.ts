/** What chat on your data needs of a source, an index of documents that somebody else keeps, of what makes vectors, and of the model that answers. */
import type { Scope } from '../scope';
import type { ConfigurationOf, EmbeddingDependency, SourceType } from '../wire/dataSources';

/** One search query, as the source is asked it. */
export interface SourceQuery {
  text: string;
  /** Of the text; present exactly where the source wants it ({@link DataSource.wantsVector}). */
  vector?: Float32Array;
  /** Most documents to return. */
  limit: number;
}

/** A document that a source found. */
export interface SourceDocument {
  /** The content fields, joined by the separator of the fields mapping. */
  content: string;
  title?: string;
  url?: string;
  filepath?: string;
  chunkId?: string;
  /** The source's own measure, higher is better, on the scale of {@link DataSource.scale}. */
  score: number;
  /** What the source itself said, where {@link SourceDocument.score} is made of it. */
  originalScore?: number;
  /** Of a semantic ranker. */
  rerankScore?: number;
}

/** What a score means, so that `strictness` can cut. */
export type ScoreScale =
  /** Cosine similarity, or what a source makes of it, between 0 and 1. */
  | 'similarity'
  /** BM25 and the like: from 0 without an upper bound. */
  | 'text'
  /** Reciprocal rank fusion: only the order tells something. */
  | 'rank';

/** A source that is open: its parameters are checked, its client is made or cached. */
export interface DataSource {
  /** Whether queries need a vector of ours. */
  wantsVector: boolean;
  scale: ScoreScale;
  /** Best documents first; none where nothing is found. Throws {@link SourceError}, or the signal's reason. */
  search(query: SourceQuery, signal: AbortSignal): Promise<SourceDocument[]>;
}

/** The source refused or failed. The message says what to mend, holds no credential, and is fit for the caller. */
export class SourceError extends Error {
  constructor(
    /**
     * - `invalid`: parameters that do not go together, or that the source refuses, such as an unknown field or a wrong dimension;
     * - `authentication`: 401 or 403;
     * - `not_found`: no such index, database or collection;
     * - `refused_address`: the outgoing guard does not let the server connect there;
     * - `rate_limited`, `unavailable`, `timeout`: of the source.
     */
    readonly kind:
      'invalid' | 'authentication' | 'not_found' | 'refused_address' | 'rate_limited' | 'unavailable' | 'timeout',
    message: string,
    /** The parameter to mend, such as `data_sources[0].parameters.index_name`. */
    readonly param?: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'SourceError';
  }
}

/**
 * Opens sources of one type: checks the parameters and makes or finds the client. Throws {@link SourceError}.
 *
 * @param scope Whose objects a source of this package is made of.
 */
export type OpenDataSource<Type extends SourceType> = (
  configuration: ConfigurationOf<Type>,
  scope: Scope,
) => DataSource | Promise<DataSource>;

/** By type; a type that is not there answers 400 `unsupported`. */
export type DataSourceOpeners = { readonly [Type in SourceType]?: OpenDataSource<Type> };

/** The `endpoint` vectorization: an embeddings endpoint that the caller names, reached by the outgoing guard. */
export interface EmbeddingEndpoint {
  /** One vector per text, in order. Throws {@link SourceError}, or the signal's reason. */
  embed(
    dependency: Extract<EmbeddingDependency, { type: 'endpoint' }>,
    texts: string[],
    signal: AbortSignal,
  ): Promise<Float32Array[]>;
}

/** The `deployment_name` vectorization: a deployment that this server serves itself. */
export interface EmbeddingDeployments {
  /** One vector per text, in order. Throws ModelError, or the signal's reason. */
  embed(
    dependency: Extract<EmbeddingDependency, { type: 'deployment_name' }>,
    texts: string[],
    scope: Scope,
    signal: AbortSignal,
  ): Promise<Float32Array[]>;
}
