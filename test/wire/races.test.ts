/** Fifty clients at the same thread or run at the same moment: what is allowed happens once, and nothing is lost. */
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { assistantWithThread, textOf, weather } from '../support/assistantFixtures';
import { contractSuite } from '../support/contractSuite';
import { eventually, soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const CLIENTS = 50;
const clients = Array.from({ length: CLIENTS }, (_, number) => number);

interface Outcome<T> {
  number: number;
  value?: T;
  refusal?: string;
}

/** Lets all clients act at once. What is refused with 400 is told by its message; any other failure fails the test. */
async function race<T>(act: (client: OpenAI, number: number) => Promise<T>): Promise<Outcome<T>[]> {
  return Promise.all(clients.map(async (number) => outcomeOf(number, act(suite.client(), number))));
}

async function outcomeOf<T>(number: number, acting: Promise<T>): Promise<Outcome<T>> {
  try {
    return { number, value: await acting };
  } catch (error) {
    if (error instanceof APIError && error.status === 400) return { number, refusal: error.message };
    throw error;
  }
}

const won = <T>(outcomes: Outcome<T>[]) => outcomes.filter(({ refusal }) => refusal === undefined);

/** The texts of all messages of the thread, oldest first. */
async function textsIn(threadId: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of suite.client().beta.threads.messages.list(threadId, { order: 'asc', limit: 100 }))
    texts.push(textOf(message).value);
  return texts;
}

const textsOfPrompt = (index: number) =>
  suite.upstream.requests[index]?.body.messages?.flatMap(({ role, content }) => (role === 'user' ? [content] : []));

type Settings = OpenAI.Beta.Threads.RunCreateParamsNonStreaming;

/** Streams a run until that event, and leaves then. */
async function streamUntil(end: 'created' | 'completed', client: OpenAI, threadId: string, settings: Settings) {
  for await (const { event, data } of await client.beta.threads.runs.create(threadId, { ...settings, stream: true }))
    if (event === `thread.run.${end}` && 'id' in data) return data;
  throw new Error(`The stream ended before the run was ${end}.`);
}

it.each([1, 2, 3])(
  'lets one of the clients that start a run begin, and takes those messages alone that came before it (round %i)',
  async () => {
    const { assistant, thread } = await assistantWithThread(suite.client(), {}, 'the question');
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    suite.upstream.on(async () => {
      await released;
      return reply.text('the answer');
    });
    // The odd ones add a message, the others start a run, half of these streamed.
    const outcomes = await race(async (client, number) => {
      const content = `message ${number}`;
      if (number % 2) return client.beta.threads.messages.create(thread.id, { role: 'user', content });
      const settings: Settings = {
        assistant_id: assistant.id,
        additional_messages: [{ role: 'user', content }],
      };
      if (number % 4) return client.beta.threads.runs.create(thread.id, settings);
      // Not by a client of the suite: whose stream is checked to its end cannot leave before.
      return streamUntil('created', suite.host.openai(), thread.id, settings);
    });
    // The model has not answered yet: the run is active until now.
    release();
    const [first, ...others] = won(outcomes).filter(({ number }) => number % 2 === 0);
    expect(others).toEqual([]);
    for (const { number, refusal } of outcomes)
      if (refusal) expect(refusal).toMatch(number % 2 ? /Can't add messages to/ : /already has an active run/);
    const { runs } = suite.client().beta.threads;
    const listed = (await runs.list(thread.id)).data.map(({ id }) => id);
    expect(listed).toEqual([first?.value?.id]);
    expect(await runs.poll(listed[0] ?? '', { thread_id: thread.id }, soon)).toMatchObject({ status: 'completed' });
    const texts = await textsIn(thread.id);
    const taken = won(outcomes).map(({ number }) => `message ${number}`);
    expect([...texts].sort()).toEqual(['the question', ...taken, 'the answer'].sort());
    expect(textsOfPrompt(0)).toEqual(texts.slice(0, -1));
    expect(texts.at(-1)).toBe('the answer');
    expect(suite.upstream.calls.chat).toBe(1);
  },
  60_000,
);

it('gives each of the clients its run in the end, one after the other', async () => {
  const { assistant, thread } = await assistantWithThread(suite.client());
  const atWork = { now: 0, most: 0 };
  suite.upstream.on(async () => {
    atWork.most = Math.max(atWork.most, ++atWork.now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    atWork.now -= 1;
    return undefined;
  });
  const run = async (client: OpenAI, number: number) => {
    const { value } = await outcomeOf(
      number,
      streamUntil('completed', client, thread.id, {
        assistant_id: assistant.id,
        additional_messages: [{ role: 'user', content: `client ${number}` }],
      }),
    );
    return value;
  };
  // Fifty runs behind each other, while as many clients ask again and again.
  await race(async (client, number) => eventually(`run ${number}`, async () => run(client, number), 200));
  expect(atWork.most).toBe(1);
  const [, ...texts] = await textsIn(thread.id);
  expect([...texts].sort()).toEqual(clients.flatMap((n) => [`You said: client ${n}`, `client ${n}`]).sort());
  // Each answer stands behind the message of its own run.
  for (let at = 0; at < texts.length; at += 2) expect(texts[at + 1]).toBe(`You said: ${texts[at]}`);
}, 240_000);

/** A run that waits for the outputs of one call. */
async function waitingRun() {
  const { assistant, thread } = await assistantWithThread(suite.client(), { tools: [weather] });
  suite.upstream.enqueue(reply.toolCalls([{ id: 'call_w', name: 'get_weather', arguments: { city: 'Oslo' } }]));
  const { runs } = suite.client().beta.threads;
  const run = await runs.createAndPoll(thread.id, { assistant_id: assistant.id }, soon);
  expect(run.status).toBe('requires_action');
  const output = (text: string) => ({ thread_id: thread.id, tool_outputs: [{ tool_call_id: 'call_w', output: text }] });
  return { run, thread, output };
}

it.each([1, 2, 3])(
  'takes the tool outputs of one client alone, and answers from these (round %i)',
  async () => {
    const { run, thread, output } = await waitingRun();
    const outcomes = await race(async (client, number) => {
      const { runs } = client.beta.threads;
      if (number % 2) return runs.submitToolOutputs(run.id, output(`from ${number}`));
      return runs.submitToolOutputsStream(run.id, output(`from ${number}`)).finalRun();
    });
    const [winner, ...others] = won(outcomes);
    expect(others).toEqual([]);
    for (const { refusal } of outcomes) if (refusal) expect(refusal).toMatch(/do not accept tool outputs/);
    const { runs } = suite.client().beta.threads;
    expect((await runs.poll(run.id, { thread_id: thread.id }, soon)).status).toBe('completed');
    const outputs = suite.upstream.requests.at(-1)?.body.messages?.filter(({ role }) => role === 'tool');
    expect(outputs).toEqual([{ role: 'tool', tool_call_id: 'call_w', content: `from ${winner?.number}` }]);
    expect(suite.upstream.calls.chat).toBe(2);
  },
  60_000,
);

it('settles a cancel that races tool outputs: what was refused leaves no trace, and the thread is free', async () => {
  for (let round = 0; round < 15; round += 1) {
    const { run, thread, output } = await waitingRun();
    const client = suite.client();
    const cancelling = async () => client.beta.threads.runs.cancel(run.id, { thread_id: thread.id });
    const submitting = async () => client.beta.threads.runs.submitToolOutputs(run.id, output('fine'));
    // Who is sent first takes turns.
    const acts = [() => outcomeOf(0, cancelling()), () => outcomeOf(1, submitting())];
    if (round % 2) acts.reverse();
    const outcomes = await Promise.all(acts.map(async (act) => act()));
    const [cancel, submit] = outcomes.sort((a, b) => a.number - b.number);
    const { status } = await client.beta.threads.runs.poll(run.id, { thread_id: thread.id }, soon);
    // Only a run that had its outputs can have been over before the cancel was seen.
    if (submit?.refusal)
      expect({ status, cancel: cancel?.refusal }).toEqual({ status: 'cancelled', cancel: undefined });
    else if (cancel?.refusal) expect(status).toBe('completed');
    else expect(['cancelled', 'completed']).toContain(status);
    const steps = (await client.beta.threads.runs.steps.list(run.id, { thread_id: thread.id, order: 'asc' })).data;
    const given = submit?.refusal ? { status: 'cancelled', output: null } : { status: 'completed', output: 'fine' };
    expect(steps[0]).toMatchObject({
      status: given.status,
      step_details: { tool_calls: [{ function: { output: given.output } }] },
    });
    await client.beta.threads.messages.create(thread.id, { role: 'user', content: 'Thanks.' });
  }
}, 60_000);
