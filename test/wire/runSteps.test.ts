/** Operations 29 and 30 with the official SDK: the steps that functions, file search and messages leave. */
import type OpenAI from 'openai';
import { assistantWithThread, storeWithFile, OTTERS, weather } from '../support/assistantFixtures';
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const CONTENT = 'step_details.tool_calls[*].file_search.results[*].content';

describe.each(sdks)('with the class %s', (sdk) => {
  const client = () => suite.client(sdk);
  const runs = () => client().beta.threads.runs;

  it('shows a function call with the output that was submitted for it, then the message', async () => {
    const { assistant, thread } = await assistantWithThread(client(), { tools: [weather] });
    suite.upstream.enqueue(reply.toolCalls([{ id: 'call_1', name: 'get_weather', arguments: { city: 'Oslo' } }]));
    const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    const place = { thread_id: thread.id };
    const [open] = (await runs().steps.list(run.id, place)).data;
    const call = {
      id: 'call_1',
      type: 'function',
      function: { name: 'get_weather', arguments: '{"city":"Oslo"}', output: null },
    };
    expect(open).toMatchObject({
      object: 'thread.run.step',
      run_id: run.id,
      assistant_id: assistant.id,
      thread_id: thread.id,
      type: 'tool_calls',
      status: 'in_progress',
      completed_at: null,
      step_details: { type: 'tool_calls', tool_calls: [call] },
    });
    const tool_outputs = [{ tool_call_id: 'call_1', output: '-5' }];
    const done = await runs().submitToolOutputsAndPoll(run.id, { ...place, tool_outputs }, soon);
    const { data: steps } = await runs().steps.list(run.id, { ...place, order: 'asc' });
    expect(steps.map(({ type, status }) => [type, status])).toEqual([
      ['tool_calls', 'completed'],
      ['message_creation', 'completed'],
    ]);
    const answered = { ...call, function: { ...call.function, output: '-5' } };
    expect(steps[0]?.step_details).toEqual({ type: 'tool_calls', tool_calls: [answered] });
    const [message] = (await client().beta.threads.messages.list(thread.id, { run_id: run.id })).data;
    expect(steps[1]?.step_details).toEqual({ type: 'message_creation', message_creation: { message_id: message?.id } });
    const tokens = steps.reduce((sum, { usage }) => sum + (usage?.total_tokens ?? 0), 0);
    expect(done.usage?.total_tokens).toBe(tokens);
    for (const step of steps) expect(await runs().steps.retrieve(step.id, { ...place, run_id: run.id })).toEqual(step);
  });

  it('shows the results of a file search, with their content only where include asks for it', async () => {
    const { store, file } = await storeWithFile(client());
    const { assistant, thread } = await assistantWithThread(client(), {
      tools: [{ type: 'file_search' }],
      tool_resources: { file_search: { vector_store_ids: [store.id] } },
    });
    const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    const place = { thread_id: thread.id };
    const searchOf = (step: OpenAI.Beta.Threads.Runs.RunStep | undefined) => {
      const [call] = step?.step_details.type === 'tool_calls' ? step.step_details.tool_calls : [];
      if (call?.type !== 'file_search') throw new Error('The step holds no file search.');
      return call.file_search;
    };
    const plain = (await runs().steps.list(run.id, { ...place, order: 'asc' })).data[0];
    const [result] = searchOf(plain).results ?? [];
    expect(result).toEqual({ file_id: file.id, file_name: 'otters.txt', score: expect.any(Number) });
    expect(result?.score).toBeGreaterThan(0);
    expect(result?.score).toBeLessThanOrEqual(1);
    const whole = { ...result, content: [{ type: 'text', text: OTTERS }] };
    const listed = (await runs().steps.list(run.id, { ...place, order: 'asc', include: [CONTENT] })).data[0];
    expect(searchOf(listed).results).toEqual([whole]);
    const given = await runs().steps.retrieve(plain?.id ?? '', { ...place, run_id: run.id, include: [CONTENT] });
    expect(searchOf(given).results).toEqual([whole]);
    expect(searchOf(given).ranking_options).toEqual({ ranker: 'auto', score_threshold: 0 });
  });

  it.each([
    ['gpt-4.1', undefined, 20],
    ['gpt-3.5-turbo', undefined, 5],
    ['gpt-35-turbo-16k', undefined, 5],
    ['gpt-35-turbo-16k', 7, 7],
  ])(
    'searches for the default number of results of the model %s, unless the tool sets one (%s): %i',
    async (model, max, count) => {
      const sentences = Array.from(
        { length: 400 },
        (_, n) => `Otter ${n} sleeps afloat in bay ${n} and eats ${n} crabs.`,
      );
      const [store, file] = await Promise.all([
        client().vectorStores.create({}),
        client().files.create({ file: new File([sentences.join('\n\n')], 'bays.txt'), purpose: 'assistants' }),
      ]);
      const chunking_strategy = {
        type: 'static',
        static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 0 },
      } as const;
      await client().vectorStores.files.createAndPoll(store.id, { file_id: file.id, chunking_strategy }, soon);
      const { assistant, thread } = await assistantWithThread(client(), {
        model,
        tools: [{ type: 'file_search', ...(max && { file_search: { max_num_results: max } }) }],
        tool_resources: { file_search: { vector_store_ids: [store.id] } },
      });
      const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
      const [step] = (await runs().steps.list(run.id, { thread_id: thread.id, order: 'asc' })).data;
      const [call] = step?.step_details.type === 'tool_calls' ? step.step_details.tool_calls : [];
      expect(call?.type === 'file_search' && call.file_search.results).toHaveLength(count);
    },
  );

  it('pages steps', async () => {
    const { assistant, thread } = await assistantWithThread(client(), { tools: [weather] });
    suite.upstream.enqueue(
      reply.toolCalls([{ id: 'call_1', name: 'get_weather', arguments: {} }], { text: 'Let me look.' }),
    );
    const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    const types: string[] = [];
    for await (const step of runs().steps.list(run.id, { thread_id: thread.id, limit: 1, order: 'asc' }))
      types.push(step.type);
    expect(types).toEqual(['message_creation', 'tool_calls']);
  });
});

it('does not find a step of another run, nor one that is not there', async () => {
  const runs = suite.client().beta.threads.runs;
  const { assistant, thread } = await assistantWithThread(suite.client());
  const one = await runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  const two = await runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  const [step] = (await runs.steps.list(one.id, { thread_id: thread.id })).data;
  await expectNotFound(
    async () => runs.steps.retrieve(step?.id ?? '', { thread_id: thread.id, run_id: two.id }),
    async () => runs.steps.retrieve('step_nothing', { thread_id: thread.id, run_id: one.id }),
  );
});

it('takes include without brackets as well, on every route of runs and steps', async () => {
  const client = suite.client();
  const { store } = await storeWithFile(client);
  const { assistant, thread } = await assistantWithThread(client, {
    tools: [{ type: 'file_search' }, weather],
    tool_resources: { file_search: { vector_store_ids: [store.id] } },
  });
  const search = { name: 'file_search', arguments: { queries: ['where do otters sleep'] } };
  const query = `?include=${encodeURIComponent(CONTENT)}`;
  const streamed = async (path: string, body: object) => {
    const answer = await suite.send('POST', `/v1${path}${query}`, { body: { stream: true, ...body } });
    return answer.text();
  };
  suite.upstream.enqueue(reply.toolCalls([search]), reply.text('Afloat.'));
  expect(await streamed('/threads/runs', { assistant_id: assistant.id })).toContain(OTTERS);
  // The step holds both: it ends in the stream of the outputs.
  const call = { id: 'call_w', name: 'get_weather', arguments: {} };
  suite.upstream.enqueue(reply.toolCalls([search, call]), reply.text('Afloat.'));
  await streamed(`/threads/${thread.id}/runs`, { assistant_id: assistant.id });
  const [run] = (await client.beta.threads.runs.list(thread.id)).data;
  const path = `/threads/${thread.id}/runs/${run?.id}`;
  const tool_outputs = [{ tool_call_id: 'call_w', output: 'sun' }];
  expect(await streamed(`${path}/submit_tool_outputs`, { tool_outputs })).toContain(OTTERS);
  const listed = await suite.send('GET', `/v1${path}/steps${query}`);
  const { data } = (await listed.json()) as { data: { id: string }[] };
  expect(JSON.stringify(data)).toContain(OTTERS);
  const given = await suite.send('GET', `/v1${path}/steps/${data.at(-1)?.id}${query}`);
  expect(await given.text()).toContain(OTTERS);
  expect(await (await suite.send('GET', `/v1${path}/steps`)).text()).not.toContain(OTTERS);
});

it('refuses an include that it does not know', async () => {
  const runs = suite.client().beta.threads.runs;
  const { assistant, thread } = await assistantWithThread(suite.client());
  const run = await runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  const answer = await suite.send('GET', `/v1/threads/${thread.id}/runs/${run.id}/steps?include[]=everything`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param: 'include[][0]', code: 'invalid_value' } });
});
