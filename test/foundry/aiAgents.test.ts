/** Programs of `@azure/ai-agents`, which takes nothing but HTTPS with a token credential. */
import { RestError } from '@azure/core-rest-pipeline';
import type { AgentsClient } from '@azure/ai-agents';
import {
  isOutputOfType,
  ToolUtility,
  VectorStoreDataSourceAssetType,
  type AgentEventMessage,
  type AgentEventMessageStream,
  type SubmitToolOutputsAction,
  type ThreadMessage,
  type ThreadRun,
} from '@azure/ai-agents';
import { OTTERS } from '../support/assistantFixtures';
import { startFoundryHost, type FoundryHost } from '../support/foundryProject';
import { eventually } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

let foundry: FoundryHost;
let client: AgentsClient;
beforeAll(async () => {
  foundry = await startFoundryHost();
  client = foundry.agents();
}, 60_000);
afterEach(() => foundry.upstream.reset());
afterAll(() => foundry.stop());

const soon = { pollingOptions: { intervalInMs: 30 } };
const weather = ToolUtility.createFunctionTool({
  name: 'get_weather',
  description: 'The weather in a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
});
const CALL = { name: 'get_weather', arguments: { city: 'Oslo' }, id: 'call_1' };

const contentOf = (text: string) => new Blob([text]).stream();

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function begin(settings: Parameters<AgentsClient['createAgent']>[1] = {}) {
  const agent = await client.createAgent('gpt-4.1', settings);
  const thread = await client.threads.create({ messages: [{ role: 'user', content: 'Where do otters sleep?' }] });
  return { agent, thread };
}

function textOf(message: ThreadMessage | undefined): string {
  const part = message?.content[0];
  if (!part || !isOutputOfType<{ type: 'text'; text: { value: string } }>(part, 'text')) throw new Error('No text.');
  return part.text.value;
}

/** The events, of which the SDK hands over those it cannot read as strings. */
async function heard(stream: AgentEventMessageStream): Promise<AgentEventMessage[]> {
  const events = await all(stream);
  const unread = events.filter(({ data, event }) => typeof data === 'string' && event !== 'done');
  expect(unread).toEqual([]);
  expect(events.at(-1)).toEqual({ event: 'done', data: '[DONE]' });
  return events;
}
const names = (events: AgentEventMessage[]) =>
  events.map(({ event }) => event).filter((event, index, before) => event !== before[index - 1]);
const RUN_BEGINS = ['thread.run.created', 'thread.run.queued', 'thread.run.in_progress'];
const ANSWER = [
  'thread.run.step.created',
  'thread.run.step.in_progress',
  'thread.message.created',
  'thread.message.in_progress',
  'thread.message.delta',
  'thread.message.completed',
  'thread.run.step.completed',
];

function runOf(events: AgentEventMessage[], name: string): ThreadRun {
  const data = events.find(({ event }) => event === name)?.data;
  if (typeof data !== 'object' || !('assistantId' in data) || !('requiredAction' in data))
    throw new Error(`No ${name}.`);
  return data;
}

describe('@azure/ai-agents', () => {
  it('creates, gets, lists, modifies and deletes agents', async () => {
    const jsonSchema = { name: 'answer', schema: { type: 'object', properties: {} } };
    const made = await client.createAgent('gpt-4.1', {
      name: 'Otter expert',
      description: 'Knows otters',
      instructions: 'Be brief.',
      tools: [weather.definition],
      temperature: 0.5,
      topP: 0.9,
      metadata: { team: 'a' },
      responseFormat: { type: 'json_schema', jsonSchema },
    });
    expect(made).toMatchObject({
      object: 'assistant',
      name: 'Otter expert',
      model: 'gpt-4.1',
      tools: [weather.definition],
      temperature: 0.5,
      topP: 0.9,
      responseFormat: { type: 'json_schema', jsonSchema },
    });
    expect(Math.abs(made.createdAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(await client.getAgent(made.id)).toEqual(made);
    const next = await client.updateAgent(made.id, { name: 'Expert', responseFormat: 'auto', tools: [] });
    expect(next).toMatchObject({ name: 'Expert', description: 'Knows otters', responseFormat: 'auto', tools: [] });
    const listed = await all(client.listAgents({ limit: 100, order: 'asc' }));
    expect(listed.map(({ id }) => id)).toContain(made.id);
    expect(await client.deleteAgent(made.id)).toMatchObject({ id: made.id, deleted: true });
    await expect(client.getAgent(made.id)).rejects.toMatchObject({
      statusCode: 404,
      message: `No assistant found with id '${made.id}'.`,
      details: { error: { type: 'invalid_request_error' } },
    });
  });

  it('handles threads and messages', async () => {
    const thread = await client.threads.create({ messages: [{ role: 'user', content: 'One' }], metadata: { a: '1' } });
    expect(await client.threads.get(thread.id)).toEqual(thread);
    expect(await client.threads.update(thread.id, { metadata: { b: '2' } })).toMatchObject({ metadata: { b: '2' } });
    expect((await all(client.threads.list())).map(({ id }) => id)).toContain(thread.id);
    const picture = { type: 'image_url' as const, imageUrl: { url: 'https://example.com/otter.png' } };
    const made = await client.messages.create(thread.id, 'user', [{ type: 'text', text: 'Two' }, picture]);
    expect(textOf(made)).toBe('Two');
    expect(await client.messages.get(thread.id, made.id)).toEqual(made);
    expect(await client.messages.update(thread.id, made.id, { metadata: { c: '3' } })).toMatchObject({
      metadata: { c: '3' },
    });
    const listed = await all(client.messages.list(thread.id, { order: 'asc' }));
    expect(listed.map(textOf)).toEqual(['One', 'Two']);
    expect(await client.threads.delete(thread.id)).toMatchObject({ deleted: true });
    await expect(client.threads.get(thread.id)).rejects.toMatchObject({ statusCode: 404 });
  });

  it('polls a run to its end, and reads its steps', async () => {
    const { agent, thread } = await begin({ instructions: 'Be brief.' });
    foundry.upstream.enqueue(reply.text('Afloat.'));
    const progress: string[] = [];
    const poller = client.runs.createAndPoll(thread.id, agent.id, { ...soon, metadata: { k: 'v' } });
    poller.onProgress(({ status }) => void progress.push(status));
    const run = await poller;
    expect(progress.at(-1)).toBe('succeeded');
    expect(run).toMatchObject({ status: 'completed', instructions: 'Be brief.', metadata: { k: 'v' } });
    expect(run.usage?.totalTokens).toBeGreaterThan(0);
    expect(await client.runs.get(thread.id, run.id)).toEqual(run);
    expect((await all(client.runs.list(thread.id))).map(({ id }) => id)).toEqual([run.id]);
    expect(await client.runs.update(thread.id, run.id, { metadata: { k: 'w' } })).toMatchObject({
      metadata: { k: 'w' },
    });
    const [step] = await all(client.runSteps.list(thread.id, run.id));
    expect(step).toMatchObject({ type: 'message_creation', status: 'completed', runId: run.id });
    expect(await client.runSteps.get(thread.id, run.id, step?.id ?? '')).toEqual(step);
    const [answer] = await all(client.messages.list(thread.id, { runId: run.id }));
    expect([textOf(answer), answer?.role]).toEqual(['Afloat.', 'assistant']);
  });

  it('hears of a run that failed', async () => {
    const { agent, thread } = await begin();
    foundry.upstream.enqueue(reply.status(400));
    await expect(client.runs.createAndPoll(thread.id, agent.id, soon)).rejects.toThrow(/^Operation failed: .*Scripted/);
  });

  it('streams a run, and cannot misread an event', async () => {
    const { agent, thread } = await begin();
    foundry.upstream.enqueue(reply.text('They sleep afloat.', { chunks: 3 }));
    const events = await heard(await client.runs.create(thread.id, agent.id).stream());
    expect(names(events)).toEqual([...RUN_BEGINS, ...ANSWER, 'thread.run.completed', 'done']);
  });

  it('is told of a stream that cannot be', async () => {
    const { agent } = await begin();
    const failed = client.runs.create('thread_none', agent.id).stream();
    await expect(failed).rejects.toBeInstanceOf(RestError);
    await expect(failed).rejects.toMatchObject({ statusCode: 404 });
  });

  it('creates a thread and runs it, polled or streamed', async () => {
    const agent = await client.createAgent('gpt-4.1');
    const thread = { messages: [{ role: 'user' as const, content: 'Where?' }] };
    foundry.upstream.enqueue(reply.text('Here.'), reply.text('There.'));
    const run = await client.runs.createThreadAndRun(agent.id, { thread });
    const done = await eventually('the run is over', async () => {
      const now = await client.runs.get(run.threadId, run.id);
      return now.status === 'completed' ? now : undefined;
    });
    expect((await all(client.messages.list(done.threadId))).map(textOf)).toEqual(['Here.', 'Where?']);
    const events = await heard(await client.runs.createThreadAndRun(agent.id, { thread }).stream());
    expect(names(events)).toEqual(['thread.created', ...RUN_BEGINS, ...ANSWER, 'thread.run.completed', 'done']);
  });

  it('answers calls of functions, with a poll and with a stream', async () => {
    for (const isStreamed of [false, true]) {
      const { agent, thread } = await begin({ tools: [weather.definition] });
      foundry.upstream.enqueue(reply.toolCalls([CALL]), reply.text('It snows.'));
      const waiting = isStreamed
        ? runOf(await heard(await client.runs.create(thread.id, agent.id).stream()), 'thread.run.requires_action')
        : await requiresAction(thread.id, (await client.runs.create(thread.id, agent.id)).id);
      const action = waiting.requiredAction;
      if (!action || !isOutputOfType<SubmitToolOutputsAction>(action, 'submit_tool_outputs'))
        throw new Error('No action.');
      const [call] = action.submitToolOutputs.toolCalls;
      expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } });
      const outputs = [{ toolCallId: call?.id ?? '', output: 'snow' }];
      const submitted = client.runs.submitToolOutputs(thread.id, waiting.id, outputs);
      if (isStreamed) {
        const events = await heard(await submitted.stream());
        expect(names(events).slice(-ANSWER.length - 2)).toEqual([...ANSWER, 'thread.run.completed', 'done']);
      } else {
        await submitted;
        await eventually('the run is over', async () =>
          (await client.runs.get(thread.id, waiting.id)).status === 'completed' ? true : undefined,
        );
      }
      const [answer] = await all(client.messages.list(thread.id));
      expect(textOf(answer)).toBe('It snows.');
    }
  });

  it('cancels a run', async () => {
    const { agent, thread } = await begin({ tools: [weather.definition] });
    foundry.upstream.enqueue(reply.toolCalls([CALL]));
    const run = await requiresAction(thread.id, (await client.runs.create(thread.id, agent.id)).id);
    expect((await client.runs.cancel(thread.id, run.id)).status).toBe('cancelling');
    const ended = await eventually('the run is cancelled', async () => {
      const now = await client.runs.get(thread.id, run.id);
      return now.status === 'cancelled' ? now : undefined;
    });
    expect(ended.cancelledAt).toBeInstanceOf(Date);
  });

  it('uploads files, and reads, lists and deletes them', async () => {
    const file = await client.files.uploadAndPoll(contentOf(OTTERS), 'assistants', { ...soon, fileName: 'otters.txt' });
    expect(file).toMatchObject({ filename: 'otters.txt', purpose: 'assistants', bytes: OTTERS.length });
    expect(await client.files.get(file.id)).toEqual(file);
    expect((await client.files.list({ purpose: 'assistants' })).data).toContainEqual(file);
    expect((await client.files.list({ purpose: 'vision' })).data).toEqual([]);
    const { body } = await client.files.getContent(file.id).asNodeStream();
    const pieces: Buffer[] = [];
    for await (const piece of body ?? []) pieces.push(Buffer.from(piece));
    expect(Buffer.concat(pieces).toString()).toBe(OTTERS);
    expect(await client.files.delete(file.id)).toMatchObject({ id: file.id, deleted: true });
  });

  it('fills vector stores by file, at creation and in batches, and changes and deletes them', async () => {
    const [first, second] = await Promise.all(
      ['one.txt', 'two.txt'].map(async (fileName) =>
        client.files.upload(contentOf(OTTERS), 'assistants', { fileName }),
      ),
    );
    const [firstId, secondId] = [first?.id ?? '', second?.id ?? ''];
    const store = await client.vectorStores.createAndPoll({ ...soon, name: 'otters', fileIds: [firstId] });
    expect(store).toMatchObject({ name: 'otters', status: 'completed', fileCounts: { completed: 1, total: 1 } });
    const expiresAfter = { anchor: 'last_active_at' as const, days: 3 };
    const changed = await client.vectorStores.update(store.id, { name: 'renamed', expiresAfter });
    expect(changed).toMatchObject({ name: 'renamed', expiresAfter });
    const chunkingStrategy = { type: 'static' as const, static: { maxChunkSizeTokens: 200, chunkOverlapTokens: 50 } };
    const file = await client.vectorStoreFiles.createAndPoll(store.id, { ...soon, fileId: secondId, chunkingStrategy });
    expect(file).toMatchObject({ id: secondId, status: 'completed', chunkingStrategy });
    const completed = await all(client.vectorStoreFiles.list(store.id, { filter: 'completed' }));
    expect(completed.map(({ id }) => id).toSorted()).toEqual([firstId, secondId].toSorted());
    const fileIds = [firstId, secondId];
    const batch = await client.vectorStoreFileBatches.createAndPoll(store.id, { ...soon, fileIds });
    expect(batch).toMatchObject({ status: 'completed', fileCounts: { completed: 2, total: 2 } });
    expect(await client.vectorStoreFileBatches.get(store.id, batch.id)).toEqual(batch);
    expect(await all(client.vectorStoreFileBatches.list(store.id, batch.id))).toHaveLength(2);
    expect((await client.vectorStoreFileBatches.cancel(store.id, batch.id)).status).toBe('completed');
    expect(await client.vectorStoreFiles.delete(store.id, firstId)).toMatchObject({ deleted: true });
    expect((await all(client.vectorStores.list())).map(({ id }) => id)).toContain(store.id);
    expect(await client.vectorStores.delete(store.id)).toMatchObject({ deleted: true });
    await expect(client.vectorStores.get(store.id)).rejects.toMatchObject({ statusCode: 404 });
  });

  it('searches files, streamed, and reads what was found where it asks for it', async () => {
    const file = await client.files.upload(contentOf(OTTERS), 'assistants', { fileName: 'otters.txt' });
    const store = await client.vectorStores.createAndPoll({ ...soon, fileIds: [file.id] });
    const search = ToolUtility.createFileSearchTool([store.id]);
    const { agent, thread } = await begin({ tools: [search.definition], toolResources: search.resources });
    foundry.upstream.enqueue(
      reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters sleep'] } }]),
      reply.text('They sleep afloat 【0:0†otters.txt】.', { chunks: 3 }),
    );
    const events = await heard(await client.runs.create(thread.id, agent.id).stream());
    const run = runOf(events, 'thread.run.completed');
    const [answer] = await all(client.messages.list(thread.id));
    expect(answer?.content[0]).toMatchObject({
      text: { annotations: [{ type: 'file_citation', fileCitation: { fileId: file.id } }] },
    });
    const include = ['step_details.tool_calls[*].file_search.results[*].content' as const];
    for (const [asked, content] of [
      [undefined, undefined],
      [include, [{ type: 'text', text: OTTERS }]],
    ]) {
      const steps = await all(
        client.runSteps.list(thread.id, run.id, { order: 'asc', include: asked as typeof include }),
      );
      const one = await client.runSteps.get(thread.id, run.id, steps[0]?.id ?? '', {
        include: asked as typeof include,
      });
      for (const step of [steps[0], one])
        expect(step?.stepDetails).toMatchObject({
          toolCalls: [{ type: 'file_search', fileSearch: { results: [{ fileId: file.id, content }] } }],
        });
    }
  });

  it('runs code, streamed, on a file of the agent', async () => {
    const CODE = 'import glob; print(int(open(glob.glob("/mnt/data/*")[0]).read()) + 1)';
    const file = await client.files.upload(contentOf('41'), 'assistants', { fileName: 'number.txt' });
    const code = ToolUtility.createCodeInterpreterTool([file.id]);
    const { agent, thread } = await begin({ tools: [code.definition], toolResources: code.resources });
    foundry.upstream.enqueue(
      reply.toolCalls([{ name: 'code_interpreter', arguments: { code: CODE } }]),
      reply.text('42.'),
    );
    const events = await heard(await client.runs.create(thread.id, agent.id).stream());
    const run = runOf(events, 'thread.run.completed');
    const steps = await all(client.runSteps.list(thread.id, run.id, { order: 'asc' }));
    expect(steps[0]?.stepDetails).toMatchObject({
      toolCalls: [{ codeInterpreter: { input: CODE, outputs: [{ type: 'logs', logs: '42\n' }] } }],
    });
  }, 60_000);

  it('gives a run resources of its own in place of the agent’s', async () => {
    const [ofAgent, own] = await Promise.all(
      ['a.txt', 'b.txt'].map(async (fileName) => client.files.upload(contentOf('1'), 'assistants', { fileName })),
    );
    const resources = (id = '') => ({ codeInterpreter: { fileIds: [id] } });
    const { agent, thread } = await begin({ toolResources: resources(ofAgent?.id) });
    const run = await client.runs.create(thread.id, agent.id, { toolResources: resources(own?.id) });
    expect(run.toolResources).toEqual(resources(own?.id));
    const missing = { toolResources: resources('file-none') };
    await expect(client.runs.create(thread.id, agent.id, missing)).rejects.toMatchObject({ statusCode: 404 });
  });

  it.each<[string, () => PromiseLike<unknown>]>([
    [
      "'configuration'",
      () =>
        client.vectorStores.create({
          storeConfiguration: {
            dataSources: [{ assetIdentifier: 'azureml://a', assetType: VectorStoreDataSourceAssetType.UriAsset }],
          },
        }),
    ],
    [
      "'tool_resources.code_interpreter.data_sources'",
      () =>
        client.createAgent('gpt-4.1', {
          toolResources: {
            codeInterpreter: {
              dataSources: [{ assetIdentifier: 'a', assetType: VectorStoreDataSourceAssetType.IdAsset }],
            },
          },
        }),
    ],
    [
      "'tool_resources.azure_ai_search'",
      () => client.threads.create({ toolResources: ToolUtility.createAzureAISearchTool('c', 'i').resources }),
    ],
  ])('is refused %s, which would otherwise be lost unseen', async (name, send) => {
    await expect(send()).rejects.toMatchObject({
      statusCode: 400,
      code: 'unsupported',
      message: expect.stringContaining(`${name} is not supported`),
    });
  });

  it('finds nothing of another project or tenant', async () => {
    const { agent, thread } = await begin();
    for (const other of [foundry.agents('p2'), foundry.agents('p1', 'beta')]) {
      await expect(other.getAgent(agent.id)).rejects.toMatchObject({ statusCode: 404 });
      await expect(all(other.messages.list(thread.id))).rejects.toMatchObject({ statusCode: 404 });
      expect(await all(other.listAgents())).toEqual([]);
      expect(await all(other.threads.list())).toEqual([]);
    }
  });

  it('sends api-version v1, and nothing but paths of this service', () => {
    expect(foundry.sent.length).toBeGreaterThan(100);
    for (const sent of foundry.sent) {
      expect(sent).toMatch(/^[A-Z]+ \/api\/projects\/p[12]\/(assistants|threads|files|vector_stores)\b/);
      expect(sent).toMatch(/[?&]api(-|%2D)version=v1\b/);
    }
  });
});

async function requiresAction(threadId: string, runId: string): Promise<ThreadRun> {
  return eventually('the run asks for outputs', async () => {
    const run = await client.runs.get(threadId, runId);
    return run.status === 'requires_action' ? run : undefined;
  });
}
