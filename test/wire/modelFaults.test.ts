/** What becomes of a call when the model service or the caller misbehaves, with the number of upstream calls. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { startHost, type Host } from '../support/host';
import { impatient, UPSTREAM_KEY } from '../support/modelHosts';
import { reply, startScriptedUpstream, type Reply, type ScriptedUpstream } from '../support/scriptedUpstream';

const PATIENT = 'patient-model';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  // A model whose service may take its time between two bytes: the test alone slows it.
  const patient = { name: 'patient', idle_timeout_seconds: 60, deployments: { [PATIENT]: PATIENT } };
  const backends = [impatient('openai', upstream, patient), impatient('openai', upstream, { priority: 1 })];
  host = await startHost({ env: { MODEL_BACKENDS: JSON.stringify(backends) } });
});
afterAll(async () => {
  await host.stop();
  await upstream.close();
});
// A model of its own for each test: what one does to its circuit breaker is nothing to the next.
let model = '';
let tests = 0;
beforeEach(() => {
  upstream.reset();
  model = `model-${++tests}`;
});

const messages = [{ role: 'user' as const, content: 'Hello' }];
const post = async (body: unknown, path = '/v1/chat/completions', more: RequestInit = {}) =>
  fetch(`${host.url}${path}`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...more,
  });
const chat = async (more: object = {}) => post({ model, messages, ...more });
/** The process still serves. */
const stillServes = async () => expect((await chat()).status).toBe(200);

/** An answer with exactly these headers. */
const answered = (headers: string, body = '{}') =>
  reply.wire(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${headers}\r\n\r\n${body}`);

describe('A model service that, asked for a whole answer,', () => {
  const whole: [what: string, replies: Reply[], status: number, calls: number][] = [
    ['breaks off in its body', [reply.cutAfter(1)], 502, 1],
    ['breaks off in its chunks', [answered('transfer-encoding: chunked', '5\r\n{"cho')], 502, 1],
    ['falls silent in its body', [reply.stallAfter(1)], 504, 1],
    ['sends broken JSON', [reply.json('{"choices":[')], 502, 1],
    ['sends no JSON', [reply.json('<html>Sorry</html>')], 502, 1],
    ['sends nothing', [reply.json('')], 502, 1],
    ['sends broken JSON without its type', [reply.wire('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{"cho')], 502, 1],
    ['sends nothing without its type', [reply.wire('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')], 502, 1],
    ['has a status that is none', [reply.wire('HTTP/1.1 600 Odd\r\ncontent-length: 2\r\n\r\n{}')], 502, 1],
    ['has a status without a body', [reply.wire('HTTP/1.1 205 None\r\ncontent-length: 2\r\n\r\n{}')], 502, 1],
    [
      'has a status without a body, in events',
      [reply.wire('HTTP/1.1 204 None\r\ncontent-type: text/event-stream\r\n\r\n')],
      502,
      1,
    ],
    ['leads elsewhere', [reply.status(307, { headers: { location: 'http://127.0.0.1:1/' } })], 502, 1],
    ['refuses the request', [reply.status(400)], 400, 1],
    ['has no such deployment', [reply.status(404)], 404, 1],
    ['refuses the key', [reply.status(401)], 502, 1],
    ['fails once', [reply.status(500, { headers: { 'retry-after-ms': '1' } })], 200, 2],
    ['is busy once', [reply.status(429, { headers: { 'retry-after-ms': '1' } })], 200, 2],
    ['drops the connection once', [reply.disconnect()], 200, 2],
    ['does not answer in time once', [reply.hang()], 200, 2],
    ['speaks no HTTP once', [reply.wire('220 mail.example.org ESMTP\r\n')], 200, 2],
    ['breaks off in its headers once', [reply.wire('HTTP/1.1 200 OK\r\ncontent-ty')], 200, 2],
    ['tells two lengths once', [answered('content-length: 2\r\ncontent-length: 5')], 200, 2],
    ['has a line end inside of a header once', [answered('x-ms-a: a\rset-cookie: b\r\ncontent-length: 2')], 200, 2],
  ];
  it.each(whole)('%s', async (_what, replies, status, calls) => {
    upstream.enqueue(...replies);
    const answer = await chat();
    expect(answer.status).toBe(status);
    const body = (await answer.json()) as Record<string, unknown>;
    expect(Object.keys(body)).toContain(status === 200 ? 'choices' : 'error');
    expect(JSON.stringify(body)).not.toContain(UPSTREAM_KEY);
    expect(upstream.calls.chat).toBe(calls);
    await stillServes();
  });

  it('is busy for a second is asked again no earlier', async () => {
    upstream.enqueue(reply.status(429, { headers: { 'retry-after': '1' } }));
    const began = performance.now();
    expect((await chat()).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(990);
    expect(upstream.calls.chat).toBe(2);
  });

  it.each(['completions', 'embeddings'])('fails once is asked again for %s too', async (operation) => {
    upstream.on(() =>
      upstream.requests.length === 1
        ? reply.status(503, { headers: { 'retry-after-ms': '1' } })
        : reply.json({ object: 'list', data: [] }),
    );
    expect((await post({ model, prompt: 'x', input: 'x' }, `/v1/${operation}`)).status).toBe(200);
    expect(upstream.requests).toHaveLength(2);
  });

  it('fails for good is asked four times', async () => {
    upstream.on(() => reply.status(503, { headers: { 'retry-after-ms': '1' } }));
    const answer = await chat();
    expect([answer.status, await answer.json()]).toMatchObject([503, { error: { message: 'Scripted 503.' } }]);
    expect(upstream.calls.chat).toBe(4);
  });

  it('is 429 for good tells its caller when to come back', async () => {
    upstream.on(() => reply.status(429, { headers: { 'retry-after': '300', 'x-ratelimit-remaining-tokens': '0' } }));
    const answer = await chat();
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('300');
    expect(answer.headers.get('x-ratelimit-remaining-tokens')).toBe('0');
    expect(upstream.calls.chat).toBe(1);
  });
});

describe('A model service that tells its key', () => {
  const error = { error: { message: `The key ${UPSTREAM_KEY} is blocked.`, type: 'x' } };
  const events = [`data: {"choices":[]}\n\n`, `data: ${JSON.stringify(error)}\n\n`];
  const large = JSON.stringify({ ...error, more: 'x'.repeat(1_200_000) });
  it.each<[what: string, reply: Reply, stream: boolean, status: number]>([
    ['in an error inside of a stream', reply.raw(events), true, 200],
    ['in an event cut into pieces', reply.raw(events.join('').match(/.{1,7}/gs) ?? [], { delayMs: 1 }), true, 200],
    ['in an event that lacks its end', reply.raw(events.join('').trimEnd()), true, 200],
    ['in JSON, asked for a stream', reply.json(error), true, 200],
    ['in an answer', reply.json(error), false, 200],
    ['in a large answer', reply.json(large), false, 200],
    [
      'in the headers of a refusal',
      reply.status(400, { headers: { 'x-ms-note': `Bearer ${UPSTREAM_KEY}` } }),
      false,
      400,
    ],
  ])('%s does not tell it to the caller', async (_what, scripted, stream, status) => {
    upstream.enqueue(scripted);
    const answer = await chat({ stream });
    const text = [...answer.headers].join('\n') + (await answer.text());
    expect(answer.status).toBe(status);
    expect(text).not.toContain(UPSTREAM_KEY);
    expect(text).toContain('***');
    if (scripted.kind === 'raw' && status === 200)
      expect(text.endsWith([...scripted.pieces].join('').replace(UPSTREAM_KEY, '*'.repeat(UPSTREAM_KEY.length)))).toBe(
        true,
      );
    expect(host.output()).not.toContain(UPSTREAM_KEY);
  });
});

describe('A model service that, asked for a stream,', () => {
  const streams: [what: string, reply: Reply, code: string][] = [
    ['breaks off', reply.cutAfter(2), 'upstream_error'],
    ['falls silent', reply.stallAfter(2), 'upstream_timeout'],
    ['sends half an event and breaks off', reply.raw(['data: {"choices":[]}\n\n', 'data: {"cho']), 'upstream_error'],
  ];
  it.each(streams)('%s: an error event is the last, nothing is repeated', async (_what, scripted, code) => {
    upstream.enqueue(scripted);
    const answer = await chat({ stream: true });
    const frames = (await answer.text()).split('\n\n').filter(Boolean);
    const events = frames.map((frame) => JSON.parse(frame.slice('data: '.length)));
    expect(events.at(-1)).toMatchObject({ error: { type: 'server_error', code } });
    expect(events.length).toBeGreaterThan(1);
    expect(upstream.calls.chat).toBe(1);
    await stillServes();
  });

  it.each([
    ['breaks off', reply.cutAfter(2), { code: 'upstream_error' }],
    // Its bytes pass as they are; nobody parses them on the way.
    ['sends broken JSON', reply.brokenJson(2), { name: 'SyntaxError' }],
  ])('%s makes the SDK throw behind what came before, in one call', async (_what, scripted, error) => {
    const log = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    upstream.enqueue(scripted);
    const stream = await host.openai().chat.completions.create({ model, messages, stream: true });
    let chunks = 0;
    const read = async () => {
      for await (const { choices } of stream) chunks += choices.length;
    };
    await expect(read()).rejects.toMatchObject(error);
    log.mockRestore();
    expect(chunks).toBe(2);
    expect(upstream.calls.chat).toBe(1);
    await stillServes();
  });

  it.each([
    ['fails', reply.status(503, { headers: { 'retry-after-ms': '1' } })],
    ['drops the connection', reply.disconnect()],
    ['does not answer in time', reply.hang()],
  ])('%s before its first byte is asked again', async (_what, scripted) => {
    upstream.enqueue(scripted);
    expect(await (await chat({ stream: true })).text()).toContain('data: [DONE]');
    expect(upstream.calls.chat).toBe(2);
  });
});

describe('A caller that', () => {
  it('leaves ends the upstream call, before its answer and in the middle of it', async () => {
    for (const scripted of [reply.hang(), reply.stallAfter(2)]) {
      upstream.reset();
      upstream.enqueue(scripted);
      const abort = new AbortController();
      const sent = post({ model, messages, stream: true }, undefined, { signal: abort.signal }).then((answer) =>
        answer.text(),
      );
      await upstream.until(() => upstream.calls.chat === 1);
      if (scripted.kind !== 'hang') await new Promise((resolve) => setTimeout(resolve, 100));
      const left = Date.now();
      abort.abort();
      await expect(sent).rejects.toThrow();
      await upstream.until(() => upstream.abandoned === 1);
      expect(Date.now() - left).toBeLessThan(500);
    }
    await stillServes();
  });

  it('reads slowly slows the model service', async () => {
    let made = 0;
    const event = `data: ${JSON.stringify({ choices: [], filler: 'x'.repeat(100_000) })}\n\n`;
    const pieces = (function* () {
      for (; made < 1500; made++) yield event;
    })();
    upstream.enqueue(reply.raw(pieces));
    const answer = await chat({ stream: true, model: PATIENT });
    const reader = answer.body?.getReader();
    await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 700));
    // 150 MB in all; what lies in buffers of sockets and of the host is far less.
    expect(made).toBeLessThan(500);
    let bytes = 0;
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) bytes += next.value.length;
    expect(bytes).toBeGreaterThan(140_000_000);
  });

  it('sends 30 MB of JSON is refused with 413, whether or not it tells the length; 20 MB pass', async () => {
    const body = (megabytes: number) =>
      JSON.stringify({ model, messages: [{ role: 'user', content: 'x'.repeat(megabytes * 1_048_576) }] });
    const send = async (text: string, chunked: boolean) =>
      post(
        undefined,
        undefined,
        chunked
          ? { body: Readable.toWeb(Readable.from([Buffer.from(text)])) as ReadableStream, duplex: 'half' }
          : { body: text },
      );
    for (const chunked of [false, true]) expect((await send(body(30), chunked)).status).toBe(413);
    expect(upstream.calls.chat).toBe(0);
    upstream.enqueue(reply.text('Long.'));
    expect((await send(body(20), false)).status).toBe(200);
  });
});

describe('On a raw socket', () => {
  async function exchange(lines: string[], body = ''): Promise<string> {
    const { hostname, port } = new URL(host.url);
    const socket = connect(Number(port), hostname);
    socket.setEncoding('latin1');
    let text = '';
    socket.on('data', (piece: string) => (text += piece)).on('error', () => undefined);
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\napi-key: ${host.key()}\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
    );
    await once(socket, 'close');
    return text;
  }
  const body = JSON.stringify({ model: 'raw', messages });
  const type = 'content-type: application/json';

  it('a request that is well made is answered', async () => {
    expect(await exchange([type, `content-length: ${body.length}`], body)).toMatch(/^HTTP\/1.1 200 /);
  });

  it.each([
    ['two lengths', [`content-length: ${body.length}`, 'content-length: 5']],
    ['a length and chunks', [`content-length: ${body.length}`, 'transfer-encoding: chunked']],
    ['a length that is no number', ['content-length: 5x']],
    ['a line end inside of a header', [`content-length: ${body.length}`, 'accept: a\rx-evil: 1']],
    ['a null in a header', [`content-length: ${body.length}`, 'accept: a\0b']],
    ['a header without a name', [`content-length: ${body.length}`, ': x']],
  ])('%s are refused with 400, and nothing reaches the model service', async (_what, lines) => {
    expect(await exchange([type, ...lines], body)).toMatch(/^HTTP\/1.1 400 /);
    expect(upstream.calls.chat).toBe(0);
  });

  it('a name that holds line ends is no header of the upstream call', async () => {
    const evil = 'm\r\nx-evil: 1';
    await post({ messages }, `/openai/deployments/${encodeURIComponent(evil)}/chat/completions?api-version=2024-10-21`);
    await post({ model: evil, messages });
    for (const { headers } of upstream.requests) expect(headers['x-evil']).toBeUndefined();
  });
});
