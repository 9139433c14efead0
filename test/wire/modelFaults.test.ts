/** What becomes of a call when the model service or the caller misbehaves, with the number of upstream calls. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, type Reply, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  const backend = {
    name: 'one',
    kind: 'openai',
    base_url: upstream.url,
    api_key: 'upstream-key',
    headers_timeout_seconds: 1,
    idle_timeout_seconds: 1,
  };
  host = await startHost({ env: { MODEL_BACKENDS: JSON.stringify([backend]) } });
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

describe('A model service that, asked for a whole answer,', () => {
  const whole: [what: string, replies: Reply[], status: number, calls: number][] = [
    ['breaks off in its body', [reply.cutAfter(1)], 502, 1],
    ['falls silent in its body', [reply.stallAfter(1)], 504, 1],
    ['sends broken JSON', [reply.json('{"choices":[')], 502, 1],
    ['sends no JSON', [reply.json('<html>Sorry</html>')], 502, 1],
    ['refuses the request', [reply.status(400)], 400, 1],
    ['has no such deployment', [reply.status(404)], 404, 1],
    ['refuses the key', [reply.status(401)], 502, 1],
    ['fails once', [reply.status(500, { headers: { 'retry-after-ms': '1' } })], 200, 2],
    ['is busy once', [reply.status(429, { headers: { 'retry-after-ms': '1' } })], 200, 2],
    ['drops the connection once', [reply.disconnect()], 200, 2],
  ];
  it.each(whole)('%s', async (_what, replies, status, calls) => {
    upstream.enqueue(...replies);
    const answer = await chat();
    expect(answer.status).toBe(status);
    const body = (await answer.json()) as Record<string, unknown>;
    expect(Object.keys(body)).toContain(status === 200 ? 'choices' : 'error');
    expect(JSON.stringify(body)).not.toContain('upstream-key');
    expect(upstream.calls.chat).toBe(calls);
    await stillServes();
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

  it('breaks off makes the SDK throw', async () => {
    upstream.enqueue(reply.cutAfter(2));
    const stream = await host.openai().chat.completions.create({ model, messages, stream: true });
    const read = async () => {
      for await (const chunk of stream) expect(chunk.object).toBe('chat.completion.chunk');
    };
    await expect(read()).rejects.toMatchObject({ code: 'upstream_error' });
  });

  it('fails before its first byte is asked again', async () => {
    upstream.enqueue(reply.status(503, { headers: { 'retry-after-ms': '1' } }));
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
    const answer = await chat({ stream: true });
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
