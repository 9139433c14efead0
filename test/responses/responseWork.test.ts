/** Limits of a response's work, and how it goes on after its owner died; the model and the tools are scripted. */
import { partReader } from '../../src/responses/chatItems';
import { McpError } from '../../src/responses/mcpPort';
import type { ResponseEvent } from '../../src/responses/responseEvents';
import { ResponseWork } from '../../src/responses/responseWork';
import type { OutputItem } from '../../src/wire/responseItems';
import type { CreateResponseRequest, ResponseObject } from '../../src/wire/responses';
import { calls, says } from '../support/assistants';
import { openResponses, scope } from '../support/responseWork';

let opened: Awaited<ReturnType<typeof openResponses>>;
const { signal } = new AbortController();

beforeEach(async () => {
  opened = await openResponses();
});
afterEach(async () => opened.close());

const prepare = async (fields: CreateResponseRequest) =>
  opened.responses.prepare(scope, { model: 'm', input: 'Hello', ...fields });

async function answer(fields: CreateResponseRequest) {
  const events: ResponseEvent[] = [];
  const sink = (event: ResponseEvent) => Promise.resolve(void events.push(event));
  const response = await opened.responses.answer(await prepare(fields), sink, signal);
  return { response, events };
}

async function workOn(fields: CreateResponseRequest, output: OutputItem[]) {
  const prepared = await prepare(fields);
  const task = { ...prepared, response: { ...prepared.response, output } };
  const events: ResponseEvent[] = [];
  const sink = (event: ResponseEvent) => Promise.resolve(void events.push(event));
  const states: ResponseObject[] = [];
  const keeper = {
    checkpoint: () => Promise.resolve(void states.push(work.response)),
    pace: () => Promise.resolve(),
  };
  const work = new ResponseWork(opened.ports, task, sink, signal, partReader(opened.ports, scope), keeper);
  await work.go();
  return { work, events, states };
}

const code = (id: string) => calls({ id, name: 'code_interpreter', arguments: '{"code":"1"}' });
const tools: CreateResponseRequest['tools'] = [{ type: 'code_interpreter' }];
const nothing = { logs: '', images: [], files: [] };

it('carries out again a call that a dead owner was at, and does not ask the model for it again', async () => {
  opened.code.result = () => Promise.resolve({ ...nothing, logs: 'two' });
  opened.turns.push(says('It is two.'));
  const left: OutputItem = {
    id: 'ci_a',
    type: 'code_interpreter_call',
    status: 'in_progress',
    container_id: 'cntr_a',
    code: '1 + 1',
    outputs: [],
  };
  const { work, events, states } = await workOn({ tools }, [left]);
  expect(opened.codeCalls).toEqual([{ session: 'cntr_a', code: '1 + 1' }]);
  expect(work.response.output).toMatchObject([
    { id: 'ci_a', status: 'completed', outputs: [{ type: 'logs', logs: 'two' }] },
    { type: 'message', content: [{ text: 'It is two.' }] },
  ]);
  expect(opened.requests).toHaveLength(1);
  expect(opened.requests[0]?.messages.slice(-1)).toEqual([{ role: 'tool', tool_call_id: 'ci_a', content: 'two' }]);
  // Stored before the code runs, and when it has run.
  expect(states.map(({ output }) => output)).toMatchObject([[{ status: 'in_progress' }], [{ status: 'completed' }]]);
  expect(events.map(({ type, output_index }) => [type, output_index]).slice(0, 3)).toEqual([
    ['response.code_interpreter_call.interpreting', 0],
    ['response.code_interpreter_call.completed', 0],
    ['response.output_item.done', 0],
  ]);
});

it('counts the calls that were made before against max_tool_calls', async () => {
  opened.turns.push(says('Done.'));
  const made: OutputItem = {
    id: 'ci_a',
    type: 'code_interpreter_call',
    status: 'completed',
    container_id: 'cntr_a',
    code: '1',
    outputs: [],
  };
  await workOn({ tools, max_tool_calls: 1 }, [made]);
  expect(opened.requests[0]?.tools).toBeUndefined();
});

it('fails after 100 turns of a model that only calls tools', async () => {
  opened.code.result = () => Promise.resolve(nothing);
  for (let turn = 0; turn < 101; turn += 1) opened.turns.push(code(`call_${turn}`));
  const { response } = await answer({ tools });
  expect(response).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('100 turns') } });
  expect(opened.turns).toHaveLength(1);
});

it('fails, and can be stored, where a call has too long arguments or its output grows too large', async () => {
  const f = { type: 'function' as const, name: 'f' };
  opened.turns.push(calls({ id: 'call_a', name: 'f', arguments: 'x'.repeat(600_000) }));
  const long = await answer({ tools: [f] });
  expect(long.response).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('too long') } });
  const large = { arguments: JSON.stringify({ a: 'x'.repeat(500_000) }), name: 'f' };
  opened.turns.push(calls(...[1, 2, 3, 4].map((number) => ({ ...large, id: `call_${number}` }))));
  const grown = await answer({ tools: [f] });
  expect(grown.response).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('too large') } });
  expect((await opened.responses.get(scope, grown.response.id)).status).toBe('failed');
  const inputs = Array.from({ length: 20 }, () => ({ ...f, description: 'x'.repeat(60_000) }));
  const named = inputs.map((tool, index) => ({ ...tool, name: `f${index}` }));
  await expect(prepare({ tools: named })).rejects.toMatchObject({ status: 413 });
});

it('leaves out the results of tools past a megabyte, and tells the model so', async () => {
  const text = 'x'.repeat(600_000);
  opened.passages.push(...['a', 'b'].map((fileId) => ({ fileId, filename: fileId, score: 1, text, attributes: {} })));
  opened.mcp.list = () => Promise.resolve([{ name: 't', description: null, input_schema: {}, annotations: null }]);
  opened.mcp.output = text;
  opened.turns.push(
    calls(
      { id: 'call_1', name: 'file_search', arguments: '{"queries":["a"]}' },
      { id: 'call_2', name: 'docs__t', arguments: '{}' },
    ),
    says('So.'),
  );
  const { response } = await answer({
    tools: [
      { type: 'file_search', vector_store_ids: ['vs_1'] },
      { type: 'mcp', server_label: 'docs', server_url: 'https://mcp.example.com', require_approval: 'never' },
    ],
  });
  const [, search, call] = response.output;
  expect(search).toMatchObject({ status: 'completed', results: [{ file_id: 'a' }] });
  expect(call).toMatchObject({
    status: 'failed',
    output: null,
    error: { message: expect.stringContaining('no room') },
  });
});

it.each([
  ['is slow', new McpError('timeout', 'The server did not answer in time.')],
  ['wants another token', new McpError('authentication', 'The server refused the credentials (401).', 401)],
])('answers 424 naming an MCP server that %s, before the model is asked', async (_what, failure) => {
  opened.mcp.list = () => Promise.reject(failure);
  const docs = { type: 'mcp' as const, server_label: 'docs', server_url: 'https://mcp.example.com' };
  await expect(answer({ tools: [docs] })).rejects.toMatchObject({
    status: 424,
    message: expect.stringContaining(`'docs'. ${failure.message}`),
  });
  expect(opened.requests).toEqual([]);
});

it('ends the call that failed with the sandbox, tells why, and shows nothing of a fault of its own', async () => {
  opened.code.result = () => Promise.reject(new Error('secret detail'));
  opened.turns.push(code('call_a'));
  const { response, events } = await answer({ tools });
  expect(response).toMatchObject({
    status: 'failed',
    output: [{ type: 'code_interpreter_call', status: 'incomplete' }],
  });
  expect(JSON.stringify(response)).not.toContain('secret');
  expect(opened.faults).toMatchObject([{ message: 'secret detail' }]);
  expect(events.filter(({ type }) => type === 'response.output_item.done')).toHaveLength(1);
});

it('stores nothing where its caller left', async () => {
  const left = new AbortController();
  opened.turns.push(function* () {
    left.abort(new Error('left'));
    yield { type: 'text', text: 'never heard' };
  });
  const prepared = await prepare({});
  await expect(opened.responses.answer(prepared, () => Promise.resolve(), left.signal)).rejects.toThrow('left');
  await expect(opened.responses.get(scope, prepared.response.id)).rejects.toMatchObject({ status: 404 });
});

it('lets two responses continue the same one at the same time, and each be continued', async () => {
  opened.turns.push(says('One.'), says('A.'), says('B.'), says('A2.'), says('B2.'));
  const { response: first } = await answer({});
  const prepared = [
    await prepare({ input: 'a', previous_response_id: first.id }),
    await prepare({ input: 'b', previous_response_id: first.id }),
  ];
  const silent = () => Promise.resolve();
  const both = await Promise.all(prepared.map(async (one) => opened.responses.answer(one, silent, signal)));
  for (const [index, { id }] of both.entries()) {
    await answer({ input: 'And?', previous_response_id: id });
    const said = opened.requests.at(-1)?.messages.map(({ content }) => content);
    expect(said).toEqual(['Hello', 'One.', index === 0 ? 'a' : 'b', index === 0 ? 'A.' : 'B.', 'And?']);
  }
});
