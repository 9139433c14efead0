/** Which of the found documents the model is given: `strictness` and `top_n_documents`. Pure. */
import type { ScoreScale, SourceDocument } from './ports';

/** A document with what found it. */
export interface FoundDocument extends SourceDocument {
  /** The queries that found it; its score is the best of theirs. */
  searchQueries: string[];
}

/** `score`: below what `strictness` asks of the source's own measure; `rerank`: below what it asks of the ranker, or behind `top_n_documents`. */
export type FilterReason = 'score' | 'rerank';

export interface CutDocument extends FoundDocument {
  /** Absent: the model is given it. */
  filterReason?: FilterReason;
}

/** What each level of strictness asks; the first entry is that of 1. */
interface Bounds {
  /** Least score. */
  least: readonly number[];
  /** Most that a score may lie below the best. */
  belowBest: readonly number[];
  /** Least share of the best score. */
  shareOfBest: readonly number[];
  /** Best documents that stay. */
  most: readonly number[];
}

const zero = [0, 0, 0, 0, 0];
const unbounded = [Infinity, Infinity, Infinity, Infinity, Infinity];

/**
 * The service does not publish its thresholds. These are relative where scores of different indexes do not compare:
 * - `similarity`: a floor (measured: of this package's vector stores with the built-in embeddings, unrelated texts stay below 0.03, related ones reach 0.1 to 0.3), and nearness to the best document, as a difference, for sources that squeeze
 *   the cosine into the upper half of the scale;
 * - `text`: BM25 has no upper bound, so only the share of the best score tells something;
 * - `rank`: a fusion's score tells only the order, so strictness bounds how far down one looks.
 */
const BOUNDS: Record<ScoreScale, Bounds> = {
  similarity: {
    least: [0, 0.03, 0.06, 0.15, 0.25],
    belowBest: [Infinity, 0.35, 0.25, 0.15, 0.08],
    shareOfBest: zero,
    most: unbounded,
  },
  text: { least: zero, belowBest: unbounded, shareOfBest: [0, 0.1, 0.25, 0.4, 0.6], most: unbounded },
  rank: { least: zero, belowBest: unbounded, shareOfBest: zero, most: [Infinity, 40, 20, 10, 5] },
};

/** A semantic ranker scores from 0 (irrelevant) to 4; 2 is somewhat relevant, 3 relevant without details. */
const LEAST_RERANK = [0, 1, 1.5, 2, 2.5];

const at = (levels: readonly number[], strictness: number): number => levels[strictness - 1] ?? 0;

/**
 * All documents, best first, each that is cut with the reason. Where a ranker scored a document, its score decides in place of the source's own.
 *
 * @param strictness 1 (nothing is cut by scores) to 5.
 */
export function cutDocuments(
  documents: FoundDocument[],
  scale: ScoreScale,
  strictness: number,
  topDocuments: number,
): CutDocument[] {
  const ordered = documents.toSorted(
    (a, b) => (b.rerankScore ?? -Infinity) - (a.rerankScore ?? -Infinity) || b.score - a.score,
  );
  const bounds = BOUNDS[scale];
  const best = Math.max(0, ...documents.map(({ score }) => score));
  const least = Math.max(
    at(bounds.least, strictness),
    best - at(bounds.belowBest, strictness),
    best * at(bounds.shareOfBest, strictness),
  );
  let kept = 0;
  return ordered.map((document, place) => {
    const { rerankScore, score } = document;
    if (rerankScore === undefined && (score < least || place >= at(bounds.most, strictness)))
      return { ...document, filterReason: 'score' as const };
    if (rerankScore !== undefined && rerankScore < at(LEAST_RERANK, strictness))
      return { ...document, filterReason: 'rerank' as const };
    kept += 1;
    return kept > topDocuments ? { ...document, filterReason: 'rerank' as const } : document;
  });
}
