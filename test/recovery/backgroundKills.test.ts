/**
 * The host is killed while it drives responses in the background: each ends once, and a stream that is resumed has no gap and no double event. `CRASH_RESPONSE_KILLS`
 * is how often it is killed at random (4), `SEED` brings a printed seed back.
 */
import type OpenAI from 'openai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { printedSeed, seededRandom } from '../conformance/seededRandom';
import { storeWithFile } from '../support/assistantFixtures';
import { startHost, type Host } from '../support/host';
import { startMcpServer, type RunningMcp } from '../support/mcpServer';
import { eventually } from '../support/polling';
import { eventsOf, faultsOfStream, type StreamEvent } from '../support/responseStreams';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { faultsOf, planOf, plannedModel, ResponseClient } from './responseLoad';

const KILLS = Number(process.env.CRASH_RESPONSE_KILLS ?? 4);
const CLIENTS = 12;
const LEASE_MILLISECONDS = 10_000;
const SECONDS = 1000;

let upstream: ScriptedUpstream;
let mcp: RunningMcp;
let dataDir: string;
let host: Host | undefined;
/** How often the tool was called, by plan and turn. */
let notes: Map<string, number>;
let onNote: () => Promise<void>;

async function start(env: Record<string, string> = {}): Promise<Host> {
  host = await startHost({
    dataDir,
    env: {
      OPENAI_BASE_URL: upstream.url,
      OPENAI_API_KEY: 'up',
      EMBEDDING_DEPLOYMENT: 'embed',
      MCP_ALLOWED_HOSTS: '127.0.0.1',
      LOCAL_HOST_QUIET: '1',
      ...env,
    },
  });
  return host;
}

const mcpTool = (): OpenAI.Responses.Tool.Mcp => ({
  type: 'mcp',
  server_label: 'notes',
  server_url: mcp.url,
  require_approval: 'never',
  authorization: 'the-secret',
});

beforeEach(async () => {
  upstream = await startScriptedUpstream();
  notes = new Map();
  onNote = () => Promise.resolve();
  mcp = await startMcpServer({
    transport: 'stateless',
    tools: [{ name: 'note', inputSchema: { type: 'object' } }],
    call: async (_name, { plan, turn }) => {
      const key = `${String(plan)}, ${String(turn)}`;
      notes.set(key, (notes.get(key) ?? 0) + 1);
      await onNote();
      return { content: [{ type: 'text', text: 'noted' }] };
    },
  });
  dataDir = await mkdtemp(join(tmpdir(), 'background-'));
});
afterEach(async () => {
  await host?.kill();
  await mcp.close();
  await upstream.close();
  await rm(dataDir, { recursive: true, force: true });
});

const ended = async (client: OpenAI, id: string) =>
  eventually(
    'the end of the response',
    async () => {
      const response = await client.responses.retrieve(id);
      return response.status === 'queued' || response.status === 'in_progress' ? undefined : response;
    },
    60,
  );

const readUntilKilled = async (stream: AsyncIterable<StreamEvent>, seen: StreamEvent[]): Promise<void> => {
  try {
    for await (const event of stream) seen.push(event);
  } catch {
    // It breaks with the host.
  }
};

const streamed = async (client: OpenAI, tools: OpenAI.Responses.Tool[] = []) =>
  client.responses.create({ model: 'gpt', input: 'Where do otters sleep?', tools, background: true, stream: true });

const idOf = ([first]: StreamEvent[]): string => (first && 'response' in first ? first.response.id : '');

it(
  'closes the message that was half written, and says the whole answer in the next one',
  async () => {
    upstream.enqueue(
      reply.stallAfter(4, reply.text('Half of it is lost.', { chunks: 8 })),
      reply.text('The whole of it.'),
    );
    const seen: StreamEvent[] = [];
    const reading = readUntilKilled(await streamed((await start()).openai()), seen);
    await eventually('a delta', async () =>
      Promise.resolve(seen.some(({ type }) => type === 'response.output_text.delta') ? true : undefined),
    );
    await host?.kill();
    await reading;
    const client = (await start()).openai();
    const id = idOf(seen);
    const rest = await eventsOf(
      await client.responses.retrieve(id, { stream: true, starting_after: seen.at(-1)?.sequence_number }),
    );
    expect(faultsOfStream([...seen, ...rest])).toEqual([]);
    const final = await client.responses.retrieve(id);
    expect(final).toMatchObject({ status: 'completed', output_text: 'The whole of it.' });
    expect(final.output).toMatchObject([
      { type: 'message', status: 'incomplete', content: [] },
      { type: 'message', status: 'completed' },
    ]);
  },
  90 * SECONDS,
);

it(
  'does not call the tool of another server again, and tells the model that the call was interrupted',
  async () => {
    upstream.enqueue(
      reply.toolCalls([{ name: 'notes__note', arguments: { plan: 'p', turn: 0 } }]),
      reply.text('It may be noted.'),
    );
    onNote = async () => sleep(120_000, undefined, { ref: false });
    const client = (await start()).openai();
    const made = await client.responses.create({
      model: 'gpt',
      input: 'Note it.',
      tools: [mcpTool()],
      background: true,
    });
    await eventually('the call', async () => Promise.resolve(notes.size > 0 ? true : undefined));
    await host?.kill();
    onNote = () => Promise.resolve();
    const final = await ended((await start()).openai(), made.id);
    expect(final).toMatchObject({ status: 'completed', output_text: 'It may be noted.' });
    expect(final.output[1]).toMatchObject({
      type: 'mcp_call',
      status: 'failed',
      error: { message: expect.stringContaining('interrupted') },
    });
    expect([...notes.values()]).toEqual([1]);
    expect(JSON.stringify(upstream.requests.at(-1)?.body.messages)).toContain('interrupted');
    expect(JSON.stringify(final)).not.toContain('the-secret');
  },
  90 * SECONDS,
);

it(
  'drives a response whose host died between its creation and the start of its orchestration',
  async () => {
    const dying = await start({
      NODE_OPTIONS: `--require ${join(__dirname, 'killBeforeStart.cjs')}`,
      KILL_BEFORE: 'backgroundResponse',
    });
    const first = upstream.calls.chat;
    await expect(
      dying.openai().responses.create({ model: 'gpt', input: 'Hello', background: true, metadata: { a: 'b' } }),
    ).rejects.toThrow();
    expect(upstream.calls.chat).toBe(first);
    await start();
    await eventually(
      'the call of the model',
      async () => Promise.resolve(upstream.calls.chat === 1 ? true : undefined),
      40,
    );
    await eventually('its end', async () => Promise.resolve(upstream.completed === 1 ? true : undefined));
  },
  90 * SECONDS,
);

/** Milliseconds until the next kill. Every fourth comes so late that responses which an earlier one left are at work again. */
const untilKill = (kill: number, random: () => number): number =>
  (kill % 4 === 2 ? LEASE_MILLISECONDS + 1000 : 300) + random() * 2500;

it(
  `ends every response once though the host is killed ${KILLS} times`,
  async () => {
    const seed = printedSeed('kills of background responses');
    const random = seededRandom(seed);
    let port = '0';
    const startLife = async (life: number): Promise<Host> => {
      const started = await start({ OPENAI_API_KEY: `life-${life}`, PORT: port });
      port = new URL(started.url).port;
      return started;
    };
    const openai = (await startLife(0)).openai();
    const { store } = await storeWithFile(openai);
    const tools: OpenAI.Responses.Tool[] = [
      { type: 'file_search', vector_store_ids: [store.id] },
      { type: 'function', name: 'ask', parameters: { type: 'object' }, strict: false },
      mcpTool(),
    ];
    const model = plannedModel(seededRandom(seed + 1));
    upstream.on(model.handler);
    onNote = async () => sleep(random() * 400);

    const clients: ResponseClient[] = [];
    let stopped = false;
    const loop = async (): Promise<void> => {
      while (!stopped) {
        const client = new ResponseClient(planOf(clients.length), openai, tools);
        clients.push(client);
        await client.work();
      }
    };
    const load = Promise.all(Array.from({ length: CLIENTS }, loop));
    load.catch(() => undefined);
    for (let kill = 0; kill < KILLS; kill += 1) {
      await Promise.race([sleep(untilKill(kill, random)), load]);
      await host?.kill();
      await startLife(kill + 1);
    }
    stopped = true;
    await load;

    expect(clients.flatMap((client) => faultsOf(client, notes))).toEqual([]);
    expect(clients.length).toBeGreaterThan(CLIENTS);
    const resumed = clients.filter(({ breaks }) => breaks > 0).length;
    expect(resumed).toBeGreaterThan(0);
    const outputs = clients.flatMap(({ final }) => final?.output ?? []);
    const closed = outputs.filter((item) => 'status' in item && item.status === 'incomplete').length;
    const failed = outputs.filter((item) => item.type === 'mcp_call' && item.status === 'failed').length;
    process.stderr.write(
      `${clients.length} responses, ${resumed} resumed streams, ${closed} items closed half written, ${failed} calls not made again, ${model.calls.size} model calls\n`,
    );
  },
  KILLS * 20 * SECONDS + 180 * SECONDS,
);
