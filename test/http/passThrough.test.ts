import { PassThrough, Readable } from 'node:stream';
import type { Connection } from '../../src/http/connection';
import { passThrough, type PassedAnswer, type PassThroughOptions } from '../../src/http/passThrough';
import { errors } from '../../src/errors';

const TIMES = { wholeAnswerMs: 60_000, streamBeginsMs: 60_000, keepAliveMs: 60_000 };

function connection() {
  const left = new AbortController();
  const state = { isFull: false, cuts: 0, drain: (): void => undefined };
  const value: Connection = {
    signal: left.signal,
    isFull: () => state.isFull,
    cut: () => void (state.cuts += 1),
    drained: async () => {
      if (state.isFull) await new Promise<void>((resolve) => (state.drain = resolve));
    },
  };
  return { value, state, leave: () => left.abort(new Error('left')) };
}

function answer(body: Readable, type: string, more: { status?: number; headers?: Record<string, string> } = {}) {
  const tokens: number[] = [];
  const passed: PassedAnswer = {
    status: more.status ?? 200,
    headers: new Headers({ 'content-type': type, ...more.headers }),
    body,
    settleUsage: ({ total }) => void tokens.push(total),
  };
  return { passed, tokens };
}

const faults: unknown[] = [];
beforeEach(() => {
  faults.length = 0;
});

async function pass(passed: PassedAnswer, options: Partial<PassThroughOptions> = {}) {
  return passThrough({
    connection: connection().value,
    ask: () => Promise.resolve(passed),
    streamed: false,
    onFault: (error) => faults.push(error),
    times: TIMES,
    ...options,
  });
}

/** Fails behind the pieces. */
const failing = (pieces: string[], error: Error) =>
  Readable.from(
    (async function* () {
      for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece));
      throw error;
    })(),
    { objectMode: false },
  );
const socketError = Object.assign(new Error('other side closed at 10.0.0.7'), { code: 'UND_ERR_SOCKET' });
const silence = Object.assign(new Error('Body Timeout Error'), { code: 'UND_ERR_BODY_TIMEOUT' });
const events = 'text/event-stream';

describe('An answer that is not streamed', () => {
  it('goes as it is, with its length, and its tokens are told', async () => {
    const body = '{ "id":"x",  "usage":{"total_tokens":42} }';
    const { passed, tokens } = answer(Readable.from([Buffer.from(body)]), 'application/json', {
      headers: { 'x-ms-region': 'here' },
    });
    const response = await pass(passed);
    expect(await response.text()).toBe(body);
    expect(response.headers.get('content-length')).toBe(String(body.length));
    expect(response.headers.get('x-ms-region')).toBe('here');
    expect(tokens).toEqual([42]);
  });

  it.each([
    ['breaks off', failing(['{"id":'], socketError), 502],
    ['falls silent', failing(['{"id":'], silence), 504],
    ['breaks off before its first byte', failing([], socketError), 502],
    ['is no JSON', Readable.from([Buffer.from('<html>')]), 502],
    ['is half of a JSON text', Readable.from([Buffer.from('{"choices":[{"a":1}')]), 502],
    ['is larger, and half of a JSON text', Readable.from([Buffer.from(`{"a":"${'x'.repeat(100_000)}`)]), 502],
  ])('that %s is a clear error which tells nothing of the upstream', async (_what, body, status) => {
    const failed = pass(answer(body, 'application/json').passed);
    await expect(failed).rejects.toMatchObject({ status, details: { type: 'server_error' } });
    await expect(failed).rejects.not.toThrow(/10\.0\.0\.7/);
  });

  describe('without a type', () => {
    const untold = (text: string) => {
      const given = answer(Readable.from([Buffer.from(text)]), '').passed;
      given.headers.delete('content-type');
      return given;
    };

    it('is taken for JSON, which its caller is told', async () => {
      const response = await pass(untold('{"a":1}'), { expectsJson: true });
      expect([await response.text(), response.headers.get('content-type')]).toEqual(['{"a":1}', 'application/json']);
    });

    it('is a 502 where it is no JSON', async () => {
      await expect(pass(untold('<html>'), { expectsJson: true })).rejects.toMatchObject({ status: 502 });
    });

    it('may be anything where no JSON is asked for', async () => {
      const response = await pass(untold('sound'));
      expect([await response.text(), response.headers.get('content-type')]).toEqual(['sound', null]);
    });
  });

  it('that is an error passes as it is, JSON or not', async () => {
    const response = await pass(
      answer(Readable.from([Buffer.from('{"broken')]), 'application/json', { status: 400 }).passed,
    );
    expect([response.status, await response.text()]).toEqual([400, '{"broken']);
  });

  it('that is text and called HTML, as whisper.cpp does, passes; a page is a 502, and is read no further', async () => {
    const html = 'text/html; charset=utf-8';
    const text = await pass(answer(Readable.from([Buffer.from(' And so my fellow')]), html).passed);
    expect([text.headers.get('content-type'), await text.text()]).toEqual([html, ' And so my fellow']);
    for (const page of ['<!doctype html><p>Sign in', '\n <html>']) {
      const body = new PassThrough();
      body.write(page);
      await expect(pass(answer(body, html).passed)).rejects.toMatchObject({ status: 502 });
      expect(body.destroyed).toBe(true);
    }
  });

  it('that is large goes on before it is whole, and a break then cuts the connection', async () => {
    const { value, state } = connection();
    const big = 'x'.repeat(700_000);
    const response = await pass(answer(failing([big, big], socketError), 'application/json').passed, {
      connection: value,
    });
    expect((await response.text()).length).toBe(1_400_000);
    expect(state.cuts).toBe(1);
    expect(faults).toHaveLength(1);
  });

  it.each([
    ['end', 1_500_000],
    ['beginning', 1_500_000],
    ['end', 100_000],
    ['beginning', 100_000],
  ])('has its tokens told from its %s where it is too large to be parsed, however it is cut', async (place, size) => {
    const usage = `"usage":${JSON.stringify({ prompt_tokens: 7, total_tokens: 7 })}`;
    const data = `"data":"${'x'.repeat(size)}"`;
    const body = Buffer.from(`{${place === 'end' ? `${data},${usage}` : `${usage},${data}`}}`);
    for (const cut of [61, 64 * 1024, body.length]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < body.length; at += cut) pieces.push(body.subarray(at, at + cut));
      const { passed, tokens } = answer(Readable.from(pieces, { objectMode: false }), 'application/json');
      expect((await (await pass(passed)).text()).length).toBe(body.length);
      expect(tokens).toEqual([7]);
    }
  });

  it('that is binary begins with its first bytes', async () => {
    const body = new PassThrough();
    body.write('first');
    const response = await pass(answer(body, 'audio/mpeg').passed);
    body.end('last');
    expect(await response.text()).toBe('firstlast');
  });

  it('that outlasts its time is a 504 which advises streaming, and ends the call', async () => {
    let signal: AbortSignal | undefined;
    const failed = pass(answer(Readable.from([]), events).passed, {
      times: { ...TIMES, wholeAnswerMs: 20 },
      ask: async (given) => {
        signal = given;
        return new Promise<never>((_resolve, reject) => given.addEventListener('abort', () => reject(given.reason)));
      },
    });
    await expect(failed).rejects.toMatchObject({ status: 504, message: expect.stringContaining("'stream': true") });
    expect(signal?.aborted).toBe(true);
  });

  it('has its time from when the upload is over', async () => {
    const uploaded = Promise.withResolvers<void>();
    const body = new PassThrough();
    const passing = pass(answer(body, 'application/json').passed, {
      times: { ...TIMES, wholeAnswerMs: 30 },
      uploaded: uploaded.promise,
    });
    await new Promise((resolve) => setTimeout(resolve, 60));
    body.end('{}');
    expect((await passing).status).toBe(200);
    uploaded.resolve();
  });
});

describe('A stream of events', () => {
  const mixed =
    'data: {"a":1}\n\ndata: {"é":"👋"}\r\n\r\n: note\n\ndata: {"usage":{"total_tokens":9}}\n\ndata: [DONE]\n\n';
  it.each([
    ['lines that end in LF or CR LF', mixed],
    ['lines that end in CR LF', mixed.replace(/\r?\n/g, '\r\n')],
    ['lines that end in CR', mixed.replace(/\r?\n/g, '\r')],
  ])('of %s is the same bytes, however they are cut, and its usage is read from its end', async (_lines, text) => {
    for (const size of [1, 2, 3, 7, 1000]) {
      const bytes = Buffer.from(text);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      const { passed, tokens } = answer(Readable.from(pieces), events, { headers: { 'content-length': '5' } });
      const response = await pass(passed, { streamed: true });
      expect(response.headers.get('content-length')).toBeNull();
      expect(await response.text()).toBe(text);
      expect(tokens).toEqual([9]);
    }
  });

  it('has its usage read although smaller events and comments follow it', async () => {
    const filtered = 'data: {"choices":[],"content_filter_results":{}}\n\n';
    const pieces = ['data: {"usage":{"total_tokens":9}}\n\n', filtered, ': note\n\n', filtered, 'data: [DONE]\n\n'];
    const { passed, tokens } = answer(Readable.from(pieces.map((piece) => Buffer.from(piece))), events);
    expect(await (await pass(passed, { streamed: true })).text()).toBe(pieces.join(''));
    expect(tokens).toEqual([9]);
  });

  it.each([
    ['breaks off', socketError, 'upstream_error'],
    ['falls silent', silence, 'upstream_timeout'],
  ])('that %s ends with an error event, and never with half an event', async (_what, error, code) => {
    const response = await pass(answer(failing(['data: {"a":1}\n\nda', 'ta: {"b'], error), events).passed, {
      streamed: true,
    });
    const text = await response.text();
    expect(text.startsWith('data: {"a":1}\n\ndata: {"error":{')).toBe(true);
    expect(text.endsWith('}}\n\n')).toBe(true);
    expect(JSON.parse(text.split('\n\n')[1]?.slice(6) ?? '')).toMatchObject({ error: { type: 'server_error', code } });
    expect(faults).toHaveLength(1);
  });

  it.each([
    ['breaks off', socketError],
    ['falls silent', silence],
  ])('that %s behind its [DONE] is whole: nothing is told of it, and its usage counts', async (_what, error) => {
    const text = 'data: {"usage":{"total_tokens":9}}\n\ndata: [DONE]\n\n';
    for (const pieces of [[text], [text.slice(0, -8), text.slice(-8, -1), '\n'], [text.slice(0, -2)]]) {
      const { passed, tokens } = answer(failing(pieces, error), events);
      expect(await (await pass(passed, { streamed: true })).text()).toBe(pieces.join(''));
      expect(tokens).toEqual([9]);
    }
    expect(faults).toEqual([]);
  });

  it('that ends inside of an event ends with an error event', async () => {
    const response = await pass(answer(Readable.from([Buffer.from('data: {"a":1}\n\ndata: {"b":')]), events).passed, {
      streamed: true,
    });
    expect(await response.text()).toMatch(/^data: \{"a":1\}\n\ndata: \{"error":.*\n\n$/);
  });

  it('that ends without a byte is an error event', async () => {
    const response = await pass(answer(Readable.from([]), events).passed, { streamed: true });
    expect(await response.text()).toMatch(/^data: \{"error":\{.*"upstream_error"\}\}\n\n$/);
    expect(faults).toHaveLength(1);
  });

  it.each(['data: [DONE]', 'data: [DONE]\n', 'data: {"b":2}\n', 'data: {"b":2}'])(
    'may end in %j, without its empty line',
    async (end) => {
      const text = `data: {"a":1}\n\n${end}`;
      expect(await (await pass(answer(Readable.from([Buffer.from(text)]), events).passed)).text()).toBe(text);
      expect(faults).toEqual([]);
    },
  );

  it('may tell its usage in a last event without an empty line', async () => {
    const { passed, tokens } = answer(Readable.from([Buffer.from('data: {"usage":{"total_tokens":9}}')]), events);
    await (await pass(passed)).text();
    expect(tokens).toEqual([9]);
  });

  it('hands an event on in parts once it is larger than a megabyte', async () => {
    const image = `data: {"b64_json":"${'A'.repeat(1_500_000)}"}\n\n`;
    const pieces = Buffer.from(image);
    const body = Readable.from([pieces.subarray(0, 1_200_000), pieces.subarray(1_200_000)]);
    expect(await (await pass(answer(body, events).passed)).text()).toBe(image);
  });

  it('has comments in silence, only between events', async () => {
    const body = new PassThrough();
    body.write('data: {"a":1}\n\ndata: {"b"');
    const response = await pass(answer(body, events).passed, { streamed: true, times: { ...TIMES, keepAliveMs: 10 } });
    const reader = response.body?.getReader();
    const next = async () => Buffer.from((await reader?.read())?.value ?? '').toString();
    expect(await next()).toBe('data: {"a":1}\n\n');
    expect(await next()).toBe(': keep-alive\n\n');
    body.end(':2}\n\n');
    let rest = '';
    for (let piece = await next(); piece; piece = await next()) rest += piece;
    expect(rest.replaceAll(': keep-alive\n\n', '')).toBe('data: {"b":2}\n\n');
  });

  it('begins with comments where the model service takes its time, and then goes on', async () => {
    const asked = Promise.withResolvers<PassedAnswer>();
    const times = { ...TIMES, streamBeginsMs: 10, keepAliveMs: 10 };
    const response = await pass(answer(Readable.from([]), events).passed, {
      streamed: true,
      times,
      ask: () => asked.promise,
    });
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toBe(': keep-alive\n\n');
    asked.resolve(answer(Readable.from([Buffer.from('data: [DONE]\n\n')]), events).passed);
    let rest = '';
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read())
      rest += Buffer.from(next.value).toString();
    expect(rest.replaceAll(': keep-alive\n\n', '')).toBe('data: [DONE]\n\n');
  });

  it.each([
    [
      'a refusal',
      () =>
        Promise.resolve(
          answer(Readable.from([Buffer.from('{"error":{"message":"Slow down.","code":"429"}}')]), 'application/json', {
            status: 429,
          }).passed,
        ),
      'Slow down.',
    ],
    ['an error', () => Promise.reject(errors.deploymentNotFound('m', 'Set it.')), "'m'"],
    [
      'what is no stream',
      () => Promise.resolve(answer(Readable.from([Buffer.from('{}')]), 'application/json').passed),
      'cannot be read',
    ],
  ])('that has begun with comments tells %s in an event', async (_what, result, message) => {
    const times = { ...TIMES, streamBeginsMs: 5 };
    const ask = async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return result();
    };
    const response = await pass(answer(Readable.from([]), events).passed, { streamed: true, times, ask });
    expect(response.status).toBe(200);
    const { error } = JSON.parse((await response.text()).slice(6));
    expect(error.message).toContain(message);
  });
});

describe('The caller', () => {
  it('that leaves ends the call to the model service, also before its answer', async () => {
    const { value, leave } = connection();
    const passing = pass(answer(Readable.from([]), events).passed, {
      connection: value,
      ask: async (signal) =>
        new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    leave();
    await expect(passing).rejects.toMatchObject({ status: 499 });
  });

  it.each([events, 'audio/mpeg'])(
    'that leaves in the middle of %s ends its source, which is no fault',
    async (type) => {
      const { value, leave } = connection();
      const body = new PassThrough();
      body.write('data: 1\n\n');
      const response = await pass(answer(body, type).passed, { connection: value, streamed: true });
      const reader = response.body?.getReader();
      await reader?.read();
      leave();
      expect((await reader?.read())?.done).toBe(true);
      expect(body.destroyed).toBe(true);
      expect(faults).toEqual([]);
    },
  );

  it('that leaves once it has read the last event leaves its usage behind', async () => {
    const { value, leave } = connection();
    const body = new PassThrough();
    body.write('data: {"usage":{"total_tokens":9}}\n\ndata: [DONE]\n\n');
    const { passed, tokens } = answer(body, events);
    const reader = (await pass(passed, { connection: value, streamed: true })).body?.getReader();
    await reader?.read();
    leave();
    await reader?.read();
    expect(tokens).toEqual([9]);
  });

  it('that reads slowly holds back the model service', async () => {
    const { value, state } = connection();
    let made = 0;
    const endless = async function* () {
      for (;;) {
        made += 1;
        yield await Promise.resolve(Buffer.alloc(65_536));
      }
    };
    const response = await pass(answer(Readable.from(endless(), { objectMode: false }), 'audio/mpeg').passed, {
      connection: value,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    state.isFull = true;
    const stuck = (async () => {
      for (let reads = 0; reads < 100; reads++) await reader?.read();
    })();
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBeLessThan(30);
    state.isFull = false;
    state.drain();
    await stuck;
    expect(made).toBeGreaterThan(90);
    await reader?.cancel();
  });
});
