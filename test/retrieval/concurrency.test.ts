import { concurrencyLimit, keyedQueue } from '../../src/retrieval/concurrency';

/** A piece of work that ends when told. */
function work(log: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const run = async (): Promise<string> => {
    log.push(name);
    return promise;
  };
  return { run, end: () => resolve(name), fail: () => reject(new Error(name)) };
}

const settled = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('keyedQueue', () => {
  it('runs the work of one key in order and that of others meanwhile, after failures too', async () => {
    const inTurn = keyedQueue();
    const log: string[] = [];
    const [a1, a2, b1] = [work(log, 'a1'), work(log, 'a2'), work(log, 'b1')];
    const failing = inTurn('a', a1.run);
    const second = inTurn('a', a2.run);
    const other = inTurn('b', b1.run);
    await settled();
    expect(log).toEqual(['a1', 'b1']);
    a1.fail();
    await expect(failing).rejects.toThrow('a1');
    a2.end();
    b1.end();
    expect(await Promise.all([second, other])).toEqual(['a2', 'b1']);
  });

  it('refuses callers once a thousand wait', async () => {
    const inTurn = keyedQueue();
    const blocker = work([], 'first');
    const waiting = Array.from({ length: 1000 }, async () => inTurn('a', blocker.run));
    await expect(inTurn('a', blocker.run)).rejects.toMatchObject({ status: 409 });
    blocker.end();
    await Promise.all(waiting);
    expect(await inTurn('a', blocker.run)).toBe('first');
  });
});

describe('concurrencyLimit', () => {
  it('runs no more at a time than there are places', async () => {
    const withPlace = concurrencyLimit(2);
    const log: string[] = [];
    const all = ['1', '2', '3', '4'].map((name) => work(log, name));
    const results = Promise.allSettled(all.map(async ({ run }) => withPlace(run)));
    await settled();
    expect(log).toEqual(['1', '2']);
    all[0]?.fail();
    await settled();
    expect(log).toEqual(['1', '2', '3']);
    for (const { end } of all) end();
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  });
});
