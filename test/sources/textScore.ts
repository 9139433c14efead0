/** Scores as search engines compute them: Okapi BM25, cosine similarity, reciprocal rank fusion. */

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** BM25 of each text for the query, with the usual k1 = 1.2 and b = 0.75; 0 where no word is found. */
export function bm25(texts: readonly string[], query: string): number[] {
  const documents = texts.map(wordsOf);
  const meanLength = documents.reduce((sum, words) => sum + words.length, 0) / Math.max(1, documents.length);
  const scores = texts.map(() => 0);
  for (const word of new Set(wordsOf(query))) {
    const counts = documents.map((words) => words.filter((each) => each === word).length);
    const holders = counts.filter((count) => count > 0).length;
    const rarity = Math.log(1 + (documents.length - holders + 0.5) / (holders + 0.5));
    for (const [place, count] of counts.entries()) {
      const length = (documents[place]?.length ?? 0) / meanLength;
      scores[place] = (scores[place] ?? 0) + (rarity * count * 2.2) / (count + 1.2 * (0.25 + 0.75 * length));
    }
  }
  return scores;
}

export function cosine(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let product = 0;
  let squares = 0;
  let otherSquares = 0;
  for (let place = 0; place < one.length; place++) {
    product += (one[place] ?? 0) * (other[place] ?? 0);
    squares += (one[place] ?? 0) ** 2;
    otherSquares += (other[place] ?? 0) ** 2;
  }
  return squares && otherSquares ? product / Math.sqrt(squares * otherSquares) : 0;
}

export interface Scored<Item> {
  item: Item;
  score: number;
}

/** Best first; those without a score are left out. */
export const ranked = <Item>(items: readonly Item[], scores: readonly number[]): Scored<Item>[] =>
  items
    .map((item, place) => ({ item, score: scores[place] ?? 0 }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);

/** The lists as one: each place of an item counts 1 / (60 + place). */
export function fused<Item>(lists: readonly Scored<Item>[][]): Scored<Item>[] {
  const scores = new Map<Item, number>();
  for (const list of lists) {
    for (const [place, { item }] of list.entries()) scores.set(item, (scores.get(item) ?? 0) + 1 / (61 + place));
  }
  return [...scores].map(([item, score]) => ({ item, score })).sort((a, b) => b.score - a.score);
}
