/** Functions of the caller in responses: calls, outputs, choices. The suite itself checks every answer and event. */
import type OpenAI from 'openai';
import { zodResponsesFunction } from 'openai/helpers/zod';
import { z } from 'zod';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

type Input = OpenAI.Responses.ResponseInputItem;
type Choice = OpenAI.Responses.ResponseCreateParams['tool_choice'];

const suite = contractSuite();
const model = 'gpt-4.1';
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather',
  parameters,
  strict: true,
} as const;
const time = { type: 'function', name: 'get_time', parameters: {}, strict: false } as const;
const cities = () =>
  reply.toolCalls(['Oslo', 'Rome'].map((city) => ({ id: `call_${city}`, name: 'get_weather', arguments: { city } })));
const bodies = () => suite.upstream.requests.filter(({ kind }) => kind === 'chat').map(({ body }) => body);
const create = (fields: object) => suite.client().responses.create({ model, input: 'Weather?', ...fields });
const PIXEL = 'data:image/png;base64,iVBORw0KGgo=';

const outputsFor = ({ output }: OpenAI.Responses.Response): Input[] =>
  output.flatMap((item) =>
    item.type === 'function_call'
      ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: `${item.arguments} is mild` }]
      : [],
  );

describe.each(sdks)('with the class %s', (sdk) => {
  const responses = () => suite.client(sdk).responses;

  it('ends with parallel calls, and goes on with their outputs, each behind its call', async () => {
    suite.upstream.enqueue(cities(), reply.text('Mild in both.'));
    const first = await responses().create({ model, input: 'Weather?', tools: [weather, time] });
    expect(first).toMatchObject({
      status: 'completed',
      tools: [weather, time],
      output: ['Oslo', 'Rome'].map((city) => ({
        type: 'function_call',
        status: 'completed',
        call_id: `call_${city}`,
        name: 'get_weather',
        arguments: JSON.stringify({ city }),
      })),
    });
    const second = await responses().create({
      model,
      previous_response_id: first.id,
      input: outputsFor(first),
      tools: [weather],
    });
    expect(second.output_text).toBe('Mild in both.');
    expect(bodies()[0]?.tools?.map(({ function: given }) => given)).toEqual([
      { name: 'get_weather', description: 'The weather', parameters, strict: true },
      { name: 'get_time', parameters: {}, strict: false },
    ]);
    const [, calls, ...outputs] = bodies()[1]?.messages ?? [];
    expect(calls).toMatchObject({ role: 'assistant', tool_calls: [{ id: 'call_Oslo' }, { id: 'call_Rome' }] });
    expect(outputs).toMatchObject(['Oslo', 'Rome'].map((city) => ({ role: 'tool', tool_call_id: `call_${city}` })));
  });

  it('streams the arguments of each call, and what is said before them', async () => {
    suite.upstream.enqueue(
      reply.toolCalls([{ name: 'get_weather', arguments: { city: 'Oslo' } }], { text: 'Let me look.' }),
    );
    const stream = responses().stream({ model, input: 'Weather?', tools: [weather] });
    const names: string[] = [];
    for await (const { type } of stream) names.push(type.replace('response.', ''));
    const deltas = ['function_call_arguments.delta', 'function_call_arguments.delta'];
    expect(names.slice(names.indexOf('content_part.done'))).toEqual([
      ...['content_part.done', 'output_item.done', 'output_item.added', ...deltas],
      ...['function_call_arguments.done', 'output_item.done', 'completed'],
    ]);
    const final = await stream.finalResponse();
    expect(final.output.map(({ type }) => type)).toEqual(['message', 'function_call']);
  });

  it('parses the arguments of functions that are declared by zod', async () => {
    suite.upstream.enqueue(cities());
    const tool = zodResponsesFunction({ name: 'get_weather', parameters: z.object({ city: z.string() }) });
    const { output } = await responses().parse({ model, input: 'Weather?', tools: [tool] });
    expect(output).toMatchObject([{ parsed_arguments: { city: 'Oslo' } }, { parsed_arguments: { city: 'Rome' } }]);
  });
});

it.each<[Choice, object]>([
  ['auto', { tool_choice: 'auto' }],
  ['none', { tool_choice: 'none' }],
  ['required', { tool_choice: 'required' }],
  [{ type: 'function', name: 'get_time' }, { tool_choice: { type: 'function', function: { name: 'get_time' } } }],
  [
    { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'get_time' }] },
    { tool_choice: 'auto', tools: [{ function: { name: 'get_time' } }] },
  ],
  [
    { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'get_time' }] },
    { tool_choice: 'required', tools: [{ function: { name: 'get_time' } }] },
  ],
])('asks the model as the choice %j says', async (tool_choice, asked) => {
  const made = await create({ tools: [weather, time], tool_choice, parallel_tool_calls: false });
  expect(made).toMatchObject({ tool_choice, parallel_tool_calls: false });
  expect(bodies()[0]).toMatchObject(asked);
  expect(bodies()[0]?.parallel_tool_calls).toBe(tool_choice === 'none' ? undefined : false);
});

it.each<[string, Choice]>([
  ['a function', { type: 'function', name: 'other' }],
  ['a tool of the server', { type: 'file_search' }],
  ['one of several', { type: 'allowed_tools', mode: 'auto', tools: [weather, { type: 'function', name: 'other' }] }],
])('refuses a choice of %s that is not among the tools', async (_what, tool_choice) => {
  await expect(create({ tools: [weather], tool_choice })).rejects.toMatchObject({ status: 400, param: 'tool_choice' });
});

it('refuses outputs without their call, a second output, and calls without their outputs', async () => {
  suite.upstream.enqueue(cities());
  const first = await create({ tools: [weather] });
  const outputs = outputsFor(first);
  const previous_response_id = first.id;
  const refused = (input: unknown, message: string) =>
    expect(create({ previous_response_id, input })).rejects.toMatchObject({
      status: 400,
      param: 'input',
      message: expect.stringContaining(message),
    });
  await refused('Go on.', 'No tool output found for function call call_Oslo');
  await refused(outputs.slice(0, 1), 'No tool output found for function call call_Rome');
  await refused([...outputs, { type: 'function_call_output', call_id: 'call_x', output: '' }], 'with call_id call_x');
  await refused([...outputs, ...outputs.slice(0, 1)], 'with call_id call_Oslo');
});

it('keeps calls apart whose ids a server repeats, within a turn and from turn to turn', async () => {
  const same = () =>
    reply.toolCalls([1, 2].map((city) => ({ id: 'call_0', name: 'get_weather', arguments: { city } })));
  suite.upstream.enqueue(same(), same(), reply.text('Done.'));
  const first = await create({ tools: [weather] });
  const second = await create({ tools: [weather], previous_response_id: first.id, input: outputsFor(first) });
  await create({ previous_response_id: second.id, input: outputsFor(second) });
  const ids = [first, second].flatMap(({ output }) =>
    output.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : [])),
  );
  expect(new Set(ids).size).toBe(4);
  const told = bodies()[2]?.messages ?? [];
  expect(told.flatMap((message) => (message.role === 'tool' ? [message.tool_call_id] : []))).toEqual(ids);
});

it('takes outputs by the id that the model service gave the call, however long and of whatever characters', async () => {
  const id = `Anruf für 1 ${'x'.repeat(700)}`;
  suite.upstream.enqueue(
    reply.toolCalls([{ id, name: 'get_weather', arguments: { city: 'Oslo' } }]),
    reply.text('Mild.'),
  );
  const first = await create({ tools: [weather] });
  const second = await create({ previous_response_id: first.id, input: outputsFor(first) });
  expect(second.output_text).toBe('Mild.');
});

it('pairs calls that a caller sends with the same id by their order', async () => {
  const turn = (text: string): Input[] => [
    { type: 'function_call', call_id: 'call_0', name: 'get_weather', arguments: '{}' },
    { type: 'function_call_output', call_id: 'call_0', output: text },
  ];
  await create({ input: [...turn('first'), ...turn('second')] });
  expect(bodies()[0]?.messages).toMatchObject([
    { role: 'assistant' },
    { role: 'tool', content: 'first' },
    { role: 'assistant' },
    { role: 'tool', content: 'second' },
  ]);
});

it('gives the model the text of an output as the tool, and its images behind it', async () => {
  suite.upstream.enqueue(reply.toolCalls([{ id: 'call_a', name: 'get_weather', arguments: { city: 'Oslo' } }]));
  const first = await create({ tools: [weather] });
  const output = [
    { type: 'input_text', text: 'A map:' },
    { type: 'input_image', image_url: PIXEL, detail: 'low' },
  ];
  const second = await create({
    previous_response_id: first.id,
    input: [{ type: 'function_call_output', call_id: 'call_a', output }],
  });
  expect(bodies()[1]?.messages?.slice(-2)).toEqual([
    { role: 'tool', tool_call_id: 'call_a', content: 'A map:' },
    { role: 'user', content: [{ type: 'image_url', image_url: { url: PIXEL, detail: 'low' } }] },
  ]);
  expect((await suite.client().responses.inputItems.list(second.id)).data.at(-1)).toMatchObject({ output });
});

it('shows a function that says little with the fields that answers always have', async () => {
  const made = await create({ tools: [{ type: 'function', name: 'now', parameters: null }] });
  expect(made.tools).toEqual([
    { type: 'function', name: 'now', parameters: { type: 'object', properties: {} }, strict: false },
  ]);
  expect(bodies()[0]?.tools).toEqual([{ type: 'function', function: { name: 'now' } }]);
});

it('fails where the model calls what it was not offered', async () => {
  suite.upstream.enqueue(reply.toolCalls([{ name: 'rm', arguments: {} }], { text: 'So be it.' }));
  const made = await create({ tools: [weather] });
  expect(made).toMatchObject({ status: 'failed', error: { message: expect.stringContaining("'rm'") } });
});

it('keeps a call in which the model was cut off as far as it got, and goes on without its output', async () => {
  suite.upstream.enqueue(reply.toolCalls([{ name: 'get_weather', arguments: '{"ci' }], { finishReason: 'length' }));
  const cut = suite.client().responses.stream({ model, input: 'Weather?', tools: [weather] });
  const first = await cut.finalResponse().catch((error: unknown) => error);
  expect(first).toMatchObject({
    status: 'incomplete',
    output: [{ type: 'function_call', status: 'incomplete', arguments: '{"ci' }],
  });
  const { id } = first as OpenAI.Responses.Response;
  await create({ input: 'Never mind.', previous_response_id: id });
  expect(bodies()[1]?.messages).toEqual([
    { role: 'user', content: 'Weather?' },
    { role: 'user', content: 'Never mind.' },
  ]);
});

it('keeps texts and calls of a turn in the order in which the model began them', async () => {
  const frame = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const piece = (index: number, fields: object, given: string) => ({
    tool_calls: [{ index, ...fields, function: { name: 'get_weather', arguments: given } }],
  });
  suite.upstream.enqueue(
    reply.raw([
      frame({ content: 'First ' }),
      frame(piece(0, { id: 'call_a' }, '{"city":')),
      frame({ content: 'then ' }),
      frame(piece(0, {}, '"Oslo"}')),
      frame(piece(1, { id: 'call_b' }, '{}')),
      frame({ content: 'last.' }),
      frame({}, 'tool_calls'),
    ]),
  );
  const final = await suite
    .client()
    .responses.stream({ model, input: 'Weather?', tools: [weather] })
    .finalResponse();
  expect(final.output).toMatchObject([
    { type: 'message', content: [{ text: 'First ' }] },
    { type: 'function_call', call_id: 'call_a', arguments: '{"city":"Oslo"}' },
    { type: 'message', content: [{ text: 'then ' }] },
    { type: 'function_call', call_id: 'call_b' },
    { type: 'message', content: [{ text: 'last.' }] },
  ]);
});
