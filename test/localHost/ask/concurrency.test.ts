import { setImmediate } from 'node:timers/promises';
import { forEachConcurrently } from '../../../src/localHost/ask/concurrency';

describe('bounded concurrency of npm run ask', () => {
  it('runs every item once, never more at a time than allowed', async () => {
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    await forEachConcurrently([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++running);
      await setImmediate();
      seen.push(item);
      running -= 1;
    });
    expect(most).toBe(3);
    expect(seen.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('begins nothing more after a failure, and rejects only when all that had begun has ended', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const work = async (item: number): Promise<void> => {
      begun.push(item);
      if (item === 1) throw new Error('first');
      await setImmediate();
      ended.push(item);
    };
    await expect(forEachConcurrently([1, 2, 3, 4, 5], 2, work)).rejects.toThrow('first');
    expect(begun).toEqual([1, 2]);
    expect(ended).toEqual([2]);
  });
});
