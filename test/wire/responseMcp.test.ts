/** Remote MCP servers in responses: lists, calls, approvals, faults. The suite itself checks every answer and event. */
import type OpenAI from 'openai';
import { contractSuite } from '../support/contractSuite';
import { startMcpServer, type RunningMcp } from '../support/mcpServer';
import { reply, toolOutputs } from '../support/scriptedUpstream';

const suite = contractSuite({ MCP_ALLOWED_HOSTS: '127.0.0.1' });
const model = 'gpt-4.1';
const schema = { type: 'object' as const, properties: { query: { type: 'string' } } };
const servers: RunningMcp[] = [];

beforeAll(async () => {
  for (const name of ['docs', 'news'])
    servers.push(
      await startMcpServer({
        transport: 'json',
        tools: [
          { name: 'search', description: `Searches ${name}`, inputSchema: schema, annotations: { readOnlyHint: true } },
          { name: 'delete', inputSchema: schema },
        ],
        call: (tool, { query }) => ({
          isError: query === 'bad',
          content: [{ type: 'text', text: `${name} ${tool} ${String(query)}` }],
        }),
      }),
    );
});
afterAll(async () => {
  for (const server of servers) await server.close();
});

const tool = (index: number, fields: object = {}): OpenAI.Responses.Tool.Mcp => ({
  type: 'mcp',
  server_label: index === 0 ? 'docs' : 'news',
  server_url: servers[index]?.url,
  require_approval: 'never',
  ...fields,
});
const call = (name: string, query: string) => reply.toolCalls([{ name, arguments: { query } }]);
const bodies = () => suite.upstream.requests.filter(({ kind }) => kind === 'chat').map(({ body }) => body);
const create = (fields: object) => suite.client().responses.create({ model, input: 'Look it up.', ...fields });
const listings = (server: RunningMcp | undefined) =>
  server?.requests.filter(({ body }) => body.includes('tools/list')).length;
const typesOf = ({ output }: OpenAI.Responses.Response) => output.map(({ type }) => type);

it('lists the tools of several servers, calls them, and does not list again in the same conversation', async () => {
  suite.upstream.enqueue(call('docs__search', 'otters'), call('news__search', 'otters'), reply.text('Afloat.'));
  const authorization = 'secret-token';
  const tools = [tool(0, { authorization }), tool(1, { headers: { 'x-key': 'k' } })];
  const first = await create({ tools });
  expect(typesOf(first)).toEqual(['mcp_list_tools', 'mcp_list_tools', 'mcp_call', 'mcp_call', 'message']);
  expect(first.output[2]).toMatchObject({
    status: 'completed',
    server_label: 'docs',
    name: 'search',
    arguments: '{"query":"otters"}',
    output: 'docs search otters',
    error: null,
  });
  expect(first.tools).toMatchObject([{ authorization: '<redacted>' }, { headers: { 'x-key': '<redacted>' } }]);
  expect(servers[0]?.requests.at(-1)?.headers.authorization).toBe(`Bearer ${authorization}`);
  expect(bodies()[0]?.tools?.map(({ function: { name } }) => name)).toEqual([
    ...['docs__search', 'docs__delete', 'news__search', 'news__delete'],
  ]);
  const listed = servers.map(listings);
  suite.upstream.enqueue(call('news__search', 'seals'), reply.text('On ice.'));
  const second = await create({ tools, previous_response_id: first.id });
  expect(typesOf(second)).toEqual(['mcp_call', 'message']);
  expect(servers.map(listings)).toEqual(listed);
  // What was called before is told to the model again.
  expect(toolOutputs(bodies().at(-1)?.messages ?? [])).toEqual([
    ...['docs search otters', 'news search otters', 'news search seals'],
  ]);
});

it('tells the model what a server is for, as its caller describes it', async () => {
  suite.upstream.enqueue(reply.text('Afloat.'));
  await create({ instructions: 'Be brief.', tools: [tool(0, { server_description: 'Everything about otters.' })] });
  expect(bodies()[0]?.messages?.[0]).toEqual({
    role: 'system',
    content: "Be brief.\n\nThe tools whose names begin with 'docs__' are of this server: Everything about otters.",
  });
});

it('streams lists and calls with their events', async () => {
  suite.upstream.enqueue(call('docs__search', 'otters'), reply.text('Afloat.'));
  const names: string[] = [];
  for await (const { type } of suite.client().responses.stream({ model, input: 'Look it up.', tools: [tool(0)] }))
    names.push(type.replace('response.', ''));
  expect(names.filter((name) => name.startsWith('mcp'))).toEqual([
    ...['mcp_list_tools.in_progress', 'mcp_list_tools.completed', 'mcp_call.in_progress'],
    ...['mcp_call_arguments.delta', 'mcp_call_arguments.delta', 'mcp_call_arguments.done', 'mcp_call.completed'],
  ]);
});

it.each<[object, string[]]>([
  [{ allowed_tools: ['delete'] }, ['docs__delete']],
  [{ allowed_tools: { read_only: true } }, ['docs__search']],
  [{ allowed_tools: { tool_names: ['search', 'delete'], read_only: true } }, ['docs__search']],
])('offers the model only what %j lets it know', async (fields, names) => {
  const made = await create({ tools: [tool(0, fields)] });
  expect(bodies()[0]?.tools?.map(({ function: { name } }) => name)).toEqual(names);
  expect(made.output[0]).toMatchObject({ tools: names.map((name) => ({ name: name.replace('docs__', '') })) });
});

it('asks a server again where the conversation’s list lacks a tool that is allowed by name now', async () => {
  const first = await create({ tools: [tool(0, { allowed_tools: ['search'] })] });
  const second = await create({ tools: [tool(0, { allowed_tools: ['delete'] })], previous_response_id: first.id });
  expect(typesOf(second)).toEqual(['mcp_list_tools', 'message']);
  expect(bodies()[1]?.tools?.map(({ function: { name } }) => name)).toEqual(['docs__delete']);
  const third = await create({ tools: [tool(0, { allowed_tools: ['delete'] })], previous_response_id: second.id });
  expect(typesOf(third)).toEqual(['message']);
});

it('offers a tool without parameters in the form that model services take', async () => {
  const tools = [{ name: 'now', inputSchema: { type: 'object' as const } }];
  const server = await startMcpServer({ transport: 'json', tools });
  const made = await create({ tools: [tool(0, { server_url: server.url })] });
  await server.close();
  // They refuse an object without `properties`, which the protocol allows.
  expect(bodies()[0]?.tools).toMatchObject([{ function: { parameters: { type: 'object', properties: {} } } }]);
  expect(made.output[0]).toMatchObject({ tools: [{ input_schema: { type: 'object' } }] });
});

it('offers each tool under a name of its own, where names are long or have other characters, and calls the right one', async () => {
  const names = ['read.file', 'read_file', 'one', 'two'];
  const server = await startMcpServer({
    transport: 'json',
    tools: names.map((name) => ({ name, inputSchema: schema })),
    call: (name) => ({ content: [{ type: 'text', text: `called ${name}` }] }),
  });
  const label = 'l'.repeat(64);
  const tools = [tool(0, { server_label: label, server_url: server.url, server_description: 'Has four tools.' })];
  suite.upstream.on(({ tools: offered, messages }) =>
    offered && toolOutputs(messages ?? []).length === 0
      ? reply.toolCalls(offered.map(({ function: { name } }) => ({ name, arguments: {} })))
      : reply.text('Done.'),
  );
  const made = await create({ tools });
  await server.close();
  expect(made.output.flatMap((item) => (item.type === 'mcp_call' ? [item.output] : []))).toEqual(
    names.map((name) => `called ${name}`),
  );
  const offered = bodies()[0]?.tools?.map(({ function: { name } }) => name) ?? [];
  expect(offered.every((name) => name.length <= 64)).toBe(true);
  const prefix = /begin with '(.+?)'/.exec(String(bodies()[0]?.messages?.[0]?.content))?.[1];
  expect(offered.every((name) => prefix && name.startsWith(prefix))).toBe(true);
});

it('asks for approval first, then calls what was approved, once', async () => {
  const tools = [tool(0, { require_approval: { never: { read_only: true } } })];
  suite.upstream.enqueue(call('docs__search', 'free'), call('docs__delete', 'otters'));
  const asked = await create({ tools });
  expect(typesOf(asked)).toEqual(['mcp_list_tools', 'mcp_call', 'mcp_approval_request']);
  const request = asked.output[2];
  expect(request).toMatchObject({ name: 'delete', arguments: '{"query":"otters"}', server_label: 'docs' });
  const approval_request_id = request?.id ?? '';
  suite.upstream.enqueue(reply.text('Deleted.'));
  const input = [{ type: 'mcp_approval_response', approval_request_id, approve: true }];
  const done = await create({ tools, input, previous_response_id: asked.id });
  expect(typesOf(done)).toEqual(['mcp_call', 'message']);
  expect(done.output[0]).toMatchObject({ output: 'docs delete otters', approval_request_id });
  const calls = servers[0]?.requests.length;
  await create({ tools, previous_response_id: done.id });
  expect(servers[0]?.requests.length).toBe(calls);
});

it('tells the model of a call that was not approved, and makes none', async () => {
  suite.upstream.enqueue(call('docs__delete', 'otters'));
  // Every call is asked for where nothing is said.
  const tools = [tool(0, { require_approval: undefined })];
  const asked = await create({ tools });
  const approval_request_id = asked.output.at(-1)?.id ?? '';
  const called = () => servers[0]?.requests.filter(({ body }) => body.includes('tools/call')).length;
  const before = called();
  const input = [{ type: 'mcp_approval_response', approval_request_id, approve: false, reason: 'They are dear.' }];
  const denied = await create({ tools, input, previous_response_id: asked.id });
  expect(typesOf(denied)).toEqual(['message']);
  expect(called()).toBe(before);
  expect(toolOutputs(bodies().at(-1)?.messages ?? [])[0]).toContain('They are dear.');
  await expect(
    create({ input: [{ type: 'mcp_approval_response', approval_request_id: 'mcpr_none', approve: true }] }),
  ).rejects.toMatchObject({ status: 400, param: 'input' });
});

it('gives the model the error of a tool as its result', async () => {
  suite.upstream.enqueue(call('docs__search', 'bad'), reply.text('It failed.'));
  const made = await create({ tools: [tool(0)] });
  expect(made).toMatchObject({ status: 'completed', output_text: 'It failed.' });
  expect(made.output[1]).toMatchObject({
    status: 'failed',
    output: null,
    error: { type: 'mcp_tool_execution_error', content: [{ type: 'text', text: 'docs search bad' }] },
  });
  expect(toolOutputs(bodies().at(-1)?.messages ?? [])[0]).toContain('docs search bad');
});

it('takes a call of a history that brings no id, as Microsoft.Extensions.AI sends it', async () => {
  suite.upstream.enqueue(reply.text('As I said.'));
  const { id } = await create({
    input: [
      { role: 'user', content: 'Look it up.' },
      { type: 'mcp_call', server_label: 'docs', name: 'search', arguments: '{"query":"otters"}', output: 'afloat' },
      { role: 'user', content: 'And?' },
    ],
  });
  expect(toolOutputs(bodies()[0]?.messages ?? [])).toEqual(['afloat']);
  const { data } = await suite.client().responses.inputItems.list(id);
  expect(data.find(({ type }) => type === 'mcp_call')?.id).toMatch(/^mcp_/);
});

it('gives the model the fault of a server that went away as the result of its call', async () => {
  const server = await startMcpServer({
    transport: 'stateless',
    tools: [{ name: 'search', inputSchema: schema }],
    call: () => {
      server.dropConnections();
      return { content: [] };
    },
  });
  suite.upstream.enqueue(call('docs__search', 'x'), reply.text('It is gone.'));
  const made = await create({ tools: [tool(0, { server_url: server.url })] });
  await server.close();
  expect(made.output_text).toBe('It is gone.');
  expect(made.output[1]).toMatchObject({ status: 'failed', error: { type: 'http_error', code: 503 } });
});

it('forces one tool of a server, or one of them', async () => {
  await create({ tools: [tool(0)], tool_choice: { type: 'mcp', server_label: 'docs', name: 'search' } });
  expect(bodies()[0]?.tool_choice).toEqual({ type: 'function', function: { name: 'docs__search' } });
  await create({ tools: [tool(0), tool(1)], tool_choice: { type: 'mcp', server_label: 'news' } });
  expect(bodies()[1]).toMatchObject({
    tool_choice: 'required',
    tools: [{ function: { name: 'news__search' } }, { function: { name: 'news__delete' } }],
  });
});

it('answers 424 naming the server where it is down or of a private address, and fails in a stream', async () => {
  const down = await startMcpServer({ transport: 'json', tools: [] });
  await down.close();
  // Only the address itself is allowed here.
  const hidden = servers[0]?.url.replace('127.0.0.1', 'localhost');
  for (const server_url of [down.url, hidden]) {
    const tools = [tool(0, { server_url })];
    await expect(create({ tools })).rejects.toMatchObject({
      status: 424,
      type: 'external_connector_error',
      param: 'tools',
      message: expect.stringContaining("'docs'"),
    });
    const stream = await suite.client().responses.create({ model, input: 'Look it up.', tools, stream: true });
    const events = [];
    for await (const event of stream) events.push(event);
    expect(events.map(({ type }) => type)).toContain('response.mcp_list_tools.failed');
    const last = events.at(-1);
    expect(last).toMatchObject({ type: 'response.failed', response: { error: { code: 'server_error' } } });
  }
  expect(suite.upstream.calls.chat).toBe(0);
});

it('refuses two servers of one label', async () => {
  await expect(create({ tools: [tool(0), tool(0)] })).rejects.toMatchObject({ status: 400, param: 'tools' });
});
