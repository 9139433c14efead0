/** Runs expire by themselves, whether or not anyone polls. */
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, RUN_EXPIRES_SECONDS: '4' } });
});
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

const weather = { type: 'function', function: { name: 'weather' } } as const;

async function waitingRun(stream: boolean) {
  const client = host.openai();
  upstream.enqueue(reply.toolCalls([{ name: 'weather', arguments: {} }]));
  const assistant = await client.beta.assistants.create({ model: 'gpt', tools: [weather] });
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: 'Rain?' }] });
  if (stream) {
    const events = client.beta.threads.runs.stream(thread.id, { assistant_id: assistant.id });
    await events.finalRun();
  } else {
    await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, { pollIntervalMs: 50 });
  }
  const [run] = (await client.beta.threads.runs.list(thread.id)).data;
  if (!run) throw new Error('No run.');
  expect(run.status).toBe('requires_action');
  return { client, thread, run };
}

it.each([
  ['polled', false],
  ['streamed', true],
])('a %s run whose tool outputs never come has expired when its thread is looked at later', async (_kind, stream) => {
  const { client, thread, run } = await waitingRun(stream);
  // Nobody polls until well after the expiry.
  await new Promise((resolve) => setTimeout(resolve, 6500));
  const after = await client.beta.threads.runs.retrieve(run.id, { thread_id: thread.id });
  expect(after.status).toBe('expired');
  const steps = await client.beta.threads.runs.steps.list(run.id, { thread_id: thread.id });
  expect(steps.data).toMatchObject([{ status: 'expired' }]);
  await client.beta.threads.messages.create(thread.id, { role: 'user', content: 'The thread is free again.' });
});

it('a run whose model takes longer than its life expires, and its call is broken off', async () => {
  const client = host.openai();
  upstream.enqueue(reply.hang());
  const assistant = await client.beta.assistants.create({ model: 'gpt' });
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: 'Hm?' }] });
  const abandoned = upstream.abandoned;
  const run = await client.beta.threads.runs.createAndPoll(
    thread.id,
    { assistant_id: assistant.id },
    { pollIntervalMs: 50 },
  );
  expect(run.status).toBe('expired');
  await upstream.until(() => upstream.abandoned === abandoned + 1);
});

it('a streamed run expires in the middle of its answer, with its step and message told', async () => {
  const client = host.openai();
  upstream.enqueue(reply.stallAfter(2, reply.text('one two three', { chunks: 3 })));
  const assistant = await client.beta.assistants.create({ model: 'gpt' });
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: 'Hm?' }] });
  const events: string[] = [];
  for await (const { event, data } of client.beta.threads.runs.stream(thread.id, { assistant_id: assistant.id })) {
    events.push(event);
    if (event === 'thread.message.incomplete')
      expect(data).toMatchObject({ incomplete_details: { reason: 'run_expired' } });
  }
  expect(events.slice(-3)).toEqual(['thread.message.incomplete', 'thread.run.step.expired', 'thread.run.expired']);
});

it('a run expires in time although its model asks for a longer wait', async () => {
  const client = host.openai();
  upstream.enqueue(reply.status(429, { headers: { 'retry-after': '30' } }));
  const assistant = await client.beta.assistants.create({ model: 'gpt-limited' });
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: 'Hm?' }] });
  const began = performance.now();
  const body = { assistant_id: assistant.id };
  const run = await client.beta.threads.runs.createAndPoll(thread.id, body, { pollIntervalMs: 50 });
  expect(run.status).toBe('expired');
  expect(performance.now() - began).toBeLessThan(10_000);
});
