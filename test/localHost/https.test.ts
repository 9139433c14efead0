/** The whole package over HTTPS: what holds over HTTP holds there too. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import OpenAI from 'openai';
import { Agent } from 'undici';
import { assistantWithThread, storeWithFile, textOf } from '../support/assistantFixtures';
import { startFoundryHost, type FoundryHost } from '../support/foundryProject';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const script = resolve(__dirname, '..', '..', 'dist', 'src', 'localHost', 'ask.js');

let foundry: FoundryHost;
let dispatcher: Agent;
let client: OpenAI;
beforeAll(async () => {
  foundry = await startFoundryHost();
  dispatcher = new Agent({ connect: { ca: foundry.certificates.ca } });
  client = new OpenAI({
    baseURL: `${foundry.host.url}/v1`,
    apiKey: foundry.host.key(),
    maxRetries: 0,
    fetchOptions: { dispatcher },
  });
}, 60_000);
afterEach(() => foundry.upstream.reset());
afterAll(async () => {
  await dispatcher.close();
  await foundry.stop();
});

const messages = [{ role: 'user' as const, content: 'Hello' }];
const stream = { model: 'gpt-4.1', messages, stream: true } as const;

/** The first text that is not empty; the rest is left. */
async function firstText(chunks: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  for await (const { choices } of chunks) {
    const text = choices[0]?.delta.content;
    if (text) return text;
  }
  return '';
}

it('says https:// where it tells newcomers where to point their clients', () => {
  expect(foundry.host.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  expect(foundry.host.output()).toContain(`azure_endpoint ${foundry.host.url}\n`);
});

it('serves runs, streamed and by their orchestration, and uploads', async () => {
  const { assistant, thread } = await assistantWithThread(client);
  foundry.upstream.enqueue(reply.text('Afloat.'), reply.text('In rafts.'));
  const polled = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  expect(polled.status).toBe('completed');
  const run = await client.beta.threads.runs.stream(thread.id, { assistant_id: assistant.id }).finalRun();
  expect(run.status).toBe('completed');
  const { data } = await client.beta.threads.messages.list(thread.id, { limit: 1 });
  expect(textOf(data[0]).value).toBe('In rafts.');
  const { store } = await storeWithFile(client);
  expect((await client.vectorStores.retrieve(store.id)).file_counts.completed).toBe(1);
});

it('sends the pieces of a stream as they come', async () => {
  foundry.upstream.enqueue(reply.stallAfter(2, reply.text('first second', { chunks: 2 })));
  const chunks = await client.chat.completions.create(stream);
  expect(await firstText(chunks)).toMatch(/^first ?$/);
});

it('holds the model service back while the caller reads slowly', async () => {
  let made = 0;
  const event = `data: ${JSON.stringify({ choices: [], filler: 'x'.repeat(100_000) })}\n\n`;
  const pieces = (function* () {
    for (; made < 1500; made++) yield event;
  })();
  foundry.upstream.enqueue(reply.raw(pieces));
  const answer = await client.chat.completions.create(stream).asResponse();
  const reader = answer.body?.getReader();
  await reader?.read();
  await new Promise((done) => setTimeout(done, 700));
  // 150 MB in all; what lies in buffers of sockets and of the host is far less.
  expect(made).toBeLessThan(500);
  let bytes = 0;
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) bytes += next.value.length;
  expect(bytes).toBeGreaterThan(140_000_000);
});

it('ends the call to the model service when the caller leaves', async () => {
  foundry.upstream.enqueue(reply.hang());
  const abort = new AbortController();
  const call = client.chat.completions.create(stream, { signal: abort.signal });
  await foundry.upstream.until(() => foundry.upstream.calls.chat === 1);
  abort.abort();
  await expect(call).rejects.toThrow();
  await foundry.upstream.until(() => foundry.upstream.abandoned === 1);
});

describe('npm run ask', () => {
  /** Asks the host at PORT about a file; `more` is what the environment says about certificates. */
  async function ask(more: Record<string, string>) {
    const { host, certificates } = foundry;
    const file = join(certificates.folder, 'launch.txt');
    await writeFile(file, 'The lighthouse project starts on 14 March.');
    const model = ['--model', 'gpt-4.1'];
    const child = spawn(process.execPath, [script, '--files', file, ...model, 'When does it start?'], {
      env: {
        PATH: process.env.PATH,
        PORT: new URL(host.url).port,
        DATA_DIR: host.dataDir,
        API_KEYS: `alpha:${host.key()}`,
        ...certificates.env,
        ...more,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  it('uses the host whose authority NODE_EXTRA_CA_CERTS names', async () => {
    foundry.upstream.enqueue(reply.text('On 14 March.'));
    const { code, stdout, stderr } = await ask({ NODE_EXTRA_CA_CERTS: foundry.certificates.caFile });
    expect(stderr).not.toContain('one is started');
    expect([code, stdout]).toEqual([0, expect.stringContaining('On 14 March.')]);
  }, 60_000);

  it('says what to do when it does not trust the host', async () => {
    const { code, stderr } = await ask({});
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The certificate of the host at https:\S+ is not trusted here \(.*\)\. Name the file of its authority in NODE_EXTRA_CA_CERTS\.\n$/,
    );
  }, 60_000);
});
