import { once } from 'node:events';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { ModelBackend } from '../../src/modelBackends';
import type { GatewayRequest } from '../../src/models/gateway';
import { collectGarbage } from '../support/collectGarbage';
import {
  apiError,
  azureBackend,
  chatCall,
  gatewayOver,
  KEY,
  openAiBackend,
  textOf,
  type GatewayOptions,
} from '../support/gateway';
import { startServer } from '../support/httpServer';
import { manualClock, type ManualClock } from '../support/manualClock';
import { eventually } from '../support/polling';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const hello = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] };

let first: ScriptedUpstream;
let second: ScriptedUpstream;
let clock: ManualClock;
beforeEach(async () => {
  [first, second] = await Promise.all([startScriptedUpstream(), startScriptedUpstream({ style: 'azure' })]);
  clock = manualClock();
});
afterEach(async () => {
  await Promise.all([first.close(), second.close()]);
});

const over = (backends: ModelBackend[], options: GatewayOptions = {}) => gatewayOver(backends, { clock, ...options });
const calls = () => [first.calls.chat, second.calls.chat];

describe('where a call goes', () => {
  const paths = async (backend: ModelBackend, request: Partial<GatewayRequest>, upstream = first) => {
    const answer = await over([backend]).forward(chatCall(hello, request));
    await textOf(answer);
    return upstream.requests.map(({ method, path, body }) => [method, path, body.model]);
  };
  const deployments = new Map([
    ['gpt-4o', 'up'],
    ['*', '*'],
  ]);

  it.each([
    ['chat/completions', '/v1/chat/completions'],
    ['moderations', '/v1/moderations'],
    ['realtimeapi/sessions', '/v1/realtime/sessions'],
  ])(
    'of an OpenAI-compatible service: %s below the base, with its name of the model in the body',
    async (operation, path) => {
      expect(await paths(openAiBackend(first, { deployments }), { operation })).toEqual([['POST', path, 'up']]);
    },
  );

  it.each([
    ['chat/completions', '/openai/deployments/up/chat/completions?api-version=2025-04-01-preview'],
    ['audio/speech', '/openai/deployments/up/audio/speech?api-version=2025-04-01-preview'],
    ['realtimeapi/sessions', '/openai/realtimeapi/sessions?api-version=2025-04-01-preview'],
    ['realtime/client_secrets', '/openai/v1/realtime/client_secrets'],
  ])('of Azure OpenAI: %s at its deployment, or at the resource', async (operation, path) => {
    const sent = await paths(azureBackend(second, { deployments }), { operation }, second);
    expect(sent.map(([, at]) => at)).toEqual([path]);
  });

  it.each([
    ['v1', '/openai/v1/chat/completions'],
    ['preview', '/openai/v1/chat/completions?api-version=preview'],
  ])('of Azure OpenAI with the version %s: its /openai/v1', async (apiVersion, path) => {
    expect(await paths(azureBackend(second, { deployments, apiVersion }), {}, second)).toEqual([['POST', path, 'up']]);
  });

  it('for a model object: with its name there', async () => {
    const request = { operation: 'models/gpt-4o', method: 'GET', body: undefined } as const;
    expect(await paths(openAiBackend(first, { deployments }), request)).toEqual([['GET', '/v1/models/up', undefined]]);
  });

  it('never puts a model into the body where the path names it, but corrects one that is there', async () => {
    const gateway = over([azureBackend(second, { deployments: new Map([['gpt-4o', 'up']]) })]);
    await textOf(await gateway.forward(chatCall({ messages: [] })));
    await textOf(await gateway.forward(chatCall(hello)));
    expect(second.requests.map(({ body }) => body.model)).toEqual([undefined, 'up']);
  });

  it('serves mapped names, the rest by *, and no name that leads to another path', () => {
    const named = over([
      openAiBackend(first, {
        deployments: new Map([
          ['a', 'b'],
          ['pass', '*'],
        ]),
      }),
    ]);
    expect(['a', 'pass', 'b', ''].map((name) => named.serves(name))).toEqual([true, true, false, false]);
    expect(named.names()).toEqual(['a', 'pass']);
    const any = over([openAiBackend(first)]);
    for (const name of ['a', 'meta-llama/Llama-3', '.hidden', 'a..b/v1.'])
      expect([name, any.serves(name)]).toEqual([name, true]);
    expect(any.names()).toEqual([]);
  });

  it.each(['..', '.', '', '\ud800', '../files', 'a/../../files', 'a\\..\\b', 'a/.', '/a', 'a//b', 'a'.repeat(257)])(
    'is 400, naming the parameter, for %j, which is no name',
    async (model) => {
      const error = await apiError(over([openAiBackend(first)]).forward(chatCall(hello, { model })));
      expect(error).toMatchObject({ status: 400, details: { code: 'invalid_value', param: 'model' } });
      expect(error.message).not.toContain('MODEL_BACKENDS');
    },
  );

  it('is 404 DeploymentNotFound, naming the setting, for what nothing serves', async () => {
    const mapped = over([openAiBackend(first, { deployments: new Map([['a', 'b']]) })]);
    for (const [gateway, setting] of [
      [mapped, 'MODEL_BACKENDS'],
      [over([]), 'OPENAI_BASE_URL'],
    ] as const) {
      const error = await apiError(gateway.forward(chatCall(hello)));
      expect(error).toMatchObject({ status: 404, details: { code: 'DeploymentNotFound' } });
      expect(error.message).toContain(setting);
    }
    expect(calls()).toEqual([0, 0]);
  });
});

it('nothing of what was sent is held while the answer goes on', async () => {
  first.enqueue(reply.stallAfter(1));
  const gateway = over([openAiBackend(first)]);
  const ask = async () => {
    const request = chatCall({ ...hello, stream: true, more: 'x'.repeat(100_000) });
    if (request.body?.kind !== 'json') throw new Error('It has no body.');
    return { sent: new WeakRef(request.body.bytes), answer: await gateway.forward(request) };
  };
  const { sent, answer } = await ask();
  await once(answer.body, 'readable');
  await eventually('the body is let go of', async () => (collectGarbage(), sent.deref() === undefined || undefined));
  expect(answer.settleUsage).toBeDefined();
  answer.body.on('error', () => undefined).destroy();
});

describe('what passes', () => {
  it('is the body byte for byte but for the model, whatever it is', async () => {
    let received = '';
    const { url, close } = await startServer((request, response) => {
      request.on('data', (piece: Buffer) => (received += piece.toString('latin1'))).on('end', () => response.end('{}'));
    });
    const body = '{ "unknown" : [1.0, 1e400, "\\u00fc"],\n"model":"gpt-4o" ,"a":12345678901234567890 }';
    try {
      await textOf(
        await over([openAiBackend(first, { baseUrl: `${url}/v1`, deployments: new Map([['*', 'up']]) })]).forward(
          chatCall(body),
        ),
      );
      expect(received).toBe(body.replace('"gpt-4o"', '"up"'));
    } finally {
      await close();
    }
  });

  it('is the answer byte for byte, with the headers that callers read and no others', async () => {
    const stream = 'data: {"x":1,\r\ndata: "unknown":[1.0]}\r\n\r\n: comment\n\nevent: e\nid: 7\ndata: [DONE]\n\n';
    const headers = {
      'content-type': 'text/event-stream; charset=utf-8',
      'x-ratelimit-remaining-tokens': '42',
      'openai-processing-ms': '7',
      'x-ms-region': 'Sweden Central',
      'apim-request-id': 'theirs',
      'x-request-id': 'theirs too',
      'azureml-model-session': 's',
      'set-cookie': 'session=secret',
      server: 'nginx',
      'x-powered-by': 'php',
    };
    first.enqueue(reply.raw([stream.slice(0, 10), stream.slice(10)], { headers, delayMs: 1 }));
    const answer = await over([openAiBackend(first)]).forward(chatCall(hello));
    expect(await textOf(answer)).toBe(stream);
    expect(Object.fromEntries(answer.headers)).toEqual({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-ratelimit-remaining-tokens': '42',
      'openai-processing-ms': '7',
      'x-ms-region': 'Sweden Central',
      'apim-request-id': 'theirs',
      'x-upstream-request-id': 'theirs too',
      'azureml-model-session': 's',
    });
    expect(answer).toMatchObject({ status: 200, backend: 'openai', attempts: 1 });
  });

  it('never is the caller’s key, nor anything else of its connection', async () => {
    const headers = new Headers({
      'api-key': 'caller-key',
      authorization: 'Bearer caller-key',
      cookie: 'a=b',
      host: 'here',
      'x-forwarded-for': '10.0.0.1',
      'x-ms-client-principal': 'someone',
      'content-type': 'application/json',
      'openai-beta': 'assistants=v2',
      accept: 'text/event-stream',
    });
    for (const backend of [openAiBackend(first), azureBackend(second)])
      await textOf(await over([backend]).forward(chatCall(hello, { headers })));
    const sent = [...first.requests, ...second.requests].map(({ headers }) => headers);
    expect(JSON.stringify(sent)).not.toContain('caller-key');
    expect(sent[0]).toMatchObject({
      authorization: `Bearer ${KEY}`,
      'openai-beta': 'assistants=v2',
      accept: 'text/event-stream',
    });
    expect(sent[1]).toMatchObject({ 'api-key': KEY });
    expect(sent[1]).not.toHaveProperty('authorization');
    for (const one of sent)
      for (const name of ['cookie', 'x-forwarded-for', 'x-ms-client-principal']) expect(one).not.toHaveProperty(name);
  });

  it("names the deployment for the pictures of a response as the service does, and none that is not the service's", async () => {
    const header = 'x-ms-oai-image-generation-deployment';
    const deployments = new Map([
      ['gpt-4o', 'up'],
      ['painter', 'gpt-image-1'],
    ]);
    const gateway = over([azureBackend(second, { deployments })]);
    for (const named of ['painter', 'of-somebody-else']) {
      const headers = new Headers({ 'content-type': 'application/json', [header]: named });
      await textOf(await gateway.forward(chatCall(hello, { headers })));
    }
    expect(second.requests.map(({ headers }) => headers[header])).toEqual(['gpt-image-1', undefined]);
  });

  it('of an error is status and JSON body, without keys', async () => {
    const body = {
      error: { message: `Bad ${KEY} and sk-proj-1234567890`, param: 'messages', code: 'invalid_value', extra: [1] },
    };
    first.enqueue(reply.status(422, { body, headers: { 'x-ratelimit-limit-requests': '5' } }));
    const answer = await over([openAiBackend(first)]).forward(chatCall(hello));
    expect(answer.status).toBe(422);
    expect(answer.headers.get('x-ratelimit-limit-requests')).toBe('5');
    expect(JSON.parse(await textOf(answer))).toEqual({ error: { ...body.error, message: 'Bad *** and ***' } });
    expect(calls()).toEqual([1, 0]);
  });

  it('of an error that is no JSON is an error object in its place', async () => {
    first.enqueue(reply.raw('<html>nginx</html>', { status: 413, headers: { 'content-type': 'text/html' } }));
    const answer = await over([openAiBackend(first)]).forward(chatCall(hello));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([413, 'application/json']);
    const text = await textOf(answer);
    expect(JSON.parse(text)).toMatchObject({
      error: { message: expect.stringContaining('413') as string, type: 'invalid_request_error' },
    });
    expect(text).not.toContain('nginx');
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ])(
    'of an error that came compressed by %s, though nobody asked for that, is its JSON',
    async (encoding, compress) => {
      const body = { error: { message: 'too long', type: 'invalid_request_error', param: null, code: 'long' } };
      const server = await startServer((_request, response) =>
        response
          .writeHead(400, { 'content-type': 'application/json', 'content-encoding': encoding })
          .end(compress(JSON.stringify(body))),
      );
      try {
        const answer = await over([openAiBackend(first, { baseUrl: server.url })]).forward(chatCall(hello));
        expect([answer.status, answer.headers.get('content-encoding')]).toEqual([400, null]);
        expect(JSON.parse(await textOf(answer))).toEqual(body);
      } finally {
        await server.close();
      }
    },
  );

  it.each([
    ['JSON', (json: string) => json],
    ['an event', (json: string) => `event: error\ndata: ${json}\n\ndata: [DONE]\n\n`],
  ])('of an error that is called a stream of events, and is %s, is its JSON and called so', async (_what, written) => {
    const error = { error: { message: 'too long', type: 'invalid_request_error', param: null, code: 'long' } };
    const headers = { 'content-type': 'text/event-stream' };
    first.enqueue(reply.raw(written(JSON.stringify(error)), { status: 400, headers }));
    const answer = await over([openAiBackend(first)]).forward(chatCall({ ...hello, stream: true }));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/json']);
    expect(JSON.parse(await textOf(answer))).toEqual(error);
  });

  it.each([
    ['is not what it says', Buffer.from('no gzip')],
    ['is a bomb', gzipSync(Buffer.alloc(50_000_000))],
  ])('of an error whose compressed body %s is an error object in its place', async (_what, body) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const server = await startServer((_request, response) => response.writeHead(400, headers).end(body));
    try {
      const answer = await over([openAiBackend(first, { baseUrl: server.url })]).forward(chatCall(hello));
      expect(JSON.parse(await textOf(answer))).toMatchObject({
        error: { message: 'The model service answered with status 400.' },
      });
    } finally {
      await server.close();
    }
  });
});

it.each([
  ['openai', '404 page not found', '404 page not found. Check OPENAI_BASE_URL: of most services it ends in /v1.'],
  ['openai', '', 'The model service answered with status 404. Check OPENAI_BASE_URL: of most services it ends in /v1.'],
  ['azure', '<html>', /status 404\. Check AZURE_OPENAI_ENDPOINT: it is the address of the resource alone\.$/],
] as const)('a 404 of %s that is no error of a model service (%j) says where to look', async (kind, body, message) => {
  first.enqueue(reply.raw(body, { status: 404, headers: { 'content-type': 'text/plain' } }));
  const backend = kind === 'azure' ? azureBackend(first) : openAiBackend(first);
  const answer = await over([backend]).forward(chatCall(hello));
  const { error } = JSON.parse(await textOf(answer));
  expect(answer.status).toBe(404);
  if (typeof message === 'string') expect(error.message).toBe(message);
  else expect(error.message).toMatch(message);
});

describe('an answer whose type no answer has', () => {
  let type: string;
  let server: Awaited<ReturnType<typeof startServer>>;
  beforeEach(async () => {
    type = 'text/html; charset=utf-8';
    server = await startServer((_request, response) => response.writeHead(200, { 'content-type': type }).end('body'));
  });
  afterEach(async () => server.close());
  const backend = (more: object = {}) => openAiBackend(first, { baseUrl: `${server.url}/v1`, ...more });

  it.each(['chat/completions', 'embeddings', 'images/generations', 'audio/speech', 'models'])(
    'of %s is a 502 that says what came and where to look, and not a success',
    async (operation) => {
      const error = await apiError(over([backend()], { retry: { tries: 1 } }).forward(chatCall(hello, { operation })));
      expect(error).toMatchObject({ status: 502, details: { code: 'upstream_error' } });
      expect(error.message).toMatch(/'text\/html; charset=utf-8'.*OPENAI_BASE_URL/);
    },
  );

  it.each([
    ['chat/completions', 'application/json; charset=utf-8', true],
    ['chat/completions', 'Application/problem+json', true],
    ['chat/completions', 'text/event-stream', true],
    ['completions', 'application/json-seq', true],
    ['images/generations', 'text/event-stream', true],
    ['audio/transcriptions', 'text/plain; charset=utf-8', true],
    ['audio/transcriptions', 'text/vtt', true],
    ['audio/transcriptions', 'text/html; charset=utf-8', true],
    ['audio/speech', 'text/html; charset=utf-8', false],
    ['audio/transcriptions', 'application/x-subrip', true],
    ['audio/speech', 'audio/mpeg', true],
    ['audio/speech', 'application/octet-stream', true],
    ['audio/speech', 'text/event-stream', true],
    ['embeddings', 'text/plain', false],
    ['embeddings', 'application/xml', false],
  ])('is told by the operation: %s may be %s (%s)', async (operation, given, passes) => {
    type = given;
    const asked = over([backend()], { retry: { tries: 1 } }).forward(chatCall(hello, { operation }));
    if (passes) expect(await textOf(await asked)).toBe('body');
    else expect((await apiError(asked)).status).toBe(502);
  });

  it('is asked of the next service where that costs nothing twice', async () => {
    const backends = [backend({ name: 'one' }), azureBackend(second, { name: 'two', priority: 1 })];
    expect((await over(backends).forward(chatCall(hello))).backend).toBe('two');
  });
});

it('holds back a service that is faster than the reader', async () => {
  let written = 0;
  const piece = Buffer.alloc(64 * 1024);
  function* endless() {
    for (; written < 4096; written++) yield piece;
  }
  first.enqueue(reply.raw(endless()));
  const { body } = await over([openAiBackend(first)]).forward(chatCall(hello));
  for (let before = -1; written !== before && written < 4096;) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(written * piece.length).toBeLessThan(32 * 1024 * 1024);
  body.on('error', () => undefined).destroy();
});
