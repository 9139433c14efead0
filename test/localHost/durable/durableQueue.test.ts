import { DurableQueue, type Sequenced } from '../../../src/localHost/durable/durableQueue';

/** A table of rows and a queue over it whose readings are answered by hand. */
function setUp(limit: number, existing = 0) {
  const table: Sequenced[] = Array.from({ length: existing }, (_, index) => ({ sequence: index + 1 }));
  const delivered: number[] = [];
  const readings: (() => void)[] = [];
  const queue = new DurableQueue<Sequenced>({
    limit,
    read: (after, count) =>
      new Promise((resolve) => {
        readings.push(() => resolve(table.filter(({ sequence }) => sequence > after).slice(0, count)));
      }),
    deliver: ({ sequence }) => delivered.push(sequence),
    onError: (error) => {
      throw error;
    },
  });
  queue.reserve(existing);
  const add = () => {
    const row = { sequence: queue.allocate() };
    table.push(row);
    return row;
  };
  const answer = async () => {
    readings.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, delivered, readings, add, answer };
}

describe('DurableQueue', () => {
  it('hands new rows on without reading while there is room', () => {
    const { queue, delivered, readings, add } = setUp(3);
    queue.start();
    for (let index = 0; index < 3; index++) queue.committed(add());
    expect(delivered).toEqual([1, 2, 3]);
    expect(readings).toHaveLength(0);
  });

  it('leaves rows in the table when memory is full and reads them when half of it is free', async () => {
    const { queue, delivered, readings, add, answer } = setUp(2);
    queue.start();
    for (let index = 0; index < 5; index++) queue.committed(add());
    expect(delivered).toEqual([1, 2]);
    queue.done();
    expect(readings).toHaveLength(1);
    await answer();
    expect(delivered).toEqual([1, 2, 3]);
    for (let index = 0; index < 2; index++) {
      queue.done();
      await answer();
    }
    expect(delivered).toEqual([1, 2, 3, 4, 5]);
  });

  it('begins with the rows that are there, before new ones', async () => {
    const { queue, delivered, add, answer } = setUp(10, 2);
    queue.start();
    queue.committed(add());
    await answer();
    await answer();
    expect(delivered).toEqual([1, 2, 3]);
  });

  it('delivers a row once when a reading was ahead of the news of its commit', async () => {
    const { queue, delivered, add, answer } = setUp(10, 1);
    queue.start();
    const early = add();
    await answer();
    queue.committed(early);
    queue.committed(add());
    expect(delivered).toEqual([1, 2, 3]);
  });

  it('passes over rows that are gone', async () => {
    const { queue, delivered, readings, add, answer } = setUp(1);
    queue.start();
    queue.committed(add());
    const gone = { sequence: queue.allocate() };
    queue.committed(gone);
    queue.done();
    await answer();
    queue.committed(add());
    expect(delivered).toEqual([1, 3]);
    expect(readings).toHaveLength(0);
  });

  it('delivers nothing before it starts and after it stops', () => {
    const { queue, delivered, add } = setUp(10);
    queue.committed(add());
    expect(delivered).toEqual([]);
    queue.start();
    queue.stop();
    queue.committed(add());
    expect(delivered).toEqual([]);
  });
});
