/** Operations 22, 24 and 27 streamed, with the stream helpers of the official SDK. The suite itself checks every event. */
import type OpenAI from 'openai';
import type { AssistantStream } from 'openai/lib/AssistantStream';
import { assistantWithThread, storeWithFile, textOf, weather } from '../support/assistantFixtures';
import { contractSuite, sdks } from '../support/contractSuite';
import { eventually, soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const MESSAGE = ['created', 'in_progress', 'delta', 'delta', 'delta', 'completed'].map(
  (name) => `thread.message.${name}`,
);
const jsonSchema: OpenAI.ResponseFormatJSONSchema = {
  type: 'json_schema',
  json_schema: { name: 'answer', schema: { type: 'object' } },
};
const begun = ['thread.run.created', 'thread.run.queued', 'thread.run.in_progress'];
const stepBegun = ['thread.run.step.created', 'thread.run.step.in_progress'];

/** The names of a stream's events, and what its helper made of them. */
async function heard(stream: AssistantStream) {
  const events: string[] = [];
  for await (const { event } of stream) events.push(event);
  const [run, messages, steps] = [await stream.finalRun(), await stream.finalMessages(), await stream.finalRunSteps()];
  return { events, run, messages, steps };
}

describe.each(sdks)('with the class %s', (sdk) => {
  const client = () => suite.client(sdk);
  const runs = () => client().beta.threads.runs;

  it('streams a run in order: run, step, message, deltas, and the ends in turn', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.text('They sleep afloat.', { chunks: 3 }));
    const { events, run, messages } = await heard(runs().stream(thread.id, { assistant_id: assistant.id }));
    expect(events).toEqual([...begun, ...stepBegun, ...MESSAGE, 'thread.run.step.completed', 'thread.run.completed']);
    expect(run).toEqual(await runs().retrieve(run.id, { thread_id: thread.id }));
    expect(messages.map((message) => textOf(message).value)).toEqual(['They sleep afloat.']);
    const stored = (await client().beta.threads.messages.list(thread.id, { run_id: run.id })).data;
    expect(stored.map((message) => textOf(message))).toEqual(messages.map((message) => textOf(message)));
  });

  it('tells the helper of each piece of text with the snapshot so far', async () => {
    const { assistant, thread } = await assistantWithThread(client());
    suite.upstream.enqueue(reply.text('one two three', { chunks: 3 }));
    const stream = runs().stream(thread.id, { assistant_id: assistant.id });
    const pieces: string[] = [];
    const snapshots: string[] = [];
    let done = '';
    stream.on('textDelta', ({ value = '' }, snapshot) => {
      pieces.push(value);
      snapshots.push(snapshot.value);
    });
    stream.on('textDone', ({ value }) => (done = value));
    await stream.done();
    expect(pieces).toHaveLength(3);
    expect(snapshots).toEqual(pieces.map((_, index) => pieces.slice(0, index + 1).join('')));
    expect(done).toBe('one two three');
  });

  it('tells what the model refuses as a part of its own, which later runs know', async () => {
    const { assistant, thread } = await assistantWithThread(client(), { response_format: jsonSchema });
    suite.upstream.enqueue(reply.refusal(["I'm sorry, ", 'no.']), reply.text('{}'));
    const stream = runs().stream(thread.id, { assistant_id: assistant.id });
    const { run, messages } = await heard(stream);
    expect(run.status).toBe('completed');
    const [{ content } = { content: [] }] = (await client().beta.threads.messages.list(thread.id)).data;
    expect(content).toEqual([{ type: 'refusal', refusal: "I'm sorry, no." }]);
    expect(messages[0]?.content).toMatchObject(content);
    await runs().createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
    expect(suite.upstream.requests.at(-1)?.body.messages?.at(-1)).toEqual({
      role: 'assistant',
      content: "I'm sorry, no.",
    });
  });

  it('streams a thread with its run, beginning with the thread', async () => {
    const assistant = await client().beta.assistants.create({ model: 'gpt-4.1' });
    const stream = client().beta.threads.createAndRunStream({
      assistant_id: assistant.id,
      thread: { messages: [{ role: 'user', content: 'Hello' }] },
    });
    const { events, messages, run } = await heard(stream);
    expect(events.slice(0, 4)).toEqual(['thread.created', ...begun]);
    expect(events.at(-1)).toBe('thread.run.completed');
    expect(textOf(messages[0]).value).toBe('You said: Hello');
    expect((await client().beta.threads.retrieve(run.thread_id)).id).toBe(run.thread_id);
  });

  it('ends a stream at requires_action with the calls accumulated, and goes on in a stream of the outputs', async () => {
    const { assistant, thread } = await assistantWithThread(client(), { tools: [weather] });
    const calls = ['Oslo', 'Rome'].map((city) => ({ id: `call_${city}`, name: 'get_weather', arguments: { city } }));
    suite.upstream.enqueue(reply.toolCalls(calls), reply.text('Cold and warm.'));
    const first = await heard(runs().stream(thread.id, { assistant_id: assistant.id }));
    const delta = 'thread.run.step.delta';
    expect(first.events).toEqual([
      ...begun,
      ...stepBegun,
      delta,
      delta,
      delta,
      delta,
      delta,
      delta,
      'thread.run.requires_action',
    ]);
    const asked = calls.map(({ id, name, arguments: given }) => ({
      id,
      type: 'function',
      function: { name, arguments: JSON.stringify(given) },
    }));
    expect(first.run.required_action?.submit_tool_outputs.tool_calls).toEqual(asked);
    const [snapshot] = first.steps;
    const accumulated = snapshot?.step_details.type === 'tool_calls' ? snapshot.step_details.tool_calls : [];
    expect(accumulated).toMatchObject(asked);
    const tool_outputs = calls.map(({ id }) => ({ tool_call_id: id, output: 'fine' }));
    const second = await heard(runs().submitToolOutputsStream(first.run.id, { thread_id: thread.id, tool_outputs }));
    expect(second.events).toEqual([
      'thread.run.step.completed',
      'thread.run.queued',
      'thread.run.in_progress',
      ...stepBegun,
      ...MESSAGE,
      'thread.run.step.completed',
      'thread.run.completed',
    ]);
    expect(second.steps[0]?.step_details).toMatchObject({
      tool_calls: asked.map((call) => ({ ...call, function: { ...call.function, output: 'fine' } })),
    });
    expect(textOf(second.messages[0]).value).toBe('Cold and warm.');
  });

  it('searches files, then cites them: deltas add up to the message, and each annotation stands where it says', async () => {
    const { store, file } = await storeWithFile(client());
    const { assistant, thread } = await assistantWithThread(client(), {
      tools: [{ type: 'file_search' }],
      tool_resources: { file_search: { vector_store_ids: [store.id] } },
    });
    suite.upstream.enqueue(
      reply.toolCalls([{ id: 'call_s', name: 'file_search', arguments: { queries: ['where do otters sleep'] } }]),
      // More pieces than the marker has characters, so that it arrives torn apart; 🦦 is two UTF-16 units.
      reply.text('🦦 They sleep afloat【0:0†otters.txt】. They hold hands【0:0†otters.txt】【9:9†none.txt】.', {
        chunks: 60,
      }),
    );
    const { events, run, messages, steps } = await heard(runs().stream(thread.id, { assistant_id: assistant.id }));
    const [own] = [...new Set(events.filter((event) => event.startsWith('thread.run.step')))];
    expect(own).toBe('thread.run.step.created');
    expect(run.status).toBe('completed');
    expect(steps.map(({ type }) => type).sort()).toEqual(['message_creation', 'tool_calls']);
    const { value, annotations } = textOf(messages[0]);
    expect(value).toBe('🦦 They sleep afloat【0:0†otters.txt】. They hold hands【0:0†otters.txt】.');
    expect(annotations).toHaveLength(2);
    for (const annotation of annotations) {
      expect(value.slice(annotation.start_index, annotation.end_index)).toBe('【0:0†otters.txt】');
      expect(annotation).toMatchObject({
        type: 'file_citation',
        text: '【0:0†otters.txt】',
        file_citation: { file_id: file.id },
      });
    }
    const stored = (await client().beta.threads.messages.list(thread.id, { run_id: run.id })).data[0];
    expect(textOf(stored)).toEqual({
      value,
      annotations: annotations.map(({ text, start_index, end_index }) => ({
        type: 'file_citation',
        text,
        start_index,
        end_index,
        file_citation: { file_id: file.id },
      })),
    });
  });

  it('streams the contents of search results only where include asks for them', async () => {
    const { store } = await storeWithFile(client());
    const { assistant, thread } = await assistantWithThread(client(), {
      tools: [{ type: 'file_search' }],
      tool_resources: { file_search: { vector_store_ids: [store.id] } },
    });
    const include: OpenAI.Beta.Threads.Runs.RunStepInclude[] = [
      'step_details.tool_calls[*].file_search.results[*].content',
    ];
    const contents = async (params: object) => {
      const search = { name: 'file_search', arguments: { queries: ['where do otters sleep'] } };
      suite.upstream.enqueue(reply.toolCalls([search]), reply.text('Afloat.'));
      const { steps } = await heard(runs().stream(thread.id, { assistant_id: assistant.id, ...params }));
      const details = steps.flatMap(({ step_details }) =>
        step_details.type === 'tool_calls' ? step_details.tool_calls : [],
      );
      return details
        .flatMap((call) => (call.type === 'file_search' ? (call.file_search.results ?? []) : []))
        .map(({ content }) => content);
    };
    expect(await contents({})).toEqual([undefined]);
    expect(await contents({ include })).toEqual([[{ type: 'text', text: expect.stringContaining('Otters') }]]);
  });
});

it('answers a streamed run with the headers of an event stream, and done as its last event', async () => {
  const { assistant, thread } = await assistantWithThread(suite.client());
  const answer = await suite.send('POST', `/v1/threads/${thread.id}/runs`, {
    body: { assistant_id: assistant.id, stream: true },
  });
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-cache');
  expect((await answer.text()).endsWith('event: done\ndata: [DONE]\n\n')).toBe(true);
});

it('streams a run that is cancelled meanwhile to its end as cancelled', async () => {
  const client = suite.client();
  const { assistant, thread } = await assistantWithThread(client);
  suite.upstream.enqueue(reply.stallAfter(2, reply.text('one two three', { chunks: 3 })));
  const stream = client.beta.threads.runs.stream(thread.id, { assistant_id: assistant.id });
  const events: string[] = [];
  for await (const { event, data } of stream) {
    events.push(event);
    if (event === 'thread.message.delta') {
      const [run] = (await client.beta.threads.runs.list(thread.id)).data;
      await client.beta.threads.runs.cancel(run?.id ?? '', { thread_id: thread.id });
    }
    if (event === 'thread.message.incomplete')
      expect(data).toMatchObject({ incomplete_details: { reason: 'run_cancelled' } });
  }
  expect(events.slice(-4)).toEqual([
    'thread.run.cancelling',
    'thread.message.incomplete',
    'thread.run.step.cancelled',
    'thread.run.cancelled',
  ]);
});

it('ends the stream of a run whose thread is deleted with an error that the SDK throws as one, and that is no fault for the log', async () => {
  const client = suite.client();
  const { assistant, thread } = await assistantWithThread(client);
  suite.upstream.enqueue(reply.stallAfter(2, reply.text('one two three', { chunks: 3 })));
  const stream = client.beta.threads.runs.stream(thread.id, { assistant_id: assistant.id });
  stream.on('messageDelta', () => void client.beta.threads.delete(thread.id));
  await expect(stream.finalRun()).rejects.toMatchObject({
    message: expect.stringContaining('No run found'),
    type: 'invalid_request_error',
  });
  expect(suite.host.output()).not.toContain('The stream of a run failed.');
});

it('takes stream_options of a thread and run: the usage comes with the end of the run', async () => {
  const client = suite.client();
  const assistant = await client.beta.assistants.create({ model: 'gpt-4.1' });
  const answer = await suite.send('POST', '/v1/threads/runs', {
    body: { assistant_id: assistant.id, stream: true, stream_options: { include_usage: true } },
  });
  const last = (await answer.text()).split('event: thread.run.completed')[1] ?? '';
  expect(last).toMatch(/"usage":\{"prompt_tokens":\d+,"completion_tokens":\d+,"total_tokens":\d+\}/);
  const polled = await suite.send('POST', '/v1/threads/runs', {
    body: { assistant_id: assistant.id, stream_options: { include_usage: true } },
  });
  expect(await polled.json()).toMatchObject({ error: { param: 'stream_options' } });
});

it('ends a call of a tool that the run does not have with its step and run failed', async () => {
  const { assistant, thread } = await assistantWithThread(suite.client(), { tools: [weather] });
  suite.upstream.enqueue(
    reply.toolCalls([
      { name: 'get_weather', arguments: {} },
      { name: 'launch', arguments: {} },
    ]),
  );
  const stream = suite.client().beta.threads.runs.stream(thread.id, { assistant_id: assistant.id });
  const events: string[] = [];
  for await (const { event } of stream) events.push(event);
  expect(events.slice(-2)).toEqual(['thread.run.step.failed', 'thread.run.failed']);
});

it("ends an answer that a filter stops: the run's error says so, and its step has one of the codes that steps have", async () => {
  const { beta } = suite.client();
  const { assistant, thread } = await assistantWithThread(suite.client());
  suite.upstream.enqueue(reply.text('Once upon', { finishReason: 'content_filter' }));
  const stream = beta.threads.runs.stream(thread.id, { assistant_id: assistant.id });
  await stream.finalRun().catch(() => undefined);
  const [run] = (await beta.threads.runs.list(thread.id)).data;
  expect(run).toMatchObject({ status: 'failed', last_error: { code: 'invalid_prompt' } });
  const [step] = (await beta.threads.runs.steps.list(run?.id ?? '', { thread_id: thread.id })).data;
  expect(step).toMatchObject({
    status: 'failed',
    last_error: { code: 'server_error', message: run?.last_error?.message },
  });
  const [message] = (await beta.threads.messages.list(thread.id)).data;
  expect(message?.incomplete_details).toEqual({ reason: 'content_filter' });
});

it('finishes a run whose listener went away', async () => {
  const client = suite.client();
  const { assistant, thread } = await assistantWithThread(client);
  suite.upstream.enqueue(reply.text('a b c d e f', { chunks: 6, delayMs: 100 }));
  const leaving = new AbortController();
  const answer = await fetch(`${suite.host.url}/v1/threads/${thread.id}/runs`, {
    method: 'POST',
    headers: { 'api-key': suite.host.key(), 'content-type': 'application/json' },
    body: JSON.stringify({ assistant_id: assistant.id, stream: true }),
    signal: leaving.signal,
  });
  const decoder = new TextDecoder();
  let text = '';
  const listen = async () => {
    for await (const piece of answer.body ?? []) {
      text += decoder.decode(piece, { stream: true });
      if (text.includes('thread.message.delta')) leaving.abort();
    }
  };
  await expect(listen()).rejects.toMatchObject({ name: 'AbortError' });
  const run = await eventually('the run is completed', async () => {
    const [found] = (await client.beta.threads.runs.list(thread.id)).data;
    return found?.status === 'completed' ? found : undefined;
  });
  const [message] = (await client.beta.threads.messages.list(thread.id, { run_id: run.id })).data;
  expect(textOf(message).value).toBe('a b c d e f');
  expect(suite.upstream.calls.chat).toBe(1);
});
