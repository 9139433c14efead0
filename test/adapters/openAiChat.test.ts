import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { openAiChat } from '../../src/adapters/openAiChat';
import type { ModelBackend } from '../../src/modelBackends';
import type { ChatEvent, ChatModel, ChatRequest } from '../../src/models/ports';
import { azureBackend, gatewayOver, KEY, openAiBackend, type GatewayOptions } from '../support/gateway';
import { manualClock } from '../support/manualClock';
import { errorBody, failureOf } from '../support/modelFailure';
import type { ScriptedUpstream } from '../support/scriptedUpstream';
import { reply, startScriptedUpstream } from '../support/scriptedUpstream';

const request: ChatRequest = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] };

let upstream: ScriptedUpstream;
let clock: ReturnType<typeof manualClock>;
beforeEach(async () => {
  upstream = await startScriptedUpstream();
  clock = manualClock();
});
afterEach(async () => {
  await upstream.close();
});

const openAi = (more: Partial<ModelBackend> = {}): ModelBackend => openAiBackend(upstream, more);
const azure = (apiKey?: string): ModelBackend => azureBackend(upstream, { apiKey });
const chat = (options: GatewayOptions = {}, backend = openAi()) =>
  openAiChat(gatewayOver([backend], { clock, ...options }));

async function eventsOf(model: ChatModel, signal?: AbortSignal, asked = request): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of model.stream(asked, signal)) events.push(event);
  return events;
}

const textIn = (events: ChatEvent[]) => events.map((event) => (event.type === 'text' ? event.text : '')).join('');

describe('a chat call', () => {
  it('streams the answer with its usage and one finish, from one call', async () => {
    upstream.enqueue(reply.text('Grüße an alle 🌍', { chunks: 4 }));
    const events = await eventsOf(chat());
    expect(textIn(events)).toBe('Grüße an alle 🌍');
    expect(events.filter((event) => event.type === 'text')).toHaveLength(4);
    expect(events.filter((event) => event.type === 'finish')).toEqual([events.at(-1)]);
    expect(events.at(-1)).toEqual({
      type: 'finish',
      reason: 'stop',
      usage: {
        prompt_tokens: expect.any(Number) as number,
        completion_tokens: expect.any(Number) as number,
        total_tokens: expect.any(Number) as number,
      },
    });
    expect(upstream.calls.chat).toBe(1);
  });

  it('sends the fields of the request that are present, and asks for a stream with usage', async () => {
    const asked: ChatRequest = { ...request, temperature: 0, parallel_tool_calls: false, tools: [], top_p: undefined };
    await eventsOf(chat(), undefined, asked);
    expect(upstream.requests[0]?.body).toEqual({
      model: 'gpt-4o',
      messages: request.messages,
      temperature: 0,
      parallel_tool_calls: false,
      tools: [],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('gives tool calls in pieces', async () => {
    upstream.enqueue(
      reply.toolCalls([
        { name: 'add', arguments: { a: 1 }, id: 'call_1' },
        { name: 'sub', arguments: '{"b":2}', id: 'call_2' },
      ]),
    );
    const events = await eventsOf(chat());
    const calls: Record<number, { id?: string; name?: string; arguments: string }> = {};
    for (const event of events) {
      if (event.type !== 'tool_call') continue;
      const call = (calls[event.index] ??= { id: event.id, name: event.name, arguments: '' });
      call.arguments += event.arguments;
    }
    expect(calls).toEqual({
      0: { id: 'call_1', name: 'add', arguments: '{"a":1}' },
      1: { id: 'call_2', name: 'sub', arguments: '{"b":2}' },
    });
    expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'tool_calls' });
  });

  it('reads an answer of a service that does not stream', async () => {
    upstream.enqueue(
      reply.json({ choices: [{ index: 0, message: { role: 'assistant', content: 'Whole' }, finish_reason: 'stop' }] }),
    );
    expect(await eventsOf(chat())).toEqual([
      { type: 'text', text: 'Whole' },
      { type: 'finish', reason: 'stop', usage: undefined },
    ]);
  });

  it('reads characters that are cut between two pieces from the network', async () => {
    const bytes = Buffer.from('data: {"choices":[{"delta":{"content":"世界"},"finish_reason":"stop"}]}\r\n\r\n');
    const cut = bytes.indexOf('世') + 1;
    upstream.enqueue(reply.raw([bytes.subarray(0, cut), bytes.subarray(cut)], { delayMs: 10 }));
    expect(textIn(await eventsOf(chat()))).toBe('世界');
  });

  it('goes over connections that are kept, whatever its answers were', async () => {
    const model = chat();
    await eventsOf(model);
    upstream.enqueue(reply.status(429), reply.status(503), reply.default());
    await eventsOf(model);
    for (let call = 0; call < 10; call++) await eventsOf(model);
    expect(upstream.calls.chat).toBe(14);
    // The first may just be on its way back into the pool when the next call begins.
    expect(upstream.connections).toBeLessThanOrEqual(2);
  });

  it('is complete with [DONE], and leaves the connection to a service that ends its answer later', async () => {
    const stream = 'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
    upstream.enqueue(reply.raw(stream, { delayMs: 20 }));
    expect(textIn(await eventsOf(chat()))).toBe('Hi');
    expect(upstream.completed).toBe(0);
    await upstream.until(() => upstream.completed + upstream.abandoned === 1);
    expect(upstream.abandoned).toBe(0);
  });

  it('does not wait for a service that never ends its answer', async () => {
    upstream.enqueue(reply.stallAfter(100));
    expect(textIn(await eventsOf(chat()))).toBe('You said: Hello');
  });

  it('serves every name but those that would lead to another path', async () => {
    const model = chat({}, azure(KEY));
    expect(['gpt-4o', 'my model/1', '...'].map((name) => model.serves(name))).toEqual([true, true, true]);
    for (const name of ['', '.', '..']) {
      expect(model.serves(name)).toBe(false);
      const failure = await failureOf(eventsOf(model, undefined, { ...request, model: name }));
      expect(failure.kind).toBe('not_found');
    }
    expect(upstream.calls.chat).toBe(0);
  });
});

describe('credentials and addresses', () => {
  it('of an OpenAI-compatible service: below the base, with a Bearer key, or none if there is none', async () => {
    await eventsOf(chat());
    await eventsOf(chat({}, { ...openAi(), apiKey: undefined }));
    expect(upstream.requests.map(({ path }) => path)).toEqual(['/v1/chat/completions', '/v1/chat/completions']);
    expect(upstream.requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${KEY}`, undefined]);
  });

  it('of Azure OpenAI: the deployment in the path, encoded, and an api-key header', async () => {
    await eventsOf(chat({}, azure(KEY)), undefined, { ...request, model: 'my model/é' });
    expect(upstream.requests.map(({ path }) => path)).toEqual([
      '/openai/deployments/my%20model%2F%C3%A9/chat/completions?api-version=2025-04-01-preview',
    ]);
    for (const { headers } of upstream.requests) {
      expect(headers).toMatchObject({ 'api-key': KEY });
      expect(headers).not.toHaveProperty('authorization');
    }
  });

  it('of Azure OpenAI without a key: one token of the identity for many calls', async () => {
    let asked = 0;
    const credential = {
      getToken: async () => ({ token: `token-${++asked}`, expiresOnTimestamp: clock.time + 3_600_000 }),
    };
    const model = chat({ credential }, azure());
    await eventsOf(model);
    await eventsOf(model);
    expect(upstream.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-1']);
    expect(upstream.requests[0]?.headers).not.toHaveProperty('api-key');
  });

  it('fail as unavailable, naming the setting, when the identity gives no token', async () => {
    const cause = new Error('no identity here');
    const credential = { getToken: () => Promise.reject(cause) };
    const failure = await failureOf(eventsOf(chat({ credential }, azure())));
    expect(failure).toMatchObject({ kind: 'unavailable', cause });
    expect(failure.message).toContain('AZURE_OPENAI_API_KEY');
    expect(upstream.calls.chat).toBe(0);
    expect(clock.sleeps).toEqual([]);
  });

  it('come from DefaultAzureCredential where none is handed in', async () => {
    // Of its chain only the part that needs no network, and that finds nothing.
    const env = jest.replaceProperty(process, 'env', { AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' });
    try {
      const failure = await failureOf(eventsOf(chat({}, azure())));
      expect(failure).toMatchObject({ kind: 'unavailable', cause: { name: 'AggregateAuthenticationError' } });
    } finally {
      env.restore();
    }
  });

  it.each([
    ['openai', 401, 'OPENAI_API_KEY'],
    ['azure', 403, 'AZURE_OPENAI_API_KEY'],
  ])('refused by %s with %i fail at once, naming the setting and never the key', async (kind, status, setting) => {
    upstream.enqueue(
      reply.status(status, { body: errorBody(`Incorrect API key provided: ${KEY}`, 'invalid_api_key') }),
    );
    const failure = await failureOf(eventsOf(chat({}, kind === 'azure' ? azure(KEY) : openAi())));
    expect(failure.kind).toBe('unavailable');
    expect(failure.message).toContain(setting);
    expect(failure.message).not.toContain(KEY);
    expect(upstream.calls.chat).toBe(1);
  });
});

describe('an answer that refuses', () => {
  const filtered = {
    ...errorBody('The prompt was filtered.', null, { innererror: { code: 'ResponsibleAIPolicyViolation' } }),
  };
  const filteredToo = errorBody('Filtered.', null, { inner_error: { code: 'ResponsibleAIPolicyViolation' } });
  it.each([
    [400, errorBody("Invalid 'tools'.", 'invalid_value'), 'invalid_request', "Invalid 'tools'."],
    [413, 'Too large', 'invalid_request', 'Too large'],
    [422, { detail: 'unknown shape' }, 'invalid_request', '422'],
    [400, { statusCode: 400, message: 'From a gateway.' }, 'invalid_request', 'From a gateway.'],
    [400, { error: 'Only a string.' }, 'invalid_request', 'Only a string.'],
    [400, errorBody('The response was filtered.', 'content_filter'), 'content_filter', 'filtered'],
    [400, filtered, 'content_filter', 'The prompt was filtered.'],
    [400, filteredToo, 'content_filter', 'Filtered.'],
    [404, errorBody('No such thing.', 'DeploymentNotFound'), 'not_found', "'gpt-4o'"],
    [404, '<html>nginx</html>', 'not_found', 'OPENAI_BASE_URL'],
    [400, errorBody('The model does not exist.', 'model_not_found'), 'not_found', 'OPENAI_BASE_URL'],
    [307, '', 'unavailable', 'OPENAI_BASE_URL'],
  ])('with %i %j is %s, from one call', async (status, body, kind, message) => {
    upstream.enqueue(reply.status(status, { body }));
    const failure = await failureOf(eventsOf(chat()));
    expect(failure.kind).toBe(kind);
    expect(failure.message).toContain(message);
    expect(failure.message).not.toContain('<html>');
    expect(upstream.calls.chat).toBe(1);
    expect(clock.sleeps).toEqual([]);
  });

  it('is told in at most about 500 characters without anything that looks like a credential', async () => {
    const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
    const secrets = [KEY, 'sk-proj-abcdef123456', jwt];
    const message = `Key ${KEY}, sk-proj-abcdef123456, Authorization: Bearer ${jwt}. ${'x'.repeat(5000)}`;
    upstream.enqueue(reply.status(400, { body: errorBody(message) }));
    const failure = await failureOf(eventsOf(chat()));
    for (const secret of secrets) expect(JSON.stringify([failure.message, failure])).not.toContain(secret);
    expect(failure.message).toContain('Key ***');
    expect(failure.message.length).toBeLessThan(600);
  });

  it('is read only in part when it is huge', async () => {
    let written = 0;
    function* endless() {
      for (; written < 256; written++) yield 'x'.repeat(1024 * 1024);
    }
    upstream.enqueue(reply.raw(endless(), { status: 400 }));
    expect((await failureOf(eventsOf(chat()))).kind).toBe('invalid_request');
    expect(written).toBeLessThan(64);
  });
});

describe('retries', () => {
  it.each([408, 409, 429, 500, 502, 503, 504])('repeat a call that was answered %i', async (status) => {
    upstream.enqueue(reply.status(status), reply.status(status));
    expect(textIn(await eventsOf(chat()))).toBe('You said: Hello');
    expect(upstream.calls.chat).toBe(3);
    expect(clock.sleeps).toEqual([250, 500]);
  });

  it.each([
    ['broken off without an answer', reply.disconnect()],
    ['broken off after the headers', reply.cutAfter(0)],
    ['broken off after an event without text', reply.cutAfter(1)],
    ['broken JSON', reply.brokenJson()],
    ['an empty stream', reply.raw('')],
    ['a page of HTML', reply.raw('<html></html>', { headers: { 'content-type': 'text/html' } })],
    ['an error inside of the stream', reply.raw('data: {"error":{"message":"Overloaded","type":"server_error"}}\n\n')],
    ['a rate limit inside of the stream', reply.raw('data: {"error":{"code":"429"}}\n\n')],
  ])('repeat a call that was %s', async (_name, fault) => {
    upstream.enqueue(fault);
    expect(textIn(await eventsOf(chat()))).toBe('You said: Hello');
    expect(upstream.calls.chat).toBe(2);
  });

  it('repeat a call that nobody answers in time, then fail as unavailable', async () => {
    upstream.on(() => reply.hang());
    const failure = await failureOf(eventsOf(chat({ retry: { tries: 2 } }, openAi({ headersTimeoutMs: 30 }))));
    expect(failure).toMatchObject({ kind: 'unavailable', message: 'The model service did not answer in time.' });
    expect(upstream.calls.chat).toBe(2);
  });

  it('repeat a connection that is refused, then fail as unavailable without telling the address', async () => {
    const backend = openAi();
    await upstream.close();
    const failure = await failureOf(eventsOf(chat({}, backend)));
    expect(failure.kind).toBe('unavailable');
    expect(failure.message).toContain('OPENAI_BASE_URL');
    expect(failure.message).toContain('ECONNREFUSED');
    expect(failure.message).not.toContain('127.0.0.1');
    expect(clock.sleeps).toEqual([250, 500, 1000]);
    upstream = await startScriptedUpstream();
  });

  it('wait as long as the service asks, in any of its ways', async () => {
    upstream.enqueue(
      reply.status(429, { headers: { 'retry-after': '7' } }),
      reply.status(503, { headers: { 'retry-after-ms': '1234', 'retry-after': '9' } }),
      reply.status(429, { headers: { 'retry-after': new Date(clock.time + 7000 + 1234 + 3000).toUTCString() } }),
    );
    await eventsOf(chat());
    expect(clock.sleeps[0]).toBe(7000);
    expect(clock.sleeps[1]).toBe(1234);
    expect(clock.sleeps[2]).toBeGreaterThan(1999); // A date has no milliseconds.
    expect(clock.sleeps[2]).toBeLessThanOrEqual(3000);
    expect(upstream.calls.chat).toBe(4);
  });

  it('end after four calls as rate_limited with the wait that the service asked for', async () => {
    upstream.on(() => reply.status(429, { headers: { 'retry-after-ms': '1500' }, body: errorBody('Slow down.') }));
    const failure = await failureOf(eventsOf(chat()));
    expect(failure).toMatchObject({ kind: 'rate_limited', retryAfterSeconds: 2 });
    expect(failure.message).toContain('Slow down.');
    expect(upstream.calls.chat).toBe(4);
  });

  it('end at once when the service asks for more patience than there is', async () => {
    upstream.on(() => reply.status(429, { headers: { 'retry-after': '3600' } }));
    expect(await failureOf(eventsOf(chat()))).toMatchObject({ kind: 'rate_limited', retryAfterSeconds: 3600 });
    expect(upstream.calls.chat).toBe(1);
  });

  it('end when the time for them is used up', async () => {
    upstream.on(() => reply.status(503, { headers: { 'retry-after': '40' } }));
    expect((await failureOf(eventsOf(chat()))).kind).toBe('unavailable');
    expect(clock.sleeps).toEqual([40_000, 40_000, 40_000]);
    clock.sleeps.length = 0;
    await failureOf(eventsOf(chat({ retry: { budgetMs: 60_000 } })));
    expect(clock.sleeps).toEqual([40_000]);
    expect(upstream.calls.chat).toBe(4 + 2);
  });

  it('are left out where the quota is used up for good, or the service says so', async () => {
    upstream.enqueue(reply.status(429, { body: errorBody('You exceeded your quota.', 'insufficient_quota') }));
    expect((await failureOf(eventsOf(chat()))).kind).toBe('rate_limited');
    upstream.enqueue(reply.status(500, { headers: { 'x-should-retry': 'false' } }));
    expect((await failureOf(eventsOf(chat()))).kind).toBe('unavailable');
    expect(upstream.calls.chat).toBe(2);
  });

  it.each([
    ['a connection broken off', reply.cutAfter(3), 'unavailable'],
    ['broken JSON', reply.brokenJson(1), 'unavailable'],
    [
      'an error object',
      reply.raw([
        'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n',
        'data: {"error":{"message":"Too long.","type":"invalid_request_error"}}\n\n',
      ]),
      'invalid_request',
    ],
    ['an end too early', reply.raw('data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'), 'unavailable'],
  ])('do not follow the first event: %s fails the stream', async (_name, fault, kind) => {
    upstream.enqueue(fault);
    const seen: ChatEvent[] = [];
    const read = async () => {
      for await (const event of chat().stream(request)) seen.push(event);
    };
    expect((await failureOf(read())).kind).toBe(kind);
    expect(textIn(seen).length).toBeGreaterThan(0);
    expect(seen.some((event) => event.type === 'finish')).toBe(false);
    expect(upstream.calls.chat).toBe(1);
  });

  it('do not follow a silence in mid-stream: it fails as unavailable', async () => {
    upstream.enqueue(reply.stallAfter(3));
    const failure = await failureOf(eventsOf(chat({}, openAi({ idleTimeoutMs: 40 }))));
    expect(failure).toMatchObject({ kind: 'unavailable' });
    expect(failure.message).toContain('silent');
    expect(upstream.calls.chat).toBe(1);
  });
});

describe('a caller that leaves', () => {
  // With a code, as the errors of connections have.
  const reason = Object.assign(new Error('The caller left.'), { code: 'LEFT' });

  it('before the call makes none', async () => {
    await expect(eventsOf(chat(), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(upstream.calls.chat).toBe(0);
  });

  it.each([
    ['while the service thinks', reply.hang()],
    ['in mid-stream', reply.stallAfter(3)],
  ])('%s ends the call at once, with the reason', async (_name, slow) => {
    upstream.enqueue(slow);
    const controller = new AbortController();
    const read = eventsOf(chat(), controller.signal);
    await upstream.until(() => upstream.calls.chat === 1);
    setTimeout(() => controller.abort(reason), 20);
    await expect(read).rejects.toBe(reason);
    await upstream.until(() => upstream.abandoned === 1);
    expect(upstream.calls.chat).toBe(1);
  });

  it('between two events gets no further one, though it has arrived', async () => {
    upstream.enqueue(reply.text('one two three', { chunks: 3 }));
    const controller = new AbortController();
    const events = chat().stream(request, controller.signal)[Symbol.asyncIterator]();
    expect(await events.next()).toMatchObject({ done: false, value: { type: 'text' } });
    controller.abort(reason);
    await expect(events.next()).rejects.toBe(reason);
  });

  it('by no longer reading closes the connection', async () => {
    upstream.enqueue(reply.stallAfter(4));
    for await (const event of chat().stream(request)) {
      expect(event.type).toBe('text');
      break;
    }
    await upstream.until(() => upstream.abandoned === 1);
  });

  it('while an answer is waited for that a token must come first for', async () => {
    const controller = new AbortController();
    const credential = { getToken: () => new Promise<null>(() => undefined) };
    const read = eventsOf(chat({ credential }, azure()), controller.signal);
    setImmediate(() => controller.abort(reason));
    await expect(read).rejects.toBe(reason);
  });

  it('while the connection is being made', async () => {
    const sockets: Socket[] = [];
    const controller = new AbortController();
    // Takes the connection and leaves its TLS handshake without an answer.
    const silent = createServer((socket) => {
      sockets.push(socket);
      controller.abort(reason);
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const began = performance.now();
    const backend = { ...openAi(), baseUrl: `https://127.0.0.1:${port}/v1` };
    try {
      await expect(eventsOf(chat({}, backend), controller.signal)).rejects.toBe(reason);
      expect(performance.now() - began).toBeLessThan(5_000); // It alone would take ten seconds to give up.
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });

  it('holds back a service that is faster than itself', async () => {
    let written = 0;
    const event = `data: {"choices":[{"delta":{"content":"${'x'.repeat(64 * 1024)}"}}]}\n\n`;
    function* endless() {
      for (; written < 4096; written++) yield event;
    }
    upstream.enqueue(reply.raw(endless()));
    for await (const first of chat().stream(request)) {
      expect(first.type).toBe('text');
      // Until the service has stood still for a while; one that is not held back comes to its end instead.
      for (let before = -1; written !== before && written < 4096;) {
        before = written;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      break;
    }
    expect(written * event.length).toBeLessThan(32 * 1024 * 1024);
  });
});
