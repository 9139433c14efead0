import { chatCompletionEvents } from '../../src/adapters/chatCompletionEvents';
import { UpstreamError } from '../../src/models/upstream';
import type { ChatEvent } from '../../src/models/ports';

const refusal = (body: string) => new UpstreamError('invalid_request', body, undefined);

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function eventsOf(text: string, { size = 1e6, contentType = 'text/event-stream' } = {}): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of chatCompletionEvents(inPieces(Buffer.from(text), size), contentType, refusal)) {
    events.push(event);
  }
  return events;
}

const chunk = (delta: object, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const usageChunk = 'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}\n\n';
const done = 'data: [DONE]\n\n';
const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
const text = (value: string) => ({ type: 'text', text: value });
const stop = { type: 'finish', reason: 'stop', usage: undefined };

describe('a stream', () => {
  const azure =
    'data: {"id":"","choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}\n\n' +
    chunk({ role: 'assistant', content: '' }) +
    chunk({ content: 'Grüße 🌍, ' }) +
    chunk({ content: '世界' }) +
    chunk({}, 'stop') +
    usageChunk +
    done;
  const expected = [text('Grüße 🌍, '), text('世界'), { ...stop, usage }];

  it('reads the same whatever the network made of it, down to single bytes', async () => {
    for (const size of [1, 2, 3, 5, 7, 64, 1000, 1e6]) expect(await eventsOf(azure, { size })).toEqual(expected);
  });

  it('reads lines that end with CR LF, or with CR alone', async () => {
    for (const end of ['\r\n', '\r']) {
      for (const size of [1, 1e6]) expect(await eventsOf(azure.replaceAll('\n', end), { size })).toEqual(expected);
    }
  });

  it('skips comments, blank lines and fields that are not of the format', async () => {
    expect(await eventsOf(`: keep-alive\n\n\n\nfoo: bar\nid: 1\n${azure}`)).toEqual(expected);
  });

  it('is complete without [DONE] and without a last empty line', async () => {
    expect(await eventsOf(chunk({ content: 'Hi' }) + chunk({}, 'stop').trimEnd())).toEqual([text('Hi'), stop]);
  });

  it('is complete with [DONE] and no finish_reason', async () => {
    expect(await eventsOf(chunk({ content: 'Hi' }) + done)).toEqual([text('Hi'), stop]);
  });

  it('keeps the usage of a chunk with choices, and sums a missing total', async () => {
    const last = `data: ${JSON.stringify({
      choices: [{ delta: {}, finish_reason: 'length' }],
      usage: { prompt_tokens: 2, completion_tokens: 3 },
    })}\n\n`;
    expect(await eventsOf(chunk({ content: 'Hi' }) + last)).toEqual([
      text('Hi'),
      { type: 'finish', reason: 'length', usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 } },
    ]);
  });

  it('tells of a refusal, of a content filter, and leaves legacy function calls out', async () => {
    const stream =
      chunk({ refusal: 'I cannot', function_call: null }) + chunk({ function_call: 'none' }, 'content_filter') + done;
    expect(await eventsOf(stream)).toEqual([
      { type: 'refusal', text: 'I cannot' },
      { type: 'finish', reason: 'content_filter', usage: undefined },
    ]);
  });

  it('reads words of its own for the end as stop', async () => {
    expect(await eventsOf(chunk({ content: 'Hi' }, 'eos'))).toEqual([text('Hi'), stop]);
  });

  it.each([
    ['nothing at all', ''],
    ['only [DONE]', done],
    ['a text without an end', chunk({ content: 'Hi' })],
    ['a page of HTML', '<html><body>Sign in</body></html>'],
    ['half a chunk', chunk({ content: 'Hi' }) + 'data: {"choices":[{"del'],
    ['JSON that is no chunk', 'data: {"choices":"none"}\n\n'],
  ])('fails as unavailable and retryable for %s', async (_name, stream) => {
    await expect(eventsOf(stream)).rejects.toMatchObject({ kind: 'unavailable', retry: {} });
  });

  it('throws what an error object or an error event means, after the events before it', async () => {
    for (const event of ['data: {"error":{"message":"no"}}\n\n', 'event: error\ndata: {"message":"no"}\n\n']) {
      const seen: ChatEvent[] = [];
      const read = async () => {
        const pieces = inPieces(Buffer.from(chunk({ content: 'Hi' }) + event), 1e6);
        for await (const one of chatCompletionEvents(pieces, 'text/event-stream', refusal)) seen.push(one);
      };
      await expect(read()).rejects.toMatchObject({ kind: 'invalid_request' });
      expect(seen).toEqual([text('Hi')]);
    }
  });

  it('pulls a piece only when the events of the one before are consumed', async () => {
    let pulled = 0;
    async function* endless() {
      for (;;) {
        pulled++;
        yield Buffer.from(chunk({ content: 'a' }) + chunk({ content: 'b' }));
      }
    }
    const events = chatCompletionEvents(endless(), 'text/event-stream', refusal);
    await events.next();
    await events.next();
    expect(pulled).toBe(1);
    await events.next();
    expect(pulled).toBe(2);
    await events.return();
  });

  it('gives up on one event that does not end', async () => {
    let pulled = 0;
    async function* endless() {
      yield Buffer.from('data: ');
      for (;;) {
        pulled++;
        yield Buffer.alloc(1024 * 1024, 'x');
      }
    }
    const events = chatCompletionEvents(endless(), 'text/event-stream', refusal);
    await expect(events.next()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(pulled).toBeLessThan(20);
  });
});

describe('tool calls', () => {
  const call = (index: number | undefined, fields: { id?: string; name?: string; arguments?: string }) => ({
    index,
    id: fields.id,
    function: { name: fields.name, arguments: fields.arguments },
  });
  const calls = (...tool_calls: object[]) => chunk({ tool_calls });
  const first = (index: number, id: string, name: string, args = '') => ({
    type: 'tool_call',
    index,
    id,
    name,
    arguments: args,
  });
  const more = (index: number, args: string) => ({ type: 'tool_call', index, arguments: args });
  const finish = { type: 'finish', reason: 'tool_calls', usage: undefined };

  it('come in pieces of which only the first has id and name', async () => {
    const stream =
      calls(call(0, { id: 'call_a', name: 'search', arguments: '' })) +
      calls(call(0, { arguments: '{"q":' })) +
      calls(call(0, { arguments: '"x"}' }), call(1, { id: 'call_b', name: 'add', arguments: '{}' })) +
      chunk({}, 'tool_calls') +
      done;
    expect(await eventsOf(stream)).toEqual([
      first(0, 'call_a', 'search'),
      more(0, '{"q":'),
      more(0, '"x"}'),
      first(1, 'call_b', 'add', '{}'),
      finish,
    ]);
  });

  it('have id and name once though every piece repeats them, and indexes without gaps', async () => {
    const stream =
      calls(call(1, { id: 'call_a', name: 'search', arguments: '{' })) +
      calls(call(1, { id: 'call_a', name: 'search', arguments: '}' })) +
      calls(call(4, { id: 'call_b', name: 'add', arguments: '{}' })) +
      done;
    expect(await eventsOf(stream)).toEqual([
      first(0, 'call_a', 'search', '{'),
      more(0, '}'),
      first(1, 'call_b', 'add', '{}'),
      finish,
    ]);
  });

  it('are told apart by id where all have index 0', async () => {
    const call = (id: string, args: string) =>
      chunk({ tool_calls: [{ index: 0, id, function: { name: 'f', arguments: args } }] });
    const more = chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] });
    expect(await eventsOf(call('a', '{}') + call('b', '{"x"') + more + chunk({}, 'tool_calls') + done)).toEqual([
      { type: 'tool_call', index: 0, id: 'a', name: 'f', arguments: '{}' },
      { type: 'tool_call', index: 1, id: 'b', name: 'f', arguments: '{"x"' },
      { type: 'tool_call', index: 1, arguments: ':1}' },
      { type: 'finish', reason: 'tool_calls', usage: undefined },
    ]);
  });

  it('are told apart by id where they have no index', async () => {
    const stream =
      calls(call(undefined, { id: 'call_a', name: 'search', arguments: '{' })) +
      calls(call(undefined, { arguments: '}' })) +
      calls(call(undefined, { id: 'call_b', name: 'add', arguments: '{}' })) +
      done;
    expect(await eventsOf(stream)).toEqual([
      first(0, 'call_a', 'search', '{'),
      more(0, '}'),
      first(1, 'call_b', 'add', '{}'),
      finish,
    ]);
  });

  it('get an id where the service gives none', async () => {
    const [event] = await eventsOf(calls(call(0, { name: 'search', arguments: '{}' })) + done);
    expect(event).toEqual(first(0, expect.stringMatching(/^call_[0-9a-f]{32}$/) as string, 'search', '{}'));
  });

  it('finish as tool_calls though the service says stop, but not when it was cut', async () => {
    const begin = calls(call(0, { id: 'call_a', name: 'search', arguments: '{}' }));
    expect((await eventsOf(begin + chunk({}, 'stop'))).at(-1)).toEqual(finish);
    expect((await eventsOf(begin + chunk({}, 'length'))).at(-1)).toEqual({ ...finish, reason: 'length' });
  });

  it('without a name are no answer', async () => {
    await expect(eventsOf(calls(call(0, { id: 'call_a', arguments: '{}' })))).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});

describe('a whole answer as JSON', () => {
  const json = { contentType: 'application/json; charset=utf-8' };
  const body = (message: object, finish_reason: string | null) =>
    JSON.stringify({ choices: [{ message, finish_reason }], usage });

  it('reads as a stream does', async () => {
    expect(await eventsOf(body({ content: 'Hi' }, 'stop'), json)).toEqual([text('Hi'), { ...stop, usage }]);
  });

  it('has its tool calls in order', async () => {
    const tool_calls = ['a', 'b'].map((id) => ({
      id,
      type: 'function',
      function: { name: `do_${id}`, arguments: '{}' },
    }));
    expect(await eventsOf(body({ content: null, tool_calls }, 'tool_calls'), json)).toEqual([
      { type: 'tool_call', index: 0, id: 'a', name: 'do_a', arguments: '{}' },
      { type: 'tool_call', index: 1, id: 'b', name: 'do_b', arguments: '{}' },
      { type: 'finish', reason: 'tool_calls', usage },
    ]);
  });

  it('is complete without a finish_reason', async () => {
    expect(await eventsOf(body({ content: 'Hi' }, null), json)).toEqual([text('Hi'), { ...stop, usage }]);
  });

  it('fails when it is an error, cut, or no completion', async () => {
    await expect(eventsOf('{"error":{"message":"no"}}', json)).rejects.toMatchObject({ kind: 'invalid_request' });
    await expect(eventsOf('{"choices":[{"mess', json)).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(eventsOf('{"object":"list"}', json)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
