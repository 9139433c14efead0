/** What a run costs its storage, pages of long threads, and many streams at once. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sqliteRecords } from '../../src/adapters/sqlite';
import { MESSAGES, threadPartition } from '../../src/assistants/threadRecords';
import { newId } from '../../src/storage/keys';
import { MAX_CHANGES, type Records } from '../../src/storage/ports';
import type { MessageObject } from '../../src/wire/threads';
import type { StorageCounts } from './countStorage';
import { openHost, TENANT } from './hostUnderTest';
import { DIST } from './processes';
import { percentile, polledRun, prepare, streamedRun } from './runLoad';

export type Row = (name: string, value: string) => void;

const COUNTED_RUNS = 50;

/** Prints what the store is asked to write for a run of one model call. */
export async function benchStorageOfRuns(row: Row): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-counts-'));
  const file = join(folder, 'counts.json');
  const preload = `--require ${join(DIST, 'test', 'bench', 'countStorage.js')}`;
  const host = await openHost(0, { env: { NODE_OPTIONS: preload, BENCH_COUNTS: file } });
  const counts = async (): Promise<StorageCounts> => {
    await rm(file, { force: true });
    process.kill(host.pid, 'SIGUSR2');
    while (!existsSync(file)) await sleep(10);
    return JSON.parse(readFileSync(file, 'utf8')) as StorageCounts;
  };
  const { assistantId, thread } = await prepare(host);
  for (const [name, run] of [
    ['polled', polledRun],
    ['streamed', streamedRun],
  ] as const) {
    const threads: string[] = [];
    while (threads.length < COUNTED_RUNS) threads.push(await thread());
    const before = await counts();
    for (const id of threads) await run(host, id, assistantId);
    // The orchestration ends a little after its run.
    await sleep(500);
    const after = await counts();
    const perRun = (field: keyof StorageCounts) => ((after[field] - before[field]) / COUNTED_RUNS).toFixed(1);
    row(
      `Run of one model call, ${name}: atomic writes of records, of the durable history, and orchestration events`,
      `${perRun('recordWrites')}, ${perRun('historyWrites')}, ${perRun('historyEvents')}`,
    );
  }
  await host.stop();
  await rm(folder, { recursive: true });
}

const SHORT = 100;
const LONG = 100_000;
const PAGES = 1000;

/** Compares pages of 20 messages of a long thread with those of a short one. */
export async function benchPages(row: Row): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-pages-'));
  const first = await openHost(0, { dataDir });
  const { thread } = await prepare(first);
  const [short, long] = [await thread(), await thread()];
  await first.stop();
  const records = await sqliteRecords(join(dataDir, 'records.sqlite'));
  const middles = new Map([
    [short, await fill(records, short, SHORT)],
    [long, await fill(records, long, LONG)],
  ]);
  await records.close();

  const host = await openHost(0, { dataDir });
  for (const [name, after] of [
    ['first page', () => ''],
    ['page from the middle', (id: string) => `&after=${middles.get(id)}`],
  ] as const) {
    const page = async (id: string): Promise<number> => {
      const began = performance.now();
      const { data } = await host.call<{ data: unknown[] }>('GET', `/threads/${id}/messages?limit=20${after(id)}`);
      const took = performance.now() - began;
      if (data.length !== 20) throw new Error(`A page holds ${data.length} messages.`);
      return took;
    };
    for (let index = 0; index < 100; index += 1) await Promise.all([page(short), page(long)]);
    const times: Record<string, number[]> = { [short]: [], [long]: [] };
    // In turn, so that both meet the same machine.
    for (let index = 0; index < PAGES; index += 1) for (const id of [short, long]) times[id]?.push(await page(id));
    const [ofShort, ofLong] = [short, long].map((id) => percentile(times[id] ?? [], 0.5));
    const ratio = (ofLong ?? NaN) / (ofShort ?? NaN);
    row(
      `Messages, ${name} of 20, p50: thread of ${SHORT}, of ${LONG}, ratio (goal 1.2)`,
      `${ofShort?.toFixed(2)} ms, ${ofLong?.toFixed(2)} ms, ${ratio.toFixed(2)}: ${ratio <= 1.2 ? 'met' : 'NOT met'}`,
    );
  }
  await host.stop();
  await rm(dataDir, { recursive: true });
}

/** Copies the thread's first message until it has `count`, straight into the store; the id of the one in the middle. */
async function fill(records: Records, threadId: string, count: number): Promise<string> {
  const partition = threadPartition({ tenant: TENANT, project: '-' }, threadId);
  const [model] = (await records.list<MessageObject>(partition, MESSAGES, { order: 'asc', limit: 1 })).records;
  if (!model) throw new Error(`Thread ${threadId} has no message to copy.`);
  let middle = '';
  for (let made = 1; made < count; made += MAX_CHANGES) {
    const ids = Array.from({ length: Math.min(MAX_CHANGES, count - made) }, () => newId('msg_'));
    if (made <= count / 2) middle = ids[0] ?? middle;
    await records.write(
      partition,
      ids.map((id, index) => {
        const order = `${model.order}-${String(made + index).padStart(8, '0')}`;
        return { op: 'create', list: MESSAGES, id, order, value: { ...model.value, id } };
      }),
    );
  }
  return middle;
}

const STREAMS = 200;
/** So long that all of them are under way together. */
const SLOW_UPSTREAM_MILLISECONDS = 2000;

/** Streams many runs at once; throws if one of them fails. */
export async function benchStreams(row: Row): Promise<void> {
  const host = await openHost(SLOW_UPSTREAM_MILLISECONDS, { connections: STREAMS });
  const { assistantId, thread } = await prepare(host);
  const longest: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const threads = await Promise.all(Array.from({ length: STREAMS }, thread));
    const outcomes = await Promise.allSettled(threads.map(async (id) => streamedRun(host, id, assistantId)));
    const times = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    if (times.length < STREAMS) throw new Error(`${STREAMS - times.length} of ${STREAMS} streams failed.`);
    longest.push(Math.max(...times));
  }
  row(
    `${STREAMS} streamed runs at once, upstream ${SLOW_UPSTREAM_MILLISECONDS} ms, 3 rounds: errors, and the longest run of each round`,
    `0, ${longest.map((time) => time.toFixed(0)).join(', ')} ms`,
  );
  row('Peak memory of the host in these', `${host.peakMemory().toFixed(0)} MB`);
  await host.stop();
}

export const benchThreads = async (row: Row): Promise<void> => {
  await benchStorageOfRuns(row);
  await benchPages(row);
  await benchStreams(row);
};
