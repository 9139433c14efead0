import { context, metrics, propagation, trace } from '@opentelemetry/api';
import type { ModelBackend } from '../../src/modelBackends';
import type { Gateway } from '../../src/models/gateway';
import { openAiChat } from '../../src/adapters/openAiChat';
import { observeModelCalls } from '../../src/telemetry/modelCalls';
import { startTelemetry, type Telemetry } from '../../src/telemetry/sdk';
import { readTelemetrySettings } from '../../src/telemetry/settings';
import { azureBackend, chatCall, gatewayOver, openAiBackend, textOf } from '../support/gateway';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';
import { startOtlpSink, type OtlpSink, type SentSpan } from './otlpSink';

const question = 'A question of which nobody may hear.';
const ask = { model: 'gpt-4o', temperature: 0.5, messages: [{ role: 'user', content: question }] };
const names = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_RESOURCE_ATTRIBUTES'];

let upstream: ScriptedUpstream;
let sink: OtlpSink;
let telemetry: Telemetry | undefined;

beforeEach(async () => {
  upstream = await startScriptedUpstream();
  sink = await startOtlpSink();
});
afterEach(async () => {
  await telemetry?.stop();
  for (const api of [trace, metrics, context, propagation]) api.disable();
  for (const name of names) delete process.env[name];
  await sink.close();
  await upstream.close();
});

async function observedGateway(backends?: ModelBackend[], env: NodeJS.ProcessEnv = {}): Promise<Gateway> {
  Object.assign(process.env, {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    ...env,
  });
  const settings = readTelemetrySettings({ ...process.env, ...env });
  telemetry = await startTelemetry(settings);
  expect(telemetry.isOn).toBe(true);
  return gatewayOver(backends ?? [openAiBackend(upstream)], {
    observe: observeModelCalls(settings),
    retry: { baseDelayMs: 1, maxDelayMs: 2 },
  });
}

/** Everything that was recorded so far, exported. */
async function exported(): Promise<SentSpan> {
  await telemetry?.stop();
  expect(sink.spans).toHaveLength(1);
  const [span] = sink.spans;
  if (!span) throw new Error('No span came.');
  return span;
}

it('tells of a chat call by the GenAI conventions: a client span and the three metrics', async () => {
  const gateway = await observedGateway();
  const answer = await gateway.forward(chatCall(ask, { tenant: 'team-a' }));
  const told = JSON.parse(await textOf(answer)) as {
    id: string;
    model: string;
    usage: { prompt_tokens: number; completion_tokens: number };
  };
  const span = await exported();
  expect(span).toMatchObject({ name: 'chat gpt-4o', kind: 3 });
  expect(span.attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.request.temperature': 0.5,
    'gen_ai.response.model': told.model,
    'gen_ai.response.id': told.id,
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.usage.input_tokens': told.usage.prompt_tokens,
    'gen_ai.usage.output_tokens': told.usage.completion_tokens,
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(upstream.url).port),
    'gateway.backend.name': 'openai',
    'gateway.attempt.count': 1,
    'gateway.tenant': 'team-a',
  });
  expect(span.attributes).not.toHaveProperty(['error.type']);
  const [duration] = sink.metrics.get('gen_ai.client.operation.duration') ?? [];
  expect(duration).toMatchObject({
    count: 1,
    attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai' },
  });
  expect(duration?.explicitBounds[0]).toBe(0.01);
  const tokens = sink.metrics.get('gen_ai.client.token.usage') ?? [];
  expect(tokens.map(({ attributes, sum }) => [attributes['gen_ai.token.type'], sum])).toEqual([
    ['input', told.usage.prompt_tokens],
    ['output', told.usage.completion_tokens],
  ]);
  expect(sink.metrics.has('gen_ai.client.operation.time_to_first_chunk')).toBe(false);
  expect(sink.resources[0]).toMatchObject({
    'service.name': 'azure-openai-functions',
    'deployment.environment.name': 'test',
  });
});

it('exports no text of prompts and answers, and no key, unless it is switched on', async () => {
  const gateway = await observedGateway();
  upstream.enqueue(reply.text('The secret answer.'));
  await textOf(await gateway.forward(chatCall(ask)));
  await exported();
  expect(sink.text).not.toContain(question);
  expect(sink.text).not.toContain('secret answer');
  expect(sink.text).not.toContain('test-key');
});

it.each([false, true])('exports messages where content capture is switched on (streamed: %s)', async (stream) => {
  const gateway = await observedGateway(undefined, { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' });
  upstream.enqueue(reply.text('The answer.'));
  await textOf(await gateway.forward(chatCall({ ...ask, stream })));
  const { attributes } = await exported();
  expect(JSON.parse(String(attributes['gen_ai.input.messages']))).toEqual([
    { role: 'user', parts: [{ type: 'text', content: question }] },
  ]);
  expect(JSON.parse(String(attributes['gen_ai.output.messages']))).toEqual([
    { role: 'assistant', parts: [{ type: 'text', content: 'The answer.' }], finish_reason: 'stop' },
  ]);
});

it('exports tool calls of a stream whole', async () => {
  const gateway = await observedGateway(undefined, { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' });
  const custom = { id: 'call_2', name: 'apply_patch', input: '*** Begin Patch' };
  upstream.enqueue(reply.toolCalls([{ id: 'call_1', name: 'weather', arguments: '{"city":"Paris"}' }, custom]));
  await textOf(await gateway.forward(chatCall({ ...ask, stream: true })));
  const { attributes } = await exported();
  expect(JSON.parse(String(attributes['gen_ai.output.messages']))).toEqual([
    {
      role: 'assistant',
      parts: [
        { type: 'tool_call', id: 'call_1', name: 'weather', arguments: '{"city":"Paris"}' },
        { type: 'tool_call', id: 'call_2', name: 'apply_patch', arguments: '*** Begin Patch' },
      ],
      finish_reason: 'tool_calls',
    },
  ]);
});

it('measures the time to the first chunk of a stream, and takes the tokens from its last events', async () => {
  const gateway = await observedGateway([azureBackend(upstream)]);
  upstream.enqueue(reply.slow(30, reply.text('Hello there.')));
  const body = { ...ask, stream: true, stream_options: { include_usage: true } };
  await textOf(await gateway.forward(chatCall(body)));
  const { attributes } = await exported();
  expect(attributes).toMatchObject({ 'gen_ai.request.stream': true, 'gen_ai.provider.name': 'azure.ai.openai' });
  expect(attributes['gen_ai.usage.output_tokens']).toBeGreaterThan(0);
  expect(attributes['gen_ai.response.time_to_first_chunk']).toBeGreaterThan(0.025);
  const [first] = sink.metrics.get('gen_ai.client.operation.time_to_first_chunk') ?? [];
  expect(first?.sum).toBe(attributes['gen_ai.response.time_to_first_chunk']);
});

it('passes the bytes of a stream on as they are', async () => {
  const frames = [
    'data: {"a":1}\r\n\r\n',
    ': comment\n\n',
    `data: {"b":"${'x'.repeat(100_000)}"}\n\n`,
    'data: [DONE]\n\n',
  ];
  upstream.enqueue(reply.raw(frames));
  const gateway = await observedGateway();
  expect(await textOf(await gateway.forward(chatCall({ ...ask, stream: true })))).toBe(frames.join(''));
});

it('counts attempts, and says which failed', async () => {
  const spare = await startScriptedUpstream();
  try {
    const gateway = await observedGateway([
      openAiBackend(upstream, { name: 'first' }),
      openAiBackend(spare, { name: 'spare', priority: 1, deployments: new Map([['*', 'gpt-spare']]) }),
    ]);
    upstream.enqueue(reply.status(503));
    await textOf(await gateway.forward(chatCall(ask)));
    const span = await exported();
    expect(span.attributes).toMatchObject({
      'gateway.attempt.count': 2,
      'gateway.backend.name': 'spare',
      'gen_ai.request.model': 'gpt-spare',
    });
    expect(span.events).toEqual([
      { name: 'gateway.attempt.failed', attributes: { 'gateway.backend.name': 'first', 'error.type': '503' } },
    ]);
    expect(span.attributes).not.toHaveProperty(['error.type']);
  } finally {
    await spare.close();
  }
});

it("names the error: the status of the service's refusal", async () => {
  const gateway = await observedGateway();
  upstream.enqueue(reply.status(400));
  await textOf(await gateway.forward(chatCall(ask)));
  const span = await exported();
  expect(span.attributes['error.type']).toBe('400');
  expect(span.status.code).toBe(2);
  expect(sink.metrics.get('gen_ai.client.operation.duration')?.[0]?.attributes['error.type']).toBe('400');
});

it('names the error of a service that cannot be reached, and of one that breaks off', async () => {
  const gateway = await observedGateway([openAiBackend(upstream)]);
  upstream.enqueue(reply.cutAfter(2, reply.text('One two three four five.')));
  const broken = await gateway.forward(chatCall({ ...ask, stream: true }));
  await expect(textOf(broken)).rejects.toThrow();
  await expect(
    gatewayOver([openAiBackend(upstream, { baseUrl: 'http://127.0.0.1:9/v1' })], {
      observe: observeModelCalls({ captureContent: false }),
      retry: { budgetMs: 1 },
    }).forward(chatCall(ask)),
  ).rejects.toMatchObject({ status: 502 });
  await telemetry?.stop();
  expect(sink.spans.map(({ attributes }) => attributes['error.type'])).toEqual(['UND_ERR_SOCKET', 'unavailable']);
});

it('calls a caller that leaves a stream cancelled, and ends the call of the service', async () => {
  const gateway = await observedGateway();
  upstream.enqueue(reply.stallAfter(2, reply.text('One two three.')));
  const answer = await gateway.forward(chatCall({ ...ask, stream: true }));
  const pieces = answer.body[Symbol.asyncIterator]();
  await pieces.next();
  await pieces.return?.();
  await upstream.until(() => upstream.abandoned === 1 || upstream.completed === 1);
  const { attributes } = await exported();
  expect(attributes['error.type']).toBe('cancelled');
});

it('does not hold it against the service that a reader leaves its answers', async () => {
  const gateway = await observedGateway();
  upstream.on(() => reply.stallAfter(2, reply.text('One two three.')));
  for (let call = 1; call <= 6; call++) {
    const answer = await gateway.forward(chatCall({ ...ask, stream: true }));
    expect(answer.status).toBe(200);
    answer.body.once('data', () => answer.body.destroy());
    await upstream.until(() => upstream.abandoned === call);
  }
  expect(gateway.health()).toEqual({ openai: 'ok' });
});

it("joins the caller's trace, and lets the service join it", async () => {
  const gateway = await observedGateway();
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const headers = new Headers({ 'content-type': 'application/json', traceparent: `00-${traceId}-b7ad6b7169203331-01` });
  await textOf(await gateway.forward(chatCall(ask, { headers })));
  const span = await exported();
  expect(span).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' });
  expect(upstream.requests[0]?.headers.traceparent).toBe(`00-${traceId}-${span.spanId}-01`);
});

it('tells of the calls of assistants too', async () => {
  const gateway = await observedGateway();
  upstream.enqueue(reply.text('Hello.'));
  const events = openAiChat(gateway).stream({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi.' }] });
  while (!(await events[Symbol.asyncIterator]().next()).done);
  const { attributes } = await exported();
  expect(attributes).toMatchObject({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.stream': true });
  expect(attributes['gen_ai.usage.input_tokens']).toBeGreaterThan(0);
  expect(attributes).not.toHaveProperty(['error.type']);
});

it('keeps only the end of a large answer, and finds its tokens there', async () => {
  const gateway = await observedGateway();
  const body = {
    object: 'list',
    data: [{ embedding: Array(20_000).fill(0.125) }],
    model: 'embed-1',
    usage: { prompt_tokens: 7, total_tokens: 7 },
  };
  upstream.enqueueEmbeddings(reply.json(body));
  await textOf(
    await gateway.forward(chatCall({ model: 'embed', input: 'x' }, { operation: 'embeddings', model: 'embed' })),
  );
  const { name, attributes } = await exported();
  expect(name).toBe('embeddings embed');
  expect(attributes).toMatchObject({ 'gen_ai.response.model': 'embed-1', 'gen_ai.usage.input_tokens': 7 });
});

const tokens = { input_tokens: 7, output_tokens: 9, total_tokens: 16 };
it.each([
  ['images/generations', { type: 'image_generation.completed', b64_json: 'A'.repeat(100_000), usage: tokens }],
  [
    'responses',
    {
      type: 'response.completed',
      response: { output: [{ text: '"usage":{} '.repeat(9_000) }], usage: tokens, metadata: { a: 'b' } },
      sequence_number: 3,
    },
  ],
])('finds the tokens of a stream of %s whose last event is larger than what is kept', async (operation, last) => {
  const gateway = await observedGateway();
  upstream.on(() => reply.raw(['data: {"type":"first"}\n\n', `data: ${JSON.stringify(last)}\n\n`]));
  await textOf(await gateway.forward(chatCall({ ...ask, stream: true }, { operation })));
  const { attributes } = await exported();
  expect(attributes).toMatchObject({ 'gen_ai.usage.input_tokens': 7, 'gen_ai.usage.output_tokens': 9 });
});

it('exports protobuf unless JSON is asked for', async () => {
  const gateway = await observedGateway(undefined, { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' });
  await textOf(await gateway.forward(chatCall(ask)));
  await telemetry?.stop();
  expect(sink.requests.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual([
    { path: '/v1/metrics', contentType: 'application/x-protobuf' },
    { path: '/v1/traces', contentType: 'application/x-protobuf' },
  ]);
});

it('never makes a call fail because the collector does not answer', async () => {
  const gateway = await observedGateway(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
  expect((await gateway.forward(chatCall(ask))).status).toBe(200);
  await expect(telemetry?.stop()).resolves.toBeUndefined();
});
