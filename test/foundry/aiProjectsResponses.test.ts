/** Responses of Foundry's agents: programs of `getOpenAIClient()` of `@azure/ai-projects` over HTTPS. */
import type { AIProjectClient } from '@azure/ai-projects';
import { Agent } from 'undici';
import { collected, projectClient } from '../support/agentsClient';
import { startFoundryHost, type FoundryHost } from '../support/foundryProject';
import { startMcpServer, type RunningMcp } from '../support/mcpServer';
import { eventually } from '../support/polling';
import { reply, toolOutputs } from '../support/scriptedUpstream';

let foundry: FoundryHost;
let mcp: RunningMcp;
let dispatcher: Agent;
let project: AIProjectClient;
let client: ReturnType<AIProjectClient['getOpenAIClient']>;
beforeAll(async () => {
  foundry = await startFoundryHost({ MCP_ALLOWED_HOSTS: '127.0.0.1' });
  mcp = await startMcpServer({
    transport: 'json',
    tools: [{ name: 'search', inputSchema: { type: 'object', properties: { query: { type: 'string' } } } }],
    call: (_name, { query }) => ({ content: [{ type: 'text', text: `All about ${String(query)}` }] }),
  });
  dispatcher = new Agent({ connect: { ca: foundry.certificates.ca } });
  project = projectClient(foundry.host, foundry.certificates);
  client = project.getOpenAIClient({ maxRetries: 0, fetchOptions: { dispatcher } });
}, 60_000);
afterEach(() => foundry.upstream.reset());
afterAll(async () => {
  await dispatcher.close();
  await Promise.all([foundry.stop(), mcp.close()]);
});

/** The client at the agent's own address. */
const clientOf = (agentName: string) =>
  project.getOpenAIClient({
    azureConfig: { agentName, allowPreview: true },
    maxRetries: 0,
    fetchOptions: { dispatcher },
  });
const model = 'gpt-4.1';
const by = (name: string, more: object = {}) => ({
  body: { agent_reference: { type: 'agent_reference', name, ...more } },
});
const chatBodies = () => foundry.upstream.requests.filter(({ kind }) => kind === 'chat').map(({ body }) => body);
const told = () => chatBodies().at(-1)?.messages ?? [];
const contents = () => told().map(({ content }) => content);
const add = {
  ...{ type: 'function' as const, name: 'add', description: 'Adds.', strict: true },
  parameters: { type: 'object', properties: { a: { type: 'number' } }, required: ['a'], additionalProperties: false },
};

it('a model answers without an agent: whole, streamed, parsed, in turns', async () => {
  const first = await client.responses.create({ model, input: 'Hi' });
  expect(first.output_text).toBe('You said: Hi');
  const stream = client.responses.stream({ model, input: 'More', previous_response_id: first.id });
  expect((await stream.finalResponse()).output_text).toBe('You said: More');
  expect(contents()).toEqual(['Hi', 'You said: Hi', 'More']);
  foundry.upstream.enqueue(reply.text('{"city":"Oslo"}'));
  const schema = { type: 'object', properties: { city: { type: 'string' } } };
  const format = { type: 'json_schema' as const, name: 'capital', schema };
  const parsed = await client.responses.parse({ model, input: 'Norway?', text: { format } });
  expect(parsed.output_parsed).toEqual({ city: 'Oslo' });
  expect(chatBodies().at(-1)?.response_format).toEqual({
    type: 'json_schema',
    json_schema: { name: 'capital', schema },
  });
});

it('the version of an agent decides model, instructions and tools, also of outputs that are sent back', async () => {
  const settings = { kind: 'prompt' as const, model, temperature: 0.5, tools: [add] };
  const old = await project.agents.createVersion('adder', { ...settings, instructions: 'Add.' });
  await project.agents.createVersion('adder', { ...settings, instructions: 'Add well.' });
  foundry.upstream.enqueue(reply.toolCalls([{ name: 'add', arguments: { a: 1 }, id: 'call_1' }]), reply.text('2.'));
  const { id: conversation } = await client.conversations.create();
  const asked = await client.responses.create({ conversation, input: 'Add 1' }, by('adder', { version: old.version }));
  expect(asked.output).toMatchObject([{ type: 'function_call', call_id: 'call_1', arguments: '{"a":1}' }]);
  expect(contents()).toEqual(['Add.', 'Add 1']);
  const input = [{ type: 'function_call_output' as const, call_id: 'call_1', output: '2' }];
  const done = await client.responses.create({ conversation, input }, by('adder'));
  expect(done).toMatchObject({ output_text: '2.', model, agent_reference: { name: 'adder', version: '2' } });
  expect(contents()).toEqual(['Add well.', 'Add 1', null, '2']);
  expect(chatBodies().at(-1)).toMatchObject({ model, temperature: 0.5, tools: [{ function: { name: 'add' } }] });
  const items = await collected(client.conversations.items.list(conversation, { order: 'asc' }));
  expect(items.map(({ type }) => type)).toEqual(['message', 'function_call', 'function_call_output', 'message']);
});

it('inputs of an agent fill its instructions, required ones and defaults', async () => {
  await project.agents.createVersion('guide', {
    kind: 'prompt',
    model,
    instructions: 'Help {{name}} in {{place}}.',
    structured_inputs: { name: { description: 'Who asks', required: true }, place: { default_value: 'Oslo' } },
  });
  const { body } = by('guide');
  await client.responses.create({ input: 'Hi' }, { body: { ...body, structured_inputs: { name: 'Ann' } } });
  expect(contents()[0]).toBe('Help Ann in Oslo.');
  await expect(client.responses.create({ input: 'Hi' }, { body })).rejects.toMatchObject({
    status: 400,
    param: 'structured_inputs.name',
  });
});

it('an agent searches files and runs code, streamed', async () => {
  const store = await client.vectorStores.create({});
  const otters = new File(['Otters sleep afloat.'], 'otters.txt');
  const file = await client.vectorStores.files.uploadAndPoll(store.id, otters, { pollIntervalMs: 30 });
  await project.agents.createVersion('keeper', {
    kind: 'prompt',
    model,
    tools: [
      { type: 'file_search', vector_store_ids: [store.id] },
      { type: 'code_interpreter', container: { type: 'auto' } },
    ],
  });
  foundry.upstream.enqueue(
    reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters'] } }]),
    reply.toolCalls([{ name: 'code_interpreter', arguments: { code: 'print(41 + 1)' } }]),
    reply.text('Afloat【0:0†otters.txt】, all 42.'),
  );
  const stream = await client.responses.create({ input: 'Where, and how many?', stream: true }, by('keeper'));
  const done = [];
  for await (const event of stream) if (event.type === 'response.output_item.done') done.push(event.item);
  expect(done).toMatchObject([
    { type: 'file_search_call', queries: ['otters'] },
    { type: 'code_interpreter_call', code: 'print(41 + 1)' },
    { content: [{ text: 'Afloat, all 42.', annotations: [{ type: 'file_citation', file_id: file.id, index: 6 }] }] },
  ]);
  const [found, printed] = toolOutputs(told());
  expect(found).toContain('Otters sleep afloat.');
  expect(printed).toContain('42');
}, 60_000);

it('a call of an MCP server waits for approval in a conversation', async () => {
  const docs = { type: 'mcp' as const, server_label: 'docs', server_url: mcp.url, require_approval: 'always' as const };
  await project.agents.createVersion('reader', { kind: 'prompt', model, tools: [docs] });
  const { id: conversation } = await client.conversations.create();
  foundry.upstream.enqueue(
    reply.toolCalls([{ name: 'docs__search', arguments: { query: 'otters' } }]),
    reply.text('Much.'),
  );
  const asked = await client.responses.create({ conversation, input: 'Look it up.' }, by('reader'));
  const request = asked.output.find(({ type }) => type === 'mcp_approval_request');
  expect(request).toMatchObject({ server_label: 'docs', name: 'search', arguments: '{"query":"otters"}' });
  const approval_request_id = request?.id ?? '';
  const input = [{ type: 'mcp_approval_response' as const, approval_request_id, approve: true }];
  const done = await client.responses.create({ conversation, input }, by('reader'));
  expect(done).toMatchObject({ output_text: 'Much.', output: [{ type: 'mcp_call', approval_request_id }, {}] });
  expect(toolOutputs(told())).toEqual(['All about otters']);
});

it('a response in the background is read when it is done, and another is cancelled', async () => {
  const { id } = await client.responses.create({ model, input: 'Slow', background: true });
  const done = await eventually('the response is done', async () => {
    const now = await client.responses.retrieve(id);
    return now.status === 'completed' ? now : undefined;
  });
  expect(done.output_text).toBe('You said: Slow');
  foundry.upstream.enqueue(reply.hang());
  const other = await client.responses.create({ model, input: 'Never', background: true });
  await client.responses.cancel(other.id);
  const ended = await eventually('the response is cancelled', async () => {
    const now = await client.responses.retrieve(other.id);
    return now.status === 'cancelled' ? now : undefined;
  });
  expect(ended.output).toEqual([]);
});

it('an agent answers at its own address, in turns and conversations', async () => {
  const { name } = await project.agents.createVersion('poet', { kind: 'prompt', model, instructions: 'Rhyme.' });
  const poet = clientOf(name);
  const first = await poet.responses.create({ input: 'Hi' });
  expect(first).toMatchObject({ output_text: 'You said: Hi', agent_reference: { name, version: '1' } });
  await poet.responses.create({ input: 'More', previous_response_id: first.id });
  expect(contents()).toEqual(['Rhyme.', 'Hi', 'You said: Hi', 'More']);
  expect(await poet.responses.retrieve(first.id)).toEqual(first);
  expect((await collected(poet.responses.inputItems.list(first.id))).map(({ type }) => type)).toEqual(['message']);

  const { id: conversation } = await poet.conversations.create({
    items: [{ type: 'message', role: 'user', content: 'A poem' }],
  });
  const stream = await poet.responses.create({ conversation, stream: true });
  let text = '';
  for await (const event of stream) if (event.type === 'response.output_text.delta') text += event.delta;
  expect(text).toBe('You said: A poem');
  const items = await collected(poet.conversations.items.list(conversation));
  expect(items).toEqual(await collected(client.conversations.items.list(conversation)));
  expect(items).toHaveLength(2);
  await poet.responses.delete(first.id);
  await expect(client.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
});

it('names what is not there: an agent, a version, and another agent at the address of one', async () => {
  await project.agents.createVersion('only', { kind: 'prompt', model });
  await expect(client.responses.create({ input: 'Hi' }, by('none'))).rejects.toMatchObject({ status: 404 });
  await expect(client.responses.create({ input: 'Hi' }, by('only', { version: '7' }))).rejects.toMatchObject({
    status: 404,
  });
  await expect(clientOf('none').responses.create({ input: 'Hi' })).rejects.toMatchObject({ status: 404 });
  await expect(clientOf('only').responses.create({ input: 'Hi' }, by('none'))).rejects.toMatchObject({
    status: 400,
    code: 'unsupported',
    param: 'agent_reference',
  });
});

it('finds nothing of another project or tenant', async () => {
  const { id } = await client.responses.create({ model, input: 'Hi' });
  await project.agents.createVersion('mine', { kind: 'prompt', model });
  for (const [name, tenant] of [
    ['p2', 'alpha'],
    ['p1', 'beta'],
  ] as const) {
    const other = projectClient(foundry.host, foundry.certificates, name, tenant);
    const strange = other.getOpenAIClient({ maxRetries: 0, fetchOptions: { dispatcher } });
    await expect(strange.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(strange.responses.create({ input: 'Hi' }, by('mine'))).rejects.toMatchObject({ status: 404 });
  }
});
