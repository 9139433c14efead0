/**
 * `npm run bench`: what the package costs beyond its upstream and its index, from one run on one machine; `npm run bench -- index` runs that part alone. Prints
 * Markdown for docs/benchmarks.md.
 */
import './quietLanceDb';
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { startAzurite } from '../support/azurite';
import { benchDataSources } from './dataSources';
import { benchGateway } from './gateway';
import { openHost, type HostSettings } from './hostUnderTest';
import { benchPackage } from './package';
import { benchResponses } from './responses';
import { percentile, polledRun, prepare, streamedRun } from './runLoad';
import { benchThreads } from './threads';
import { benchVectorIndex } from './vectorIndex';

const UPSTREAM_MILLISECONDS = 50;
const CLIENTS = 16;
const SECONDS = Number(process.env.BENCH_SECONDS ?? 10);
const FILES = Number(process.env.BENCH_FILES ?? 1000);

const rows: [string, string][] = [];
const row = (name: string, value: string): void => {
  rows.push([name, value]);
  console.error(`${name}: ${value}`);
};

/** Repeats `work` in each of the clients for the measured time; how many a second. */
async function throughput(work: (client: number) => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let done = 0;
  const client = async (_: unknown, number: number): Promise<void> => {
    while (performance.now() - started < SECONDS * 1000) {
      await work(number);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (done / (performance.now() - started)) * 1000;
}

async function benchRuns(settings: HostSettings): Promise<void> {
  const host = await openHost(UPSTREAM_MILLISECONDS, settings);
  row('First answer after start', `${host.firstAnswer.toFixed(0)} ms`);
  const { assistantId, thread } = await prepare(host);
  const warm = await thread();
  for (let index = 0; index < 30; index += 1) await polledRun(host, warm, assistantId);
  for (const [name, run, goal] of [
    ['polled', polledRun, 50],
    ['streamed', streamedRun, 10],
  ] as const) {
    const times: number[] = [];
    for (let index = 0; index < 100; index += 1)
      times.push((await run(host, await thread(), assistantId)) - UPSTREAM_MILLISECONDS);
    row(
      `Run, ${name}, one at a time: time beyond the upstream's (goal p50 ${goal} ms)`,
      `p50 ${percentile(times, 0.5).toFixed(1)} ms, p95 ${percentile(times, 0.95).toFixed(1)} ms`,
    );
  }
  const limit = (CLIENTS * 1000) / UPSTREAM_MILLISECONDS;
  for (const [name, run] of [
    ['polled', polledRun],
    ['streamed', streamedRun],
  ] as const) {
    const before = host.processorSeconds();
    // A thread of its own for each run: a long thread would measure the model's history instead.
    const rate = await throughput(async () => run(host, await thread(), assistantId));
    const cost = ((host.processorSeconds() - before) / (rate * SECONDS)) * 1000;
    row(
      `Runs per second, ${name}, ${CLIENTS} clients, upstream ${UPSTREAM_MILLISECONDS} ms (limit ${limit})`,
      `${rate.toFixed(0)} (${cost.toFixed(1)} ms of the host's processor time each)`,
    );
  }
  const threads = await Promise.all(Array.from({ length: CLIENTS }, thread));
  const messages = await throughput(async (client) =>
    host.call('POST', `/threads/${threads[client]}/messages`, { role: 'user', content: 'Hello again.' }),
  );
  row(`Messages created per second, ${CLIENTS} clients`, messages.toFixed(0));
  row('Peak memory of the host in these', `${host.peakMemory().toFixed(0)} MB`);
  await host.stop();
}

async function benchIngestion(settings: HostSettings): Promise<void> {
  const host = await openHost(0, settings);
  const store = await host.call<{ id: string }>('POST', '/vector_stores', { name: 'bench' });
  const text = 'The otter is a carnivorous mammal that sleeps on the water and eats fish. '.repeat(60);
  const ids: string[] = [];
  let next = 0;
  const uploads = performance.now();
  const client = async (): Promise<void> => {
    while (next < FILES) {
      const number = next++;
      ids.push((await host.upload(`otter-${number}.txt`, `File ${number}. ${text}`)).id);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  row(
    `Files of 4 KB uploaded per second, ${CLIENTS} clients`,
    (FILES / ((performance.now() - uploads) / 1000)).toFixed(0),
  );
  const started = performance.now();
  for (let at = 0; at < ids.length; at += 500) {
    await host.call('POST', `/vector_stores/${store.id}/file_batches`, { file_ids: ids.slice(at, at + 500) });
  }
  for (;;) {
    await sleep(100);
    const { file_counts: counts } = await host.call<{
      file_counts: { completed: number; total: number; failed: number };
    }>('GET', `/vector_stores/${store.id}`);
    if (counts.failed > 0) throw new Error(`${counts.failed} files failed.`);
    if (counts.completed === ids.length) break;
  }
  row(
    `Files ingested per second, ${FILES} files, 2 chunks each, embeddings of the upstream`,
    (FILES / ((performance.now() - started) / 1000)).toFixed(0),
  );
  row('Peak memory of the host in these', `${host.peakMemory().toFixed(0)} MB`);
  await host.stop();
}

/** The rows so far, which are then done with. */
const table = (): string =>
  ['| what | measured |\n|---|---|', ...rows.splice(0).map(([name, value]) => `| ${name} | ${value} |`)].join('\n');

/** The rows of a part with its state in files, and beside them with the state in Azurite. */
async function onBothStorages(bench: (settings: HostSettings) => Promise<void>): Promise<string> {
  await bench({});
  const embedded = rows.splice(0);
  const azurite = await startAzurite();
  const env = {
    STORAGE: 'azure',
    STORAGE_PREFIX: azurite.newPrefix(),
    AzureWebJobsStorage: azurite.connectionString,
  };
  await bench({ env });
  await azurite.stop();
  const onAzurite = new Map(rows.splice(0));
  return [
    '| what | embedded | Azurite |\n|---|---|---|',
    ...embedded.map(([name, value]) => `| ${name} | ${value} | ${onAzurite.get(name) ?? ''} |`),
  ].join('\n');
}

/** What `npm run bench -- NAME …` runs; without a name all of it. */
const parts: Record<string, () => Promise<string>> = {
  runs: async () => onBothStorages(benchRuns),
  async threads() {
    await benchThreads(row);
    return table();
  },
  responses: async () => onBothStorages(async (settings) => benchResponses(row, settings)),
  ingestion: async () => onBothStorages(benchIngestion),
  gateway: benchGateway,
  index: async () => benchVectorIndex(),
  data: benchDataSources,
  package: benchPackage,
};

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const unknown = asked.find((name) => !parts[name]);
  if (unknown !== undefined)
    throw new Error(`There is no part '${unknown}'; there are ${Object.keys(parts).join(', ')}.`);
  const texts: string[] = [];
  for (const name of asked.length > 0 ? asked : Object.keys(parts)) texts.push((await parts[name]?.()) ?? '');
  console.log(
    `On ${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.versions.node}; client, upstream and host share them.`,
  );
  for (const text of texts) console.log(`\n${text}`);
}

void main();
