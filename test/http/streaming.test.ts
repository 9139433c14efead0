/** What happens to runs when callers leave and when the model service fails, is slow, or breaks off. */
import type OpenAI from 'openai';
import { assistantWithThread, textOf, weather } from '../support/assistantFixtures';
import { contractSuite, type ContractSuite } from '../support/contractSuite';
import { readEvents } from '../support/contractStream';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

/** Refusals that ask to be repeated at once, so that tests need not wait. */
const refused = (status: number) => reply.status(status, { headers: { 'retry-after': '0' } });

let models = 0;

/** Each test has a model of its own: failures open the circuit of a model for the tests that follow. */
async function begin(suite: ContractSuite, settings: Partial<OpenAI.Beta.AssistantCreateParams> = {}) {
  const client = suite.client();
  const { assistant, thread } = await assistantWithThread(client, { model: `model-${(models += 1)}`, ...settings });
  const path = `/v1/threads/${thread.id}/runs`;
  return {
    client,
    threadId: thread.id,
    poll: async () => client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon),
    /** The events of a streamed run. */
    events: async () => {
      const answer = await suite.send('POST', path, { body: { assistant_id: assistant.id, stream: true } });
      return readEvents(await answer.text());
    },
    /** The raw answer, not read yet and not checked. */
    open: async (signal: AbortSignal) =>
      fetch(`${suite.host.url}${path}`, {
        method: 'POST',
        signal,
        headers: { 'api-key': suite.host.key(), 'content-type': 'application/json' },
        body: JSON.stringify({ assistant_id: assistant.id, stream: true }),
      }),
  };
}

describe('A run', () => {
  const suite = contractSuite();

  it('goes on when the caller leaves its stream', async () => {
    const { client, threadId, open } = await begin(suite);
    suite.upstream.enqueue(reply.text('one two three four five six', { chunks: 6, delayMs: 100 }));
    const leaving = new AbortController();
    const answer = await open(leaving.signal);
    const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('thread.message.delta')) text += (await reader.read()).value ?? '';
    leaving.abort();
    await reader.closed.catch(() => undefined);
    const [run] = (await client.beta.threads.runs.list(threadId)).data;
    const done = await client.beta.threads.runs.poll(run?.id ?? '', { thread_id: threadId }, soon);
    expect(done.status).toBe('completed');
    const { data } = await client.beta.threads.messages.list(threadId, { run_id: done.id });
    expect(data.map((message) => textOf(message).value)).toEqual(['one two three four five six']);
    expect(suite.upstream.abandoned).toBe(0);
    expect(suite.upstream.calls.chat).toBe(1);
  });

  it('that is cut in mid-answer fails, keeps its text, and is not tried again', async () => {
    const { client, threadId, events } = await begin(suite);
    suite.upstream.enqueue(reply.cutAfter(3, reply.text('one two three', { chunks: 3 })));
    const heard = await events();
    expect(heard.slice(-4).map(({ event }) => event)).toEqual([
      'thread.message.incomplete',
      'thread.run.step.failed',
      'thread.run.failed',
      'done',
    ]);
    expect(heard.at(-2)?.data).toMatchObject({ status: 'failed', last_error: { code: 'server_error' } });
    expect(suite.upstream.calls.chat).toBe(1);
    const [message] = (await client.beta.threads.messages.list(threadId)).data;
    expect(message).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'run_failed' } });
    expect(textOf(message).value.length).toBeGreaterThan(0);
    expect('one two three'.startsWith(textOf(message).value)).toBe(true);
    const [run] = (await client.beta.threads.runs.list(threadId)).data;
    expect(run).toMatchObject({ status: 'failed', expires_at: null, completed_at: null });
    expect(run?.failed_at).toBeGreaterThan(0);
  });

  it('whose model breaks off before its answer began is tried again', async () => {
    const { poll } = await begin(suite);
    suite.upstream.enqueue(reply.disconnect(), reply.text('Afloat.'));
    expect((await poll()).status).toBe('completed');
    expect(suite.upstream.calls.chat).toBe(2);
  });

  it('keeps the steps that were finished when a later call of the model fails', async () => {
    const { client, threadId, poll } = await begin(suite, { tools: [weather] });
    suite.upstream.enqueue(reply.toolCalls([{ id: 'call_1', name: 'get_weather', arguments: {} }]));
    const waiting = await poll();
    suite.upstream.enqueue(refused(500), refused(500), refused(500), refused(500));
    const place = { thread_id: threadId };
    const tool_outputs = [{ tool_call_id: 'call_1', output: 'fine' }];
    const failed = await client.beta.threads.runs.submitToolOutputsAndPoll(
      waiting.id,
      { ...place, tool_outputs },
      soon,
    );
    expect(failed).toMatchObject({ status: 'failed', last_error: { code: 'server_error' } });
    const { data: steps } = await client.beta.threads.runs.steps.list(waiting.id, place);
    expect(steps.map(({ type, status }) => [type, status])).toEqual([['tool_calls', 'completed']]);
    expect(suite.upstream.calls.chat).toBe(1 + 4);
  });

  it.each([500, 503])('whose model answers %d is tried four times, then fails', async (status) => {
    const { poll } = await begin(suite);
    suite.upstream.on(() => refused(status));
    expect(await poll()).toMatchObject({
      status: 'failed',
      last_error: { code: 'server_error', message: expect.stringContaining('Scripted') },
    });
    expect(suite.upstream.calls.chat).toBe(4);
  });

  it.each([429, 500])('whose model answers %d and then well is completed', async (status) => {
    const { poll } = await begin(suite);
    suite.upstream.enqueue(refused(status), refused(status));
    expect((await poll()).status).toBe('completed');
    expect(suite.upstream.calls.chat).toBe(3);
  });

  it.each([400, 401, 404])('whose model answers %d fails at once', async (status) => {
    const { poll } = await begin(suite);
    suite.upstream.on(() => refused(status));
    const run = await poll();
    expect(run).toMatchObject({ status: 'failed', last_error: { code: 'server_error' } });
    expect(run.last_error?.message).not.toContain('upstream-key');
    expect(suite.upstream.calls.chat).toBe(1);
  });

  it('whose prompt the content filter refuses fails as an invalid prompt', async () => {
    const { poll } = await begin(suite);
    const error = { message: 'The prompt was filtered.', code: 'content_filter', status: 400 };
    suite.upstream.enqueue(reply.status(400, { body: { error } }));
    expect(await poll()).toMatchObject({ status: 'failed', last_error: { code: 'invalid_prompt' } });
  });

  it('that failed leaves its thread free for the next', async () => {
    const { poll, events } = await begin(suite);
    suite.upstream.enqueue(refused(400), refused(400));
    expect((await poll()).status).toBe('failed');
    expect((await events()).at(-2)?.event).toBe('thread.run.failed');
    expect((await poll()).status).toBe('completed');
  });

  it('answers well from a slow model', async () => {
    const { events } = await begin(suite);
    suite.upstream.enqueue(reply.slow(500, reply.text('Afloat.')));
    expect((await events()).at(-2)?.event).toBe('thread.run.completed');
  });
});

describe('A run whose time is over', () => {
  const suite = contractSuite({ RUN_EXPIRES_SECONDS: '2' });

  it('expires while its model keeps silent, polled or streamed', async () => {
    suite.upstream.on(() => reply.hang());
    const [polled, streamed] = [await begin(suite), await begin(suite)];
    const [run, events] = await Promise.all([polled.poll(), streamed.events()]);
    expect(run).toMatchObject({ status: 'expired', expires_at: null, last_error: null });
    expect(events.slice(-2).map(({ event }) => event)).toEqual(['thread.run.expired', 'done']);
    await suite.upstream.until(() => suite.upstream.abandoned === 2);
  });

  it('expires while it waits for tool outputs, which it takes no more', async () => {
    const { client, threadId, poll } = await begin(suite, { tools: [weather] });
    suite.upstream.enqueue(reply.toolCalls([{ id: 'call_1', name: 'get_weather', arguments: {} }]));
    const waiting = await poll();
    const expired = await pollPastAction(client, threadId, waiting.id);
    expect(expired).toMatchObject({ status: 'expired', required_action: null });
    const [step] = (await client.beta.threads.runs.steps.list(waiting.id, { thread_id: threadId })).data;
    expect(step).toMatchObject({ type: 'tool_calls', status: 'expired' });
    const late = client.beta.threads.runs.submitToolOutputs(waiting.id, {
      thread_id: threadId,
      tool_outputs: [{ tool_call_id: 'call_1', output: 'late' }],
    });
    await expect(late).rejects.toMatchObject({ status: 400 });
  });
});

/** The poll helper of the SDK stops at requires_action. */
async function pollPastAction(client: OpenAI, thread_id: string, runId: string) {
  for (;;) {
    const run = await client.beta.threads.runs.retrieve(runId, { thread_id });
    if (run.status !== 'requires_action') return run;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
