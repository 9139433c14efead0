/** A deployment while 50 runs and a batch of 200 files are under way, and a crash after it: everything ends, once. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { printedSeed, seededRandom } from '../conformance/seededRandom';
import { LoadClient, noteTool, planOf, plannedModel, type Plan } from '../recovery/crashLoad';
import { faultsOf } from '../recovery/loadFaults';
import { storeWithFile } from '../support/assistantFixtures';
import { startHost, type Host } from '../support/host';
import { soon } from '../support/polling';
import { reply, startScriptedUpstream, type RecordedRequest } from '../support/scriptedUpstream';
import { uploadTexts } from '../support/uploads';

const RUNS = 50;
const FILES = 200;
/** Model calls after which the deployment comes, and after which the crash. */
const CALLS_BEFORE = { deployment: 30, crash: 20 };

const animal = (number: number): string => `Animal ${number} sleeps.`;

/** Polled, streamed, with outputs to hand in, cancelled; every other client of a stream leaves. */
const plan = (number: number): Plan => ({ ...planOf(number), leaves: number % 2 === 0 });

it('ends 50 runs and a batch of 200 files, each once, over a deployment that changes their orchestrators and a crash', async () => {
  const seed = printedSeed('deployment');
  const upstream = await startScriptedUpstream();
  const model = plannedModel(seededRandom(seed));
  const random = seededRandom(seed + 1);
  // The last file waits for the deployment, so that it surely comes in the midst of the batch.
  const waits = ({ raw, headers }: RecordedRequest) =>
    headers.authorization === 'Bearer before' && raw.includes(animal(FILES - 1));
  upstream.on((body, request) => {
    if (request.kind !== 'embeddings') return model.handler(body, request);
    return waits(request) ? reply.hang() : reply.slow(300 + random() * 700);
  });
  const dataDir = await mkdtemp(join(tmpdir(), 'deployment-'));
  let host: Host | undefined;
  let port = '0';
  const start = async (life: string, env: Record<string, string> = {}): Promise<Host> => {
    // The key tells the model which life of the host a call is from.
    const service = { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: life, EMBEDDING_DEPLOYMENT: 'embed' };
    const started = await startHost({ dataDir, env: { ...service, PORT: port, LOCAL_HOST_QUIET: '1', ...env } });
    port = new URL(started.url).port;
    return started;
  };
  const changed = { NODE_OPTIONS: `--require ${join(__dirname, 'changedOrchestrators.cjs')}` };
  try {
    host = await start('before');
    const openai = host.openai();
    const { store } = await storeWithFile(openai);
    const assistant = await openai.beta.assistants.create({
      model: 'gpt',
      tools: [noteTool, { type: 'file_search' }],
      tool_resources: { file_search: { vector_store_ids: [store.id] } },
    });
    const filling = await openai.vectorStores.create({});
    const file_ids = await uploadTexts(
      openai,
      Array.from({ length: FILES }, (_, number) => animal(number)),
    );
    const batch = await openai.vectorStores.fileBatches.create(filling.id, { file_ids });

    const clients = Array.from({ length: RUNS }, (_, number) => new LoadClient(plan(number), openai, assistant.id));
    const load = Promise.all(clients.map(async (client) => client.work()));
    // Told at the end; until then a client that fails must not end the process.
    load.catch(() => undefined);
    await upstream.until(() => upstream.calls.chat >= CALLS_BEFORE.deployment);
    expect(await host.terminate()).toBe(0);
    expect(underWay(dataDir)).toEqual(expect.arrayContaining(['assistantRun', 'fileBatch']));

    host = await start('deployed', changed);
    const calls = upstream.calls.chat;
    await Promise.race([upstream.until(() => upstream.calls.chat >= calls + CALLS_BEFORE.crash), load]);
    await host.kill();
    host = await start('crashed', changed);
    await load;

    const faults: string[] = [];
    for (const client of clients) faults.push(...(await faultsOf(client, openai)));
    expect(faults).toEqual([]);
    expect([...model.calls].filter(([, count]) => count > 1)).toEqual([]);
    const ended = await openai.vectorStores.fileBatches.poll(filling.id, batch.id, soon);
    const counts = { completed: FILES, failed: 0, in_progress: 0, cancelled: 0, total: FILES };
    expect([ended.status, ended.file_counts]).toEqual(['completed', counts]);
    expect((await openai.vectorStores.retrieve(filling.id)).file_counts).toEqual(counts);
  } catch (error) {
    process.stderr.write(host?.output().slice(-3000) ?? '');
    throw error;
  } finally {
    await host?.kill();
    await upstream.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 180_000);

/** Names of the orchestrations that a host which has ended left in the midst of their work. */
function underWay(dataDir: string): string[] {
  const database = new DatabaseSync(join(dataDir, 'durable.sqlite'), { readOnly: true });
  try {
    return database
      .prepare('SELECT DISTINCT name FROM instances WHERE status = 0')
      .all()
      .map(({ name }) => String(name));
  } finally {
    database.close();
  }
}
