/** `truncation_strategy`, `max_prompt_tokens` and `max_completion_tokens` over HTTP. */
import { storeWithFile, textOf } from '../support/assistantFixtures';
import { contractSuite } from '../support/contractSuite';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const client = () => suite.client();
const runs = () => client().beta.threads.runs;
/** About 100 tokens. */
const long = (name: string) => `${name} ${'word '.repeat(98)}`;

async function threadOf(...contents: string[]) {
  const assistant = await client().beta.assistants.create({ model: 'gpt-4o' });
  const messages = contents.map((content) => ({ role: 'user' as const, content }));
  return { assistant, thread: await client().beta.threads.create({ messages }) };
}

const sent = () => suite.upstream.requests.map(({ body }) => body.messages?.map(({ content }) => content));

it('max_prompt_tokens drops messages of the middle', async () => {
  const { assistant, thread } = await threadOf(...['first', 'second', 'third', 'fourth'].map(long));
  const body = { assistant_id: assistant.id, max_prompt_tokens: 350 };
  const run = await runs().createAndPoll(thread.id, body, soon);
  expect(run).toMatchObject({ status: 'completed', max_prompt_tokens: 350, truncation_strategy: { type: 'auto' } });
  expect(sent()).toEqual([['first', 'third', 'fourth'].map(long)]);
});

it('a prompt that max_prompt_tokens has no room for ends the run incomplete, polled and streamed', async () => {
  const { assistant, thread } = await threadOf('word '.repeat(400));
  const body = { assistant_id: assistant.id, max_prompt_tokens: 300 };
  const run = await runs().createAndPoll(thread.id, body, soon);
  expect(run).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_prompt_tokens' } });
  const events: string[] = [];
  for await (const { event } of runs().stream(thread.id, body)) events.push(event);
  expect(events).toEqual(['created', 'queued', 'in_progress', 'incomplete'].map((name) => `thread.run.${name}`));
  expect(suite.upstream.calls.chat).toBe(0);
});

it('auto takes last_messages: 0, as the .NET SDK sends it, for none', async () => {
  const { assistant, thread } = await threadOf('Hi.');
  const create = async (type: 'auto' | 'last_messages') =>
    runs().create(thread.id, { assistant_id: assistant.id, truncation_strategy: { type, last_messages: 0 } });
  await expect(create('last_messages')).rejects.toMatchObject({
    status: 400,
    param: 'truncation_strategy.last_messages',
  });
  const run = await create('auto');
  expect(run.truncation_strategy).toEqual({ type: 'auto', last_messages: null });
  await runs().poll(run.id, { thread_id: thread.id });
});

it('last_messages gives the model the newest messages only', async () => {
  const { assistant, thread } = await threadOf('one', 'two', 'three');
  const truncation_strategy = { type: 'last_messages', last_messages: 2 } as const;
  const run = await runs().createAndPoll(thread.id, { assistant_id: assistant.id, truncation_strategy }, soon);
  expect(run.truncation_strategy).toEqual(truncation_strategy);
  expect(sent()).toEqual([['two', 'three']]);
});

it('max_completion_tokens is counted over all turns, and what is left goes to each', async () => {
  const { store } = await storeWithFile(client());
  const { assistant, thread } = await threadOf('Where do otters sleep?');
  suite.upstream.enqueue(
    reply.toolCalls([{ name: 'file_search', arguments: { queries: ['q'.repeat(400)] } }]),
    reply.text('Afloat, and', { finishReason: 'length' }),
  );
  await client().beta.threads.update(thread.id, { tool_resources: { file_search: { vector_store_ids: [store.id] } } });
  const run = await runs().createAndPoll(
    thread.id,
    { assistant_id: assistant.id, tools: [{ type: 'file_search' }], max_completion_tokens: 256 },
    soon,
  );
  expect(run).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_completion_tokens' } });
  const { data: steps } = await runs().steps.list(run.id, { thread_id: thread.id, order: 'asc' });
  const spent = steps[0]?.usage?.completion_tokens ?? 0;
  expect(spent).toBeGreaterThan(50);
  expect(
    suite.upstream.requests.filter(({ kind }) => kind === 'chat').map(({ body }) => body.max_completion_tokens),
  ).toEqual([256, 256 - spent]);
  const [message] = (await client().beta.threads.messages.list(thread.id, { run_id: run.id })).data;
  expect(message).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_tokens' } });
  expect(textOf(message).value).toBe('Afloat, and');
});

it('a streamed run that is cut tells of the incomplete message and run', async () => {
  const { assistant, thread } = await threadOf('Go on.');
  suite.upstream.enqueue(reply.text('Once upon', { finishReason: 'length' }));
  const events: string[] = [];
  for await (const { event } of runs().stream(thread.id, { assistant_id: assistant.id, max_completion_tokens: 256 }))
    events.push(event);
  expect(events.slice(-3)).toEqual(['thread.message.incomplete', 'thread.run.step.completed', 'thread.run.incomplete']);
});
