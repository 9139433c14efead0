import { fuseByRank, type Ranking } from '../../src/retrieval/rankFusion';

/** Ids with closenesses; those without one fall from 0.9. */
function ranking(ids: string[], weight: number, closenesses: number[] = [], isCut = false): Ranking {
  const found = ids.map((id, at) => ({ id, closeness: closenesses[at] ?? 0.9 - at / 10 }));
  return { found, weight, isCut };
}

const order = (...rankings: Ranking[]) => fuseByRank(rankings).map(({ id }) => id);
const scores = (...rankings: Ranking[]) => fuseByRank(rankings).map(({ score }) => score);

describe('fuseByRank', () => {
  it('puts what two rankings found before what one found at the same place', () => {
    expect(order(ranking(['a', 'b'], 1), ranking(['c', 'b'], 1))[0]).toBe('b');
  });

  it('follows the heavier ranking where they disagree', () => {
    expect(order(ranking(['a', 'b'], 1), ranking(['b', 'a'], 4))).toEqual(['b', 'a']);
    expect(order(ranking(['a', 'b'], 4), ranking(['b', 'a'], 1))).toEqual(['a', 'b']);
  });

  it('scores by the weighted mean of the closenesses, whatever the place', () => {
    expect(scores(ranking(['a'], 1, [0.8]), ranking(['a'], 3, [0.4]))[0]).toBeCloseTo(0.5);
    expect(scores(ranking(['a'], 1, [0.2]), ranking(['a'], 3, [0.2]))[0]).toBeCloseTo(0.2);
  });

  it('counts what a ranking did not find as far, but as close as its last where its limit cut it', () => {
    expect(scores(ranking(['a'], 1, [0.6]), ranking([], 1))).toEqual([0.3]);
    const [first] = scores(ranking(['a'], 1, [0.6]), ranking(['b'], 1, [0.2], true));
    expect(first).toBeCloseTo(0.4);
  });

  it('gives scores that fall with the order, neighbours that would rise their mean', () => {
    const given = scores(ranking(['a', 'b', 'c'], 4, [0.5, 0.4, 0.1]), ranking(['b'], 1, [1]));
    expect(given).toEqual([...given].sort((a, b) => b - a));
    // a: (4·0.5 + 0)/5 = 0.4; b: (4·0.4 + 1)/5 = 0.52; the order is b, a, c.
    expect(order(ranking(['a', 'b', 'c'], 4, [0.5, 0.4, 0.1]), ranking(['b'], 1, [1]))[0]).toBe('b');
    const rising = scores(ranking(['a', 'b'], 4, [0.5, 0.5]), ranking(['b'], 0.01, [1]));
    expect(rising[0]).toBe(rising[1]);
  });

  it('keeps the order of the first ranking between equals, and of nothing makes nothing', () => {
    expect(order(ranking(['b', 'a'], 1), ranking(['a', 'b'], 1))).toEqual(['b', 'a']);
    expect(order(ranking([], 1))).toEqual([]);
    expect(fuseByRank([ranking(['a'], 0)])).toEqual([{ id: 'a', score: 0 }]);
  });
});
