/** Operations 14 to 17 with the official SDK. */
import { contractSuite, sdks } from '../support/contractSuite';
import { expectNotFound } from '../support/notFound';

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
