import { tokenCounter } from '../src/tokenCounter';

it('counts what models use as control tokens as text like any other', async () => {
  for (const vocabulary of ['cl100k_base', 'o200k_base'] as const) {
    const count = await tokenCounter(vocabulary);
    expect([count(''), count('hello world')]).toEqual([0, 2]);
    expect(count('<|endoftext|>')).toBeGreaterThan(1);
  }
});

/** A word of letters that no vocabulary has whole. */
const word = (number: number): string =>
  `q${[...String(number)].map((digit) => 'zxjqkvwygb'[Number(digit)]).join('')}zq`;

it('remembers no more than 4,000 of the words that it has counted', async () => {
  const count = await tokenCounter('o200k_base');
  // The library keeps the tokens of words in a map of its own.
  const { set } = Map.prototype;
  let most = 0;
  const setting = jest.spyOn(Map.prototype, 'set').mockImplementation(function (
    this: Map<unknown, unknown>,
    key,
    value,
  ) {
    const map = set.call(this, key, value);
    if (typeof key === 'string' && key.startsWith('q')) most = Math.max(most, map.size);
    return map;
  });
  try {
    for (let number = 0; number < 6_000; number += 1) count(word(number));
  } finally {
    setting.mockRestore();
  }
  expect(most).toBe(4_000);
});
