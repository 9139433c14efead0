import { ndcg, recall } from './rankingMetrics';

const judgements = new Map([
  ['a', 3],
  ['b', 2],
  ['c', 1],
  ['d', 0],
]);

describe('nDCG', () => {
  it('is 1 for the best order and for no other', () => {
    expect(ndcg(['a', 'b', 'c', 'd'], judgements, 10)).toBe(1);
    expect(ndcg(['b', 'a', 'c', 'd'], judgements, 10)).toBeLessThan(1);
  });

  it('discounts grades by the logarithm of their place', () => {
    // Best: 3/1 + 2/log2(3) + 1/2 = 4.761860; found: 0 + 1/log2(3) + 3/2 = 2.130930.
    expect(ndcg(['x', 'c', 'a'], judgements, 10)).toBeCloseTo(2.13093 / 4.76186, 5);
    // Among the first two: best 3 + 2/log2(3) = 4.261860; found 2 + 0.
    expect(ndcg(['b', 'd', 'a'], judgements, 2)).toBeCloseTo(2 / 4.26186, 5);
  });

  it('is 0 where nothing is found or relevant', () => {
    expect(ndcg([], judgements, 10)).toBe(0);
    expect(ndcg(['d', 'x'], judgements, 10)).toBe(0);
    expect(ndcg(['d'], new Map([['d', 0]]), 10)).toBe(0);
    expect(
      ndcg(
        ['a', 'b'],
        new Map([
          ['b', -1],
          ['a', 1],
        ]),
        10,
      ),
    ).toBe(1);
  });
});

describe('recall', () => {
  it('is the share of the relevant among the first', () => {
    expect(recall(['a', 'x', 'c', 'b'], judgements, 4)).toBe(1);
    expect(recall(['a', 'x', 'c', 'b'], judgements, 3)).toBeCloseTo(2 / 3);
    expect(recall(['d', 'x'], judgements, 10)).toBe(0);
    expect(recall(['d'], new Map([['d', 0]]), 10)).toBe(0);
  });
});
