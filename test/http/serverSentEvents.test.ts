import { setImmediate as turn } from 'node:timers/promises';
import { errors } from '../../src/errors';
import type { Connection } from '../../src/http/connection';
import { eventStream, type SendEvent } from '../../src/http/serverSentEvents';

const present: Connection = {
  signal: new AbortController().signal,
  drained: () => Promise.resolve(),
  isFull: () => false,
  cut: () => undefined,
};

/** The text of a whole stream, and the faults it told of. */
async function streamed(produce: (send: SendEvent) => Promise<void>, connection = present) {
  const faults: unknown[] = [];
  const text = await eventStream(connection, produce, (error) => faults.push(error)).text();
  return { text, faults };
}

it('writes each event with its name and its data as JSON, plain text as it is', async () => {
  const { text, faults } = await streamed(async (send) => {
    await send('thread.created', { text: 'two\nlines' });
    await send('done', '[DONE]');
  });
  expect(text).toBe('event: thread.created\ndata: {"text":"two\\nlines"}\n\nevent: done\ndata: [DONE]\n\n');
  expect(faults).toEqual([]);
});

it('ends with an error event that says what the caller may know, as the contract has it and where SDKs look for it', async () => {
  const fault = new Error('secret: /etc/passwd');
  const { text, faults } = await streamed(async (send) => {
    await send('a', 1);
    throw fault;
  });
  expect(faults).toEqual([fault]);
  expect(text).toMatch(/^event: a\ndata: 1\n\nevent: error\ndata: \{.*"code":"internal_error"\}\}\n\n$/);
  expect(text).not.toContain('secret');
  const { text: known } = await streamed(() => Promise.reject(errors.noThread('thread_1')));
  const error =
    '"message":"No thread found with id \'thread_1\'.","type":"invalid_request_error","param":null,"code":null';
  expect(known).toBe(`event: error\ndata: {${error},"error":{${error}}}\n\n`);
});

it('writes nothing more to a caller that has left, while its producer goes on to the end', async () => {
  const leaving = new AbortController();
  let reached = false;
  const { text } = await streamed(
    async (send) => {
      await send('a', 1);
      leaving.abort();
      await send('b', 2);
      reached = true;
    },
    { ...present, signal: leaving.signal },
  );
  expect(text).toBe('event: a\ndata: 1\n\n');
  expect(reached).toBe(true);
});

it('holds its producer back until the reader has room', async () => {
  let makeRoom: () => void = () => undefined;
  const sent: string[] = [];
  const waits = { ...present, drained: async () => new Promise<void>((resolve) => (makeRoom = resolve)) };
  const whole = streamed(async (send) => {
    await send('a', 1);
    sent.push('a');
    await send('b', 2);
    sent.push('b');
  }, waits);
  await turn();
  expect(sent).toEqual([]);
  makeRoom();
  await turn();
  expect(sent).toEqual(['a']);
  makeRoom();
  await whole;
  expect(sent).toEqual(['a', 'b']);
});

it('writes a comment after fifteen seconds without an event', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
  try {
    let go: () => void = () => undefined;
    const whole = streamed(async (send) => {
      await send('a', 1);
      await new Promise<void>((resolve) => (go = resolve));
      await send('b', 2);
    });
    await turn();
    jest.advanceTimersByTime(31_000);
    go();
    expect((await whole).text).toBe('event: a\ndata: 1\n\n: keep-alive\n\n: keep-alive\n\nevent: b\ndata: 2\n\n');
  } finally {
    jest.useRealTimers();
  }
});
