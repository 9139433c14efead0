/** Every action of the custom connector, called from nothing but its definition. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectorClient, type ConnectorClient } from '../support/connectorClient';
import { sendFlow, type Json } from '../support/flows';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { objectOf } from '../support/swagger2';

const definition = objectOf(
  JSON.parse(readFileSync(join(__dirname, '..', '..', 'infra', 'connector', 'apiDefinition.swagger.json'), 'utf8')),
);
let upstream: ScriptedUpstream;
let host: Host;
let connector: ConnectorClient;
const called = new Set<string>();
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url } });
  const client = connectorClient(definition, { endpoint: `${host.url}/api/projects/p1`, apiKey: host.key() });
  connector = {
    ...client,
    call: async (operationId, ...rest) => {
      called.add(operationId);
      return client.call(operationId, ...rest);
    },
  };
  await sendFlow(host, 'POST', '/assistants', {
    model: 'gpt-4o',
    name: 'Otter',
    tools: [{ type: 'code_interpreter' }, { type: 'function', function: { name: 'get_weather' } }],
  });
  await sendFlow(host, 'POST', '/agents/otter/versions', { definition: { kind: 'prompt', model: 'gpt-4o' } });
}, 60_000);
afterEach(() => upstream.reset());
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

/** The body of an answer that must be a success. */
async function done(...action: Parameters<ConnectorClient['call']>): Promise<Json> {
  const { status, body } = await connector.call(...action);
  expect([status, body]).toEqual([200, expect.any(Object)]);
  return body;
}

it('CreateThread, CreateRun, GetRun and ListMessages are a conversation, with the agent of the dynamic list', async () => {
  const thread = await done(
    'CreateThread',
    {},
    {
      messages: [{ role: 'user', content: 'Hello', metadata: { from: 'flow' } }],
      metadata: { order: '7' },
    },
  );
  expect(thread).toMatchObject({ object: 'thread', metadata: { order: '7' } });
  const [agent] = await connector.choices('CreateRun', 'assistant_id');
  expect(agent?.title).toBe('Otter');
  const run = await done(
    'CreateRun',
    { ThreadId: thread.id },
    {
      assistant_id: agent?.value,
      additional_instructions: 'Be short.',
      additional_messages: [{ role: 'user', content: 'Really' }],
      tools: [{ name: 'get_weather' }],
      temperature: 1,
      top_p: 1,
      response_format: { type: 'text' },
      metadata: { order: '7' },
    },
  );
  expect(run).toMatchObject({ object: 'thread.run', file_ids: [], tools: [{ name: 'get_weather' }] });
  const ended = await eventually('the end of the run', async () => {
    const looked = await done('GetRun', { ThreadId: thread.id, RunId: run.id });
    return looked.status === 'completed' ? looked : undefined;
  });
  expect(ended).toMatchObject({ id: run.id, usage: expect.any(Object), response_format: 'text' });
  const messages = await done('ListMessages', { ThreadId: thread.id });
  expect(messages).toMatchObject({
    object: 'list',
    has_more: false,
    data: [
      { role: 'assistant', run_id: run.id, content: [{ text: { value: 'You said: Really' } }] },
      { role: 'user' },
      { role: 'user' },
    ],
  });
});

it('ListAgents gives agents with the names of their tools', async () => {
  expect(await done('ListAgents')).toMatchObject({
    object: 'list',
    data: [{ object: 'assistant', name: 'Otter', tools: [{ name: 'code_interpreter' }, { name: 'get_weather' }] }],
  });
});

it('InvokeAgent answers as the agent of the dynamic list, and goes on', async () => {
  const [agent] = await connector.choices('InvokeAgent', 'agent.name');
  const first = await done(
    'InvokeAgent',
    {},
    {
      agent: { name: agent?.value },
      input: 'Hello',
      prompt: { id: '' },
      text: { format: { type: 'text' } },
      truncation: 'disabled',
      parallel_tool_calls: true,
      store: true,
      background: false,
      include: ['file_search_call.results'],
      metadata: { order: '7' },
    },
  );
  expect(first).toMatchObject({
    object: 'response',
    status: 'completed',
    output_text: 'You said: Hello',
    agent: { type: 'agent_id', name: 'otter', version: '1' },
  });
  const second = await done(
    'InvokeAgent',
    {},
    {
      agent: { name: agent?.value, version: '1' },
      input: [{ type: 'message', role: 'user', content: 'Again' }],
      previous_response_id: first.id,
    },
  );
  expect(second).toMatchObject({ output_text: 'You said: Again', previous_response_id: first.id });
});

it('InvokeAgent may use the agent’s tools of the types that it tells, and no others', async () => {
  const weather = { type: 'function', name: 'get_weather', parameters: { type: 'object', properties: {} } };
  const definitions = { kept: { tools: [{ type: 'code_interpreter' }, weather] }, open: {} };
  for (const [name, fields] of Object.entries(definitions))
    await sendFlow(host, 'POST', `/agents/${name}/versions`, {
      definition: { kind: 'prompt', model: 'gpt-4o', ...fields },
    });
  const invoke = async (name: string, ...types: string[]) =>
    connector.call('InvokeAgent', {}, { agent: { name }, input: 'Hello', tools: types.map((type) => ({ type })) });
  const offered = () => upstream.requests.at(-1)?.body.tools?.map((tool) => tool.function.name);
  const one = await invoke('kept', 'function');
  expect(one).toMatchObject({ status: 200, body: { tools: [{ type: 'function', name: 'get_weather' }] } });
  expect(offered()).toEqual(['get_weather']);
  expect((await invoke('kept', 'function', 'code_interpreter')).status).toBe(200);
  expect(offered()).toEqual(['code_interpreter', 'get_weather']);
  // Of an agent that leaves its tools open, those are taken that are whole by their types.
  expect((await invoke('open', 'code_interpreter')).status).toBe(200);
  expect(offered()).toEqual(['code_interpreter']);
  for (const name of ['kept', 'open']) {
    const missing = await invoke(name, 'file_search');
    expect(missing).toMatchObject({ status: 400, body: { error: { param: 'tools[0].type' } } });
    await sendFlow(host, 'DELETE', `/agents/${name}`);
  }
});

it('ListAgentsFromService gives agents by name', async () => {
  expect(await done('ListAgentsFromService')).toMatchObject({
    data: [{ id: 'otter', name: 'otter', version: '1', createdAt: expect.any(String) }],
  });
});

it.each([
  ['SendActivity', 'AgentId'],
  ['SendActivityApplication', 'MyApplication'],
])('%s gives the reply to an activity', async (operationId, parameter) => {
  const [agent] = await connector.choices(operationId, parameter);
  const activity = { type: 'message', conversation: { id: operationId }, text: 'Hello' };
  expect(await done(operationId, { [parameter]: agent?.value }, activity)).toMatchObject({
    type: 'message',
    text: 'You said: Hello',
  });
});

it('Ask gives the answer, and GetAnswer one that takes longer', async () => {
  const [agent] = await connector.choices('Ask', 'agent_name');
  const name = { agent_name: agent?.value };
  const first = await done('Ask', name, { input: 'Hello' });
  expect(first).toMatchObject({ status: 'completed', text: 'You said: Hello', citations: [] });
  upstream.enqueue(reply.slow(800));
  const asked = { input: 'Again', previous_response_id: first.response_id, wait_seconds: 0.1 };
  const second = await connector.call('Ask', name, asked);
  expect(second).toMatchObject({ status: 202, body: { status: 'in_progress' } });
  const answer = await eventually('the answer', async () => {
    const looked = await connector.call('GetAnswer', { ...name, response_id: second.body.response_id });
    return looked.status === 200 ? looked.body : undefined;
  });
  expect(answer).toMatchObject({ response_id: second.body.response_id, text: 'You said: Again' });
});

it('every action was called', () => {
  const all = Object.values(objectOf(definition.paths)).flatMap((verbs) =>
    Object.values(objectOf(verbs)).map((action) => objectOf(action).operationId),
  );
  expect([...called].sort()).toEqual(all.sort());
});
