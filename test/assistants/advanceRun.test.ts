import { ModelError } from '../../src/models/ports';
import { ConflictError } from '../../src/storage/ports';
import { sweepRun } from '../../src/assistants/runSweep';
import { runKey, threadKey, type RunRecord, type ThreadRecord } from '../../src/assistants/threadRecords';
import { calls, openAssistants, says, usage } from '../support/assistants';

const page = { order: 'asc', limit: 20 } as const;
const weather = { type: 'function', function: { name: 'weather' } } as const;

describe('a run', () => {
  let open: Awaited<ReturnType<typeof openAssistants>>;
  beforeEach(async () => {
    open = await openAssistants();
  });
  afterEach(async () => {
    await open.close();
  });

  const messagesOf = async (threadId: string) => (await open.threads.listMessages(open.scope, threadId, page)).data;
  const textsOf = async (threadId: string) =>
    (await messagesOf(threadId)).map(({ content }) =>
      content.map((part) => (part.type === 'text' ? part.text.value : part.type)).join(),
    );

  it('answers with one message and one completed step, frees its thread and forgets its due record', async () => {
    open.turns.push(says('About 384,400 km.'));
    const { reference, thread } = await open.start({ instructions: 'Be brief.' });
    const state = await open.advance(reference);
    expect(state?.run).toMatchObject({ status: 'completed', usage, expires_at: null, last_error: null });
    expect(await textsOf(thread.id)).toEqual(['How far is the moon?', 'About 384,400 km.']);
    const steps = await open.runs.listSteps(reference, page, false);
    expect(steps.data).toMatchObject([{ type: 'message_creation', status: 'completed', usage }]);
    expect((await open.records.get<ThreadRecord>(threadKey(open.scope, thread.id)))?.value.active_run_id).toBeNull();
    expect(await open.records.due(4_000_000_000, 10)).toEqual([]);
    expect(open.requests[0]?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'How far is the moon?' },
    ]);
  });

  it('sends sampling settings upstream only if caller or assistant set them', async () => {
    open.turns.push(says('a'), says('b'));
    await open.advance((await open.start()).reference);
    await open.advance((await open.start({ temperature: 0 }, { top_p: 0.5 })).reference);
    expect(open.requests[0]).not.toHaveProperty('temperature');
    expect(open.requests[0]).not.toHaveProperty('top_p');
    expect(open.requests[1]).toMatchObject({ temperature: 0, top_p: 0.5 });
  });

  it('waits for tool outputs and goes on with them', async () => {
    open.turns.push(calls({ id: 'call_1', name: 'weather', arguments: '{"city":"Oslo"}' }), says('Rain.'));
    const { reference, thread } = await open.start({ tools: [weather] });
    const waiting = await open.advance(reference);
    expect(waiting?.run).toMatchObject({
      status: 'requires_action',
      required_action: { submit_tool_outputs: { tool_calls: [{ id: 'call_1', function: { name: 'weather' } }] } },
    });
    expect(await open.advance(reference)).toEqual(waiting);
    await open.runs.submitToolOutputs(reference, [{ tool_call_id: 'call_1', output: 'wet' }]);
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'completed',
      usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
    });
    expect(open.requests[1]?.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'wet' },
    ]);
    expect((await textsOf(thread.id)).at(-1)).toBe('Rain.');
    const steps = await open.runs.listSteps(reference, page, false);
    expect(steps.data.map(({ type, status }) => [type, status])).toEqual([
      ['tool_calls', 'completed'],
      ['message_creation', 'completed'],
    ]);
  });

  it('refuses outputs that are not exactly those it waits for', async () => {
    open.turns.push(
      calls({ id: 'call_1', name: 'weather', arguments: '{}' }, { id: 'call_2', name: 'weather', arguments: '{}' }),
    );
    const { reference } = await open.start({ tools: [weather] });
    await expect(open.runs.submitToolOutputs(reference, [])).rejects.toMatchObject({ status: 400 });
    await open.advance(reference);
    for (const ids of [['call_1'], ['call_1', 'call_1'], ['call_1', 'call_3'], ['call_1', 'call_2', 'call_3']]) {
      const outputs = ids.map((tool_call_id) => ({ tool_call_id, output: '' }));
      await expect(open.runs.submitToolOutputs(reference, outputs)).rejects.toThrow(
        /Expected tool outputs for call_ids/,
      );
    }
  });

  it('searches files and cites what the model marks, with exact places', async () => {
    open.passages.push({
      fileId: 'file-moon',
      filename: 'moon.txt',
      score: 0.9,
      text: 'The moon is 384,400 km away. Cheese is not.',
      attributes: {},
    });
    open.turns.push(
      calls({ id: 'call_1', name: 'file_search', arguments: '{"queries":["distance of the moon"]}' }),
      says('It is 384,400 km away【0:0†moon.txt】. Really 【0:7†invented.txt】【not a marker】.'),
    );
    const { reference, thread } = await open.start({ tools: [{ type: 'file_search' }] });
    expect((await open.advance(reference))?.run.status).toBe('completed');
    const content = (await messagesOf(thread.id)).at(-1)?.content[0];
    if (content?.type !== 'text') throw new Error('No text.');
    expect(content.text.value).toBe('It is 384,400 km away【0:0†moon.txt】. Really 【not a marker】.');
    expect(content.text.annotations).toHaveLength(1);
    const [annotation] = content.text.annotations;
    expect(annotation).toMatchObject({
      type: 'file_citation',
      text: '【0:0†moon.txt】',
      file_citation: { file_id: 'file-moon' },
    });
    expect(content.text.value.slice(annotation?.start_index, annotation?.end_index)).toBe('【0:0†moon.txt】');
    const tool = open.requests[1]?.messages.at(-1);
    expect(tool).toMatchObject({ role: 'tool', tool_call_id: 'call_1' });
    expect(JSON.parse(String(tool?.content))).toEqual({
      results: [
        {
          marker: '【0:0†moon.txt】',
          filename: 'moon.txt',
          score: 0.9,
          text: 'The moon is 384,400 km away. Cheese is not.',
        },
      ],
    });
    const [hidden, shown] = [
      await open.runs.listSteps(reference, page, false),
      await open.runs.listSteps(reference, page, true),
    ];
    expect(JSON.stringify(hidden)).not.toContain('Cheese');
    expect(JSON.stringify(shown)).toContain('Cheese');
  });

  it('ends a text that the model writes behind its calls before they are carried out, so that the next cites what they found', async () => {
    open.passages.push({
      fileId: 'file-moon',
      filename: 'moon.txt',
      score: 0.9,
      text: 'The moon is far.',
      attributes: {},
    });
    open.turns.push(function* () {
      yield { type: 'tool_call', index: 0, id: 'call_1', name: 'file_search', arguments: '{"queries":["moon"]}' };
      yield { type: 'text', text: 'I am searching.' };
      yield { type: 'finish', reason: 'tool_calls', usage };
    }, says('It is far【0:0†moon.txt】.'));
    const { reference, thread } = await open.start({ tools: [{ type: 'file_search' }] });
    const events: string[] = [];
    const state = await open.advance(reference, (event) => {
      events.push(event);
      return Promise.resolve();
    });
    expect(state?.run.status).toBe('completed');
    const texts = (await messagesOf(thread.id)).slice(1).map(({ status, content: [part] }) => {
      if (part?.type !== 'text') throw new Error('No text.');
      return [status, part.text.value, part.text.annotations.length];
    });
    expect(texts).toEqual([
      ['completed', 'I am searching.', 0],
      ['completed', 'It is far【0:0†moon.txt】.', 1],
    ]);
    expect(events.indexOf('thread.message.completed')).toBeLessThan(events.lastIndexOf('thread.message.created'));
  });

  it('leaves no message unfinished when the model writes behind a call that its caller must answer', async () => {
    open.turns.push(function* () {
      yield { type: 'tool_call', index: 0, id: 'call_1', name: 'look', arguments: '{}' };
      yield { type: 'text', text: 'One moment.' };
      yield { type: 'finish', reason: 'tool_calls', usage };
    });
    const { reference, thread } = await open.start({ tools: [{ type: 'function', function: { name: 'look' } }] });
    expect((await open.advance(reference))?.run.status).toBe('requires_action');
    expect((await messagesOf(thread.id)).at(-1)).toMatchObject({
      status: 'completed',
      content: [{ type: 'text', text: { value: 'One moment.' } }],
    });
  });

  it('forces a chosen tool only until it was called', async () => {
    open.turns.push(calls({ id: 'call_1', name: 'file_search', arguments: '{"queries":["moon"]}' }), says('Done.'));
    const { reference } = await open.start(
      { tools: [{ type: 'file_search' }] },
      { tool_choice: { type: 'file_search' } },
    );
    await open.advance(reference);
    expect(open.requests.map(({ tool_choice }) => tool_choice)).toEqual([
      { type: 'function', function: { name: 'file_search' } },
      'auto',
    ]);
  });

  it('emits the events of a stream in order, with deltas that add up to the message', async () => {
    open.turns.push(says('One two three.'));
    const { reference } = await open.start();
    const events: [string, unknown][] = [];
    await open.advance(reference, (event, data) => {
      events.push([event, structuredClone(data)]);
      return Promise.resolve();
    });
    const names = events.map(([event]) => event);
    expect(names.filter((name) => name !== 'thread.message.delta')).toEqual([
      'thread.run.in_progress',
      'thread.run.step.created',
      'thread.run.step.in_progress',
      'thread.message.created',
      'thread.message.in_progress',
      'thread.message.completed',
      'thread.run.step.completed',
      'thread.run.completed',
    ]);
    expect(JSON.stringify(events.filter(([event]) => event === 'thread.message.delta'))).toMatch(/One .*two .*three\./);
  });

  it('becomes incomplete when the model runs out of tokens', async () => {
    open.turns.push(function* () {
      yield { type: 'text', text: 'Half an ans' };
      yield { type: 'finish', reason: 'length', usage };
    });
    const { reference, thread } = await open.start({}, { max_completion_tokens: 300 });
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_completion_tokens' },
    });
    expect(open.requests[0]?.max_completion_tokens).toBe(300);
    expect((await messagesOf(thread.id)).at(-1)).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_tokens' },
    });
  });

  it.each([
    ['rate_limited', 'rate_limit_exceeded'],
    ['unavailable', 'server_error'],
    ['content_filter', 'invalid_prompt'],
  ] as const)('fails with its finished steps when the model is %s', async (kind, code) => {
    open.turns.push(calls({ id: 'call_1', name: 'file_search', arguments: '{"queries":["moon"]}' }), () => {
      // With any other 429 the run would wait.
      throw new ModelError(kind, 'The model said no.', { code: 'insufficient_quota' });
    });
    const { reference, thread } = await open.start({ tools: [{ type: 'file_search' }] });
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'failed',
      last_error: { code, message: 'The model said no.' },
    });
    expect((await open.runs.listSteps(reference, page, false)).data).toMatchObject([
      { type: 'tool_calls', status: 'completed' },
    ]);
    expect(await textsOf(thread.id)).toHaveLength(1);
    await open.threads.createMessage(open.scope, thread.id, { role: 'user', content: 'Again?' });
  });

  it.each([
    ['in one piece', 1],
    ['in many pieces', 300],
  ])('ends incomplete, with what fits, when the model writes more than a message holds %s', async (_how, pieces) => {
    open.turns.push(function* () {
      for (let piece = 0; piece < pieces; piece += 1) yield { type: 'text', text: 'words " '.repeat(400_000 / pieces) };
      yield { type: 'finish', reason: 'stop', usage };
    });
    const { reference, thread } = await open.start();
    const state = await open.advance(reference);
    expect(state?.run).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_completion_tokens' } });
    const text = (await textsOf(thread.id)).at(-1) ?? '';
    expect(text.length).toBeGreaterThan(800_000);
    expect(text.length).toBeLessThan(1_048_576);
    expect(open.requests).toHaveLength(1);
  });

  it('fails, and frees its thread, when the model calls tools with arguments that no write holds', async () => {
    open.turns.push(calls({ id: 'call_1', name: 'weather', arguments: `{"city":"${'x'.repeat(3_000_000)}"}` }));
    const { reference, thread } = await open.start({ tools: [weather] });
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'failed',
      last_error: { code: 'server_error' },
    });
    await open.threads.createMessage(open.scope, thread.id, { role: 'user', content: 'Free again.' });
  });

  it('leaves out the worst passages of a search that found more than a step holds', async () => {
    const passage = { filename: 'big.txt', score: 0.5, text: 'y'.repeat(100_000), attributes: {} };
    open.passages.push(...Array.from({ length: 30 }, (_, index) => ({ ...passage, fileId: `file-${index}` })));
    open.turns.push(calls({ id: 'call_1', name: 'file_search', arguments: '{"queries":["y"]}' }), says('Found.'));
    const { reference } = await open.start({ tools: [{ type: 'file_search' }] });
    expect((await open.advance(reference))?.run.status).toBe('completed');
    const [step] = (await open.runs.listSteps(reference, page, true)).data;
    expect(JSON.stringify(step).match(/file-\d+/g)?.length).toBe(7);
  });

  it('keeps what was said when a stream is cut, as an incomplete message', async () => {
    open.turns.push(function* () {
      yield { type: 'text', text: 'Half' };
      throw new ModelError('unavailable', 'Cut.');
    });
    const { reference, thread } = await open.start();
    expect((await open.advance(reference))?.run.status).toBe('failed');
    expect((await messagesOf(thread.id)).at(-1)).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'run_failed' },
    });
    expect((await open.runs.listSteps(reference, page, false)).data).toMatchObject([
      { status: 'failed', last_error: { message: 'Cut.' } },
    ]);
  });

  it('hides an unexpected fault from the caller and logs it', async () => {
    open.turns.push(() => {
      throw new Error('secret detail');
    });
    const { reference } = await open.start();
    const state = await open.advance(reference);
    expect(state?.run.status).toBe('failed');
    expect(JSON.stringify(state)).not.toContain('secret');
    expect(open.faults).toHaveLength(1);
  });

  it('fails when the model calls a tool that the run does not have', async () => {
    open.turns.push(calls({ id: 'call_1', name: 'other', arguments: '{}' }));
    const { reference } = await open.start({ tools: [weather] });
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'failed',
      last_error: { code: 'server_error' },
    });
  });

  it('stops the model call when it is cancelled by anyone', async () => {
    const { reference, thread } = await open.start();
    let cancelled: Promise<unknown> | undefined;
    open.turns.push(async function* (_request, signal) {
      yield { type: 'text', text: 'Once upon' };
      cancelled = open.runs.cancel(reference);
      await new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    });
    const state = await open.advance(reference);
    expect(await cancelled).toMatchObject({ status: 'cancelling' });
    expect(state?.run).toMatchObject({ status: 'cancelled', expires_at: null });
    expect((await messagesOf(thread.id)).at(-1)).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'run_cancelled' },
    });
  });

  it('is cancelled while it waits for outputs, with its open step', async () => {
    open.turns.push(calls({ id: 'call_1', name: 'weather', arguments: '{}' }));
    const { reference } = await open.start({ tools: [weather] });
    await open.advance(reference);
    expect((await open.runs.cancel(reference)).status).toBe('cancelling');
    expect((await open.advance(reference))?.run.status).toBe('cancelled');
    expect((await open.runs.listSteps(reference, page, false)).data).toMatchObject([{ status: 'cancelled' }]);
    await expect(open.runs.cancel(reference)).rejects.toThrow("Cannot cancel run with status 'cancelled'.");
  });

  it('expires when its outputs never come', async () => {
    open.turns.push(calls({ id: 'call_1', name: 'weather', arguments: '{}' }));
    const { reference } = await open.start({ tools: [weather] });
    await open.advance(reference);
    open.clock.now += 601_000;
    expect((await open.advance(reference))?.run).toMatchObject({ status: 'expired' });
    expect((await open.runs.listSteps(reference, page, false)).data).toMatchObject([{ status: 'expired' }]);
  });

  it('has one owner at a time: a second driver is told when to look again', async () => {
    const { reference } = await open.start();
    let second: unknown;
    open.turns.push(async function* () {
      second = await open.advance(reference);
      yield { type: 'text', text: 'Mine.' };
      yield { type: 'finish', reason: 'stop' };
    });
    expect((await open.advance(reference))?.run.status).toBe('completed');
    expect(second).toMatchObject({ run: { status: 'in_progress' }, busyUntil: open.clock.now + 10_000 });
    expect(open.requests).toHaveLength(1);
  });

  it('is taken over when its lease lapsed, and the stale owner leaves no trace', async () => {
    const { reference, thread } = await open.start();
    open.turns.push(async function* () {
      yield { type: 'text', text: 'Stale.' };
      open.clock.now += 11_000;
      const taken = await open.advance(reference);
      expect(taken?.run.status).toBe('completed');
      yield { type: 'finish', reason: 'stop' };
    }, says('Fresh.'));
    const stale = await open.advance(reference);
    expect(stale?.busyUntil).toBeDefined();
    expect(await textsOf(thread.id)).toEqual(['How far is the moon?', 'Fresh.']);
    expect((await open.runs.listSteps(reference, page, false)).data).toHaveLength(1);
  });

  it('writes a message that a crashed owner began again under the same ids', async () => {
    const { reference, thread } = await open.start();
    const announced: unknown[] = [];
    open.turns.push(async function* () {
      yield { type: 'text', text: 'Half' };
      open.clock.now += 11_000;
      await open.advance(reference);
      yield { type: 'finish', reason: 'stop' };
    }, says('Whole.'));
    await open.advance(reference, (event, data) => {
      if (event === 'thread.message.created') announced.push(data);
      return Promise.resolve();
    });
    const messages = await messagesOf(thread.id);
    expect(messages).toHaveLength(2);
    expect(announced).toMatchObject([{ id: messages[1]?.id }]);
    expect(await textsOf(thread.id)).toEqual(['How far is the moon?', 'Whole.']);
  });

  it('keeps a change of its metadata that comes while it is driven', async () => {
    const { reference } = await open.start();
    open.turns.push(async function* () {
      await open.runs.modify(reference, { color: 'red' });
      yield { type: 'text', text: 'Done.' };
      yield { type: 'finish', reason: 'stop' };
    });
    expect((await open.advance(reference))?.run).toMatchObject({ status: 'completed', metadata: { color: 'red' } });
  });

  it('ends quietly when its thread is deleted under it', async () => {
    const { reference, thread } = await open.start();
    open.turns.push(async function* () {
      await open.threads.remove(open.scope, thread.id);
      yield { type: 'text', text: 'Too late.' };
      yield { type: 'finish', reason: 'stop' };
    });
    await open.advance(reference);
    expect(await open.records.get(runKey(reference))).toBeUndefined();
    await expect(open.threads.get(open.scope, thread.id)).rejects.toMatchObject({ status: 404 });
  });

  it('locks its thread: one of many concurrent runs is created, and messages are refused', async () => {
    const assistant = await open.assistants.create(open.scope, { model: 'model' });
    const thread = await open.threads.create(open.scope, {});
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, async () => open.runs.create(open.scope, thread.id, { assistant_id: assistant.id })),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected')
        expect(attempt.reason).toMatchObject({ status: 400, message: expect.stringMatching(/active run/) });
    }
    await expect(open.threads.createMessage(open.scope, thread.id, { role: 'user', content: 'Hi' })).rejects.toThrow(
      /Can't add messages to thread_\w+ while a run run_\w+ is active\./,
    );
  });

  it('answers 404 DeploymentNotFound, naming the settings, for a model that nothing serves', async () => {
    await expect(open.start({ model: 'nobody' })).rejects.toMatchObject({
      status: 404,
      details: { code: 'DeploymentNotFound' },
      message: expect.stringContaining('AZURE_OPENAI_ENDPOINT'),
    });
  });

  describe('under the sweep', () => {
    const sweepAll = async () => {
      const started: string[] = [];
      for (const due of await open.records.due(Math.floor(open.clock.now / 1000), 10)) {
        await sweepRun(open.ports, due, ({ runId }) => Promise.resolve(void started.push(runId)));
      }
      return started;
    };

    it('is started when nobody drives it, and not before its grace is over', async () => {
      const { run } = await open.start();
      expect(await sweepAll()).toEqual([]);
      open.clock.now += 11_000;
      expect(await sweepAll()).toEqual([run.id]);
      expect(await sweepAll()).toEqual([]);
      open.clock.now += 11_000;
      expect(await sweepAll()).toEqual([run.id]);
    });

    it('is left alone while it waits for its caller, and started when its time is over', async () => {
      open.turns.push(calls({ id: 'call_1', name: 'weather', arguments: '{}' }));
      const { reference, run } = await open.start({ tools: [weather] });
      await open.advance(reference);
      open.clock.now += 30_000;
      expect(await sweepAll()).toEqual([]);
      open.clock.now += 571_000;
      expect(await sweepAll()).toEqual([run.id]);
    });

    it('is forgotten once it is over', async () => {
      open.turns.push(says('Done.'));
      const { reference } = await open.start();
      const [due] = await open.records.due(4_000_000_000, 10);
      await open.advance(reference);
      if (!due) throw new Error('No due record.');
      await open.records.writeDue({ add: [due] });
      open.clock.now += 60_000;
      expect(await sweepAll()).toEqual([]);
      expect(await open.records.due(4_000_000_000, 10)).toEqual([]);
    });
  });

  it('is retried as a conflict, not lost, when its stored record changes between read and write', async () => {
    const { reference } = await open.start();
    const stored = await open.records.get<RunRecord>(runKey(reference));
    if (!stored) throw new Error('No run.');
    const { partition, list, id } = runKey(reference);
    await open.runs.modify(reference, { a: 'b' });
    await expect(
      open.records.write(partition, [{ op: 'replace', list, id, value: stored.value, ifMatch: stored.etag }]),
    ).rejects.toBeInstanceOf(ConflictError);
  });
});
