/** Operations 14 to 17 with the official SDK. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();

describe.each(sdks)('with the class %s', (sdk) => {
  const threads = () => suite.client(sdk).beta.threads;

  it('creates an empty thread from an absent body', async () => {
    const thread = await threads().create();
    expect(thread).toMatchObject({ object: 'thread', metadata: {}, tool_resources: {} });
    expect(thread.id).toMatch(/^thread_\w{24}$/);
    expect((await threads().messages.list(thread.id)).data).toEqual([]);
  });

  it('creates a thread with messages, which keep their order, metadata and tool resources', async () => {
    const thread = await threads().create({
      messages: [
        { role: 'user', content: 'First', metadata: { n: '1' } },
        { role: 'assistant', content: 'Second' },
        { role: 'user', content: [{ type: 'text', text: 'Third' }] },
      ],
      metadata: { user: 'ada' },
      tool_resources: { code_interpreter: { file_ids: [] }, file_search: { vector_store_ids: [] } },
    });
    expect(thread).toMatchObject({
      metadata: { user: 'ada' },
      tool_resources: { code_interpreter: { file_ids: [] }, file_search: { vector_store_ids: [] } },
    });
    const { data } = await threads().messages.list(thread.id, { order: 'asc' });
    const shown = data.map(({ role, content, metadata }) => [role, content, metadata]);
    const text = (value: string) => [{ type: 'text', text: { value, annotations: [] } }];
    expect(shown).toEqual([
      ['user', text('First'), { n: '1' }],
      ['assistant', text('Second'), {}],
      ['user', text('Third'), {}],
    ]);
  });

  it('gives a thread, modifies its metadata and tool resources, and leaves what is not given', async () => {
    const store = await suite.client(sdk).vectorStores.create({});
    const created = await threads().create({ metadata: { a: '1' } });
    expect(await threads().retrieve(created.id)).toEqual(created);
    const tool_resources = { file_search: { vector_store_ids: [store.id] } };
    expect(await threads().update(created.id, { tool_resources })).toEqual({ ...created, tool_resources });
    const modified = await threads().update(created.id, { metadata: { b: '2' } });
    expect(modified).toEqual({ ...created, tool_resources, metadata: { b: '2' } });
    expect(await threads().retrieve(created.id)).toEqual(modified);
  });

  it('deletes a thread with its messages and runs', async () => {
    const thread = await threads().create({ messages: [{ role: 'user', content: 'Hello' }] });
    const [message] = (await threads().messages.list(thread.id)).data;
    expect(await threads().delete(thread.id)).toEqual({ id: thread.id, object: 'thread.deleted', deleted: true });
    await expectNotFound(
      async () => threads().retrieve(thread.id),
      async () => threads().update(thread.id, {}),
      async () => threads().delete(thread.id),
      async () => threads().messages.list(thread.id),
      async () => threads().messages.create(thread.id, { role: 'user', content: 'Hello' }),
      async () => threads().messages.retrieve(message?.id ?? '', { thread_id: thread.id }),
      async () => threads().runs.list(thread.id),
    );
  });
});

it('creates a thread with as many and as long messages as one may have', async () => {
  const { threads } = suite.client().beta;
  const long = 'x'.repeat(256_000);
  const messages = Array.from({ length: 32 }, (_, index) => ({
    role: 'user' as const,
    content: `${index} ${long.slice(5)}`,
  }));
  const thread = await threads.create({ messages });
  const { data } = await threads.messages.list(thread.id, { order: 'asc', limit: 100 });
  const beginnings = data.map(({ content: [part] }) =>
    part?.type === 'text' ? part.text.value.slice(0, 4).trim() : '',
  );
  expect(beginnings.map((beginning) => parseInt(beginning, 10))).toEqual(messages.map((_, index) => index));
});

it('keeps the resources of tools that a modification does not name, and clears what is null', async () => {
  const { threads } = suite.client().beta;
  const file = await suite.client().files.create({ file: new File(['1'], '1.csv'), purpose: 'assistants' });
  const store = await suite.client().vectorStores.create({});
  const code_interpreter = { file_ids: [file.id] };
  const file_search = { vector_store_ids: [store.id] };
  const { id } = await threads.create({ tool_resources: { code_interpreter } });
  const resourcesAfter = async (tool_resources: unknown) =>
    (await threads.update(id, { tool_resources } as OpenAI.Beta.ThreadUpdateParams)).tool_resources;
  expect(await resourcesAfter({ file_search })).toEqual({ code_interpreter, file_search });
  expect(await resourcesAfter({ code_interpreter: null })).toEqual({ file_search });
  expect(await resourcesAfter({ code_interpreter, file_search: {} })).toEqual({
    code_interpreter,
    file_search: { vector_store_ids: [] },
  });
  expect(await resourcesAfter(null)).toEqual({});
  expect((await threads.update(id, { metadata: null })).metadata).toEqual({});
});

it('makes a store that a thread describes, which expires seven days after its last use', async () => {
  const client = suite.client();
  const file = await client.files.create({ file: new File(['Otters.'], 'otters.txt'), purpose: 'assistants' });
  const thread = await client.beta.threads.create({
    tool_resources: { file_search: { vector_stores: [{ file_ids: [file.id] }] } },
  });
  const store = await client.vectorStores.retrieve(thread.tool_resources?.file_search?.vector_store_ids?.[0] ?? '');
  expect(store).toMatchObject({
    expires_after: { anchor: 'last_active_at', days: 7 },
    file_counts: { total: 1 },
  });
});

it.each([
  [{ code_interpreter: { file_ids: ['file-nothing'] } }, 'tool_resources.code_interpreter.file_ids', 404],
  [{ file_search: { vector_store_ids: ['vs_nothing'] } }, 'tool_resources.file_search.vector_store_ids', 404],
  [{ code_interpreter: { file_ids: Array(21).fill('file-1') } }, 'tool_resources.code_interpreter.file_ids', 400],
  [{ file_search: { vector_store_ids: ['vs_1', 'vs_2'] } }, 'tool_resources.file_search.vector_store_ids', 400],
] as [object, string, number][])('refuses the tool resources %j', async (tool_resources, param, status) => {
  const { threads } = suite.client().beta;
  const { id } = await threads.create();
  await expect(threads.create({ tool_resources })).rejects.toMatchObject({ status, param });
  await expect(threads.update(id, { tool_resources })).rejects.toMatchObject({ status, param });
});

describe('the list of threads', () => {
  interface Page {
    data: OpenAI.Beta.Thread[];
    has_more: boolean;
  }
  const page = async (project: string, query = ''): Promise<Page> =>
    (await (await suite.send('GET', `/api/projects/${project}/threads?${query}`)).json()) as Page;
  const inProject = (project: string) =>
    suite.client().withOptions({ baseURL: `${suite.host.url}/api/projects/${project}/openai/v1` }).beta;

  it('has the threads of the project, newest first, in pages', async () => {
    const { threads, assistants } = inProject('listed');
    const assistant = await assistants.create({ model: 'gpt-4.1' });
    const made: string[] = [];
    for (let index = 0; index < 3; index += 1) made.unshift((await threads.create({ metadata: { n: `${index}` } })).id);
    made.unshift((await threads.createAndRun({ assistant_id: assistant.id })).thread_id);
    const all = await page('listed');
    expect(all).toMatchObject({ object: 'list', first_id: made[0], last_id: made[3], has_more: false });
    expect(all.data.map(({ id }) => id)).toEqual(made);
    expect(all.data[1]).toEqual(await threads.retrieve(made[1] ?? ''));
    const middle = await page('listed', `limit=2&after=${made[0]}`);
    expect(middle.data.map(({ id }) => id)).toEqual(made.slice(1, 3));
    expect(middle.has_more).toBe(true);
    expect((await page('elsewhere')).data).toEqual([]);
  });

  it('loses a thread that is deleted', async () => {
    const { threads } = inProject('shrinking');
    const [first, second] = [await threads.create(), await threads.create()];
    await threads.delete(second.id);
    expect((await page('shrinking')).data.map(({ id }) => id)).toEqual([first.id]);
  });
});

it('deleting a thread stops its run, and nothing of either comes back', async () => {
  const { assistants, threads } = suite.client().beta;
  suite.upstream.enqueue(reply.hang());
  const assistant = await assistants.create({ model: 'gpt-4.1' });
  const thread = await threads.create({ messages: [{ role: 'user', content: 'Hello' }] });
  const run = await threads.runs.create(thread.id, { assistant_id: assistant.id });
  await suite.upstream.until(() => suite.upstream.calls.chat === 1);
  await threads.delete(thread.id);
  // The call of the model is broken off.
  await suite.upstream.until(() => suite.upstream.abandoned === 1);
  await expectNotFound(
    async () => threads.retrieve(thread.id),
    async () => threads.runs.retrieve(run.id, { thread_id: thread.id }),
    async () => threads.runs.steps.list(run.id, { thread_id: thread.id }),
  );
});
