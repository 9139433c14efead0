/** `ask`: a question to an agent, in one request or polled. */
import OpenAI from 'openai';
import { OTTERS, storeWithFile } from '../support/assistantFixtures';
import { sendFlow, type Json } from '../support/flows';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
}, 60_000);
afterEach(() => upstream.reset());
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

let count = 0;
async function agent(definition: Json = {}): Promise<string> {
  const name = `agent-${(count += 1)}`;
  const body = { definition: { kind: 'prompt', model: 'gpt-4o', instructions: 'Be short.', ...definition } };
  expect((await sendFlow(host, 'POST', `/agents/${name}/versions`, body)).status).toBe(200);
  return name;
}
const ask = async (name: string, body: Json) => sendFlow(host, 'POST', `/agents/${name}/ask`, body);
const functionTool = { type: 'function', name: 'get_weather', parameters: { type: 'object' } };

it('gives text and citations, and goes on where it was left', async () => {
  const client = new OpenAI({ baseURL: `${host.url}/api/projects/p1/openai/v1`, apiKey: host.key(), maxRetries: 0 });
  const { store, file } = await storeWithFile(client);
  const name = await agent({ tools: [{ type: 'file_search', vector_store_ids: [store.id] }] });
  const first = await ask(name, { input: 'Where do otters sleep?' });
  expect(first).toMatchObject({
    status: 200,
    body: {
      response_id: expect.stringMatching(/^resp_/),
      status: 'completed',
      text: `${OTTERS} [1]`,
      citations: [{ position: 1, title: 'otters.txt', file_id: file.id, quote: expect.any(String) }],
    },
  });
  expect(first.body).not.toHaveProperty('waits_for');
  upstream.enqueue(reply.text('Because of the current.'));
  const second = await ask(name, { input: 'Why?', previous_response_id: first.body.response_id });
  expect(second.body).toMatchObject({ text: 'Because of the current.', citations: [] });
  const messages = upstream.requests.at(-1)?.body.messages ?? [];
  expect(messages.filter(({ role }) => role === 'user')).toHaveLength(2);
});

it('answers 202 where it takes longer than it is waited for, and the address leads to the answer', async () => {
  const name = await agent();
  upstream.enqueue(reply.slow(1_500));
  const first = await sendFlow(host, 'POST', `/agents/${name}/ask?api-version=v1`, { input: 'Hi', wait_seconds: 0.2 });
  expect(first).toMatchObject({ status: 202, body: { status: 'in_progress' } });
  const location = first.headers.get('location') ?? '';
  expect(location).toBe(`${host.url}/api/projects/p1/agents/${name}/ask/${first.body.response_id}?api-version=v1`);
  expect(Number(first.headers.get('retry-after'))).toBeGreaterThan(0);
  const still = await sendFlow(host, 'GET', location);
  expect([still.status, still.headers.get('location')]).toEqual([202, location]);
  // Another agent's it is not, also while it is waited for.
  const other = await agent();
  expect((await sendFlow(host, 'GET', location.replace(`/${name}/`, `/${other}/`))).status).toBe(404);
  const answer = await eventually('the answer', async () => {
    const looked = await sendFlow(host, 'GET', location);
    return looked.status === 200 ? looked : undefined;
  });
  expect(answer.body).toEqual({
    response_id: first.body.response_id,
    status: 'completed',
    text: 'You said: Hi',
    citations: [],
  });
  expect((await sendFlow(host, 'GET', location)).body).toEqual(answer.body);
});

it('tells of a failure also where it comes later', async () => {
  const name = await agent();
  upstream.on(() => reply.slow(300, reply.status(400, { body: { error: { message: 'No.', code: 'x' } } })));
  const first = await ask(name, { input: 'Hi', wait_seconds: 0.05 });
  expect(first.status).toBe(202);
  const failed = await eventually('the failure', async () => {
    const looked = await sendFlow(host, 'GET', first.headers.get('location') ?? '');
    return looked.status === 202 ? undefined : looked;
  });
  expect(failed).toMatchObject({ status: 502, body: { error: { message: expect.stringContaining('No.') } } });
});

it('says what the agent waits for', async () => {
  const name = await agent({ tools: [functionTool] });
  upstream.enqueue(reply.toolCalls([{ name: 'get_weather', arguments: {} }], { text: 'A moment.' }));
  expect((await ask(name, { input: 'Weather?' })).body).toMatchObject({
    status: 'requires_action',
    text: 'A moment.',
    waits_for: ['get_weather'],
  });
});

it('goes on in a conversation, and adds to it', async () => {
  const name = await agent();
  const { body: conversation } = await sendFlow(host, 'POST', '/openai/v1/conversations', {});
  for (const input of ['One', 'Two'])
    expect((await ask(name, { input, conversation_id: conversation.id })).body.text).toBe(`You said: ${input}`);
  const messages = upstream.requests.at(-1)?.body.messages ?? [];
  expect(messages.filter(({ role }) => role === 'user')).toHaveLength(2);
  const { body: items } = await sendFlow(host, 'GET', `/openai/v1/conversations/${conversation.id}/items`);
  expect(items.data).toHaveLength(4);
  const both = { input: 'Hi', conversation_id: conversation.id, previous_response_id: `resp_${'a'.repeat(48)}` };
  expect((await ask(name, both)).body.error).toMatchObject({ code: 'mutually_exclusive_parameters' });
  expect((await ask(name, { input: 'Hi', conversation_id: `conv_${'a'.repeat(48)}` })).status).toBe(404);
});

it('an answer belongs to its agent, its project and its tenant', async () => {
  const [name, other] = [await agent(), await agent()];
  const { body } = await ask(name, { input: 'Hi' });
  const path = (agentName: string) => `/agents/${agentName}/ask/${body.response_id}`;
  expect((await sendFlow(host, 'GET', path(name))).status).toBe(200);
  expect((await sendFlow(host, 'GET', path(`${name}:1`))).status).toBe(200);
  expect((await sendFlow(host, 'GET', path(other))).status).toBe(404);
  expect((await sendFlow(host, 'GET', path(name), undefined, { project: 'p2' })).status).toBe(404);
  expect((await sendFlow(host, 'GET', path(name), undefined, { tenant: 'beta' })).status).toBe(404);
});

it('a tool that only an upstream with Responses runs is refused with where it runs', async () => {
  const name = await agent({ tools: [{ type: 'web_search' }] });
  const { status, body } = await ask(name, { input: 'Hi' });
  expect([status, body.error]).toEqual([
    400,
    expect.objectContaining({
      code: 'unsupported',
      param: 'tools[0]',
      message: expect.stringMatching(/RESPONSES_MODE.*by a response/),
    }),
  ]);
});

it.each<[string, Json, number, Json]>([
  ['no input', {}, 400, { param: 'input' }],
  ['an empty input', { input: '' }, 400, { param: 'input' }],
  ['a wait without end', { input: 'Hi', wait_seconds: 1000 }, 400, { param: 'wait_seconds' }],
  [
    'an unknown answer before it',
    { input: 'Hi', previous_response_id: `resp_${'a'.repeat(48)}` },
    400,
    { code: 'previous_response_not_found' },
  ],
])('%s is refused', async (_what, body, status, error) => {
  const name = await agent();
  expect(await ask(name, body)).toMatchObject({ status, body: { error } });
});

it('an agent or a version that is not there is 404', async () => {
  const name = await agent();
  expect((await ask('nobody', { input: 'Hi' })).status).toBe(404);
  expect((await ask(`${name}:7`, { input: 'Hi' })).status).toBe(404);
  expect((await ask(`${name}:1`, { input: 'Hi' })).status).toBe(200);
});

it('an answer that is under way survives the host', async () => {
  const name = await agent();
  upstream.on(() => reply.hang());
  const first = await ask(name, { input: 'Hi', wait_seconds: 0 });
  expect(first.status).toBe(202);
  await upstream.until(() => upstream.calls.chat === 1);
  const { dataDir } = host;
  await host.kill();
  upstream.reset();
  host = await startHost({ dataDir, env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
  const path = `/agents/${name}/ask/${String(first.body.response_id)}`;
  const answer = await eventually(
    'the answer',
    async () => {
      const looked = await sendFlow(host, 'GET', path);
      return looked.status === 200 ? looked.body : undefined;
    },
    40,
  );
  expect(answer).toMatchObject({ status: 'completed', text: 'You said: Hi' });
}, 90_000);
