/** The assistants API as it was in 2023: `retrieval` and `file_ids`, by `OpenAI-Beta: assistants=v1` or an api-version of that time. */
import { z } from 'zod';
import { OTTERS, weather } from '../support/assistantFixtures';
import { contractSuite } from '../support/contractSuite';
import { older, olderClient } from '../support/olderClient';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const client = olderClient(() => suite.host);
const retrieval = [{ type: 'retrieval' }];
/** A program of a project of its own, so that its lists of vector stores hold nothing else. */
const inProject = (name: string) => olderClient(() => suite.host, { base: `/api/projects/${name}/openai/v1` });
const storesOf = async (own: ReturnType<typeof inProject>): Promise<string[]> =>
  (await own.call(older.listOf(z.object({ id: z.string() })), 'GET', '/vector_stores')).data.map(({ id }) => id);

/** What the models were told in all. */
const told = (): string =>
  suite.upstream.requests
    .filter(({ kind }) => kind === 'chat')
    .map(({ raw }) => raw)
    .join('\n');
/** Whether a text like that was made searchable since the test began; files of the test before may still be on their way. */
const embedded = (text: RegExp): boolean =>
  suite.upstream.requests.some(({ kind, raw }) => kind === 'embeddings' && text.test(raw));
const searchFor = (query: string) => reply.toolCalls([{ name: 'file_search', arguments: { queries: [query] } }]);
const runCode = (code: string) => reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]);

it('the call as the older page prints it, on /v1 without the header, creates a run with file_ids', async () => {
  const post = async (path: string, body: object): Promise<unknown> => {
    const headers = { authorization: `Bearer ${suite.host.key()}`, 'content-type': 'application/json' };
    const answer = await suite.send('POST', path, { headers, body });
    expect(answer.status).toBe(200);
    return answer.json();
  };
  const made = older.assistant.omit({ file_ids: true }).parse(await post('/v1/assistants', { model: 'gpt-4.1' }));
  const thread = older.thread.parse(await post('/v1/threads', {}));
  const run = older.run.parse(await post(`/v1/threads/${thread.id}/runs`, { assistant_id: made.id }));
  expect(run).toMatchObject({ status: 'queued', file_ids: [], instructions: null, tools: [], metadata: {} });
  expect((await client.polled(run)).status).toBe('completed');
});

it('a whole program: retrieval over files of the assistant and of a message, functions, steps, a cancel', async () => {
  const { call, upload, polled, refused } = client;
  const [sea, river] = [
    await upload(OTTERS, 'sea.txt'),
    await upload('River otters live in a den called a holt.', 'river.txt'),
  ];
  const assistant = await call(older.assistant, 'POST', '/assistants', {
    model: 'gpt-4.1',
    instructions: 'Be brief.',
    tools: [...retrieval, weather],
    file_ids: [sea],
  });
  expect(assistant).toMatchObject({ file_ids: [sea], tools: [{ type: 'retrieval' }, { type: 'function' }] });
  const thread = await call(older.thread, 'POST', '/threads', {});
  const messages = `/threads/${thread.id}/messages`;
  const asked = await call(older.message, 'POST', messages, {
    role: 'user',
    content: 'River otters live in a den called a holt, do they?',
    file_ids: [river],
  });
  expect(asked.file_ids).toEqual([river]);

  const runs = `/threads/${thread.id}/runs`;
  const first = await call(older.run, 'POST', runs, { assistant_id: assistant.id });
  expect(first).toMatchObject({ file_ids: [sea], tools: [{ type: 'retrieval' }, { type: 'function' }] });
  expect((await polled(first)).status).toBe('completed');
  const [answer] = (await call(older.listOf(older.message), 'GET', messages)).data;
  const [{ text }] = z
    .tuple([z.object({ text: older.message.shape.content.element.shape.text })])
    .parse(answer?.content);
  expect(text.annotations).toMatchObject([
    { file_citation: { file_id: river, quote: 'River otters live in a den called a holt.' } },
  ]);
  expect(text.value.slice(text.annotations[0]?.start_index, text.annotations[0]?.end_index)).toBe(
    text.annotations[0]?.text,
  );
  expect(answer).toMatchObject({ role: 'assistant', file_ids: [], run_id: first.id });
  const steps = await call(older.listOf(older.step), 'GET', `${runs}/${first.id}/steps?order=asc`);
  expect(steps.data.map(({ step_details: details }) => details)).toEqual([
    { type: 'tool_calls', tool_calls: [{ type: 'retrieval', id: expect.any(String), retrieval: {} }] },
    { type: 'message_creation', message_creation: { message_id: answer?.id } },
  ]);
  const [step] = steps.data;
  expect(await call(older.step, 'GET', `${runs}/${first.id}/steps/${step?.id}`)).toEqual(step);

  // The assistant's own file, by its store.
  suite.upstream.enqueue(
    searchFor('where do otters sleep'),
    reply.toolCalls([{ name: 'get_weather', arguments: { city: 'Oslo' } }]),
  );
  await call(older.message, 'POST', messages, { role: 'user', content: 'And where do they sleep?' });
  const second = await polled(await call(older.run, 'POST', runs, { assistant_id: assistant.id }));
  expect(told()).toContain('Otters sleep afloat');
  expect(second.status).toBe('requires_action');
  const [wanted] = second.required_action?.submit_tool_outputs.tool_calls ?? [];
  suite.upstream.enqueue(reply.text('Afloat.'));
  await call(older.run, 'POST', `${runs}/${second.id}/submit_tool_outputs`, {
    tool_outputs: [{ tool_call_id: wanted?.id, output: 'mild' }],
  });
  expect((await polled(second)).status).toBe('completed');
  const modified = await call(older.run, 'POST', `${runs}/${second.id}`, { metadata: { seen: 'yes' } });
  expect(modified).toMatchObject({ metadata: { seen: 'yes' }, tools: [{ type: 'retrieval' }, { type: 'function' }] });
  const listed = await call(older.listOf(older.run), 'GET', runs);
  expect(listed.data.map(({ id }) => id)).toEqual([second.id, first.id]);

  suite.upstream.enqueue(reply.hang());
  const third = await call(older.run, 'POST', runs, { assistant_id: assistant.id });
  await call(older.run, 'POST', `${runs}/${third.id}/cancel`);
  expect((await polled(third)).status).toBe('cancelled');
  expect(await call(older.deleted, 'DELETE', `/assistants/${assistant.id}`)).toMatchObject({
    object: 'assistant.deleted',
  });
  expect(await refused('GET', `/assistants/${assistant.id}/files`)).toMatchObject({ status: 404 });
}, 60_000);

it('a stream of the older form tells of retrieval in tools, steps and their deltas, and of quotes', async () => {
  const file = await client.upload(OTTERS, 'otters.txt');
  const made = await client.call(older.assistant, 'POST', '/assistants', {
    model: 'gpt-4.1',
    tools: retrieval,
    file_ids: [file],
  });
  const answer = await client.fetched('POST', '/threads/runs', {
    assistant_id: made.id,
    stream: true,
    thread: { messages: [{ role: 'user', content: 'Where do otters sleep?' }] },
  });
  const events = (await answer.text()).split('\n\n').flatMap((frame) => {
    const [, event = '', data = ''] = /^event: (\S+)\ndata: (.*)$/s.exec(frame) ?? [];
    return event ? [{ event, data }] : [];
  });
  const of = (name: string): unknown => JSON.parse(events.findLast(({ event }) => event === name)?.data ?? 'null');
  expect(older.run.parse(of('thread.run.completed')).tools).toEqual(retrieval);
  const [call] =
    older.step.parse(JSON.parse(events.find(({ event }) => event === 'thread.run.step.completed')?.data ?? ''))
      .step_details.type === 'tool_calls'
      ? [of('thread.run.step.delta')]
      : [];
  expect(call).toMatchObject({
    delta: { step_details: { tool_calls: [{ index: 0, type: 'retrieval', retrieval: {} }] } },
  });
  const [part] = older.message.parse(of('thread.message.completed')).content;
  expect(part?.text.annotations).toMatchObject([
    { file_citation: { file_id: file, quote: 'They hold hands so that they do not drift apart.' } },
  ]);
  expect(events.map(({ data }) => data).join('')).not.toContain('"type":"file_search"');
});

it.each([
  ['/v1 without the header', 'file_search', { headers: {} }],
  ['/v1 with assistants=v2', 'file_search', { headers: { 'openai-beta': 'assistants=v2' } }],
  [
    'Azure with the api-version 2024-05-01-preview',
    'file_search',
    { base: '/openai', query: '?api-version=2024-05-01-preview', headers: {} },
  ],
  ['/v1 with assistants=v1', 'retrieval', {}],
  [
    'Azure with the api-version 2024-02-15-preview',
    'retrieval',
    { base: '/openai', query: '?api-version=2024-02-15-preview', headers: {} },
  ],
] as const)(
  '%s takes retrieval wherever a tool is named, and shows it as %s',
  async (_caller, shown, options) => {
    const { call } = olderClient(() => suite.host, options);
    const anyTools = z.object({ id: z.string(), tools: z.array(z.object({ type: z.string() })) });
    const made = await call(anyTools, 'POST', '/assistants', { model: 'gpt-4.1', tools: retrieval });
    const modified = await call(anyTools, 'POST', `/assistants/${made.id}`, { tools: retrieval });
    const got = await call(anyTools, 'GET', `/assistants/${made.id}`);
    const file = await client.upload(OTTERS, 'otters.txt');
    const message = { role: 'user', content: 'Hi', attachments: [{ file_id: file, tools: retrieval }] };
    const anyRun = anyTools.extend({ thread_id: z.string(), tool_choice: z.unknown() });
    const choice = { tools: retrieval, tool_choice: { type: 'retrieval' } };
    const run = await call(anyRun, 'POST', '/threads/runs', {
      assistant_id: made.id,
      thread: { messages: [message] },
      ...choice,
    });
    expect(run.tool_choice).toEqual({ type: shown });
    const rest = { path: `/threads/${run.thread_id}`, id: run.id };
    expect((await client.polled(run)).status).toBe('completed');
    const next = await call(anyRun, 'POST', `${rest.path}/runs`, { assistant_id: made.id, tools: retrieval });
    expect((await client.polled(next)).status).toBe('completed');
    for (const { tools } of [made, modified, got, run, next]) expect(tools).toEqual([{ type: shown }]);
    const attached = await call(
      z.object({
        data: z.array(z.object({ attachments: z.array(z.object({ file_id: z.string(), tools: z.unknown() })) })),
      }),
      'GET',
      `${rest.path}/messages`,
    );
    expect(attached.data.at(-1)?.attachments).toEqual([{ file_id: file, tools: [{ type: shown }] }]);
  },
  30_000,
);

it('files of assistant and message are readable for code, on an api-version of that time', async () => {
  const azure = olderClient(() => suite.host, {
    base: '/openai',
    query: '?api-version=2024-02-15-preview',
    headers: {},
  });
  const [rows, more] = [await azure.upload('a,b\n1,2', 'rows.csv'), await azure.upload('x', 'more.csv')];
  const made = await azure.call(older.assistant, 'POST', '/assistants', {
    model: 'gpt-4.1',
    tools: [{ type: 'code_interpreter' }],
    file_ids: [rows],
  });
  suite.upstream.enqueue(
    runCode("import os\nprint(sorted(os.listdir('/mnt/data')), open('/mnt/data/rows.csv').read())"),
  );
  const message = { role: 'user', content: 'What is there?', file_ids: [more] };
  const run = await azure.call(older.run, 'POST', '/threads/runs', {
    assistant_id: made.id,
    thread: { messages: [message] },
  });
  expect((await azure.polled(run)).status).toBe('completed');
  const steps = await client.call(
    older.listOf(older.step),
    'GET',
    `/threads/${run.thread_id}/runs/${run.id}/steps?order=asc`,
  );
  const logs = "['more.csv', 'rows.csv'] a,b\n1,2\n";
  expect(steps.data[0]?.step_details).toMatchObject({
    tool_calls: [{ code_interpreter: { outputs: [{ type: 'logs', logs }] } }],
  });
  expect(embedded(/a,b/)).toBe(false);
}, 60_000);

describe('the files of an assistant', () => {
  it('are attached, shown, listed page by page and taken away one by one, and retrieval follows', async () => {
    const own = inProject('follow');
    const [sea, river, lake] = [
      await own.upload(OTTERS, 'sea.txt'),
      await own.upload('River otters live in a den called a holt.', 'river.txt'),
      await own.upload('Lakes freeze in winter.', 'lake.txt'),
    ];
    const { id } = await own.call(older.assistant, 'POST', '/assistants', {
      model: 'gpt-4.1',
      tools: retrieval,
      file_ids: [sea],
    });
    const files = `/assistants/${id}/files`;
    const attached = await own.call(older.assistantFile, 'POST', files, { file_id: river });
    expect(attached).toMatchObject({ id: river, assistant_id: id });
    // Once more changes nothing.
    expect(await own.call(older.assistantFile, 'POST', files, { file_id: river })).toEqual(attached);
    await own.call(older.assistantFile, 'POST', files, { file_id: lake });
    expect(await own.call(older.assistantFile, 'GET', `${files}/${river}`)).toEqual(attached);
    const page = async (query: string) => {
      const { data, has_more } = await own.call(older.listOf(older.assistantFile), 'GET', `${files}?${query}`);
      return [data.map((file) => [sea, river, lake].indexOf(file.id)), has_more];
    };
    expect(await page('')).toEqual([[2, 1, 0], false]);
    expect(await page('limit=2&order=asc')).toEqual([[0, 1], true]);
    expect(await page(`limit=2&order=asc&after=${river}`)).toEqual([[2], false]);
    expect(await page(`limit=1&order=asc&before=${lake}`)).toEqual([[1], true]);

    const found = async (query: string, sentence: string): Promise<boolean> => {
      suite.upstream.reset();
      suite.upstream.enqueue(searchFor(query), reply.text('So it is.'));
      const thread = { messages: [{ role: 'user', content: query }] };
      const run = await own.call(older.run, 'POST', '/threads/runs', { assistant_id: id, thread });
      expect((await own.polled(run)).status).toBe('completed');
      return told().includes(sentence);
    };
    expect(await found('where do river otters live', 'a den called a holt')).toBe(true);
    const stores = await storesOf(own);
    expect(stores).toHaveLength(1);
    expect(await own.call(older.deleted, 'DELETE', `${files}/${river}`)).toEqual({
      id: river,
      object: 'assistant.file.deleted',
      deleted: true,
    });
    expect(await found('where do river otters live', 'a den called a holt')).toBe(false);
    const modified = await own.call(older.assistant, 'POST', `/assistants/${id}`, { file_ids: [river, sea] });
    expect(modified.file_ids).toEqual([river, sea]);
    expect(await found('do lakes freeze', 'Lakes freeze')).toBe(false);
    expect(await found('where do river otters live', 'a den called a holt')).toBe(true);
    expect(await storesOf(own)).toEqual(stores);
    await own.call(older.deleted, 'DELETE', `/assistants/${id}`);
    expect(await storesOf(own)).toEqual([]);
  }, 60_000);

  it('that are attached at the same time all are attached and searched, in one store', async () => {
    const own = inProject('together');
    const texts = ['Seals bark.', 'Whales sing.', 'Crabs walk sideways.', 'Squids squirt ink.'];
    const files = await Promise.all(texts.map(async (text, n) => own.upload(text, `${n}.txt`)));
    const { id } = await own.call(older.assistant, 'POST', '/assistants', { model: 'gpt-4.1', tools: retrieval });
    await Promise.all(
      files.map(async (file_id) => own.call(older.assistantFile, 'POST', `/assistants/${id}/files`, { file_id })),
    );
    const attached = (await own.call(older.assistant, 'GET', `/assistants/${id}`)).file_ids;
    expect(attached.toSorted()).toEqual(files.toSorted());
    const [store, ...others] = await storesOf(own);
    expect(others).toEqual([]);
    const anyId = z.object({ id: z.string() });
    const held = await own.call(older.listOf(anyId), 'GET', `/vector_stores/${store}/files`);
    expect(held.data.map((file) => file.id).toSorted()).toEqual(files.toSorted());
  });

  it('are only attached without a tool, and searched by the run that brings retrieval', async () => {
    const own = inProject('attached');
    const file = await own.upload(OTTERS, 'otters.txt');
    const noted = await own.upload('Herons stand on one leg.', 'herons.txt');
    const { id } = await own.call(older.assistant, 'POST', '/assistants', { model: 'gpt-4.1', file_ids: [file] });
    const thread = { messages: [{ role: 'user', content: 'How do herons stand?', file_ids: [noted] }] };
    const run = await own.call(older.run, 'POST', '/threads/runs', { assistant_id: id, thread });
    expect((await own.polled(run)).status).toBe('completed');
    expect(await storesOf(own)).toEqual([]);
    expect(embedded(/Herons|Otters/)).toBe(false);
    const { thread_id } = run;
    suite.upstream.enqueue(searchFor('how do herons stand'), searchFor('where do otters sleep'), reply.text('So.'));
    const second = await own.call(older.run, 'POST', `/threads/${thread_id}/runs`, {
      assistant_id: id,
      tools: retrieval,
    });
    expect((await own.polled(second)).status).toBe('completed');
    expect(told()).toContain('Herons stand on one leg.');
    expect(told()).toContain('Otters sleep afloat');
    // That of the thread and that of the assistant, once each.
    expect(await storesOf(own)).toHaveLength(2);
    const third = await own.call(older.run, 'POST', `/threads/${thread_id}/runs`, {
      assistant_id: id,
      tools: retrieval,
    });
    expect((await own.polled(third)).status).toBe('completed');
    expect(await storesOf(own)).toHaveLength(2);
  }, 60_000);

  it('are searched again after somebody deleted the store behind them', async () => {
    const own = inProject('deleted');
    const file = await own.upload(OTTERS, 'otters.txt');
    const { id } = await own.call(older.assistant, 'POST', '/assistants', {
      model: 'gpt-4.1',
      tools: retrieval,
      file_ids: [file],
    });
    for (const store of await storesOf(own)) await own.call(older.deleted, 'DELETE', `/vector_stores/${store}`);
    const thread = { messages: [{ role: 'user', content: 'where do otters sleep' }] };
    const run = await own.call(older.run, 'POST', '/threads/runs', { assistant_id: id, thread });
    expect((await own.polled(run)).status).toBe('completed');
    expect(told()).toContain('Otters sleep afloat');
  }, 30_000);

  it('show as tool resources in the form of today, whose schemas they meet', async () => {
    const file = await client.upload(OTTERS, 'otters.txt');
    const tools = [...retrieval, { type: 'code_interpreter' }];
    const { id } = await client.call(older.assistant, 'POST', '/assistants', {
      model: 'gpt-4.1',
      tools,
      file_ids: [file],
    });
    const { tool_resources } = await suite.client().beta.assistants.retrieve(id);
    expect(tool_resources).toEqual({
      code_interpreter: { file_ids: [file] },
      file_search: { vector_store_ids: [expect.any(String)] },
    });
    const both = { tool_resources: { code_interpreter: { file_ids: [file] } } };
    await expect(suite.client().beta.assistants.update(id, both)).rejects.toMatchObject({
      status: 400,
      param: 'file_ids',
    });
    const moved = await client.call(older.assistant, 'POST', `/assistants/${id}`, { ...both, file_ids: [] });
    expect(moved.file_ids).toEqual([]);
  });
});

it('the files of a message are listed and got, by the older form and by attachments alike', async () => {
  const { call, upload, refused } = client;
  const files = [await upload('One.', 'one.txt'), await upload('Two.', 'two.txt')];
  const { id: thread } = await call(older.thread, 'POST', '/threads', {});
  const made = await call(older.message, 'POST', `/threads/${thread}/messages`, {
    role: 'user',
    content: 'Hi',
    file_ids: files,
  });
  const path = `/threads/${thread}/messages/${made.id}`;
  const { data } = await call(older.listOf(older.messageFile), 'GET', `${path}/files?order=asc`);
  expect(data).toEqual(
    files.map((id) => ({ id, object: 'thread.message.file', created_at: made.created_at, message_id: made.id })),
  );
  expect(await call(older.messageFile, 'GET', `${path}/files/${files[1]}`)).toEqual(data[1]);
  expect(await refused('GET', `${path}/files/file-nothing`)).toMatchObject({ status: 404 });
  expect(await refused('GET', `/threads/${thread}/messages/msg_nothing/files`)).toMatchObject({ status: 404 });
  const today = await suite.client().beta.threads.messages.retrieve(made.id, { thread_id: thread });
  expect(today.attachments).toEqual(files.map((file_id) => ({ file_id, tools: [] })));
  expect(today).not.toHaveProperty('file_ids');
});

describe('what is wrong is refused, naming it:', () => {
  const model = { model: 'gpt-4.1' };
  const message = { role: 'user', content: 'Hi' };
  const many = async (count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, async (_, n) => client.upload(`${n}`, `${n}.txt`)));

  it('a file that is not there, or is named twice', async () => {
    const { refused } = client;
    const [file] = await many(1);
    const { id } = await client.call(older.assistant, 'POST', '/assistants', model);
    const { id: thread } = await client.call(older.thread, 'POST', '/threads', {});
    const unknown = { file_ids: [file, 'file-nothing'] };
    const absent = { status: 404, message: 'No such File object: file-nothing' };
    expect(await refused('POST', '/assistants', { ...model, ...unknown })).toMatchObject({
      ...absent,
      param: 'file_ids',
    });
    expect(await refused('POST', `/assistants/${id}`, unknown)).toMatchObject({ ...absent, param: 'file_ids' });
    expect(await refused('POST', `/assistants/${id}/files`, { file_id: 'file-nothing' })).toMatchObject({
      ...absent,
      param: 'file_id',
    });
    expect(await refused('POST', `/threads/${thread}/messages`, { ...message, ...unknown })).toMatchObject({
      ...absent,
      param: 'file_ids[1]',
    });
    const nested = await refused('POST', '/threads', { messages: [message, { ...message, ...unknown }] });
    expect(nested).toMatchObject({ ...absent, param: 'messages[1].file_ids[1]' });
    const twice = { file_ids: [file, file] };
    for (const [path, body] of [
      ['/assistants', { ...model, ...twice }],
      [`/assistants/${id}`, twice],
      [`/threads/${thread}/messages`, { ...message, ...twice }],
    ] as const)
      expect(await refused('POST', path, body)).toMatchObject({
        status: 400,
        param: 'file_ids',
        message: expect.stringContaining('twice'),
      });
  });

  it('a file that is not attached, and a file of another tenant', async () => {
    const { refused } = client;
    const [file = ''] = await many(1);
    const { id } = await client.call(older.assistant, 'POST', '/assistants', model);
    expect(await refused('DELETE', `/assistants/${id}/files/${file}`)).toMatchObject({ status: 404 });
    expect(await refused('GET', `/assistants/${id}/files/${file}`)).toMatchObject({ status: 404 });
    expect(await refused('GET', `/assistants/${id}/files?after=${file}`)).toMatchObject({
      status: 400,
      param: 'after',
    });
    expect(await refused('POST', '/assistants/asst_nothing/files', { file_id: file })).toMatchObject({ status: 404 });
    const theirs = await suite.send('POST', '/v1/assistants', { tenant: 'beta', body: { ...model, file_ids: [file] } });
    expect(theirs.status).toBe(404);
  });

  it('more than 20 files of an assistant, and more than 10 of a message', async () => {
    const { refused } = client;
    const files = await many(21);
    const above = { status: 400, code: 'array_above_max_length', param: 'file_ids' };
    expect(await refused('POST', '/assistants', { ...model, file_ids: files })).toMatchObject(above);
    const { id } = await client.call(older.assistant, 'POST', '/assistants', {
      ...model,
      file_ids: files.slice(0, 20),
    });
    expect(await refused('POST', `/assistants/${id}/files`, { file_id: files[20] })).toMatchObject(above);
    await client.call(older.deleted, 'DELETE', `/assistants/${id}/files/${files[0]}`);
    await client.call(older.assistantFile, 'POST', `/assistants/${id}/files`, { file_id: files[20] });
    const { id: thread } = await client.call(older.thread, 'POST', '/threads', {});
    const messages = `/threads/${thread}/messages`;
    expect(await refused('POST', messages, { ...message, file_ids: files.slice(0, 11) })).toMatchObject(above);
    await client.call(older.message, 'POST', messages, { ...message, file_ids: files.slice(0, 10) });
  });
});
