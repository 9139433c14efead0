/**
 * A walk through operations 9 to 30, and through conversations, with the official SDK, streams included. The suite checks each answer and event, here as in every other
 * test of these operations, against the published schemas; here is counted how many of them there were.
 */
import type OpenAI from 'openai';
import { FILE_SEARCH_CONTENT } from '../../src/wire/threads';
import { storeWithFile, weather } from '../support/assistantFixtures';
import { contractSuite, publishedSchemas } from '../support/contractSuite';
import { soon } from '../support/polling';
import { publishedExceptions } from '../support/publishedExceptions';
import { reply } from '../support/scriptedUpstream';

const LEAST_SCHEMAS = 30;
/** Those of code_interpreter: its calls and outputs, and what an answer does with the files. */
const CODE_SCHEMAS = [
  ...['', 'OutputLogs', 'OutputImage'].flatMap((part) => [
    `RunStepDetailsToolCallsCode${part}Object`,
    `RunStepDeltaStepDetailsToolCallsCode${part}Object`,
  ]),
  ...['ImageFile', 'TextAnnotationsFilePath'].flatMap((part) => [
    `MessageContent${part}Object`,
    `MessageDeltaContent${part}Object`,
  ]),
];
const suite = contractSuite();
const client = () => suite.client();
const question = { role: 'user', content: 'Where do otters sleep?' } as const;
const search = { name: 'file_search', arguments: { queries: ['where do otters sleep'] } };
const cities = ['Oslo', 'Rome'].map((city) => ({ name: 'get_weather', arguments: { city } }));

const outputsFor = (run: OpenAI.Beta.Threads.Run) => ({
  thread_id: run.thread_id,
  tool_outputs: (run.required_action?.submit_tool_outputs.tool_calls ?? []).map(({ id }) => ({
    tool_call_id: id,
    output: 'mild',
  })),
});

it('answers operations 9 to 13 on assistants', async () => {
  const { assistants } = client().beta;
  const { store } = await storeWithFile(client());
  const made = await assistants.create({
    model: 'gpt-4.1',
    name: 'Otters',
    description: 'Knows them',
    instructions: 'Be brief.',
    tools: [weather, { type: 'file_search', file_search: { ranking_options: { score_threshold: 0.2 } } }],
    tool_resources: { file_search: { vector_store_ids: [store.id] } },
    response_format: { type: 'json_schema', json_schema: { name: 'place', schema: { type: 'object' } } },
    metadata: { team: 'sea' },
  });
  await assistants.list();
  await assistants.retrieve(made.id);
  expect((await assistants.update(made.id, { tools: [weather], response_format: { type: 'json_object' } })).name).toBe(
    'Otters',
  );
  expect((await assistants.delete(made.id)).deleted).toBe(true);
  await expect(assistants.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
});

it('answers operations 14 to 21 on threads and messages', async () => {
  const { threads } = client().beta;
  const thread = await threads.create({ messages: [question], metadata: { team: 'sea' } });
  await threads.retrieve(thread.id);
  await threads.update(thread.id, { metadata: { team: 'river' } });
  const picture = { type: 'image_url', image_url: { url: 'https://example.com/otter.png', detail: 'low' } } as const;
  const message = await threads.messages.create(thread.id, {
    role: 'user',
    content: [{ type: 'text', text: 'Is this one?' }, picture],
  });
  await threads.messages.list(thread.id);
  await threads.messages.retrieve(message.id, { thread_id: thread.id });
  await threads.messages.update(message.id, { thread_id: thread.id, metadata: { seen: 'yes' } });
  expect((await threads.messages.delete(message.id, { thread_id: thread.id })).deleted).toBe(true);
  // An empty list, too.
  expect((await threads.runs.list(thread.id)).data).toEqual([]);
  expect((await threads.delete(thread.id)).deleted).toBe(true);
});

it('answers operations 22 to 30 on runs that are polled, with searches, functions and a cancel', async () => {
  const { assistants, threads } = client().beta;
  const { store } = await storeWithFile(client());
  const { id: assistant_id } = await assistants.create({
    model: 'gpt-4.1',
    instructions: 'Be brief.',
    tools: [weather, { type: 'file_search' }],
    tool_resources: { file_search: { vector_store_ids: [store.id] } },
  });
  // The answer cites what was found last.
  suite.upstream.enqueue(reply.toolCalls(cities), reply.toolCalls([search]), reply.default());
  const run = await threads.createAndRunPoll({ assistant_id, thread: { messages: [question] } }, soon);
  const { thread_id } = run;
  expect((await threads.runs.submitToolOutputsAndPoll(run.id, outputsFor(run), soon)).status).toBe('completed');
  await threads.runs.update(run.id, { thread_id, metadata: { seen: 'yes' } });
  await threads.runs.list(thread_id);
  const include: OpenAI.Beta.Threads.Runs.RunStepInclude[] = [FILE_SEARCH_CONTENT];
  const steps = await threads.runs.steps.list(run.id, { thread_id, include });
  for (const { id } of steps.data) await threads.runs.steps.retrieve(id, { thread_id, run_id: run.id });
  await threads.messages.list(thread_id, { run_id: run.id });
  suite.upstream.enqueue(reply.toolCalls(cities));
  const waiting = await threads.runs.createAndPoll(
    thread_id,
    { assistant_id, tool_choice: { type: 'function', function: { name: 'get_weather' } } },
    soon,
  );
  await threads.runs.cancel(waiting.id, { thread_id });
  expect((await threads.runs.poll(waiting.id, { thread_id }, soon)).status).toBe('cancelled');
});

it('answers about conversations and their items', async () => {
  const { conversations } = client();
  const made = await conversations.create({ items: [question], metadata: { team: 'sea' } });
  await conversations.retrieve(made.id);
  await conversations.update(made.id, { metadata: {} });
  const file = await client().files.create({ file: new File(['Otters.'], 'otters.txt'), purpose: 'assistants' });
  const added = await conversations.items.create(made.id, {
    items: [
      { role: 'user', content: [{ type: 'input_image', image_url: 'https://example.com/o.png', detail: 'low' }] },
      { role: 'user', content: [{ type: 'input_file', file_id: file.id }] },
      { role: 'assistant', content: 'Two.' },
      { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'mild' },
      { type: 'file_search_call', id: 'fs_1', status: 'completed', queries: ['otters'] },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Well.' }] },
      { type: 'mcp_list_tools', id: 'mcpl_1', server_label: 'docs', tools: [{ name: 'find', input_schema: {} }] },
      { type: 'mcp_approval_request', id: 'mcpr_1', server_label: 'docs', name: 'find', arguments: '{}' },
      { type: 'mcp_approval_response', approval_request_id: 'mcpr_1', approve: true },
      { type: 'mcp_call', id: 'mcp_1', server_label: 'docs', name: 'find', arguments: '{}', output: 'here' },
      { type: 'code_interpreter_call', id: 'ci_1', status: 'completed', container_id: 'c', code: '1', outputs: [] },
    ],
  });
  await conversations.items.list(made.id);
  for (const { id } of added.data) if (id) await conversations.items.retrieve(id, { conversation_id: made.id });
  await conversations.items.delete(added.data[0]?.id ?? '', { conversation_id: made.id });
  expect((await conversations.items.list((await conversations.create()).id)).data).toEqual([]);
  expect((await conversations.delete(made.id)).deleted).toBe(true);
});

/** The names of the stream's events. */
async function eventsOf(stream: AsyncIterable<OpenAI.Beta.AssistantStreamEvent>): Promise<string[]> {
  const names: string[] = [];
  for await (const { event } of stream) names.push(event);
  return names;
}

it('streams runs that complete, need outputs, end early, fail and are cancelled', async () => {
  const { assistants, threads } = client().beta;
  const { store } = await storeWithFile(client());
  const { id: assistant_id } = await assistants.create({
    model: 'gpt-4.1',
    tools: [weather, { type: 'file_search' }],
    tool_resources: { file_search: { vector_store_ids: [store.id] } },
  });
  suite.upstream.enqueue(reply.toolCalls(cities), reply.toolCalls([search]), reply.default());
  const first = threads.createAndRunStream({ assistant_id, thread: { messages: [question] } });
  const heard = await eventsOf(first);
  const run = await first.finalRun();
  const { thread_id } = run;
  const outputs = threads.runs.submitToolOutputsStream(run.id, outputsFor(run));
  heard.push(...(await eventsOf(outputs)));
  suite.upstream.enqueue(reply.text('They sleep', { finishReason: 'length' }), reply.status(400));
  heard.push(...(await eventsOf(threads.runs.stream(thread_id, { assistant_id }))));
  heard.push(...(await eventsOf(threads.runs.stream(thread_id, { assistant_id }))));
  suite.upstream.enqueue(reply.stallAfter(2, reply.text('They sleep afloat.')));
  const cancelled = threads.runs.stream(thread_id, { assistant_id });
  cancelled.on('textDelta', () => {
    const { id } = cancelled.currentRun() ?? run;
    void client().beta.threads.runs.cancel(id, { thread_id });
  });
  heard.push(...(await eventsOf(cancelled)));
  const events = [
    'thread.created',
    ...['created', 'queued', 'in_progress', 'requires_action', 'completed', 'incomplete', 'failed', 'cancelled'].map(
      (name) => `thread.run.${name}`,
    ),
    ...['created', 'in_progress', 'delta', 'completed'].map((name) => `thread.run.step.${name}`),
    ...['created', 'in_progress', 'delta', 'completed', 'incomplete'].map((name) => `thread.message.${name}`),
  ];
  expect([...new Set(heard)]).toEqual(expect.arrayContaining(events));
});

it('answers and streams runs whose code prints, draws an image and writes a file that the answer links to', async () => {
  const { assistants, threads } = client().beta;
  const { id: assistant_id } = await assistants.create({ model: 'gpt-4.1', tools: [{ type: 'code_interpreter' }] });
  const code = `open('/mnt/data/dot.png', 'wb').write(bytes.fromhex('89504e470d0a1a0a'))
open('/mnt/data/places.csv', 'w').write('place')
print('drawn')`;
  const answers = () => [
    reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]),
    reply.text('Here: [places](sandbox:/mnt/data/places.csv).'),
  ];
  const parts = [{ type: 'image_file' }, { type: 'text', text: { annotations: [{ type: 'file_path' }] } }];
  suite.upstream.enqueue(...answers());
  const run = await threads.createAndRunPoll({ assistant_id, thread: { messages: [question] } }, soon);
  const { thread_id } = run;
  const [message] = (await threads.messages.list(thread_id)).data;
  expect(message?.content).toMatchObject(parts);
  const steps = await threads.runs.steps.list(run.id, { thread_id, order: 'asc' });
  const outputs = [{ type: 'logs', logs: 'drawn\n' }, { type: 'image' }];
  expect(steps.data[0]?.step_details).toMatchObject({ tool_calls: [{ code_interpreter: { outputs } }] });
  suite.upstream.enqueue(...answers());
  const stream = threads.createAndRunStream({ assistant_id, thread: { messages: [question] } });
  expect((await stream.finalMessages())[0]?.content).toMatchObject(parts);
}, 60_000);

if (publishedSchemas) {
  const published = publishedSchemas;
  it(`met at least ${LEAST_SCHEMAS} of the published schemas, every answer, and every exception`, () => {
    const met = [...published.exercised].sort();
    process.stderr.write(`${met.length} published schemas: ${met.join(', ')}\n`);
    expect(met.length).toBeGreaterThanOrEqual(LEAST_SCHEMAS);
    expect(met).toEqual(expect.arrayContaining([...published.answerNames, ...CODE_SCHEMAS]));
    expect([...published.exceptionsUsed].sort()).toEqual(publishedExceptions.map(({ name }) => name).sort());
  });

  it('finds fault with what is not as published', async () => {
    const thread = await client().beta.threads.create();
    expect(published.answerFaults('GET', '/threads/t', 200, thread)).toEqual([]);
    expect(published.answerFaults('GET', '/threads/t', 200, { ...thread, created_at: 'now' })).toHaveLength(1);
    expect(published.answerFaults('GET', '/threads/t', 404, thread)).toHaveLength(1);
    expect(published.eventFaults('thread.created', thread)).toEqual([]);
    expect(published.eventFaults('thread.created', { ...thread, object: 'tread' })).toHaveLength(1);
    expect(published.eventFaults('thread.moved', thread)).toHaveLength(1);
  });
} else {
  it.skip('the published schemas are not checked here: there is no folder ../shared/spec', () => undefined);
}
