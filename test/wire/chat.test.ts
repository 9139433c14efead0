/** Chat completions through the local host with the official SDKs in both styles. */
import type OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import {
  callersAndServices,
  singleService,
  startHosts,
  styles,
  UPSTREAM_KEY,
  type Hosts,
  type Style,
} from '../support/modelHosts';
import { reply, startScriptedUpstream, toolOutputs, type ScriptedUpstream } from '../support/scriptedUpstream';

const VERSION = '2025-04-01-preview';
let upstreams: Record<Style, ScriptedUpstream>;
let hosts: Hosts;
beforeAll(async () => {
  const openai = await startScriptedUpstream();
  const azure = await startScriptedUpstream({ style: 'azure' });
  upstreams = { openai, azure };
  hosts = await startHosts(singleService(openai, azure));
});
afterAll(async () => {
  await hosts.stop();
  for (const style of styles) await upstreams[style].close();
});
beforeEach(() => {
  upstreams.openai.reset();
  upstreams.azure.reset();
});

const ask = (content: string) => [{ role: 'user' as const, content }];

describe.each(callersAndServices)('The %s SDK before a service of style %s', (caller, service) => {
  let client: OpenAI;
  let upstream: ScriptedUpstream;
  beforeEach(() => {
    client = hosts[service][caller]();
    upstream = upstreams[service];
  });

  it('gets a completion, by the upstream key and never its own', async () => {
    const completion = await client.chat.completions.create({ model: 'gpt-4o', messages: ask('Hello') });
    expect(completion.choices[0]?.message.content).toBe('You said: Hello');
    expect(completion.usage?.total_tokens).toBeGreaterThan(0);
    const [request] = upstream.requests;
    expect(JSON.stringify(request)).not.toContain(hosts[service].key());
    expect(JSON.stringify(request?.headers)).toContain(UPSTREAM_KEY);
    expect(request?.path).toBe(
      service === 'azure'
        ? `/openai/deployments/gpt-4o/chat/completions?api-version=${VERSION}`
        : '/v1/chat/completions',
    );
  });

  it('streams with usage by the helper `stream`', async () => {
    const stream = client.chat.completions.stream({
      model: 'gpt-4o',
      messages: ask('Hello there'),
      stream_options: { include_usage: true },
    });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const completion = await stream.finalChatCompletion();
    expect(deltas.length).toBeGreaterThan(1);
    expect(completion.choices[0]?.message.content).toBe('You said: Hello there');
    expect(completion.usage?.total_tokens).toBeGreaterThan(0);
  });

  it('runs tools, parallel ones too, by `runTools`, streamed or not', async () => {
    const asked = {
      model: 'gpt-4o',
      messages: ask('Add'),
      parallel_tool_calls: true,
      tools: [
        {
          type: 'function' as const,
          function: {
            name: 'add',
            description: 'Adds.',
            parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
            parse: (text: string) => z.object({ a: z.number(), b: z.number() }).parse(JSON.parse(text)),
            function: ({ a, b }: { a: number; b: number }) => String(a + b),
          },
        },
      ],
    };
    const { completions } = client.chat;
    for (const run of [() => completions.runTools(asked), () => completions.runTools({ ...asked, stream: true })]) {
      upstream.enqueue(
        reply.toolCalls([
          { name: 'add', arguments: { a: 1, b: 2 } },
          { name: 'add', arguments: { a: 10, b: 20 } },
        ]),
        ({ messages = [] }) => reply.text(`Sums: ${toolOutputs(messages).join(' and ')}`),
      );
      expect(await run().finalContent()).toBe('Sums: 3 and 30');
    }
    expect(upstream.requests.map(({ body }) => body.stream === true)).toEqual([false, false, true, true]);
  });

  it('parses JSON by a zod schema', async () => {
    upstream.enqueue(reply.text('{"city":"Oslo","people":709000}'));
    const schema = z.object({ city: z.string(), people: z.number() });
    const completion = await client.chat.completions.parse({
      model: 'gpt-4o',
      messages: ask('Norway?'),
      response_format: zodResponseFormat(schema, 'capital'),
    });
    expect(completion.choices[0]?.message.parsed).toEqual({ city: 'Oslo', people: 709_000 });
    expect(upstream.requests[0]?.body.response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'capital', strict: true },
    });
  });

  it('is told of the content filter as Azure tells it', async () => {
    const error = {
      message: 'The response was filtered.',
      type: null,
      param: 'prompt',
      code: 'content_filter',
      status: 400,
      innererror: {
        code: 'ResponsibleAIPolicyViolation',
        content_filter_result: { hate: { filtered: true, severity: 'high' } },
      },
    };
    upstream.enqueue(reply.status(400, { body: { error } }));
    const failed = client.chat.completions.create({ model: 'gpt-4o', messages: ask('x') });
    await expect(failed).rejects.toMatchObject({ status: 400, code: 'content_filter', error });
    upstream.enqueue(reply.text('half', { finishReason: 'content_filter' }));
    const cut = await client.chat.completions.create({ model: 'gpt-4o', messages: ask('x') });
    expect(cut.choices[0]?.finish_reason).toBe('content_filter');
    expect(upstream.calls.chat).toBe(2);
  });
});

it('every field, known or not, reaches the model service byte for byte', async () => {
  const body = `{ "model":"gpt-4o",  "messages":[{"role":"user","content":[{"type":"text","text":"Gr\\u00fc\\u00dfe \u{1f44b}"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}]}],
    "temperature":1.0,"n":2,"seed":12345678901234567890,"stop":["a"],"logprobs":true,"top_logprobs":3,"logit_bias":{"50256":-100},"reasoning_effort":"low",
    "modalities":["text","audio"],"audio":{"format":"wav","voice":"alloy"},"prediction":{"type":"content","content":"x"},"max_completion_tokens":50,
    "user_security_context":{"source_ip":"10.0.0.1"},"made_up":{"deep":[1,2,{"x":null}]} }`;
  for (const style of styles) {
    let received = '';
    upstreams[style].on((_body, request) => {
      received = request.raw;
      return undefined;
    });
    const answer = await fetch(`${hosts[style].url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${hosts[style].key()}`, 'content-type': 'application/json' },
      body,
    });
    expect(answer.status).toBe(200);
    expect(received).toBe(body);
  }
});

it('a recorded stream arrives byte for byte, and so do the headers that callers read', async () => {
  const recorded =
    ': opened\n\ndata: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n' +
    'event: odd\r\nid: 7\r\ndata: {"choices":[{"index":0,"delta":{"content":"Grüße 👋"}}],"unknown":1}\r\n\r\n' +
    'data:{"choices":[{"index":0,\ndata: "delta":{}}]}\n\n\ndata: {"choices":[],"usage":{"total_tokens":3}}\n\ndata: [DONE]\n\n';
  const bytes = Buffer.from(recorded);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 11) }, (_, index) =>
    bytes.subarray(index * 11, index * 11 + 11),
  );
  const headers = {
    'content-type': 'text/event-stream; charset=utf-8',
    'x-ratelimit-remaining-requests': '7',
    'openai-processing-ms': '12',
    'x-ms-region': 'Norway East',
    'apim-request-id': 'apim-1',
    'set-cookie': 'secret=1',
  };
  upstreams.azure.enqueue(reply.raw(pieces, { headers, delayMs: 1 }));
  const answer = await fetch(`${hosts.azure.url}/openai/deployments/gpt-4o/chat/completions?api-version=${VERSION}`, {
    method: 'POST',
    headers: { 'api-key': hosts.azure.key(), 'content-type': 'application/json' },
    body: JSON.stringify({ messages: ask('x'), stream: true }),
  });
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  const { 'set-cookie': cookie, ...passed } = headers;
  expect(Object.fromEntries(answer.headers)).toMatchObject(passed);
  expect(answer.headers.get('set-cookie')).not.toBe(cookie);
});

describe('What is refused before a model service is called', () => {
  const messages = ask('x');
  it.each([
    ['no messages', {}, 'messages'],
    ['messages that are text', { messages: 'x' }, 'messages'],
    ['no message', { messages: [] }, 'messages'],
    ['a message without a role', { messages: [{ content: 'x' }] }, 'messages[0].role'],
    ['a message that is text', { messages: ['x'] }, 'messages[0]'],
    ['content that is a number', { messages: [{ role: 'user', content: 7 }] }, 'messages[0].content'],
    ['stream as text', { messages, stream: 'true' }, 'stream'],
    ['stream_options without stream', { messages, stream_options: { include_usage: true } }, 'stream_options'],
    ['audio without its format', { messages, modalities: ['audio'], audio: { voice: 'alloy' } }, 'audio.format'],
    ['audio without its voice', { messages, modalities: ['audio'], audio: { format: 'wav' } }, 'audio.voice'],
    ['audio without anything', { messages, modalities: ['text', 'audio'] }, 'audio.format'],
    ['data_sources', { messages, data_sources: [{ type: 'oracle', parameters: {} }] }, 'data_sources[0].type'],
    ['no model where the path has none', { messages, model: undefined }, 'model'],
    ['null for a model where the path has none', { messages, model: null }, 'model'],
    ['an empty model where the path has none', { messages, model: '' }, 'model'],
  ])('%s, by 400 that names it', async (_what, body, param) => {
    const answer = await fetch(`${hosts.openai.url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { 'api-key': hosts.openai.key(), 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', ...body }),
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param } });
    expect(upstreams.openai.calls.chat).toBe(0);
  });
});
