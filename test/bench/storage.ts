/** Speed of the embedded record store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { sqliteRecords } from '../../src/adapters/sqlite';
import type { Records } from '../../src/storage/ports';

const value = {
  object: 'thread.message',
  role: 'user',
  content: [{ type: 'text', text: { value: 'x'.repeat(600), annotations: [] } }],
};
const orderOf = (index: number) => String(index).padStart(12, '0');

/** Measures the embedded record store in a new folder of the system's temporary directory; name of each measure → its value. */
export async function measureRecords(): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), 'storage-bench-'));
  const records = await sqliteRecords(join(folder, 'records.sqlite'));
  try {
    return {
      'writes/s, one by one': await rate(2000, 1, (n) => create(records, 'one', n)),
      'writes/s, 8 at a time': await rate(20_000, 8, (n) => create(records, 'eight', n)),
      'writes/s, 64 at a time': await rate(40_000, 64, (n) => create(records, 'many', n)),
      'writes/s, 512 at a time': await rate(100_000, 512, (n) => create(records, 'large', n)),
      'gets/s, one by one': await rate(10_000, 1, (n) =>
        records.get({ partition: 'large', list: 'messages', id: `msg_${n}` }),
      ),
      'gets/s, 64 at a time': await rate(50_000, 64, (n) =>
        records.get({ partition: 'large', list: 'messages', id: `msg_${n}` }),
      ),
      'first page of 20 in 100,000, ms': await pageTime(records, undefined),
      'middle page of 20 in 100,000, ms': await pageTime(records, 'msg_50000'),
      'deletePartition of 100,000, ms': await time(() => records.deletePartition('large')),
    };
  } finally {
    await records.close();
    await rm(folder, { recursive: true });
  }
}

async function create(records: Records, partition: string, n: number): Promise<void> {
  await records.write(partition, [{ op: 'create', list: 'messages', id: `msg_${n}`, order: orderOf(n), value }]);
}

async function pageTime(records: Records, after: string | undefined): Promise<number> {
  const pages = 2000;
  const total = await time(async () => {
    for (let n = 0; n < pages; n++) await records.list('large', 'messages', { order: 'desc', limit: 20, after });
  });
  return total / pages;
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Operations a second with so many under way at any time. */
async function rate(count: number, concurrency: number, operation: (n: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < count) await operation(next++);
  };
  const milliseconds = await time(() => Promise.all(Array.from({ length: concurrency }, worker)));
  return Math.round(count / (milliseconds / 1000));
}
