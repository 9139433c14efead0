/** Operations 22 to 28 with the official SDK, polled. */
import OpenAI from 'openai';
import { assistantWithThread, textOf, weather } from '../support/assistantFixtures';
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const twoCalls = [
  { id: 'call_oslo', name: 'get_weather', arguments: { city: 'Oslo' } },
  { id: 'call_rome', name: 'get_weather', arguments: { city: 'Rome' } },
];

describe.each(sdks)('with the class %s', (sdk) => {
  const client = () => suite.client(sdk);
  const runs = () => client().beta.threads.runs;

  it('creates a run as queued, with every field at its default', async () => {
    const { assistant, thread } = await assistantWithThread(client(), { instructions: 'Be brief.' });
    const run = await runs().create(thread.id, { assistant_id: assistant.id });
    expect(run).toMatchObject({
      object: 'thread.run',
      thread_id: thread.id,
      assistant_id: assistant.id,
      status: 'queued',
      expires_at: run.created_at + 600,
      started_at: null,
      completed_at: null,
      cancelled_at: null,
      failed_at: null,
      required_action: null,
      last_error: null,
      incomplete_details: null,
      model: 'gpt-4.1',
      instructions: 'Be brief.',
      tools: [],
      tool_resources: {},
      metadata: {},
      usage: null,
      temperature: 1,
      top_p: 1,
      max_prompt_tokens: null,
      max_completion_tokens: null,
      truncation_strategy: { type: 'auto', last_messages: null },
      tool_choice: 'auto',
      parallel_tool_calls: true,
      response_format: 'auto',
    });
    expect((await runs().poll(run.id, { thread_id: thread.id })).status).toBe('completed');
  });

  it('polls a run to its completion, with its usage and one message', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.text('Afloat.'));
    const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id });
    expect(run).toMatchObject({ status: 'completed', expires_at: null, last_error: null, required_action: null });
    expect(run.started_at).toBeGreaterThanOrEqual(run.created_at);
    expect(run.completed_at).toBeGreaterThanOrEqual(run.started_at ?? Infinity);
    const { prompt_tokens = 0, completion_tokens = 0, total_tokens } = run.usage ?? {};
    expect(prompt_tokens).toBeGreaterThan(0);
    expect(completion_tokens).toBeGreaterThan(0);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
    const { data } = await client().beta.threads.messages.list(thread.id, { run_id: run.id });
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({ status: 'completed', role: 'assistant', run_id: run.id });
    expect(textOf(data[0])).toEqual({ value: 'Afloat.', annotations: [] });
    expect(suite.upstream.calls.chat).toBe(1);
  });

  it('creates a thread and runs it in one call', async () => {
    const assistant = await client().beta.assistants.create({ model: 'gpt-4.1' });
    const run = await client().beta.threads.createAndRunPoll(
      {
        assistant_id: assistant.id,
        thread: { messages: [{ role: 'user', content: 'Hello' }], metadata: { a: '1' } },
        instructions: 'Be kind.',
        metadata: { b: '2' },
      },
      soon,
    );
    expect(run).toMatchObject({ status: 'completed', instructions: 'Be kind.', metadata: { b: '2' } });
    expect(await client().beta.threads.retrieve(run.thread_id)).toMatchObject({ metadata: { a: '1' } });
    const { data } = await client().beta.threads.messages.list(run.thread_id);
    expect(data.map((message) => textOf(message).value)).toEqual(['You said: Hello', 'Hello']);
  });

  it('creates an empty thread for a run that describes none', async () => {
    const assistant = await client().beta.assistants.create({ model: 'gpt-4.1' });
    const run = await client().beta.threads.createAndRun({ assistant_id: assistant.id });
    expect(run.status).toBe('queued');
    expect((await runs().poll(run.id, { thread_id: run.thread_id })).status).toBe('completed');
  });

  it('asks the model for a first word where there is nothing to say yet: services take no prompt without messages', async () => {
    const assistant = await client().beta.assistants.create({ model: 'gpt-4.1' });
    const run = await client().beta.threads.createAndRunPoll({ assistant_id: assistant.id }, soon);
    expect(run).toMatchObject({ status: 'completed', instructions: null });
    const [request] = suite.upstream.requests.filter(({ kind }) => kind === 'chat');
    expect(request?.body.messages).toEqual([{ role: 'system', content: 'You are a helpful assistant.' }]);
  });

  it('makes the store of a new thread once when the run repeats the resources, as the .NET SDK sends them', async () => {
    const assistant = await client().beta.assistants.create({ model: 'gpt-4.1', tools: [{ type: 'file_search' }] });
    const names = async () => (await client().vectorStores.list()).data.map(({ id }) => id);
    const before = await names();
    const resources = { file_search: { vector_stores: [{ metadata: { made: 'once' } }] } };
    const body = { assistant_id: assistant.id, thread: { tool_resources: resources }, tool_resources: resources };
    const created = async (sent: object) => client().post<OpenAI.Beta.Threads.Run>('/threads/runs', { body: sent });
    const run = await created(body);
    const made = (await names()).filter((id) => !before.includes(id));
    expect(made).toHaveLength(1);
    const file_search = { vector_store_ids: made };
    expect((await client().beta.threads.retrieve(run.thread_id)).tool_resources).toEqual({ file_search });
    expect(run).toMatchObject({ tool_resources: { file_search } });
    for (const thread of [undefined, {}, { tool_resources: { file_search: { vector_stores: [{}] } } }]) {
      await expect(created({ ...body, thread })).rejects.toMatchObject({
        status: 400,
        param: 'tool_resources.file_search.vector_stores',
      });
    }
    await runs().poll(run.id, { thread_id: run.thread_id });
  });

  it('lists, gives and modifies runs', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    const first = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    const second = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    expect((await runs().list(thread.id)).data).toEqual([second, first]);
    expect(await runs().retrieve(first.id, { thread_id: thread.id })).toEqual(first);
    const modified = await runs().update(first.id, { thread_id: thread.id, metadata: { user_id: 'ada' } });
    expect(modified).toEqual({ ...first, metadata: { user_id: 'ada' } });
    expect(await runs().retrieve(first.id, { thread_id: thread.id })).toEqual(modified);
  });

  it('waits for the outputs of parallel function calls and goes on with them', async () => {
    const { assistant, thread } = await assistantWithThread(client(), { tools: [weather] });
    suite.upstream.enqueue(reply.toolCalls(twoCalls), reply.text('Cold in Oslo, warm in Rome.'));
    const waiting = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    expect(waiting).toMatchObject({ status: 'requires_action', expires_at: waiting.created_at + 600, usage: null });
    expect(waiting.required_action).toEqual({
      type: 'submit_tool_outputs',
      submit_tool_outputs: {
        tool_calls: [
          { id: 'call_oslo', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } },
          { id: 'call_rome', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Rome"}' } },
        ],
      },
    });
    const tool_outputs = [
      { tool_call_id: 'call_rome', output: '30' },
      { tool_call_id: 'call_oslo', output: '-5' },
    ];
    const done = await runs().submitToolOutputsAndPoll(waiting.id, { thread_id: thread.id, tool_outputs }, soon);
    expect(done).toMatchObject({ status: 'completed', required_action: null });
    const toolMessages = suite.upstream.requests.at(-1)?.body.messages?.filter(({ role }) => role === 'tool');
    expect(toolMessages).toEqual([
      { role: 'tool', tool_call_id: 'call_oslo', content: '-5' },
      { role: 'tool', tool_call_id: 'call_rome', content: '30' },
    ]);
    const { data } = await client().beta.threads.messages.list(thread.id, { run_id: done.id });
    expect(data.map((message) => textOf(message).value)).toEqual(['Cold in Oslo, warm in Rome.']);
  });

  it('cancels a run that is in progress, which ends the call of the model', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.hang());
    const run = await runs().create(thread.id, { assistant_id: assistant.id });
    await suite.upstream.until(() => suite.upstream.calls.chat === 1);
    const cancelling = await runs().cancel(run.id, { thread_id: thread.id });
    expect(cancelling).toMatchObject({ status: 'cancelling', cancelled_at: null });
    const cancelled = await runs().poll(run.id, { thread_id: thread.id }, soon);
    expect(cancelled).toMatchObject({ status: 'cancelled', expires_at: null, last_error: null });
    expect(cancelled.cancelled_at).toBeGreaterThanOrEqual(run.created_at);
    await suite.upstream.until(() => suite.upstream.abandoned === 1);
    expect((await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon)).status).toBe('completed');
  });
});

describe('The rules of runs', () => {
  const client = () => suite.client();
  const runs = () => client().beta.threads.runs;

  async function waitingRun() {
    const { assistant, thread } = await assistantWithThread(client(), { tools: [weather] });
    suite.upstream.enqueue(reply.toolCalls(twoCalls));
    const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    return { assistant, thread, run };
  }

  it('a thread takes no second run and no message while it has an active run', async () => {
    const { assistant, thread, run } = await waitingRun();
    const second = runs().create(thread.id, { assistant_id: assistant.id });
    await expect(second).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(second).rejects.toThrow(`Thread ${thread.id} already has an active run ${run.id}.`);
    const message = client().beta.threads.messages.create(thread.id, { role: 'user', content: 'Quick!' });
    await expect(message).rejects.toThrow(`Can't add messages to ${thread.id} while a run ${run.id} is active.`);
    await runs().cancel(run.id, { thread_id: thread.id });
    await runs().poll(run.id, { thread_id: thread.id }, soon);
    await client().beta.threads.messages.create(thread.id, { role: 'user', content: 'Now?' });
  });

  it('of many runs begun at once on a thread exactly one is made', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.slow(300));
    const begun = await Promise.allSettled(
      Array.from({ length: 8 }, async () => runs().create(thread.id, { assistant_id: assistant.id })),
    );
    expect(begun.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of begun) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(OpenAI.BadRequestError);
    const [run] = (await runs().list(thread.id)).data;
    expect((await runs().poll(run?.id ?? '', { thread_id: thread.id }, soon)).status).toBe('completed');
  });

  it('tool outputs are taken only for exactly the calls that the run waits for, and once', async () => {
    const { thread, run } = await waitingRun();
    const submit = (...ids: string[]) =>
      runs().submitToolOutputs(run.id, {
        thread_id: thread.id,
        tool_outputs: ids.map((id) => ({ tool_call_id: id, output: 'x' })),
      });
    for (const ids of [['call_oslo'], ['call_oslo', 'call_oslo'], ['call_oslo', 'call_rome', 'call_x'], []]) {
      await expect(submit(...ids)).rejects.toMatchObject({ status: 400, param: 'tool_outputs' });
    }
    const both = await Promise.allSettled([submit('call_oslo', 'call_rome'), submit('call_oslo', 'call_rome')]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await runs().poll(run.id, { thread_id: thread.id }, soon);
    await expect(submit('call_oslo', 'call_rome')).rejects.toThrow(
      'Runs in status "completed" do not accept tool outputs',
    );
    expect((await client().beta.threads.messages.list(thread.id, { run_id: run.id })).data).toHaveLength(1);
  });

  it('a run that waits for outputs is cancelled', async () => {
    const { thread, run } = await waitingRun();
    await runs().cancel(run.id, { thread_id: thread.id });
    const cancelled = await runs().poll(run.id, { thread_id: thread.id }, soon);
    expect(cancelled).toMatchObject({ status: 'cancelled', required_action: null });
    const [step] = (await runs().steps.list(run.id, { thread_id: thread.id })).data;
    expect(step).toMatchObject({ type: 'tool_calls', status: 'cancelled' });
    const again = runs().cancel(run.id, { thread_id: thread.id });
    await expect(again).rejects.toThrow("Cannot cancel run with status 'cancelled'.");
  });

  it("a run's settings replace the assistant's and reach the model, and nothing that nobody set", async () => {
    const assistantSettings = { instructions: 'Be brief.', tools: [weather], temperature: 0.1, metadata: { a: '1' } };
    const { assistant, thread } = await assistantWithThread(client(), assistantSettings, 'One');
    const run = await runs().createAndPoll(
      thread.id,
      {
        assistant_id: assistant.id,
        model: 'gpt-4.1-mini',
        instructions: 'Be long.',
        additional_instructions: 'Rhyme.',
        additional_messages: [{ role: 'user', content: 'Two' }],
        tools: [weather],
        tool_choice: 'none',
        parallel_tool_calls: false,
        temperature: 0.7,
        top_p: 0.5,
        max_completion_tokens: 300,
        response_format: { type: 'json_object' },
        reasoning_effort: 'low',
        truncation_strategy: { type: 'last_messages', last_messages: 1 },
        metadata: { b: '2' },
      },
      soon,
    );
    expect(run).toMatchObject({
      status: 'completed',
      model: 'gpt-4.1-mini',
      instructions: 'Be long.',
      tool_choice: 'none',
      parallel_tool_calls: false,
      max_completion_tokens: 300,
      truncation_strategy: { type: 'last_messages', last_messages: 1 },
      metadata: { b: '2' },
    });
    const { body } = suite.upstream.requests.at(-1) ?? {};
    expect(body).toEqual({
      model: 'gpt-4.1-mini',
      messages: [
        { role: 'system', content: 'Be long.\n\nRhyme.' },
        { role: 'user', content: 'Two' },
      ],
      tools: [weather],
      tool_choice: 'none',
      temperature: 0.7,
      top_p: 0.5,
      max_completion_tokens: 300,
      response_format: { type: 'json_object' },
      reasoning_effort: 'low',
      stream: true,
      stream_options: { include_usage: true },
    });
    await runs().createAndPoll(thread.id, { assistant_id: assistant.id, temperature: null, tools: [] }, soon);
    const plain = suite.upstream.requests.at(-1)?.body;
    expect(Object.keys(plain ?? {}).sort()).toEqual(['messages', 'model', 'stream', 'stream_options', 'temperature']);
    expect(plain?.temperature).toBe(0.1);
  });

  it('a run that is cut by max_completion_tokens ends as incomplete and keeps its text', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.text('Afloat in the', { finishReason: 'length' }));
    const body = { assistant_id: assistant.id, max_completion_tokens: 256 };
    const run = await runs().createAndPoll(thread.id, body, soon);
    expect(run).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_completion_tokens' } });
    const [message] = (await client().beta.threads.messages.list(thread.id, { run_id: run.id })).data;
    expect(message).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_tokens' } });
    expect(textOf(message).value).toBe('Afloat in the');
  });

  it.each([
    ['tool_choice', { tool_choice: { type: 'code_interpreter' } }],
    ['response_format', { tools: [{ type: 'file_search' }], response_format: { type: 'json_object' } }],
    ['truncation_strategy.last_messages', { truncation_strategy: { type: 'last_messages' } }],
    ['max_prompt_tokens', { max_prompt_tokens: 255 }],
    ['max_completion_tokens', { max_completion_tokens: 0 }],
    ['temperature', { temperature: 2.1 }],
    ['reasoning_effort', { reasoning_effort: 'extreme' }],
  ] as [string, object][])('a run whose %s cannot be is refused, and not made', async (param, given) => {
    const { assistant, thread } = await assistantWithThread(client());
    const call = runs().create(thread.id, { assistant_id: assistant.id, stream: false, ...given });
    await expect(call).rejects.toMatchObject({ status: 400, param });
    expect((await runs().list(thread.id)).data).toEqual([]);
  });

  it('what a run leaves out or gives as null is the assistant’s; what it gives as empty is empty', async () => {
    const json_schema = { name: 'answer', schema: { type: 'object' }, strict: true };
    const { assistant, thread } = await assistantWithThread(client(), {
      instructions: 'Be brief.',
      tools: [weather],
      temperature: 0.1,
      response_format: { type: 'json_schema', json_schema },
      reasoning_effort: 'low',
    });
    const sent = async (given: object) => {
      await runs().createAndPoll(thread.id, { assistant_id: assistant.id, ...given }, soon);
      return suite.upstream.requests.at(-1)?.body;
    };
    const own = {
      temperature: 0.1,
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema },
      tools: [weather],
    };
    const nulls = { model: null, instructions: null, tools: null, temperature: null, response_format: null };
    for (const given of [{}, { ...nulls, reasoning_effort: null, tool_choice: null, max_prompt_tokens: null }]) {
      const body = await sent(given);
      expect(body).toMatchObject({ ...own, model: 'gpt-4.1' });
      expect(body?.messages?.[0]).toEqual({ role: 'system', content: 'Be brief.' });
      expect(body).not.toHaveProperty('top_p');
    }
    const emptied = await sent({ instructions: '', tools: [], response_format: { type: 'text' }, temperature: 0 });
    expect(emptied).toMatchObject({ temperature: 0, response_format: { type: 'text' } });
    expect(emptied?.messages?.[0]?.role).toBe('user');
    expect(emptied).not.toHaveProperty('tools');
  });

  it.each([
    ['required', 'required'],
    [
      { type: 'function', function: { name: 'get_weather' } },
      { type: 'function', function: { name: 'get_weather' } },
    ],
  ] as const)('tool_choice %j forces a call only in the first turn of the run', async (tool_choice, sent) => {
    const { assistant, thread } = await assistantWithThread(client(), { tools: [weather] });
    suite.upstream.enqueue(reply.toolCalls(twoCalls), reply.text('Fine.'));
    const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id, tool_choice }, soon);
    expect(run).toMatchObject({ status: 'requires_action', tool_choice });
    const tool_outputs = twoCalls.map(({ id }) => ({ tool_call_id: id, output: 'x' }));
    await runs().submitToolOutputsAndPoll(run.id, { thread_id: thread.id, tool_outputs }, soon);
    expect(suite.upstream.requests.map(({ body }) => body.tool_choice)).toEqual([sent, 'auto']);
  });

  it("tool_resources of a thread and run are the run's in place of the assistant's, beside the thread's", async () => {
    const [own, threads, runsOwn] = await Promise.all(
      ['own', 'thread', 'run'].map(async (name) => (await client().vectorStores.create({ name })).id),
    );
    const resources = (id = '') => ({ file_search: { vector_store_ids: [id] } });
    const assistant = await client().beta.assistants.create({ model: 'gpt-4.1', tool_resources: resources(own) });
    const run = await client().beta.threads.createAndRun({
      assistant_id: assistant.id,
      thread: { tool_resources: resources(threads) },
      tool_resources: resources(runsOwn),
    });
    expect(run).toMatchObject({ tool_resources: { file_search: { vector_store_ids: [threads, runsOwn] } } });
    expect(await client().beta.threads.retrieve(run.thread_id)).toMatchObject({ tool_resources: resources(threads) });
    await runs().poll(run.id, { thread_id: run.thread_id }, soon);
    const call = client().beta.threads.createAndRun({ assistant_id: assistant.id, tool_resources: resources('vs_no') });
    await expect(call).rejects.toMatchObject({ status: 404 });
  });

  it('a model that refuses temperature and the system role answers all the same', async () => {
    const { assistant, thread } = await assistantWithThread(client(), { instructions: 'Be brief.', temperature: 0.3 });
    const refused = (param: string) =>
      reply.status(400, { body: { error: { message: 'No.', type: 'x', param, code: 'unsupported_value' } } });
    suite.upstream.on(({ messages, temperature }) => {
      if (messages?.[0]?.role === 'system') return refused('messages[0].role');
      return temperature === undefined ? undefined : refused('temperature');
    });
    const body = { assistant_id: assistant.id, model: 'o1-picky' };
    const run = await runs().createAndPoll(thread.id, body, soon);
    expect(run).toMatchObject({ status: 'completed', temperature: 0.3 });
    expect(suite.upstream.calls.chat).toBe(3);
    await runs().createAndPoll(thread.id, body, soon);
    expect(suite.upstream.calls.chat).toBe(4);
  });

  it('a model that limits calls is waited for', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.status(429, { headers: { 'retry-after': '1' } }), reply.text('Here I am.'));
    const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    expect(run).toMatchObject({ status: 'completed', last_error: null });
  });

  it('a thread that is deleted takes its active run with it, and the call of the model ends', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.hang());
    const run = await runs().create(thread.id, { assistant_id: assistant.id });
    await suite.upstream.until(() => suite.upstream.calls.chat === 1);
    await client().beta.threads.delete(thread.id);
    await suite.upstream.until(() => suite.upstream.abandoned === 1);
    await expectNotFound(async () => runs().retrieve(run.id, { thread_id: thread.id }));
  });

  it('runs are listed newest first, a page at a time, in both directions', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    const made: string[] = [];
    for (let count = 0; count < 3; count += 1)
      made.push((await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon)).id);
    const newest = made.toReversed();
    const first = await runs().list(thread.id, { limit: 2 });
    expect(first.data.map(({ id }) => id)).toEqual(newest.slice(0, 2));
    const raw = await suite.send('GET', `/v1/threads/${thread.id}/runs?limit=2`);
    expect(await raw.json()).toMatchObject({ has_more: true, first_id: newest[0], last_id: newest[1] });
    const second = await runs().list(thread.id, { limit: 2, after: newest[1] });
    expect(second).toMatchObject({ data: [{ id: newest[2] }], has_more: false });
    const back = await runs().list(thread.id, { before: newest[1] });
    expect(back.data.map(({ id }) => id)).toEqual([newest[0]]);
    expect((await runs().list(thread.id, { order: 'asc' })).data.map(({ id }) => id)).toEqual(made);
  });

  it('a run of an assistant, thread or run that is not there is not found', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    await expectNotFound(
      async () => runs().create(thread.id, { assistant_id: 'asst_nothing' }),
      async () => runs().create('thread_nothing', { assistant_id: assistant.id }),
      async () => runs().retrieve('run_nothing', { thread_id: thread.id }),
      async () => runs().cancel('run_nothing', { thread_id: thread.id }),
      async () => runs().submitToolOutputs('run_nothing', { thread_id: thread.id, tool_outputs: [] }),
      async () => runs().steps.list('run_nothing', { thread_id: thread.id }),
      async () => client().beta.threads.createAndRun({ assistant_id: 'asst_nothing' }),
    );
  });

  it('a model that calls a tool which the run does not have fails the run', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.toolCalls([{ name: 'launch', arguments: {} }]));
    const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    expect(run).toMatchObject({ status: 'failed', last_error: { code: 'server_error' } });
    expect(run.last_error?.message).toContain("'launch'");
  });
});
