/** The host is killed and started again on the same data: nothing that was acknowledged is lost or done twice. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const SECONDS = 1000;
const TERMINAL = ['completed', 'failed', 'cancelled', 'expired', 'incomplete'];

let upstream: ScriptedUpstream;
let dataDir: string;
let host: Host;

const start = async (env: Record<string, string> = {}): Promise<Host> =>
  startHost({
    dataDir,
    env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'up', EMBEDDING_DEPLOYMENT: 'embed', ...env },
  });

async function eventually<T>(what: string, look: () => Promise<T | undefined>, seconds = 45): Promise<T> {
  const until = Date.now() + seconds * SECONDS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error(`Not within ${seconds} s: ${what}\n${host.output().slice(-3000)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const ended = async (client: OpenAI, threadId: string, runId: string) =>
  eventually('the end of the run', async () => {
    const run = await client.beta.threads.runs.retrieve(runId, { thread_id: threadId });
    return TERMINAL.includes(run.status) ? run : undefined;
  });

async function outcome(client: OpenAI, threadId: string, runId: string) {
  const run = await ended(client, threadId, runId);
  const messages = (await client.beta.threads.messages.list(threadId, { order: 'asc' })).data;
  const steps = (await client.beta.threads.runs.steps.list(runId, { thread_id: threadId, order: 'asc' })).data;
  return { run, messages, steps };
}

/** A runnable assistant on a thread with one question. */
async function prepare(client: OpenAI, tools: OpenAI.Beta.AssistantTool[] = [], storeId?: string) {
  const assistant = await client.beta.assistants.create({
    model: 'gpt',
    tools,
    ...(storeId && { tool_resources: { file_search: { vector_store_ids: [storeId] } } }),
  });
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: 'Where do otters sleep?' }] });
  return { assistant, thread };
}

beforeEach(async () => {
  upstream = await startScriptedUpstream();
  dataDir = await mkdtemp(join(tmpdir(), 'crash-'));
  host = await start();
});
afterEach(async () => {
  await host.kill();
  await upstream.close();
  await rm(dataDir, { recursive: true, force: true });
});

it(
  'finishes a run whose host was killed in the middle of its model call, with one message and one step',
  async () => {
    upstream.enqueue(reply.hang());
    const { assistant, thread } = await prepare(host.openai());
    const run = await host.openai().beta.threads.runs.create(thread.id, { assistant_id: assistant.id });
    await upstream.until(() => upstream.calls.chat === 1);
    await host.kill();
    host = await start();
    const { run: after, messages, steps } = await outcome(host.openai(), thread.id, run.id);
    expect(after.status).toBe('completed');
    expect(messages.map(({ role, run_id }) => [role, run_id])).toEqual([
      ['user', null],
      ['assistant', run.id],
    ]);
    expect(steps).toMatchObject([{ type: 'message_creation', status: 'completed' }]);
    expect(upstream.calls.chat).toBe(2);
  },
  90 * SECONDS,
);

it(
  'goes on behind the last finished step: a search that was done is not done again',
  async () => {
    const client = host.openai();
    const file = await client.files.create({
      file: await toFile(Buffer.from('Otters sleep on the water.'), 'otters.txt'),
      purpose: 'assistants',
    });
    const store = await client.vectorStores.create({ file_ids: [file.id] });
    await eventually('ingestion', async () =>
      (await client.vectorStores.retrieve(store.id)).status === 'completed' ? true : undefined,
    );
    upstream.enqueue(
      reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters sleep'] } }]),
      reply.hang(),
    );
    const { assistant, thread } = await prepare(client, [{ type: 'file_search' }], store.id);
    const run = await client.beta.threads.runs.create(thread.id, { assistant_id: assistant.id });
    await upstream.until(() => upstream.calls.chat === 2);
    await host.kill();
    host = await start();
    const { run: after, messages, steps } = await outcome(host.openai(), thread.id, run.id);
    expect(after.status).toBe('completed');
    expect(steps.map(({ type, status }) => [type, status])).toEqual([
      ['tool_calls', 'completed'],
      ['message_creation', 'completed'],
    ]);
    expect(messages).toHaveLength(2);
    const [content] = messages[1]?.content ?? [];
    expect(content).toMatchObject({ type: 'text', text: { annotations: [{ file_citation: { file_id: file.id } }] } });
    expect(upstream.calls.chat).toBe(3);
  },
  90 * SECONDS,
);

it(
  'finishes a streamed run whose host was killed while it streamed, under the ids that the stream had shown',
  async () => {
    upstream.enqueue(reply.stallAfter(2, reply.text('Otters sleep afloat.', { chunks: 10 })));
    const { assistant, thread } = await prepare(host.openai());
    const shown: string[] = [];
    const stream = host.openai().beta.threads.runs.stream(thread.id, { assistant_id: assistant.id });
    let runId = '';
    const watching = (async () => {
      for await (const { event, data } of stream) {
        if (event === 'thread.run.created') runId = data.id;
        if (event === 'thread.message.created') shown.push(data.id);
      }
    })().catch(() => undefined);
    await eventually('the first delta', () => Promise.resolve(shown.length > 0 ? true : undefined));
    await host.kill();
    await watching;
    host = await start();
    const { run, messages, steps } = await outcome(host.openai(), thread.id, runId);
    expect(run.status).toBe('completed');
    expect(messages).toHaveLength(2);
    expect(messages[1]?.id).toBe(shown[0]);
    expect(steps).toMatchObject([{ type: 'message_creation', status: 'completed' }]);
  },
  90 * SECONDS,
);

it(
  'runs a run whose host died between its creation and the start of its orchestration',
  async () => {
    const { assistant, thread } = await prepare(host.openai());
    await host.kill();
    host = await start({ NODE_OPTIONS: `--require ${join(__dirname, 'killBeforeStart.cjs')}` });
    await expect(host.openai().beta.threads.runs.create(thread.id, { assistant_id: assistant.id })).rejects.toThrow();
    host = await start();
    const [run] = (await host.openai().beta.threads.runs.list(thread.id)).data;
    if (!run) throw new Error('The run was not stored before its start.');
    const { run: after, messages } = await outcome(host.openai(), thread.id, run.id);
    expect(after.status).toBe('completed');
    expect(messages).toHaveLength(2);
    expect(upstream.calls.chat).toBe(1);
  },
  90 * SECONDS,
);
