import { truncated, type PromptParts } from '../../src/agentLoop/truncation';
import { promptRoom } from '../../src/assistants/threadHistory';
import { contextWindow, countTokens, messageWeight } from '../../src/models/promptTokens';
import { ModelError, type ChatMessage } from '../../src/models/ports';
import { calls, openAssistants, says } from '../support/assistants';

const user = (content: string): ChatMessage => ({ role: 'user', content });
const parts = (history: ChatMessage[], more: Partial<PromptParts> = {}): PromptParts => ({
  model: 'gpt-4o',
  instructions: [],
  history,
  steps: [],
  tools: [],
  ...more,
});
const textsIn = (messages: ChatMessage[] = []) => messages.map(({ content }) => content);
/** A message of about 100 tokens. */
const long = (name: string) => `${name} ${'word '.repeat(98)}`;

describe('the prompt', () => {
  it('is left whole where it fits', async () => {
    const all = parts([user('a'), user('b')]);
    expect(await truncated(all, { window: 1000 })).toEqual(all);
  });

  it('loses messages of the middle: the first and the newest stay, as many as fit', async () => {
    const history = ['first', 'second', 'third', 'fourth', 'fifth'].map((name) => user(long(name)));
    const kept = await truncated(parts(history), { window: 350 });
    expect(textsIn(kept?.history)).toEqual([long('first'), long('fourth'), long('fifth')]);
  });

  it('loses the first message too where only the newest fits', async () => {
    const kept = await truncated(parts([user(long('first')), user(long('last'))]), { window: 150 });
    expect(textsIn(kept?.history)).toEqual([long('last')]);
  });

  it('loses calls of tools only with what they gave', async () => {
    const call = (id: string): ChatMessage => ({
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '{}' } }],
    });
    const output = (id: string): ChatMessage => ({ role: 'tool', tool_call_id: id, content: long(id) });
    const history = [user('first'), call('a'), output('a'), call('b'), output('b')];
    // There is room for the second output and the first, but not for the first's call.
    const kept = await truncated(parts(history), { window: 225 });
    expect(kept?.history).toEqual([user('first'), call('b'), output('b')]);
    expect(await truncated(parts([user('first'), call('a'), output('a')]), { window: 20 })).toMatchObject({
      history: [call('a'), output('a')],
    });
  });

  it('counts instructions, tools and what the run did', async () => {
    const history = [user('first'), user('second'), user('third')];
    const whole = { window: 1000 };
    const narrow = { window: 215 };
    const instructions: ChatMessage[] = [{ role: 'system', content: long('Be brief.') }];
    const steps: ChatMessage[] = [{ role: 'tool', tool_call_id: 'c', content: long('result') }];
    const description = long('tool');
    const tools = [{ type: 'function' as const, function: { name: 'f', description } }];
    for (const more of [
      { instructions, steps },
      { instructions, tools },
      { steps, tools },
    ]) {
      expect((await truncated(parts(history, more), whole))?.history).toHaveLength(3);
      expect((await truncated(parts(history, more), narrow))?.history.length).toBeLessThan(3);
    }
  });

  it('that the run has no tokens for at all is none; one too long for the window alone is left to the service', async () => {
    const all = parts([user(long('only'))]);
    expect(await truncated(all, { window: 1000, ofRun: 50 })).toBeUndefined();
    expect(await truncated(all, { window: 50 })).toEqual(all);
    expect(await truncated(all, { window: 50, ofRun: 1000 })).toEqual(all);
  });

  it('of a very long word is counted in little time', async () => {
    const started = performance.now();
    expect(await countTokens('gpt-4o', messageWeight(user('a'.repeat(250_000))))).toBeGreaterThan(10_000);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

it.each([
  ['gpt-4o', 128_000],
  ['gpt-4o-mini-2024-07-18', 128_000],
  ['gpt-4.1-mini', 1_047_576],
  ['gpt-41', 128_000],
  ['gpt-4', 8_192],
  ['gpt-4-0613', 8_192],
  ['gpt-4-1106-preview', 128_000],
  ['gpt-4-32k', 32_768],
  ['gpt-35-turbo', 16_385],
  ['gpt-3.5-turbo-0125', 16_385],
  ['gpt-5-mini', 400_000],
  ['o1-mini', 128_000],
  ['o3-mini', 200_000],
  ['my-deployment', 128_000],
])('the context window of %s is %i', (model, window) => {
  expect(contextWindow(model)).toBe(window);
});

describe('a run', () => {
  let open: Awaited<ReturnType<typeof openAssistants>>;
  beforeEach(async () => {
    open = await openAssistants();
  });
  afterEach(async () => {
    await open.close();
  });

  const weather = { type: 'function', function: { name: 'weather' } } as const;
  async function started(messages: string[], run: object, settings: object = {}) {
    const assistant = await open.assistants.create(open.scope, { model: 'gpt-4o', ...settings });
    const thread = await open.threads.create(open.scope, {
      messages: messages.map((content) => ({ role: 'user' as const, content })),
    });
    const made = await open.runs.create(open.scope, thread.id, { assistant_id: assistant.id, ...run });
    return { scope: open.scope, threadId: thread.id, runId: made.id };
  }

  it('with max_prompt_tokens gives the model a thread of at most that', async () => {
    open.turns.push(says('Yes.'));
    const reference = await started(['first', 'second', 'third', 'fourth'].map(long), { max_prompt_tokens: 256 });
    expect((await open.advance(reference))?.run).toMatchObject({ status: 'completed', max_prompt_tokens: 256 });
    expect(textsIn(open.requests[0]?.messages)).toEqual([long('first'), long('fourth')]);
  });

  it('ends incomplete without a call of the model when not even its last message fits max_prompt_tokens', async () => {
    const reference = await started(['word '.repeat(500)], { max_prompt_tokens: 300 });
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_prompt_tokens' },
      usage: { total_tokens: 0 },
    });
    expect(open.requests).toEqual([]);
  });

  it('counts prompt tokens over all of its turns', async () => {
    const spent = { prompt_tokens: 290, completion_tokens: 5, total_tokens: 295 };
    open.turns.push(function* () {
      yield { type: 'tool_call', index: 0, id: 'call_1', name: 'file_search', arguments: '{"queries":["x"]}' };
      yield { type: 'finish', reason: 'tool_calls', usage: spent };
    });
    const reference = await started(['Hi'], { max_prompt_tokens: 300 }, { tools: [{ type: 'file_search' }] });
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_prompt_tokens' },
      usage: spent,
    });
    expect(open.requests).toHaveLength(1);
  });

  it('passes what is left of max_completion_tokens to each turn and ends incomplete when nothing is', async () => {
    const turn = (completion_tokens: number) =>
      function* () {
        yield {
          type: 'tool_call',
          index: 0,
          id: 'call_1',
          name: 'file_search',
          arguments: '{"queries":["x"]}',
        } as const;
        const usage = { prompt_tokens: 10, completion_tokens, total_tokens: 10 + completion_tokens };
        yield { type: 'finish', reason: 'tool_calls', usage } as const;
      };
    open.turns.push(turn(100), turn(200));
    const reference = await started(['Hi'], { max_completion_tokens: 300 }, { tools: [{ type: 'file_search' }] });
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_completion_tokens' },
      usage: { completion_tokens: 300 },
    });
    expect(open.requests.map(({ max_completion_tokens: left }) => left)).toEqual([300, 200]);
  });

  it('counts by itself where the service does not', async () => {
    const queries = JSON.stringify({ queries: ['word '.repeat(300)] });
    open.turns.push(function* () {
      yield { type: 'tool_call', index: 0, id: 'call_1', name: 'file_search', arguments: queries };
      yield { type: 'finish', reason: 'tool_calls' };
    });
    const reference = await started(['Hi'], { max_completion_tokens: 300 }, { tools: [{ type: 'file_search' }] });
    const run = (await open.advance(reference))?.run;
    expect(run).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_completion_tokens' } });
    expect(run?.usage?.completion_tokens).toBeGreaterThanOrEqual(300);
    expect(run?.usage?.completion_tokens).toBeLessThan(330);
    expect(run?.usage?.prompt_tokens).toBeGreaterThan(50);
  });

  it('that is cut within a tool call ends incomplete, with its step failed and nothing handed out', async () => {
    open.turns.push(function* () {
      yield { type: 'tool_call', index: 0, id: 'call_1', name: 'weather', arguments: '{"ci' };
      yield {
        type: 'finish',
        reason: 'length',
        usage: { prompt_tokens: 1, completion_tokens: 256, total_tokens: 257 },
      };
    });
    const reference = await started(['Hi'], { max_completion_tokens: 256 }, { tools: [weather] });
    expect((await open.advance(reference))?.run).toMatchObject({
      status: 'incomplete',
      required_action: null,
      incomplete_details: { reason: 'max_completion_tokens' },
      usage: { total_tokens: 257 },
    });
    const steps = await open.runs.listSteps(reference, { order: 'asc', limit: 20 }, false);
    expect(steps.data).toMatchObject([{ status: 'failed', type: 'tool_calls' }]);
  });

  it('with last_messages gives the model just the newest, whatever it wrote itself', async () => {
    open.turns.push(calls({ id: 'call_1', name: 'weather', arguments: '{}' }), says('Done.'));
    const truncation_strategy = { type: 'last_messages', last_messages: 2 };
    const reference = await started(['one', 'two', 'three'], { truncation_strategy }, { tools: [weather] });
    await open.advance(reference);
    await open.runs.submitToolOutputs(reference, [{ tool_call_id: 'call_1', output: 'x' }]);
    await open.advance(reference);
    for (const { messages } of open.requests) expect(textsIn(messages.slice(0, 2))).toEqual(['two', 'three']);
    expect(open.requests[1]?.messages).toHaveLength(4);
  });

  it('on a long thread reads the first message and the newest, not all', async () => {
    const messages = Array.from({ length: 32 }, (_, index) => `${index} ${'x'.repeat(250_000)}`);
    open.turns.push(says('Ok.'));
    const reference = await started(messages, {});
    let read = 0;
    const { list } = open.records;
    open.records.list = async (...given) => {
      const found = await list.apply(open.records, given);
      read += found.records.length;
      return found as never;
    };
    await open.advance(reference);
    const texts = textsIn(open.requests[0]?.messages).map((text) => String(text).slice(0, 2));
    expect(texts[0]).toBe('0 ');
    expect(texts.at(-1)).toBe('31');
    expect(texts.length).toBeLessThan(32);
    expect(read).toBeLessThan(40);
  });

  it('learns a smaller context window from the service and asks again with less of the thread', async () => {
    const tooLong =
      "This model's maximum context length is 1400 tokens. However, your messages resulted in 1600 tokens.";
    open.turns.push(() => {
      throw new ModelError('invalid_request', tooLong, { code: 'context_length_exceeded' });
    }, says('Fits.'));
    const reference = await started(
      Array.from({ length: 12 }, (_, index) => long(`m${index}`)),
      {},
    );
    expect((await open.advance(reference))?.run.status).toBe('completed');
    expect(open.requests[0]?.messages).toHaveLength(12);
    expect(open.requests[1]?.messages).toHaveLength(6);
    expect(textsIn(open.requests[1]?.messages)[0]).toBe(long('m0'));
  });
});

it('the room for a prompt leaves some of the window for the answer, and half of it at most', async () => {
  const open = await openAssistants();
  try {
    const { run } = await open.start({}, { max_prompt_tokens: 500 });
    expect(promptRoom(run, 128_000, 100, undefined)).toEqual({ window: 123_904, ofRun: 400 });
    expect(promptRoom(run, 8_192, 0, 100_000)).toEqual({ window: 4_096, ofRun: 500 });
  } finally {
    await open.close();
  }
});
