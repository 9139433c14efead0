/** Operations 18 to 21 with the official SDK. */
import OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { storeWithFile } from '../support/assistantFixtures';
import { expectNotFound } from '../support/notFound';
import { soon } from '../support/polling';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();

describe.each(sdks)('with the class %s', (sdk) => {
  const threads = () => suite.client(sdk).beta.threads;

  it('creates a message from a string, complete at once', async () => {
    const { id } = await threads().create();
    const message = await threads().messages.create(id, { role: 'user', content: 'Hello', metadata: { n: '1' } });
    expect(message).toMatchObject({
      object: 'thread.message',
      thread_id: id,
      status: 'completed',
      incomplete_details: null,
      incomplete_at: null,
      role: 'user',
      content: [{ type: 'text', text: { value: 'Hello', annotations: [] } }],
      assistant_id: null,
      run_id: null,
      attachments: [],
      metadata: { n: '1' },
    });
    expect(message.completed_at).toBe(message.created_at);
    expect(message.id).toMatch(/^msg_\w{24}$/);
    expect(await threads().messages.retrieve(message.id, { thread_id: id })).toEqual(message);
  });

  it('creates a message from parts and hands them to the model', async () => {
    const { id } = await threads().create();
    const url = 'https://example.com/otter.png';
    const message = await threads().messages.create(id, {
      role: 'user',
      content: [
        { type: 'text', text: 'What is it?' },
        { type: 'image_url', image_url: { url, detail: 'low' } },
      ],
    });
    expect(message.content[1]).toEqual({ type: 'image_url', image_url: { url, detail: 'low' } });
    const assistant = await suite.client(sdk).beta.assistants.create({ model: 'gpt-4.1' });
    await threads().runs.createAndPoll(id, { assistant_id: assistant.id }, soon);
    expect(suite.upstream.requests.at(-1)?.body.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url, detail: 'low' } },
        ],
      },
    ]);
  });

  it('modifies nothing but the metadata of a message', async () => {
    const { id } = await threads().create();
    const message = await threads().messages.create(id, { role: 'user', content: 'Hello', metadata: { a: '1' } });
    const modified = await threads().messages.update(message.id, { thread_id: id, metadata: { b: '2' } });
    expect(modified).toEqual({ ...message, metadata: { b: '2' } });
    expect(await threads().messages.retrieve(message.id, { thread_id: id })).toEqual(modified);
  });

  it("lists messages newest first, and with run_id only that run's", async () => {
    const assistant = await suite.client(sdk).beta.assistants.create({ model: 'gpt-4.1' });
    const { id } = await threads().create({ messages: [{ role: 'user', content: 'One' }] });
    const first = await threads().runs.createAndPoll(id, { assistant_id: assistant.id }, soon);
    await threads().messages.create(id, { role: 'user', content: 'Two' });
    await threads().runs.createAndPoll(id, { assistant_id: assistant.id }, soon);
    const texts = (messages: OpenAI.Beta.Threads.Message[]) =>
      messages.map(({ content: [part] }) => (part?.type === 'text' ? part.text.value : ''));
    const all = await threads().messages.list(id);
    expect(texts(all.data)).toEqual(['You said: Two', 'Two', 'You said: One', 'One']);
    const own = await threads().messages.list(id, { run_id: first.id });
    expect(texts(own.data)).toEqual(['You said: One']);
    expect(own.data[0]).toMatchObject({ role: 'assistant', run_id: first.id, assistant_id: assistant.id });
  });

  it("does not find another thread's message", async () => {
    const [one, two] = [await threads().create(), await threads().create()];
    const message = await threads().messages.create(one.id, { role: 'user', content: 'Hello' });
    const call = threads().messages.retrieve(message.id, { thread_id: two.id });
    await expect(call).rejects.toThrow(`No message found with id '${message.id}'.`);
    await expect(call).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});

type Attachments = OpenAI.Beta.Threads.MessageCreateParams.Attachment[];

/** A client of a project of its own, so that lists hold nothing else. */
const inProject = (name: string) =>
  suite.client().withOptions({ baseURL: `${suite.host.url}/api/projects/${name}/openai/v1` });

const upload = async (text: string | Uint8Array<ArrayBuffer>, name: string) =>
  suite.client().files.create({ file: new File([text], name), purpose: 'assistants' });
const forSearch = (file_id: string): Attachments => [{ file_id, tools: [{ type: 'file_search' }] }];
const searching: OpenAI.Beta.AssistantCreateParams = { model: 'gpt-4.1', tools: [{ type: 'file_search' }] };
const storesOf = ({ tool_resources }: OpenAI.Beta.Thread) => tool_resources?.file_search?.vector_store_ids ?? [];

describe('an attachment for file_search', () => {
  const threads = () => suite.client().beta.threads;

  it("makes the thread's own store, which expires seven days after its last use, and is found by the next run", async () => {
    const file = await upload('Otters sleep afloat in the water.', 'otters.txt');
    const { id } = await threads().create();
    const attachments = forSearch(file.id);
    const message = await threads().messages.create(id, {
      role: 'user',
      content: 'Where do otters sleep?',
      attachments,
    });
    expect(message.attachments).toEqual(attachments);
    const [store = ''] = storesOf(await threads().retrieve(id));
    const { expires_after, expires_at, last_active_at } = await suite.client().vectorStores.retrieve(store);
    expect(expires_after).toEqual({ anchor: 'last_active_at', days: 7 });
    expect(expires_at).toBe((last_active_at ?? 0) + 7 * 86_400);
    const assistant = await suite.client().beta.assistants.create(searching);
    suite.upstream.enqueue(
      reply.toolCalls([{ id: 'call_1', name: 'file_search', arguments: { queries: ['otters sleep'] } }]),
    );
    const run = await threads().runs.createAndPoll(id, { assistant_id: assistant.id }, soon);
    expect(run.status).toBe('completed');
    expect(suite.upstream.requests.findLast(({ kind }) => kind === 'chat')?.raw).toContain('Otters sleep afloat');
  });

  it('makes a run wait until it is ingested', async () => {
    suite.upstream.enqueueEmbeddings(reply.hang());
    const file = await upload('Otters hold hands.', 'hands.txt');
    const { id } = await threads().create({
      messages: [{ role: 'user', content: 'Do they?', attachments: forSearch(file.id) }],
    });
    await suite.upstream.until(() => suite.upstream.calls.embeddings === 1);
    const assistant = await suite.client().beta.assistants.create(searching);
    const run = await threads().runs.create(id, { assistant_id: assistant.id });
    const [store = ''] = storesOf(await threads().retrieve(id));
    const seen: string[] = [];
    for (let look = 0; look < 5; look += 1)
      seen.push((await threads().runs.retrieve(run.id, { thread_id: id })).status);
    expect(seen.filter((status) => status === 'completed')).toEqual([]);
    expect(suite.upstream.calls.chat).toBe(0);
    // Without the file nothing is left to wait for.
    await suite.client().vectorStores.files.delete(file.id, { vector_store_id: store });
    expect((await threads().runs.poll(run.id, { thread_id: id }, soon)).status).toBe('completed');
  });

  it('joins the store that the thread has', async () => {
    const [first, second] = [await upload('One.', 'one.txt'), await upload('Two.', 'two.txt')];
    const { store } = await storeWithFile(suite.client());
    const thread = await threads().create({
      tool_resources: { file_search: { vector_store_ids: [store.id] } },
      messages: [{ role: 'user', content: 'One', attachments: forSearch(first.id) }],
    });
    await threads().messages.create(thread.id, { role: 'user', content: 'Two', attachments: forSearch(second.id) });
    expect(storesOf(await threads().retrieve(thread.id))).toEqual([store.id]);
    const files = await suite.client().vectorStores.files.list(store.id);
    expect(files.data.map(({ id }) => id).slice(0, 2)).toEqual([second.id, first.id]);
  });

  it('of messages that race makes but one store, which has the files of all', async () => {
    const client = inProject('race');
    const files = await Promise.all(
      Array.from({ length: 8 }, async (_, index) =>
        client.files.create({ file: new File([`Fact ${index}.`], `${index}.txt`), purpose: 'assistants' }),
      ),
    );
    const thread = await client.beta.threads.create();
    await Promise.all(
      files.map(async (file) =>
        client.beta.threads.messages.create(thread.id, { role: 'user', content: 'x', attachments: forSearch(file.id) }),
      ),
    );
    const stores = (await client.vectorStores.list()).data.map(({ id }) => id);
    expect(storesOf(await client.beta.threads.retrieve(thread.id))).toEqual(stores);
    const held = await client.vectorStores.files.list(stores[0] ?? '');
    expect(held.data.map(({ id }) => id).sort()).toEqual(files.map(({ id }) => id).sort());
    expect(stores).toHaveLength(1);
  });

  it('joins with the additional messages of a run, and with a thread that is created with its run', async () => {
    const file = await upload('Otters sleep afloat.', 'more.txt');
    const assistant = await suite.client().beta.assistants.create(searching);
    const message = { role: 'user' as const, content: 'Where?', attachments: forSearch(file.id) };
    const { id } = await threads().create();
    const more = { assistant_id: assistant.id, additional_messages: [message] };
    const run = await threads().runs.createAndPoll(id, more, soon);
    const created = await threads().createAndRunPoll(
      { assistant_id: assistant.id, thread: { messages: [message] } },
      soon,
    );
    for (const { status, thread_id, tool_resources } of [run, created] as (typeof run & OpenAI.Beta.Thread)[]) {
      expect(status).toBe('completed');
      const stores = storesOf(await threads().retrieve(thread_id));
      expect(stores).toHaveLength(1);
      expect(tool_resources).toEqual({ file_search: { vector_store_ids: stores } });
      expect((await suite.client().vectorStores.retrieve(stores[0] ?? '')).file_counts).toMatchObject({ completed: 1 });
    }
  });
});

describe('an attachment for code_interpreter', () => {
  it("joins the thread's files, of which there are twenty at most", async () => {
    const { threads } = suite.client().beta;
    const files: string[] = [];
    for (let index = 0; index < 21; index += 1) files.push((await upload(`${index}`, `${index}.csv`)).id);
    const last = files.pop() ?? '';
    const attached = (ids: string[]): Attachments =>
      ids.map((file_id) => ({ file_id, tools: [{ type: 'code_interpreter' }] }));
    const { id } = await threads.create({
      tool_resources: { code_interpreter: { file_ids: files.slice(0, 1) } },
      messages: [{ role: 'user', content: 'x', attachments: attached(files.slice(1, 3)) }],
    });
    await threads.messages.create(id, { role: 'user', content: 'y', attachments: attached(files.slice(2)) });
    const { tool_resources } = await threads.retrieve(id);
    expect(tool_resources).toEqual({ code_interpreter: { file_ids: files } });
    const more = threads.messages.create(id, { role: 'user', content: 'z', attachments: attached([last]) });
    await expect(more).rejects.toMatchObject({ status: 400, param: 'attachments', code: 'array_above_max_length' });
    expect((await threads.retrieve(id)).tool_resources).toEqual(tool_resources);
  });
});

it('attachments that name no file are refused where they stand, and leave nothing behind', async () => {
  const client = inProject('nothing');
  const { assistants, threads } = client.beta;
  const message = { role: 'user' as const, content: 'x', attachments: forSearch('file-nothing') };
  const assistant = await assistants.create({ model: 'gpt-4.1' });
  const { id } = await threads.create();
  const run = { assistant_id: assistant.id };
  for (const [call, param] of [
    [threads.messages.create(id, message), 'attachments[0].file_id'],
    [threads.create({ messages: [{ role: 'user', content: 'a' }, message] }), 'messages[1].attachments[0].file_id'],
    [
      threads.runs.create(id, { ...run, additional_messages: [message] }),
      'additional_messages[0].attachments[0].file_id',
    ],
    [threads.createAndRun({ ...run, thread: { messages: [message] } }), 'thread.messages[0].attachments[0].file_id'],
  ] as const) {
    await expect(call).rejects.toMatchObject({
      status: 404,
      param,
      error: { message: 'No such File object: file-nothing' },
    });
  }
  expect((await client.vectorStores.list()).data).toEqual([]);
  expect((await threads.messages.list(id)).data).toEqual([]);
});

describe('an image file', () => {
  const png = Uint8Array.from(
    Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    ),
  );
  const content = (file_id: string) => [
    { type: 'text' as const, text: 'What is it?' },
    { type: 'image_file' as const, image_file: { file_id, detail: 'high' as const } },
  ];

  it('reaches the model as the data of its bytes, whatever its name is', async () => {
    const { assistants, threads } = suite.client().beta;
    const file = await upload(png, 'picture.txt');
    const assistant = await assistants.create({ model: 'gpt-4.1' });
    const { id } = await threads.create({ messages: [{ role: 'user', content: content(file.id) }] });
    const [message] = (await threads.messages.list(id)).data;
    expect(message?.content[1]).toEqual({ type: 'image_file', image_file: { file_id: file.id, detail: 'high' } });
    await threads.runs.createAndPoll(id, { assistant_id: assistant.id }, soon);
    const url = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
    expect(suite.upstream.requests.at(-1)?.body.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url, detail: 'high' } },
        ],
      },
    ]);
  });

  it('that was deleted since does not keep the thread from being answered', async () => {
    const { assistants, threads } = suite.client().beta;
    const file = await upload(png, 'picture.png');
    const assistant = await assistants.create({ model: 'gpt-4.1' });
    const { id } = await threads.create({ messages: [{ role: 'user', content: content(file.id) }] });
    await suite.client().files.delete(file.id);
    expect((await threads.runs.createAndPoll(id, { assistant_id: assistant.id }, soon)).status).toBe('completed');
    expect(suite.upstream.requests.at(-1)?.raw).toContain(`The image ${file.id} is not there any more.`);
  });

  it('is refused where it is no image, or is not there', async () => {
    const { threads } = suite.client().beta;
    const file = await upload('I am a text.', 'picture.png');
    const { id } = await threads.create();
    const param = 'content[1].image_file.file_id';
    const wrong = threads.messages.create(id, { role: 'user', content: content(file.id) });
    await expect(wrong).rejects.toMatchObject({ status: 400, code: 'invalid_value', param });
    const absent = threads.messages.create(id, { role: 'user', content: content('file-nothing') });
    await expect(absent).rejects.toMatchObject({ status: 404, param });
  });
});

it.each([
  ['content', { content: [] }, 'array_below_min_length'],
  ['content', { content: 'x'.repeat(256_001) }, 'string_above_max_length'],
  ['content[0].text', { content: [{ type: 'text', text: '' }] }, 'string_below_min_length'],
  ['content[0].image_url.url', { content: [{ type: 'image_url', image_url: { url: 'otter.png' } }] }, 'invalid_value'],
  [
    'content[0].image_url.detail',
    { content: [{ type: 'image_url', image_url: { url: 'https://a.example/b.png', detail: 'huge' } }] },
    'invalid_value',
  ],
  ['role', { role: 'system' }, 'invalid_value'],
  ['attachments[0].tools', { attachments: [{ file_id: 'file-1' }] }, 'missing_required_parameter'],
  [
    'attachments[0].tools[0].type',
    { attachments: [{ file_id: 'file-1', tools: [{ type: 'function' }] }] },
    'invalid_value',
  ],
  [
    'metadata',
    { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`${n}`, 'x'])) },
    'object_above_max_properties',
  ],
  [`metadata.${'k'.repeat(65)}`, { metadata: { ['k'.repeat(65)]: 'x' } }, 'property_name_above_max_length'],
  ['metadata.k', { metadata: { k: 'x'.repeat(513) } }, 'string_above_max_length'],
] as [string, object, string][])('refuses %s of a message past its limit: %#', async (param, given, code) => {
  const { id } = await suite.client().beta.threads.create();
  const body = { role: 'user', content: 'Hello', ...given } as OpenAI.Beta.Threads.MessageCreateParams;
  const call = suite.client().beta.threads.messages.create(id, body);
  await expect(call).rejects.toMatchObject({ status: 400, code, param });
});

describe('a message that is deleted', () => {
  it('is gone from its thread, from the lists of its run, and from what models are told', async () => {
    const { assistants, threads } = suite.client().beta;
    const assistant = await assistants.create({ model: 'gpt-4.1' });
    const { id: thread_id } = await threads.create({ messages: [{ role: 'user', content: 'One' }] });
    const run = await threads.runs.createAndPoll(thread_id, { assistant_id: assistant.id }, soon);
    const [answer, question] = (await threads.messages.list(thread_id)).data;
    const id = answer?.id ?? '';
    expect(await threads.messages.delete(id, { thread_id })).toEqual({
      id,
      object: 'thread.message.deleted',
      deleted: true,
    });
    await expectNotFound(
      async () => threads.messages.retrieve(id, { thread_id }),
      async () => threads.messages.update(id, { thread_id }),
      async () => threads.messages.delete(id, { thread_id }),
    );
    expect((await threads.messages.list(thread_id)).data).toEqual([question]);
    expect((await threads.messages.list(thread_id, { run_id: run.id })).data).toEqual([]);
    await threads.runs.createAndPoll(thread_id, { assistant_id: assistant.id }, soon);
    expect(suite.upstream.requests.at(-1)?.body.messages).toEqual([{ role: 'user', content: 'One' }]);
  });

  it('is not, while a run is active', async () => {
    const { assistants, threads } = suite.client().beta;
    suite.upstream.enqueue(reply.hang());
    const assistant = await assistants.create({ model: 'gpt-4.1' });
    const { id: thread_id } = await threads.create({ messages: [{ role: 'user', content: 'One' }] });
    const run = await threads.runs.create(thread_id, { assistant_id: assistant.id });
    const [message] = (await threads.messages.list(thread_id)).data;
    await expect(threads.messages.delete(message?.id ?? '', { thread_id })).rejects.toMatchObject({
      status: 400,
      error: { message: `Can't delete messages from ${thread_id} while a run ${run.id} is active.` },
    });
    await threads.runs.cancel(run.id, { thread_id });
  });
});

it('lists pages of messages both ways, and pages from ids that it has only', async () => {
  const { threads } = suite.client().beta;
  const { id } = await threads.create({
    messages: Array.from({ length: 5 }, (_, n) => ({ role: 'user' as const, content: `${n}` })),
  });
  const all = (await threads.messages.list(id, { order: 'asc' })).data.map((message) => message.id);
  const page = async (query: OpenAI.Beta.Threads.MessageListParams) => {
    const { data, has_more } = await threads.messages.list(id, query);
    return [data.map((message) => all.indexOf(message.id)), has_more];
  };
  expect(await page({ limit: 2 })).toEqual([[4, 3], true]);
  expect(await page({ limit: 2, order: 'asc', after: all[1] })).toEqual([[2, 3], true]);
  expect(await page({ before: all[2] })).toEqual([[4, 3], false]);
  await expect(page({ after: 'msg_nothing' })).rejects.toMatchObject({ status: 400, param: 'after' });
  expect((await threads.messages.list(id, { run_id: 'run_nothing' })).data).toEqual([]);
});
