/**
 * The host is killed at random moments under a mixed load: no run is lost, ended twice or handed out twice. `CRASH_KILLS` is how often (5),
 * `SEED` brings a printed seed back.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { printedSeed, seededRandom } from '../conformance/seededRandom';
import { storeWithFile } from '../support/assistantFixtures';
import { startHost, type Host } from '../support/host';
import { startScriptedUpstream } from '../support/scriptedUpstream';
import { LoadClient, noteTool, planOf, plannedModel } from './crashLoad';
import { faultsOf } from './loadFaults';

const KILLS = Number(process.env.CRASH_KILLS ?? 5);
const CLIENTS = 12;
/** Runs that were left over are taken up when the dead owner's lease has lapsed. */
const LEASE_MILLISECONDS = 10_000;

/** Milliseconds until the next kill. Every fifth comes so late that runs which an earlier one left are at work again. */
const untilKill = (kill: number, random: () => number): number =>
  (kill % 5 === 3 ? LEASE_MILLISECONDS + 1000 : 200) + random() * 2500;

it(
  `ends every run once, with a message for each step, though the host is killed ${KILLS} times`,
  async () => {
    const seed = printedSeed('random kills');
    const random = seededRandom(seed);
    const upstream = await startScriptedUpstream();
    const dataDir = await mkdtemp(join(tmpdir(), 'kills-'));
    let port = '0';
    let host: Host | undefined;
    const start = async (life: number): Promise<Host> => {
      // The key tells the model which life of the host a call is from.
      const env = { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: `life-${life}`, EMBEDDING_DEPLOYMENT: 'embed' };
      const started = await startHost({ dataDir, env: { ...env, PORT: port, LOCAL_HOST_QUIET: '1' } });
      port = new URL(started.url).port;
      return started;
    };
    try {
      host = await start(0);
      const openai = host.openai();
      const { store } = await storeWithFile(openai);
      const assistant = await openai.beta.assistants.create({
        model: 'gpt',
        tools: [noteTool, { type: 'file_search' }],
        tool_resources: { file_search: { vector_store_ids: [store.id] } },
      });
      const model = plannedModel(seededRandom(seed + 1));
      upstream.on(model.handler);

      const clients: LoadClient[] = [];
      let stopped = false;
      const loop = async (): Promise<void> => {
        while (!stopped) {
          const client = new LoadClient(planOf(clients.length), openai, assistant.id);
          clients.push(client);
          await client.work();
        }
      };
      const load = Promise.all(Array.from({ length: CLIENTS }, loop));
      // Told at the end; until then a client that fails must not end the process.
      load.catch(() => undefined);
      for (let kill = 0; kill < KILLS; kill += 1) {
        await Promise.race([sleep(untilKill(kill, random)), load]);
        await host.kill();
        host = await start(kill + 1);
      }
      stopped = true;
      await load;

      expect([...model.calls].filter(([, count]) => count > 1)).toEqual([]);
      const faults: string[] = [];
      for (const client of clients) faults.push(...(await faultsOf(client, openai)));
      expect(faults).toEqual([]);
      const asked = clients.flatMap(({ seen }) => [...seen.asked.keys()].flatMap((ids) => ids.split(' ')));
      expect(new Set(asked).size).toBe(asked.length);
      // The load went on between the kills, and they did meet runs at work.
      expect(clients.length).toBeGreaterThan(CLIENTS);
      const repeated = model.calls.size - new Set([...model.calls.keys()].map(withoutLife)).size;
      expect(repeated).toBeGreaterThan(0);
      process.stderr.write(`${clients.length} runs, ${model.calls.size} model calls, ${repeated} of them repeated\n`);
    } finally {
      await host?.kill();
      await upstream.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
  KILLS * 20_000 + 150_000,
);

const withoutLife = (call: string): string => call.replace(/, Bearer .*/, '');
