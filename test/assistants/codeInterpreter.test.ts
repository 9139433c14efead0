import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { AssistantStream } from 'openai/lib/AssistantStream';
import { newRun } from '../../src/assistants/newRun';
import { shownStep } from '../../src/assistants/runs';
import type { RunStepObject } from '../../src/wire/threads';
import { calls, openAssistants, says, usage, type Turn } from '../support/assistants';
import { streamFaults, type StreamEvent } from '../support/contractStream';

const page = { order: 'asc', limit: 20 } as const;
const tools = [{ type: 'code_interpreter' as const }];
const nothing = { logs: '', images: [], files: [] };
const runsCode = (code: string, id = 'call_code'): Turn =>
  calls({ id, name: 'code_interpreter', arguments: JSON.stringify({ code }) });

let open: Awaited<ReturnType<typeof openAssistants>>;
beforeEach(async () => {
  open = await openAssistants();
});
afterEach(async () => {
  await open.close();
});

type Reference = Awaited<ReturnType<typeof open.start>>['reference'];
const stepsOf = async (reference: Reference) => (await open.runs.listSteps(reference, page, true)).data;
const lastMessage = async (reference: Reference) =>
  (await open.threads.listMessages(open.scope, reference.threadId, page)).data.at(-1);

/** Advances the run and gives its events, checked as those of a stream. */
async function streamed(reference: Reference): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  await open.advance(reference, (event, data) => {
    const isStep = event.startsWith('thread.run.step') && !event.endsWith('delta');
    events.push({
      event,
      data: JSON.parse(JSON.stringify(isStep ? shownStep(data as RunStepObject, false) : data)) as unknown,
    });
    return Promise.resolve();
  });
  expect(streamFaults([...events, { event: 'done', data: '[DONE]' }])).toEqual([]);
  return events;
}

it('runs the code with the files of thread and assistant, shows it in the step, and tells the model what came of it', async () => {
  open.turns.push(runsCode('print(6 * 7)'), says('It is 42.'));
  open.codeResults.push({ ...nothing, logs: '42\n', files: [{ fileId: 'file-out', path: '/mnt/data/out.csv' }] });
  const { reference, thread } = await open.start({ tools });
  expect((await open.advance(reference))?.run).toMatchObject({ status: 'completed', usage: { total_tokens: 30 } });
  expect(open.codeCalls).toEqual([{ scope: open.scope, session: thread.id, code: 'print(6 * 7)', fileIds: [] }]);
  expect((await stepsOf(reference))[0]).toMatchObject({
    type: 'tool_calls',
    status: 'completed',
    usage,
    step_details: {
      tool_calls: [
        {
          id: 'call_code',
          type: 'code_interpreter',
          code_interpreter: { input: 'print(6 * 7)', outputs: [{ type: 'logs', logs: '42\n' }] },
        },
      ],
    },
  });
  const [asked, answered] = open.requests[1]?.messages.slice(-2) ?? [];
  expect(asked).toMatchObject({
    tool_calls: [{ function: { name: 'code_interpreter', arguments: '{"code":"print(6 * 7)"}' } }],
  });
  expect(answered).toEqual({
    role: 'tool',
    tool_call_id: 'call_code',
    content: '42\n\nFiles written: sandbox:/mnt/data/out.csv',
  });
});

it('gives code the files that the thread has from earlier code, for a session that begins anew', async () => {
  for (const id of ['ü 1.csv', 'plot.png', 'other.txt', 'gone.txt']) open.attached.files.set(id, Buffer.from(id));
  const { reference, thread, assistant } = await open.start({ tools });
  open.turns.push(
    runsCode('first'),
    says('[a](sandbox:/mnt/data/out/%C3%BC%201.csv) [b](sandbox:/mnt/data/gone.txt)'),
    runsCode('second'),
    runsCode('third', 'call_third'),
    says('Done.'),
  );
  open.codeResults.push({
    logs: '',
    images: [{ fileId: 'plot.png', path: '/mnt/data/plot.png' }],
    files: ['out/ü 1.csv', 'gone.txt'].map((path) => ({
      fileId: path.slice(path.indexOf('/') + 1),
      path: `/mnt/data/${path}`,
    })),
  });
  await open.advance(reference);
  open.attached.files.delete('gone.txt');
  open.codeResults.push({ ...nothing, files: [{ fileId: 'other.txt', path: '/mnt/data/other.txt' }] }, nothing);
  const second = await open.runs.create(open.scope, thread.id, { assistant_id: assistant.id });
  await open.advance({ ...reference, runId: second.id });
  const placed = open.codeCalls.map((call) => call.placed?.files.map(({ id, path }) => [path, id]));
  const earlier = [
    ['/mnt/data/out/ü 1.csv', 'ü 1.csv'],
    ['/mnt/data/plot.png', 'plot.png'],
  ];
  expect(placed[0]).toBeUndefined();
  expect(placed[1]).toEqual(earlier);
  expect(placed[2]).toEqual([['/mnt/data/other.txt', 'other.txt'], ...earlier]);
  const [file] = open.codeCalls[1]?.placed?.files ?? [];
  expect(file).toMatchObject({ isWritten: true, bytes: 8 });
  expect(await text((await file?.open()) ?? Readable.from([]))).toBe('ü 1.csv');
});

it('gives the tool each file once, those of the thread and those of the assistant', async () => {
  const resources = (file_ids: string[]) => ({ code_interpreter: { file_ids } });
  const run = { ...(await open.start({ tools })).run };
  const assistant = await open.assistants.create(open.scope, { model: 'model', tools });
  const thread = await open.threads.create(open.scope, {});
  const made = newRun(
    open.ports,
    { ...assistant, tool_resources: resources(['file-a', 'file-b']) },
    { ...thread, tool_resources: resources(['file-t', 'file-a']) },
    { assistant_id: run.assistant_id },
  );
  expect(made.tool_resources).toEqual(resources(['file-t', 'file-a', 'file-b']));
});

it('streams the code as it is written, then its outputs, an image part before the text, and a file as an annotation', async () => {
  const code = 'plot()\nprint("done 🦦")';
  const json = JSON.stringify({ code });
  open.turns.push(function* () {
    yield { type: 'tool_call', index: 0, id: 'call_code', name: 'code_interpreter', arguments: '' };
    for (const piece of json.match(/.{1,5}/gsu) ?? []) yield { type: 'tool_call', index: 0, arguments: piece };
    yield { type: 'finish', reason: 'tool_calls', usage };
  }, says('Here is the plot. [data](sandbox:/mnt/data/out.csv)'));
  open.codeResults.push({
    logs: 'done 🦦\n',
    images: [{ fileId: 'file-img', path: '/mnt/data/plot.png' }],
    files: [{ fileId: 'file-out', path: '/mnt/data/out.csv' }],
  });
  const { reference } = await open.start({ tools });
  const events = await streamed(reference);
  const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  const helper = AssistantStream.fromReadableStream(new Blob([lines]).stream());
  const [steps, messages] = [await helper.finalRunSteps(), await helper.finalMessages()];
  const deltas = events.filter(({ event }) => event === 'thread.run.step.delta');
  expect(deltas.length).toBeGreaterThan(5);
  expect(JSON.stringify(deltas[0])).toContain('"code_interpreter":{"input":"","outputs":[]}');
  expect(JSON.stringify(deltas.at(-1))).toContain(
    '"outputs":[{"index":0,"type":"logs","logs":"done 🦦\\n"},{"index":1,"type":"image","image":{"file_id":"file-img"}}]',
  );
  const input = deltas.map(({ data }) => {
    const { delta } = data as { delta: { step_details: { tool_calls: [{ code_interpreter: { input?: string } }] } } };
    return delta.step_details.tool_calls[0].code_interpreter.input ?? '';
  });
  expect(input.join('')).toBe(code);
  expect(steps[0]?.step_details).toMatchObject({ tool_calls: [{ code_interpreter: { input: code } }] });
  const stored = await lastMessage(reference);
  // What the helper adds up keeps the indexes of the deltas.
  expect(messages[0]?.content).toMatchObject(stored?.content ?? []);
  expect(stored?.attachments).toEqual([{ file_id: 'file-out', tools: [{ type: 'code_interpreter' }] }]);
  expect(stored?.content).toEqual([
    { type: 'image_file', image_file: { file_id: 'file-img' } },
    {
      type: 'text',
      text: {
        value: 'Here is the plot. [data](sandbox:/mnt/data/out.csv)',
        annotations: [
          {
            type: 'file_path',
            text: 'sandbox:/mnt/data/out.csv',
            start_index: 25,
            end_index: 50,
            file_path: { file_id: 'file-out' },
          },
        ],
      },
    },
  ]);
});

it('takes bare code from models that send it', async () => {
  open.turns.push(calls({ id: 'call_1', name: 'code_interpreter', arguments: 'print(1)' }), says('One.'));
  open.codeResults.push(nothing);
  const { reference } = await open.start({ tools });
  await streamed(reference);
  expect(open.codeCalls[0]?.code).toBe('print(1)');
  expect(open.requests[1]?.messages.at(-1)).toMatchObject({ content: 'The code printed nothing.' });
});

it.each(['{}', '{"language":"python"}', '{"code":" "}', ''])(
  'tells the model where it gives no code: %j',
  async (given) => {
    open.turns.push(calls({ id: 'call_code', name: 'code_interpreter', arguments: given }), says('Sorry.'));
    const { reference } = await open.start({ tools });
    expect((await open.advance(reference))?.run.status).toBe('completed');
    expect(open.codeCalls).toEqual([]);
    const told = expect.stringMatching(/^No code was given: .*"code"/);
    expect(open.requests[1]?.messages.at(-1)).toEqual({ role: 'tool', tool_call_id: 'call_code', content: told });
    const outputs = [{ type: 'logs', logs: told }];
    expect((await stepsOf(reference))[0]).toMatchObject({
      status: 'completed',
      step_details: { tool_calls: [{ code_interpreter: { outputs } }] },
    });
  },
);

it('links in a later run find the files that an earlier one gave', async () => {
  open.turns.push(runsCode('write()'), says('[a](sandbox:/mnt/data/a.txt)'), says('Again: sandbox:/mnt/data/a.txt'));
  open.codeResults.push({ ...nothing, files: [{ fileId: 'file-a', path: '/mnt/data/a.txt' }] });
  const { reference, thread, assistant } = await open.start({ tools });
  await open.advance(reference);
  const second = await open.runs.create(open.scope, thread.id, { assistant_id: assistant.id });
  await open.advance({ ...reference, runId: second.id });
  expect((await lastMessage(reference))?.content).toMatchObject([
    { text: { annotations: [{ text: 'sandbox:/mnt/data/a.txt', file_path: { file_id: 'file-a' } }] } },
  ]);
});

it('runs the server tools of a mixed turn, then waits for the outputs of the function', async () => {
  const weather = { type: 'function', function: { name: 'weather' } } as const;
  open.passages.push({ fileId: 'file-m', filename: 'm.txt', score: 1, text: 'The moon.', attributes: {} });
  open.turns.push(
    calls(
      { id: 'call_s', name: 'file_search', arguments: '{"queries":["moon"]}' },
      { id: 'call_c', name: 'code_interpreter', arguments: '{"code":"1"}' },
      { id: 'call_f', name: 'weather', arguments: '{}' },
    ),
    says('All done.'),
  );
  open.codeResults.push({ ...nothing, logs: '1' });
  const { reference } = await open.start({ tools: [...tools, { type: 'file_search' }, weather] });
  const events = await streamed(reference);
  expect(events.at(-1)).toMatchObject({
    event: 'thread.run.requires_action',
    data: { required_action: { submit_tool_outputs: { tool_calls: [{ id: 'call_f' }] } } },
  });
  expect(events.some(({ event }) => event === 'thread.run.step.completed')).toBe(false);
  const [waiting] = await stepsOf(reference);
  expect(waiting).toMatchObject({ status: 'in_progress', usage: null });
  await open.runs.submitToolOutputs(reference, [{ tool_call_id: 'call_f', output: 'wet' }]);
  expect((await open.advance(reference))?.run).toMatchObject({ status: 'completed', usage: { total_tokens: 30 } });
  expect(open.codeCalls).toHaveLength(1);
  expect((await stepsOf(reference))[0]).toMatchObject({
    status: 'completed',
    usage,
    step_details: {
      tool_calls: [
        { type: 'file_search', file_search: { results: [{ file_id: 'file-m' }] } },
        { type: 'code_interpreter', code_interpreter: { outputs: [{ logs: '1' }] } },
        { type: 'function', function: { output: 'wet' } },
      ],
    },
  });
  expect(open.requests[1]?.messages.slice(-3)).toMatchObject([
    { tool_call_id: 'call_s' },
    { tool_call_id: 'call_c', content: '1' },
    { tool_call_id: 'call_f', content: 'wet' },
  ]);
});

it('an owner that dies while code runs is followed by one that runs the code and does not ask the model again', async () => {
  open.turns.push(runsCode('slow()'), says('Done.'));
  const { reference } = await open.start({ tools });
  open.codeResults.push(
    async () => {
      expect(await stepsOf(reference)).toMatchObject([
        {
          status: 'in_progress',
          step_details: { tool_calls: [{ code_interpreter: { input: 'slow()', outputs: [] } }] },
        },
      ]);
      open.clock.now += 11_000;
      const events = await streamed(reference);
      expect(events.at(-1)?.event).toBe('thread.run.completed');
      expect(events.some(({ event }) => event === 'thread.run.step.delta')).toBe(false);
      return { ...nothing, logs: 'stale' };
    },
    { ...nothing, logs: 'fresh' },
  );
  expect((await open.advance(reference))?.busyUntil).toBeDefined();
  expect(open.requests).toHaveLength(2);
  expect((await stepsOf(reference)).map(({ type, status }) => [type, status])).toEqual([
    ['tool_calls', 'completed'],
    ['message_creation', 'completed'],
  ]);
  expect(JSON.stringify(await stepsOf(reference))).not.toContain('stale');
});

it('a cancelled run stops its code, and its step is cancelled', async () => {
  open.turns.push(runsCode('while True: pass'));
  const { reference } = await open.start({ tools });
  let stopped = false;
  open.codeResults.push(async (signal) => {
    await open.runs.cancel(reference);
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        stopped = true;
        reject(signal.reason);
      });
    });
  });
  const events = await streamed(reference);
  expect(stopped).toBe(true);
  expect(events.slice(-3).map(({ event }) => event)).toEqual([
    'thread.run.cancelling',
    'thread.run.step.cancelled',
    'thread.run.cancelled',
  ]);
  expect(await stepsOf(reference)).toMatchObject([{ status: 'cancelled' }]);
});

it('a sandbox that cannot be had fails the run without its detail', async () => {
  open.turns.push(runsCode('1'));
  open.codeResults.push(() => Promise.reject(new Error('secret path')));
  const { reference } = await open.start({ tools });
  const state = await open.advance(reference);
  expect(state?.run).toMatchObject({ status: 'failed', last_error: { code: 'server_error' } });
  expect(JSON.stringify([state, await stepsOf(reference)])).not.toContain('secret');
  expect(await stepsOf(reference)).toMatchObject([{ status: 'failed' }]);
});

it('what code prints is cut where it is longer than a step holds', async () => {
  open.turns.push(runsCode('print(big)'), says('Long.'));
  open.codeResults.push({ ...nothing, logs: 'x'.repeat(5_000_000) });
  const { reference } = await open.start({ tools });
  expect((await open.advance(reference))?.run.status).toBe('completed');
  expect(JSON.stringify(await stepsOf(reference)).length).toBeLessThan(100_000);
});

it('without a sandbox a run with the tool is refused, naming the setting', async () => {
  delete open.ports.codeInterpreter;
  await expect(open.start({ tools })).rejects.toMatchObject({
    status: 400,
    details: { code: 'unsupported', param: 'tools' },
    message: expect.stringContaining('CODE_INTERPRETER'),
  });
});
