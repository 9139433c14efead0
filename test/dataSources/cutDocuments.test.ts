import { cutDocuments, type FoundDocument } from '../../src/dataSources/cutDocuments';

const found = (score: number, rerankScore?: number): FoundDocument => ({
  content: `scored ${score}`,
  score,
  searchQueries: ['q'],
  ...(rerankScore !== undefined && { rerankScore }),
});
const reasons = (...given: Parameters<typeof cutDocuments>) =>
  cutDocuments(...given).map(({ score, filterReason }) => [score, filterReason]);

describe('cutDocuments', () => {
  it('keeps the best documents up to top_n_documents, and calls the others cut by rank', () => {
    expect(reasons([found(0.7), found(0.9), found(0.8)], 'similarity', 1, 2)).toEqual([
      [0.9, undefined],
      [0.8, undefined],
      [0.7, 'rerank'],
    ]);
  });

  it.each(['similarity', 'text', 'rank'] as const)(
    'never keeps more of scores on the scale %s for being stricter',
    (scale) => {
      const documents = Array.from({ length: 60 }, (_, place) => found((place + 1) / 60));
      const kept = [1, 2, 3, 4, 5].map(
        (strictness) =>
          cutDocuments(documents, scale, strictness, 100).filter(({ filterReason }) => !filterReason).length,
      );
      expect(kept[0]).toBe(60);
      expect(kept).toEqual(kept.toSorted((a, b) => b - a));
      expect(kept[4]).toBeLessThan(kept[2] ?? 0);
      expect(kept[4]).toBeGreaterThan(0);
    },
  );

  it('cuts everything that is dissimilar, but of text scores only what is far from the best', () => {
    expect(reasons([found(0.05), found(0.04)], 'similarity', 3, 5)).toEqual([
      [0.05, 'score'],
      [0.04, 'score'],
    ]);
    expect(reasons([found(0.05), found(0.04), found(0.01)], 'text', 3, 5)).toEqual([
      [0.05, undefined],
      [0.04, undefined],
      [0.01, 'score'],
    ]);
  });

  it('lets the ranker decide about what it scored, and orders by it', () => {
    expect(reasons([found(9, 1), found(1, 3.2), found(2, 1.8)], 'text', 4, 5)).toEqual([
      [1, undefined],
      [2, 'rerank'],
      [9, 'rerank'],
    ]);
  });
});
