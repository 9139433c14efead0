import { KeptAnswers, RecentlyUsed } from '../../src/adapters/recentlyUsed';

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

  it('asks again for what is too large to be kept', async () => {
    let asked = 0;
    const answers = new KeptAnswers<string>({ most: 2, milliseconds: 10, now: () => 0 });
    const get = (characters: number) =>
      answers.get(`${characters}`, async () => {
        asked += 1;
        return 'x'.repeat(characters);
      });
    for (const characters of [60_000, 60_000]) await get(characters);
    expect(asked).toBe(1);
    for (const characters of [70_000, 70_000]) expect(await get(characters)).toHaveLength(characters);
    expect(asked).toBe(3);
  });
});
