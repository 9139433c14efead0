/** Custom tools of the caller in responses: their calls and outputs, streamed and not. The suite itself checks every answer and event. */
import type OpenAI from 'openai';
import { contractSuite } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const model = 'gpt-5';
const PATCH = '*** Begin Patch\n*** Update File: a.ts\n+one\n*** End Patch';
const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: "*** Begin Patch"' } as const;
const patch = { type: 'custom', name: 'apply_patch', description: 'Edits files', format: grammar } as const;
const note = { type: 'custom', name: 'take_note' } as const;
const weather = { type: 'function', name: 'get_weather', parameters: {}, strict: false } as const;
const call = { id: 'call_patch', name: 'apply_patch', input: PATCH };
const bodies = () => suite.upstream.requests.filter(({ kind }) => kind === 'chat').map(({ body }) => body);
const create = (fields: object) => suite.client().responses.create({ model, input: 'Mend it.', ...fields });

it('tells the model of custom tools and hands on its call and the output', async () => {
  const { responses } = suite.client();
  suite.upstream.enqueue(reply.toolCalls([call]), reply.text('Mended.'));
  const first = await responses.create({ model, input: 'Mend it.', tools: [patch, note] });
  expect(first).toMatchObject({
    status: 'completed',
    tools: [patch, { ...note, format: { type: 'text' } }],
    output: [{ type: 'custom_tool_call', status: 'completed', call_id: call.id, name: call.name, input: PATCH }],
  });
  const output = { type: 'custom_tool_call_output', call_id: call.id, output: 'Done' } as const;
  const second = await responses.create({ model, previous_response_id: first.id, input: [output], tools: [patch] });
  expect(second.output_text).toBe('Mended.');
  const { type, ...given } = grammar;
  expect(bodies()[0]?.tools).toEqual([
    { type: 'custom', custom: { name: 'apply_patch', description: 'Edits files', format: { type, grammar: given } } },
    { type: 'custom', custom: { name: 'take_note' } },
  ]);
  expect(bodies()[1]?.messages?.slice(1)).toEqual([
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: call.id, type: 'custom', custom: { name: call.name, input: PATCH } }],
    },
    { role: 'tool', tool_call_id: call.id, content: 'Done' },
  ]);
  const items = await responses.inputItems.list(second.id);
  expect(items.data).toMatchObject([
    { role: 'user' },
    { type: 'custom_tool_call', input: PATCH },
    { ...output, status: 'completed' },
  ]);
});

it('streams the input of a call beside calls of functions', async () => {
  suite.upstream.enqueue(reply.toolCalls([call, { name: 'get_weather', arguments: {} }]));
  const stream = suite.client().responses.stream({ model, input: 'Mend it.', tools: [patch, weather] });
  const deltas: string[] = [];
  const done: string[] = [];
  for await (const event of stream) {
    if (event.type === 'response.custom_tool_call_input.delta') deltas.push(event.delta);
    if (event.type === 'response.custom_tool_call_input.done') done.push(event.input);
  }
  expect(deltas.length).toBeGreaterThan(1);
  expect(deltas.join('')).toBe(PATCH);
  expect(done).toEqual([PATCH]);
  const final = await stream.finalResponse();
  expect(final.output.map(({ type }) => type)).toEqual(['custom_tool_call', 'function_call']);
});

it('keeps a call that the model was cut off in, which needs no output', async () => {
  suite.upstream.enqueue(reply.toolCalls([call], { finishReason: 'length' }), reply.text('Again.'));
  const cut = await create({ tools: [patch] });
  expect(cut).toMatchObject({ status: 'incomplete', output: [{ type: 'custom_tool_call', status: 'incomplete' }] });
  const next = await create({ tools: [patch], previous_response_id: cut.id, input: 'Go on.' });
  expect(next.output_text).toBe('Again.');
});

it.each<[OpenAI.Responses.ResponseCreateParams['tool_choice'], object]>([
  [{ type: 'custom', name: 'take_note' }, { tool_choice: { type: 'custom', custom: { name: 'take_note' } } }],
  [
    { type: 'allowed_tools', mode: 'required', tools: [{ type: 'custom', name: 'take_note' }] },
    { tool_choice: 'required', tools: [{ custom: { name: 'take_note' } }] },
  ],
])('asks the model as the choice %j says', async (tool_choice, asked) => {
  expect(await create({ tools: [patch, note], tool_choice })).toMatchObject({ tool_choice });
  expect(bodies()[0]).toMatchObject(asked);
});

it('refuses a choice of a function by the name of a custom tool, names that repeat, and calls without their outputs', async () => {
  await expect(
    create({ tools: [patch], tool_choice: { type: 'function', name: 'apply_patch' } }),
  ).rejects.toMatchObject({ status: 400, param: 'tool_choice' });
  await expect(create({ tools: [patch, { ...weather, name: 'apply_patch' }] })).rejects.toMatchObject({
    status: 400,
    param: 'tools',
  });
  suite.upstream.enqueue(reply.toolCalls([call]));
  const { id } = await create({ tools: [patch] });
  await expect(create({ tools: [patch], previous_response_id: id, input: 'Go on.' })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('call_patch'),
  });
});

it('keeps calls and outputs as items of conversations', async () => {
  const { conversations } = suite.client();
  const { id } = await conversations.create();
  suite.upstream.enqueue(reply.toolCalls([call]), reply.text('Mended.'));
  await create({ tools: [patch], conversation: id });
  const output = { type: 'custom_tool_call_output', call_id: call.id, output: [{ type: 'input_text', text: 'Done' }] };
  await create({ tools: [patch], conversation: id, input: [output] });
  const { data } = await conversations.items.list(id);
  expect(data.map(({ type }) => type)).toEqual(['message', 'custom_tool_call_output', 'custom_tool_call', 'message']);
  expect(bodies()[1]?.messages?.at(-1)).toEqual({ role: 'tool', tool_call_id: call.id, content: 'Done' });
});

it('hands on that the model service has no custom tools', async () => {
  const body = {
    error: {
      message: "Invalid value: 'custom'.",
      type: 'invalid_request_error',
      param: 'tools[0].type',
      code: 'invalid_value',
    },
  };
  suite.upstream.enqueue(reply.status(400, { body }));
  await expect(create({ tools: [patch] })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining("Invalid value: 'custom'"),
  });
});
