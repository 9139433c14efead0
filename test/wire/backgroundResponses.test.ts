/** Responses in the background, through the official SDK. */
import OpenAI from 'openai';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHost, type Host } from '../support/host';
import { eventually } from '../support/polling';
import { eventsOf, faultsOfStream, isEnd, type StreamEvent } from '../support/responseStreams';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const tool: OpenAI.Responses.FunctionTool = {
  type: 'function',
  name: 'get_weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: false,
};

let upstream: ScriptedUpstream;
let host: Host;
let client: OpenAI;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({
    env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'up', EMBEDDING_DEPLOYMENT: 'embed' },
  });
  client = host.openai();
});
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

const background = async (body: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {}) =>
  client.responses.create({ model: 'gpt', input: 'Hello', ...body, background: true, stream: false });

const streamed = async (body: Partial<OpenAI.Responses.ResponseCreateParamsStreaming> = {}) =>
  client.responses.create({ model: 'gpt', input: 'Hello', ...body, background: true, stream: true });

const ended = async (id: string, openai = client) =>
  eventually('the end of the response', async () => {
    const response = await openai.responses.retrieve(id);
    return response.status === 'queued' || response.status === 'in_progress' ? undefined : response;
  });

const idOf = ([first]: StreamEvent[]): string => (first && 'response' in first ? first.response.id : '');

beforeEach(() => upstream.reset());

it('is answered at once as queued, polled while it is at work, and completed with what the model said', async () => {
  upstream.enqueue(reply.slow(300, reply.text('Otters sleep afloat.')));
  const { data, response } = await client.responses
    .create({ model: 'gpt', input: 'Where do otters sleep?', background: true, metadata: { a: 'b' } })
    .withResponse();
  expect(data).toMatchObject({ status: 'queued', background: true, output: [], metadata: { a: 'b' } });
  expect(response.headers.get('openai-poll-after-ms')).toBe('200');
  const done = await ended(data.id);
  expect(done).toMatchObject({
    status: 'completed',
    output_text: 'Otters sleep afloat.',
    background: true,
    error: null,
  });
  expect(done.completed_at).toEqual(expect.any(Number));
  expect(done.usage?.total_tokens).toBeGreaterThan(0);
  expect((await client.responses.inputItems.list(data.id)).data).toHaveLength(1);
});

it('is continued by its id once it is over, and not before', async () => {
  upstream.enqueue(reply.slow(500, reply.text('First.')));
  const first = await background({ input: 'One' });
  await expect(
    client.responses.create({ model: 'gpt', input: 'Two', previous_response_id: first.id }),
  ).rejects.toMatchObject({ status: 400, code: 'previous_response_not_completed' });
  await ended(first.id);
  const second = await background({ input: 'Two', previous_response_id: first.id });
  expect((await ended(second.id)).output_text).toBe('You said: Two');
  expect(upstream.requests.at(-1)?.body.messages?.map(({ content }) => content)).toEqual(['One', 'First.', 'Two']);
});

it('ends with the calls of functions, and goes on with their outputs', async () => {
  upstream.enqueue(reply.toolCalls([{ name: 'get_weather', arguments: { city: 'Oslo' } }]), reply.text('Sunny.'));
  const asked = await ended((await background({ tools: [tool] })).id);
  const [call] = asked.output;
  expect(call).toMatchObject({ type: 'function_call', name: 'get_weather', status: 'completed' });
  const call_id = call?.type === 'function_call' ? call.call_id : '';
  const next = await background({
    previous_response_id: asked.id,
    input: [{ type: 'function_call_output', call_id, output: 'sun' }],
    tools: [tool],
  });
  expect((await ended(next.id)).output_text).toBe('Sunny.');
});

it('fails with what the model refused, which a response in the foreground answers by a status', async () => {
  upstream.enqueue(reply.status(400, { body: { error: { message: 'Bad words.', code: 'content_filter' } } }));
  expect(await ended((await background()).id)).toMatchObject({ status: 'failed', error: { code: 'invalid_prompt' } });
});

it('waits out a model that limits calls', async () => {
  upstream.enqueue(...Array.from({ length: 4 }, () => reply.status(429, { headers: { 'retry-after': '0' } })));
  upstream.enqueue(reply.text('At last.'));
  expect((await ended((await background()).id)).output_text).toBe('At last.');
});

it('must be stored', async () => {
  await expect(background({ store: false })).rejects.toMatchObject({ status: 400, param: 'store' });
});

it('streams numbered events, the same ones again from any number, to the end', async () => {
  upstream.enqueue(reply.text('Otters sleep on the water, in rafts.', { chunks: 12, delayMs: 60 }));
  const all = await eventsOf(await streamed());
  expect(faultsOfStream(all)).toEqual([]);
  expect(all.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['response.in_progress', 'response.output_text.delta', 'response.completed']),
  );
  const id = idOf(all);
  for (const starting_after of [0, 3, all.length - 2]) {
    const rest = await eventsOf(await client.responses.retrieve(id, { stream: true, starting_after }));
    expect(rest).toEqual(all.slice(starting_after + 1));
  }
  expect(await eventsOf(await client.responses.retrieve(id, { stream: true }))).toEqual(all);
  expect(await eventsOf(await client.responses.retrieve(id, { stream: true, starting_after: 9999 }))).toEqual([]);
  const end = all.at(-1);
  const stored = await client.responses.retrieve(id);
  expect({ ...(end && 'response' in end && end.response), output_text: stored.output_text }).toEqual(stored);
});

it('goes on when the reader of its stream leaves, who reads the rest when he is back', async () => {
  upstream.enqueue(reply.text('Otters sleep on the water, in rafts.', { chunks: 20, delayMs: 80 }));
  const first = await eventsOf(await streamed(), ({ type }) => type === 'response.output_text.delta');
  const id = idOf(first);
  expect((await client.responses.retrieve(id)).status).toBe('in_progress');
  const starting_after = first.length - 1;
  const rest = await eventsOf(await client.responses.retrieve(id, { stream: true, starting_after }));
  expect(faultsOfStream([...first, ...rest])).toEqual([]);
  expect((await client.responses.retrieve(id)).output_text).toBe('Otters sleep on the water, in rafts.');
});

it("is read by the SDK's helper for streams", async () => {
  upstream.enqueue(reply.text('{"city":"Oslo"}', { chunks: 3, delayMs: 20 }));
  const stream = client.responses.stream({ model: 'gpt', input: 'Where?', background: true });
  const final = await stream.finalResponse();
  expect(final.output_text).toBe('{"city":"Oslo"}');
  const again = client.responses.stream({ response_id: final.id, starting_after: 2 });
  expect((await again.finalResponse()).output_text).toBe('{"city":"Oslo"}');
});

it('fails with the code of its prompt where that is too long for the model, however small the window is that it tells', async () => {
  const message = "This model's maximum context length is 512 tokens.";
  upstream.enqueue(reply.status(400, { body: { error: { message, type: 'BadRequestError', code: 400 } } }));
  const failed = await ended((await background()).id);
  expect(failed).toMatchObject({ status: 'failed', error: { code: 'invalid_prompt', message } });
  upstream.enqueue(reply.status(400, { body: { error: { message, type: 'BadRequestError', code: 400 } } }));
  await expect(client.responses.create({ model: 'gpt', input: 'Hello' })).rejects.toMatchObject({
    status: 400,
    code: 'context_length_exceeded',
    param: 'input',
  });
});

it('refuses a stream of a response that has none, and a number without a stream', async () => {
  const plain = await background();
  await ended(plain.id);
  await expect(client.responses.retrieve(plain.id, { stream: true })).rejects.toMatchObject({
    status: 400,
    param: 'stream',
  });
  const foreground = await client.responses.create({ model: 'gpt', input: 'Hello' });
  await expect(client.responses.retrieve(foreground.id, { stream: true })).rejects.toMatchObject({ status: 400 });
  for (const query of ['starting_after=1', 'stream=true&include_obfuscation=true', 'stream=true&starting_after=-1']) {
    const answer = await fetch(`${host.url}/v1/responses/${plain.id}?${query}`, {
      headers: { authorization: `Bearer ${host.key()}` },
    });
    expect([query, answer.status]).toEqual([query, 400]);
  }
});

it('streams for a flag of the query as .NET writes it', async () => {
  const id = idOf(await eventsOf(await streamed()));
  const answer = await fetch(`${host.url}/v1/responses/${id}?stream=True&include_obfuscation=False`, {
    headers: { authorization: `Bearer ${host.key()}` },
  });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('event-stream')]);
  expect(await answer.text()).toContain('response.completed');
});

it('is cancelled, its model call broken off within a second, and its stream and record say so once', async () => {
  upstream.enqueue(reply.stallAfter(3, reply.text('A long story without end.', { chunks: 10 })));
  const seen: StreamEvent[] = [];
  const reading = (async () => {
    for await (const event of await streamed()) seen.push(event);
  })();
  await eventually('a delta', async () =>
    Promise.resolve(seen.some(({ type }) => type === 'response.output_text.delta') ? true : undefined),
  );
  const asked = Date.now();
  const cancelled = await client.responses.cancel(idOf(seen));
  expect(cancelled).toMatchObject({ status: 'cancelled', background: true, completed_at: null });
  await upstream.until(() => upstream.abandoned === 1);
  expect(Date.now() - asked).toBeLessThan(1500);
  await reading;
  expect(faultsOfStream(seen)).toEqual([]);
  expect(seen.at(-1)).toMatchObject({ type: 'response.cancelled', response: { status: 'cancelled' } });
  expect(cancelled.output).toMatchObject([{ type: 'message', status: 'incomplete', content: [] }]);
  expect(await client.responses.cancel(cancelled.id)).toEqual(cancelled);
  expect(await client.responses.retrieve(cancelled.id)).toMatchObject({ ...cancelled });
  expect(upstream.calls.chat).toBe(1);
});

it('is not cancelled once it is over, nor is a response in the foreground, nor one that is not there', async () => {
  const done = await ended((await background()).id);
  await expect(client.responses.cancel(done.id)).rejects.toMatchObject({ status: 400, code: 'invalid_state' });
  const foreground = await client.responses.create({ model: 'gpt', input: 'Hello' });
  await expect(client.responses.cancel(foreground.id)).rejects.toMatchObject({ status: 400, code: 'invalid_state' });
  await expect(client.responses.cancel(done.id.replace(/.$/, '_'))).rejects.toMatchObject({ status: 404 });
  await expect(host.openai('beta').responses.cancel(done.id)).rejects.toMatchObject({ status: 404 });
  await expect(host.openai('beta').responses.retrieve(done.id, { stream: true })).rejects.toMatchObject({
    status: 404,
  });
});

it('is deleted while it is at work: its model call is broken off, and nothing of it is left', async () => {
  upstream.enqueue(reply.stallAfter(3, reply.text('A long story without end.', { chunks: 10 })));
  const seen: StreamEvent[] = [];
  const reading = (async () => {
    for await (const event of await streamed()) seen.push(event);
  })();
  await eventually('a delta', async () =>
    Promise.resolve(seen.some(({ type }) => type === 'response.output_text.delta') ? true : undefined),
  );
  await client.responses.delete(idOf(seen));
  await upstream.until(() => upstream.abandoned === 1);
  await reading;
  expect(seen.at(-1)).toMatchObject({ type: 'error', message: expect.stringContaining('not found') });
  await expect(client.responses.retrieve(idOf(seen))).rejects.toMatchObject({ status: 404 });
  await expect(client.responses.retrieve(idOf(seen), { stream: true })).rejects.toMatchObject({ status: 404 });
  expect(seen.some(isEnd)).toBe(false);
});

it('of many that are cancelled while they end, each is either: its stream, its record and the answer agree', async () => {
  const fates = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      upstream.enqueue(reply.slow(100 + index * 20, reply.text('Done.')));
      const events = await eventsOf(await streamed(), ({ type }) => type === 'response.created');
      const id = idOf(events);
      await sleep(index * 60);
      const answer = await client.responses.cancel(id).then(
        ({ status }) => status,
        (error: unknown) => (error instanceof OpenAI.APIError && error.status === 400 ? 'completed' : String(error)),
      );
      const all = await eventsOf(await client.responses.retrieve(id, { stream: true }));
      const { status } = await client.responses.retrieve(id);
      return { answer, status, event: all.at(-1)?.type.replace('response.', ''), faults: faultsOfStream(all) };
    }),
  );
  for (const { answer, status, event, faults } of fates)
    expect({ answer, status, event, faults }).toEqual({ answer: status, status, event: status, faults: [] });
  expect(new Set(fates.map(({ status }) => status)).size).toBeGreaterThan(1);
});

it('locks its conversation while it is at work, and adds to it what was said once it is over', async () => {
  const conversation = await client.conversations.create({ items: [{ role: 'user', content: 'I am Ada.' }] });
  upstream.enqueue(reply.slow(600, reply.text('Hello Ada.')));
  const first = await background({ input: 'Greet me.', conversation: conversation.id });
  await expect(
    client.responses.create({ model: 'gpt', input: 'And?', conversation: conversation.id }),
  ).rejects.toMatchObject({ status: 400 });
  await ended(first.id);
  expect(upstream.requests[0]?.body.messages?.map(({ content }) => content)).toEqual(['I am Ada.', 'Greet me.']);
  const second = await eventually('the conversation is free', async () =>
    client.responses
      .create({ model: 'gpt', input: 'Who am I?', conversation: conversation.id })
      .catch((error: unknown) => (error instanceof OpenAI.APIError && error.status === 400 ? undefined : error)),
  );
  expect(second).toMatchObject({ status: 'completed' });
  expect(upstream.requests.at(-1)?.body.messages?.map(({ content }) => content)).toEqual([
    ...['I am Ada.', 'Greet me.', 'Hello Ada.', 'Who am I?'],
  ]);
});

it('frees its conversation when it is cancelled, and adds nothing', async () => {
  const conversation = await client.conversations.create();
  upstream.enqueue(reply.hang());
  const made = await background({ conversation: conversation.id });
  await eventually('the call of the model', async () => Promise.resolve(upstream.calls.chat === 1 ? true : undefined));
  await client.responses.cancel(made.id);
  const next = await eventually('the conversation is free', async () =>
    background({ conversation: conversation.id }).catch((error: unknown) =>
      error instanceof OpenAI.APIError && error.status === 400 ? undefined : Promise.reject(error),
    ),
  );
  await ended(next.id);
  const items = await eventually('the items', async () => {
    const { data } = await client.conversations.items.list(conversation.id);
    return data.length > 0 ? data : undefined;
  });
  expect(items).toHaveLength(2);
});
