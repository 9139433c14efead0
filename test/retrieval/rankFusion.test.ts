import { fuseByRank } from '../../src/retrieval/rankFusion';

const order = (...rankings: Parameters<typeof fuseByRank>[0]) => fuseByRank(rankings).map(({ id }) => id);

describe('fuseByRank', () => {
  it('gives 1 to what is first in every ranking', () => {
    const [first] = fuseByRank([
      { ids: ['a', 'b'], weight: 1 },
      { ids: ['a', 'c'], weight: 4 },
    ]);
    expect(first).toEqual({ id: 'a', score: 1 });
  });

  it('puts what two rankings found before what one found at the same place', () => {
    expect(order({ ids: ['a', 'b'], weight: 1 }, { ids: ['c', 'b'], weight: 1 })[0]).toBe('b');
  });

  it('follows the heavier ranking where they disagree', () => {
    expect(order({ ids: ['a', 'b'], weight: 1 }, { ids: ['b', 'a'], weight: 4 })).toEqual(['b', 'a']);
    expect(order({ ids: ['a', 'b'], weight: 4 }, { ids: ['b', 'a'], weight: 1 })).toEqual(['a', 'b']);
  });

  it('does not lower scores for a ranking that found nothing', () => {
    expect(
      fuseByRank([
        { ids: ['a'], weight: 1 },
        { ids: [], weight: 4 },
      ]),
    ).toEqual([{ id: 'a', score: 1 }]);
  });

  it('scores what only one ranking holds by its share of the weight', () => {
    const scores = new Map(
      fuseByRank([
        { ids: ['a'], weight: 1 },
        { ids: ['b'], weight: 3 },
      ]).map(({ id, score }) => [id, score]),
    );
    expect(scores.get('a')).toBeCloseTo(0.25);
    expect(scores.get('b')).toBeCloseTo(0.75);
  });

  it('keeps the order of the first ranking between equals, and of nothing makes nothing', () => {
    expect(order({ ids: ['b', 'a'], weight: 1 }, { ids: ['a', 'b'], weight: 1 })).toEqual(['b', 'a']);
    expect(order({ ids: [], weight: 1 })).toEqual([]);
    expect(order({ ids: ['a'], weight: 0 })).toEqual(['a']);
  });
});
