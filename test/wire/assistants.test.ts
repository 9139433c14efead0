/** Operations 9 to 13 with the official SDK. */
import OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';

const suite = contractSuite();
const tools: OpenAI.Beta.AssistantTool[] = [
  {
    type: 'file_search',
    file_search: { max_num_results: 7, ranking_options: { ranker: 'auto', score_threshold: 0.2 } },
  },
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'Weather',
      parameters: { type: 'object', properties: {} },
      strict: false,
    },
  },
];

describe.each(sdks)('with the class %s', (sdk) => {
  const assistants = () => suite.client(sdk).beta.assistants;

  it('creates an assistant from a model alone, every other field at its default', async () => {
    const before = Math.floor(Date.now() / 1000);
    const assistant = await assistants().create({ model: 'gpt-4.1' });
    expect(assistant).toMatchObject({
      object: 'assistant',
      model: 'gpt-4.1',
      name: null,
      description: null,
      instructions: null,
      tools: [],
      tool_resources: {},
      metadata: {},
      temperature: 1,
      top_p: 1,
      response_format: 'auto',
    });
    expect(assistant.id).toMatch(/^asst_\w{24}$/);
    expect(assistant.created_at).toBeGreaterThanOrEqual(before);
  });

  it('keeps every field that an assistant is created with', async () => {
    const fields: OpenAI.Beta.AssistantCreateParams = {
      model: 'gpt-4.1',
      name: 'Ada',
      description: 'Counts',
      instructions: 'Count.',
      tools: [{ type: 'code_interpreter' }, ...tools],
      tool_resources: { code_interpreter: { file_ids: [] }, file_search: { vector_store_ids: [] } },
      metadata: { team: 'a' },
      temperature: 0.3,
      top_p: 0.9,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: { type: 'object' }, strict: true },
      },
      reasoning_effort: 'low',
    };
    const created = await assistants().create(fields);
    expect(created).toMatchObject(fields);
    expect(await assistants().retrieve(created.id)).toEqual(created);
  });

  it('changes only what a modification gives, replaces whole lists, and clears by null', async () => {
    const created = await assistants().create({
      model: 'gpt-4.1',
      name: 'Ada',
      instructions: 'Count.',
      tools,
      metadata: { team: 'a' },
      temperature: 0.3,
    });
    const changed = await assistants().update(created.id, { tools: [tools[0] ?? { type: 'file_search' }], name: null });
    expect(changed).toEqual({ ...created, tools: [tools[0]], name: null });
    const cleared = await assistants().update(created.id, { temperature: null, metadata: null });
    expect(cleared).toEqual({ ...changed, temperature: 1, metadata: {} });
    expect(await assistants().retrieve(created.id)).toEqual(cleared);
  });

  it('replaces the tool resources that a modification gives', async () => {
    const { vectorStores } = suite.client(sdk);
    const [first, second] = [await vectorStores.create({}), await vectorStores.create({})];
    const resources = (id: string) => ({ tool_resources: { file_search: { vector_store_ids: [id] } } });
    const created = await assistants().create({ model: 'gpt-4.1', tools, ...resources(first.id) });
    expect(created).toMatchObject(resources(first.id));
    expect(await assistants().update(created.id, resources(second.id))).toEqual({
      ...created,
      ...resources(second.id),
    });
  });

  it('deletes an assistant, after which it is not found', async () => {
    const { id } = await assistants().create({ model: 'gpt-4.1' });
    expect(await assistants().delete(id)).toEqual({ id, object: 'assistant.deleted', deleted: true });
    await expect(assistants().retrieve(id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(assistants().delete(id)).rejects.toThrow(`No assistant found with id '${id}'.`);
  });

  it('lists assistants newest first', async () => {
    const made: string[] = [];
    for (const name of ['one', 'two', 'three']) made.unshift((await assistants().create({ model: 'm', name })).id);
    const page = await assistants().list({ limit: 3 });
    expect(page.data.map(({ id }) => id)).toEqual(made);
  });
});

it('makes and attaches a vector store that an assistant describes', async () => {
  const client = suite.client();
  const file = await client.files.create({
    file: new File(['Otters sleep in the water.'], 'otters.txt'),
    purpose: 'assistants',
  });
  const described = {
    file_ids: [file.id],
    metadata: { about: 'otters' },
    chunking_strategy: { type: 'auto' as const },
  };
  const assistant = await client.beta.assistants.create({
    model: 'gpt-4.1',
    tools: [{ type: 'file_search' }],
    tool_resources: { file_search: { vector_stores: [described] } },
  });
  const ids = assistant.tool_resources?.file_search?.vector_store_ids ?? [];
  expect(ids).toHaveLength(1);
  const store = await client.vectorStores.retrieve(ids[0] ?? '');
  expect(store).toMatchObject({ metadata: { about: 'otters' }, file_counts: { total: 1 } });
});

it('refuses a vector store that is not there, naming the parameter', async () => {
  const call = suite.client().beta.assistants.create({
    model: 'gpt-4.1',
    tool_resources: { file_search: { vector_store_ids: ['vs_nothing'] } },
  });
  await expect(call).rejects.toMatchObject({ status: 404, param: 'tool_resources.file_search.vector_store_ids' });
});

it('keeps files for code_interpreter, and the resources of tools that a modification does not name', async () => {
  const { files, vectorStores, beta } = suite.client();
  const file = await files.create({ file: new File(['1'], '1.csv'), purpose: 'assistants' });
  const store = await vectorStores.create({});
  const code_interpreter = { file_ids: [file.id] };
  const created = await beta.assistants.create({
    model: 'gpt-4.1',
    tools: [{ type: 'code_interpreter' }],
    tool_resources: { code_interpreter },
  });
  expect(created.tool_resources).toEqual({ code_interpreter });
  const file_search = { vector_store_ids: [store.id] };
  const changed = await beta.assistants.update(created.id, { tool_resources: { file_search } });
  expect(changed).toEqual({ ...created, tool_resources: { code_interpreter, file_search } });
  const cleared = await beta.assistants.update(created.id, { tool_resources: null });
  expect(cleared).toEqual({ ...created, tool_resources: {} });
  const absent = beta.assistants.create({
    model: 'gpt-4.1',
    tool_resources: { code_interpreter: { file_ids: [file.id, 'file-nothing'] } },
  });
  await expect(absent).rejects.toMatchObject({ status: 404, param: 'tool_resources.code_interpreter.file_ids' });
});

it("takes the older tool 'retrieval' as file_search", async () => {
  const answer = await suite.send('POST', '/v1/assistants', { body: { model: 'm', tools: [{ type: 'retrieval' }] } });
  expect(await answer.json()).toMatchObject({ tools: [{ type: 'file_search' }] });
});

it.each([
  ['tools', { tools: Array(129).fill({ type: 'code_interpreter' }) }],
  ['tools[0].function.name', { tools: [{ type: 'function', function: { name: 'two words' } }] }],
  [
    'tool_resources.file_search',
    { tool_resources: { file_search: { vector_store_ids: ['vs_1'], vector_stores: [{}] } } },
  ],
  ['tool_resources.file_search.vector_stores', { tool_resources: { file_search: { vector_stores: [{}, {}] } } }],
  [
    'response_format.json_schema.name',
    { response_format: { type: 'json_schema', json_schema: { name: 'two words' } } },
  ],
  ['metadata', { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`${n}`, 'x'])) }],
] as [string, object][])('refuses %s past its limit, naming it', async (param, given) => {
  const body = { model: 'gpt-4.1', ...given } as OpenAI.Beta.AssistantCreateParams;
  await expect(suite.client().beta.assistants.create(body)).rejects.toMatchObject({ status: 400, param });
});

it('makes no vector store by a modification', async () => {
  const { id } = await suite.client().beta.assistants.create({ model: 'gpt-4.1' });
  const tool_resources = { file_search: { vector_stores: [{}] } } as OpenAI.Beta.AssistantUpdateParams.ToolResources;
  await expect(suite.client().beta.assistants.update(id, { tool_resources })).rejects.toMatchObject({
    status: 400,
    code: 'unknown_parameter',
    param: 'tool_resources.file_search.vector_stores',
  });
});
