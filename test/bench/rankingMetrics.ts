/** How good a ranking is against judgements, as BEIR and trec_eval measure it. */

/** Document → how relevant it is to a query; 0 and below, and absent: not at all. */
export type Judgements = ReadonlyMap<string, number>;

/** Normalized discounted cumulative gain of the first `depth`: 1 is the best order there can be, 0 where nothing is relevant. */
export function ndcg(ranking: readonly string[], judgements: Judgements, depth: number): number {
  const gains = (grades: readonly number[]): number =>
    grades.slice(0, depth).reduce((sum, grade, at) => sum + Math.max(0, grade) / Math.log2(at + 2), 0);
  const ideal = gains([...judgements.values()].sort((a, b) => b - a));
  return ideal === 0 ? 0 : gains(ranking.map((id) => judgements.get(id) ?? 0)) / ideal;
}

/** Share of the relevant documents that are among the first `depth`; 0 where nothing is relevant. */
export function recall(ranking: readonly string[], judgements: Judgements, depth: number): number {
  const relevant = [...judgements].filter(([, grade]) => grade > 0).map(([id]) => id);
  if (relevant.length === 0) return 0;
  const first = new Set(ranking.slice(0, depth));
  return relevant.filter((id) => first.has(id)).length / relevant.length;
}
