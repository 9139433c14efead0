import { KeptAnswers, RecentlyUsed } from '../../../src/adapters/dataSources/recentlyUsed';

describe('RecentlyUsed', () => {
  it('keeps what was used last and makes the rest anew', () => {
    const made: string[] = [];
    const values = new RecentlyUsed<string>(2);
    const get = (key: string) =>
      values.get(key, () => {
        made.push(key);
        return key;
      });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) expect(get(key)).toBe(key);
    expect(made).toEqual(['a', 'b', 'c', 'b']);
  });
});

describe('KeptAnswers', () => {
  it('asks once however many want it, again after its time, and again after a failure', async () => {
    let now = 0;
    let asked = 0;
    const answers = new KeptAnswers<number>({ most: 2, milliseconds: 10, now: () => now });
    const get = () =>
      answers.get('key', () =>
        (asked === 1 ? Promise.reject(new Error('no')) : Promise.resolve(asked)).finally(() => asked++),
      );
    expect(await Promise.all([get(), get(), get()])).toEqual([0, 0, 0]);
    now = 9;
    expect(await get()).toBe(0);
    now = 10;
    await expect(get()).rejects.toThrow('no');
    expect(await get()).toBe(2);
  });
});
