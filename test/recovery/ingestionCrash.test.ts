/**
 * The host is killed at random moments while it ingests batches of 200 files: every file is completed, with the right number of chunks.
 * `CRASH_INGESTION_KILLS` is how often (3), `SEED` brings a printed seed back.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type OpenAI from 'openai';
import { openVectors } from '../support/storage';
import { chunkText } from '../../src/retrieval/chunkText';
import { printedSeed, seededRandom } from '../conformance/seededRandom';
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream } from '../support/scriptedUpstream';
import { uploadTexts } from '../support/uploads';

const KILLS = Number(process.env.CRASH_INGESTION_KILLS ?? 3);
const FILES = 200;
/** Longer than any job is left alone after a crash. */
const PATIENCE_MILLISECONDS = 120_000;
const chunking = { max_chunk_size_tokens: 100, chunk_overlap_tokens: 50 };

interface Batch {
  id: string;
  storeId: string;
}

it(
  `completes every file of batches of ${FILES}, with exactly its chunks, though the host is killed ${KILLS} times`,
  async () => {
    const random = seededRandom(printedSeed('kills while ingesting'));
    const upstream = await startScriptedUpstream();
    upstream.on((_body, { kind }) => (kind === 'embeddings' ? reply.slow(50 + random() * 500) : undefined));
    const dataDir = await mkdtemp(join(tmpdir(), 'ingestion-kills-'));
    const env = { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' };
    let host: Host | undefined;
    const hosts: Host[] = [];
    const start = async (): Promise<Host> => {
      host = await startHost({ dataDir, env });
      hosts.push(host);
      return host;
    };
    try {
      host = await start();
      const texts = Array.from(
        { length: FILES },
        (_, index) => `File ${index}. ${'Otters swim far and wide. '.repeat(1 + random() * 100)}`,
      );
      const fileIds = await uploadTexts(host.openai(), texts);
      const batches: Batch[] = [];
      // A batch that was quicker than the moment is left alone: every kill hits one at work.
      for (let kills = 0; kills < KILLS;) {
        let batch = batches.at(-1);
        if (!batch || !(await isUnderWay(host.openai(), batch))) {
          batch = await begin(host.openai(), fileIds);
          batches.push(batch);
        }
        await sleep(random() * 2000);
        if (!(await isUnderWay(host.openai(), batch))) continue;
        await host.kill();
        host = await start();
        kills += 1;
      }
      for (const batch of batches) await expectCompleted(host, batch);
      await host.kill();
      const expected = await Promise.all(texts.map(countChunks));
      const index = await openVectors(dataDir);
      for (const { storeId } of batches) {
        const counted = await Promise.all(fileIds.map(async (id) => index.count({ tenant: 'alpha', id: storeId }, id)));
        expect(counted).toEqual(expected);
        expect(await index.count({ tenant: 'alpha', id: storeId })).toBe(expected.reduce((sum, count) => sum + count));
      }
      await index.close();
      process.stderr.write(`${batches.length} batches, killed ${KILLS} times at work\n`);
    } catch (error) {
      process.stderr.write(logOf(hosts));
      throw error;
    } finally {
      await host?.kill();
      await upstream.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
  KILLS * 20_000 + PATIENCE_MILLISECONDS + 60_000,
);

async function begin({ vectorStores }: OpenAI, file_ids: string[]): Promise<Batch> {
  const store = await vectorStores.create({});
  const batch = await vectorStores.fileBatches.create(store.id, {
    file_ids,
    chunking_strategy: { type: 'static', static: chunking },
  });
  return { id: batch.id, storeId: store.id };
}

const statusOf = async ({ vectorStores }: OpenAI, { id, storeId }: Batch) =>
  vectorStores.fileBatches.retrieve(id, { vector_store_id: storeId });

const isUnderWay = async (client: OpenAI, batch: Batch): Promise<boolean> =>
  (await statusOf(client, batch)).status === 'in_progress';

async function expectCompleted(host: Host, batch: Batch): Promise<void> {
  const client = host.openai();
  const until = Date.now() + PATIENCE_MILLISECONDS;
  while (await isUnderWay(client, batch)) {
    const { file_counts: counts } = await statusOf(client, batch);
    if (counts.in_progress + counts.completed !== FILES || Date.now() > until) break;
    await sleep(100);
  }
  const counts = { in_progress: 0, completed: FILES, failed: 0, cancelled: 0, total: FILES };
  const { status, file_counts } = await statusOf(client, batch);
  // With the reasons, for whoever reads the failure.
  expect({ status, file_counts, reasons: await reasonsOf(client, batch) }).toEqual({
    status: 'completed',
    file_counts: counts,
    reasons: {},
  });
  expect((await client.vectorStores.retrieve(batch.storeId)).file_counts).toEqual(counts);
}

/** Why files failed, and how many for each reason. */
async function reasonsOf({ vectorStores }: OpenAI, { id, storeId }: Batch): Promise<Record<string, number>> {
  const reasons: Record<string, number> = {};
  const failed = vectorStores.fileBatches.listFiles(id, { vector_store_id: storeId, filter: 'failed', limit: 100 });
  for await (const { last_error } of failed) {
    const reason = last_error?.message ?? 'none';
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  return reasons;
}

/** What the hosts printed, the last part of each, without the progress. */
function logOf(hosts: Host[]): string {
  const parts = hosts.map((host, place) => {
    const lines = host.output().split('\n');
    const telling = lines.filter((line) => line !== '' && !/ files ingested$/.test(line));
    return `--- host ${place + 1} of ${hosts.length}\n${telling.join('\n').slice(-3000)}\n`;
  });
  return parts.join('').slice(-100_000);
}

async function countChunks(text: string): Promise<number> {
  const { max_chunk_size_tokens: maxChunkTokens, chunk_overlap_tokens: overlapTokens } = chunking;
  return (await chunkText([{ text }], { maxChunkTokens, overlapTokens })).length;
}
