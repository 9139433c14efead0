/** Requests that cannot be served are refused in the service's shape, and leave nothing behind. */
import { startHost, type Host } from '../support/host';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
});
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

async function post(
  path: string,
  body: unknown,
): Promise<{ status: number; error?: { code: string; param: string; message: string } }> {
  const answer = await fetch(`${host.url}/v1${path}`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, ...((await answer.json()) as object) };
}

const stores = async () => (await host.openai().vectorStores.list()).data;
const MB = 1_000_000;

it.each<[string, string, () => unknown]>([
  [
    'a message',
    '/threads/THREAD/messages',
    () => ({
      role: 'user',
      content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(3 * MB)}` } }],
    }),
  ],
  [
    'a thread',
    '/threads',
    () => ({
      messages: [
        { role: 'user', content: Array.from({ length: 20 }, () => ({ type: 'text', text: 'x'.repeat(250_000) })) },
      ],
    }),
  ],
  [
    'an assistant',
    '/assistants',
    () => ({
      model: 'm',
      tools: Array.from({ length: 20 }, (_, index) => ({
        type: 'function',
        function: { name: `f${index}`, description: 'x'.repeat(150_000) },
      })),
    }),
  ],
])('%s larger than a write of the store is 413 object_too_large', async (_what, path, body) => {
  const thread = await host.openai().beta.threads.create();
  expect(await post(path.replace('THREAD', thread.id), body())).toMatchObject({
    status: 413,
    error: { code: 'object_too_large' },
  });
});

it.each<[string, unknown, string]>([
  [
    'a lone surrogate',
    '{"model":"m","tool_resources":{"file_search":{"vector_store_ids":["\\ud800"]}}}',
    'tool_resources.file_search.vector_store_ids[0]',
  ],
  [
    'an id of a megabyte',
    { model: 'm', tool_resources: { file_search: { vector_store_ids: ['x'.repeat(MB)] } } },
    'tool_resources.file_search.vector_store_ids[0]',
  ],
])('%s as an id is 400 naming the parameter', async (_what, body, param) => {
  expect(await post('/assistants', body)).toMatchObject({ status: 400, error: { param } });
});

it('more search queries than a search takes are refused', async () => {
  const store = await host.openai().vectorStores.create({});
  const answer = await post(`/vector_stores/${store.id}/search`, { query: Array.from({ length: 21 }, () => 'otter') });
  expect(answer).toMatchObject({ status: 400, error: { code: 'array_above_max_length', param: 'query' } });
});

describe('tool_choice', () => {
  const weather = { type: 'function', function: { name: 'weather' } } as const;
  it.each<[string, object[], unknown]>([
    ['required without tools', [], 'required'],
    ['a function that is not there', [weather], { type: 'function', function: { name: 'other' } }],
    ['file_search that is not there', [weather], { type: 'file_search' }],
  ])('%s is 400', async (_what, tools, tool_choice) => {
    const client = host.openai();
    const assistant = await client.beta.assistants.create({ model: 'gpt', tools: tools as never });
    const thread = await client.beta.threads.create();
    const answer = await post(`/threads/${thread.id}/runs`, { assistant_id: assistant.id, tool_choice });
    expect(answer).toMatchObject({ status: 400, error: { param: 'tool_choice' } });
  });
});

describe('tools that do not go together are refused, by an assistant, by its modification and by a run:', () => {
  const weather = { type: 'function', function: { name: 'weather' } };
  it.each<[string, object, string, RegExp]>([
    ['one tool twice', { tools: [{ type: 'file_search' }, { type: 'file_search' }] }, 'tools', /named 'file_search'/],
    ['two functions of one name', { tools: [weather, weather] }, 'tools', /named 'weather'/],
    [
      'json_object beside a tool of the server',
      { tools: [weather, { type: 'file_search' }], response_format: { type: 'json_object' } },
      'response_format',
      /all tools must be of type `function`/,
    ],
  ])('%s', async (_what, body, param, message) => {
    const client = host.openai();
    const assistant = await client.beta.assistants.create({ model: 'gpt' });
    const thread = await client.beta.threads.create();
    for (const [path, named] of [
      ['/assistants', { model: 'gpt' }],
      [`/assistants/${assistant.id}`, {}],
      [`/threads/${thread.id}/runs`, { assistant_id: assistant.id }],
    ] as const) {
      const refusal = { status: 400, error: { param, message: expect.stringMatching(message) } };
      expect(await post(path, { ...named, ...body })).toMatchObject(refusal);
    }
    expect(await client.beta.assistants.retrieve(assistant.id)).toEqual(assistant);
  });

  it('json_object for an assistant that has a tool of the server', async () => {
    const { assistants } = host.openai().beta;
    const { id } = await assistants.create({ model: 'gpt', tools: [{ type: 'file_search' }] });
    const refusal = { status: 400, param: 'response_format' };
    const jsonObject = { response_format: { type: 'json_object' } } as const;
    await expect(assistants.update(id, jsonObject)).rejects.toMatchObject(refusal);
    expect((await assistants.update(id, { ...jsonObject, tools: [] })).response_format).toEqual({
      type: 'json_object',
    });
  });
});

it('images in messages of assistants are refused, for no model takes them', async () => {
  const thread = await host.openai().beta.threads.create();
  const content = [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }];
  expect(await post(`/threads/${thread.id}/messages`, { role: 'assistant', content })).toMatchObject({
    status: 400,
    error: { code: 'unsupported', param: 'content[0].image_url' },
  });
});

it('a request that is refused leaves no vector store and no thread behind', async () => {
  const before = await stores();
  const tool_resources = { file_search: { vector_stores: [{ file_ids: [] }] } };
  const message = { role: 'user', content: 'Hi.', attachments: [{ file_id: 'file-1', tools: [] }] };
  for (const [path, body] of [
    ['/threads/runs', { assistant_id: 'asst_nobody', thread: { tool_resources } }],
    ['/threads', { tool_resources, messages: [message] }],
    ['/assistants', { model: 'm', tool_resources: { ...tool_resources, code_interpreter: { file_ids: ['file-1'] } } }],
  ] as const) {
    expect((await post(path, body)).status).toBeGreaterThanOrEqual(400);
  }
  expect(await stores()).toEqual(before);
});

it('a run whose vector store was deleted fails and says which store', async () => {
  const client = host.openai();
  const store = await client.vectorStores.create({ name: 'short-lived' });
  const assistant = await client.beta.assistants.create({
    model: 'gpt',
    tools: [{ type: 'file_search' }],
    tool_resources: { file_search: { vector_store_ids: [store.id] } },
  });
  await client.vectorStores.delete(store.id);
  const thread = await client.beta.threads.create({ messages: [{ role: 'user', content: 'Anything?' }] });
  const run = await client.beta.threads.runs.createAndPoll(
    thread.id,
    { assistant_id: assistant.id },
    { pollIntervalMs: 50 },
  );
  expect(run).toMatchObject({ status: 'failed', last_error: { message: expect.stringContaining(store.id) } });
});
