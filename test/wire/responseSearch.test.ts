/** file_search in responses, over this package's vector stores. The suite itself checks every answer and event. */
import type OpenAI from 'openai';
import { OTTERS, storeWithFile } from '../support/assistantFixtures';
import { contractSuite, sdks } from '../support/contractSuite';
import { soon } from '../support/polling';
import { reply, toolOutputs } from '../support/scriptedUpstream';

const suite = contractSuite();
const model = 'gpt-4.1';
const bodies = () => suite.upstream.requests.filter(({ kind }) => kind === 'chat').map(({ body }) => body);
const search = () => reply.toolCalls([{ name: 'file_search', arguments: { queries: ['where do otters sleep'] } }]);
const question = 'Where do otters sleep?';
const create = (fields: object) => suite.client().responses.create({ model, input: question, ...fields });

const passages = () => {
  const [output = '{}'] = toolOutputs(bodies().at(-1)?.messages ?? []);
  return (JSON.parse(output) as { results: { marker: string; filename: string }[] }).results;
};

describe.each(sdks)('with the class %s', (sdk) => {
  const responses = () => suite.client(sdk).responses;

  it('searches, and cites the file at its place in a text without markers', async () => {
    const { store, file } = await storeWithFile(suite.client(sdk));
    const tools = [{ type: 'file_search' as const, vector_store_ids: [store.id] }];
    const made = await responses().create({ model, input: question, tools });
    const [call, message] = made.output;
    expect(call).toMatchObject({ type: 'file_search_call', status: 'completed', queries: [question], results: null });
    expect(made.output_text).toBe(OTTERS);
    const citation = { type: 'file_citation', file_id: file.id, filename: 'otters.txt', index: OTTERS.length };
    expect(message).toMatchObject({ content: [{ annotations: [citation] }] });
    const [found] = (await responses().retrieve(made.id, { include: ['file_search_call.results'] })).output;
    expect(found).toMatchObject({ results: [{ file_id: file.id, filename: 'otters.txt', text: OTTERS }] });
  });

  it('streams the search and the citation in order, with results where they are included', async () => {
    const { store, file } = await storeWithFile(suite.client(sdk));
    const stream = responses().stream({
      model,
      input: question,
      tools: [{ type: 'file_search', vector_store_ids: [store.id] }],
      include: ['file_search_call.results'],
    });
    const names: string[] = [];
    for await (const { type } of stream) names.push(type.replace('response.', ''));
    expect([...new Set(names)]).toEqual([
      ...['created', 'in_progress', 'output_item.added', 'file_search_call.in_progress'],
      ...['file_search_call.searching', 'file_search_call.completed', 'output_item.done', 'content_part.added'],
      ...['output_text.delta', 'output_text.annotation.added', 'output_text.done', 'content_part.done', 'completed'],
    ]);
    expect((await stream.finalResponse()).output[0]).toMatchObject({ results: [{ file_id: file.id }] });
  });
});

it('answers with the built-in model, which needs no service', async () => {
  const { store, file } = await storeWithFile(suite.client());
  const tools = [{ type: 'file_search', vector_store_ids: [store.id] }];
  const made = await create({ model: 'local-extractive', tools });
  expect(made.output_text).toContain('Otters sleep afloat');
  expect(made.output_text).not.toContain('【');
  expect(made.output.at(-1)).toMatchObject({ content: [{ annotations: [{ file_id: file.id }] }] });
  expect(suite.upstream.calls.chat).toBe(0);
});

it('searches several stores by filters, in as many results as are asked for, none below the threshold', async () => {
  const client = suite.client();
  const stores = [await storeWithFile(client), await storeWithFile(client, 'Otters sleep in dens.', 'dens.txt')];
  for (const [index, { store, file }] of stores.entries())
    await client.vectorStores.files.update(file.id, { vector_store_id: store.id, attributes: { year: 2020 + index } });
  const vector_store_ids = stores.map(({ store }) => store.id);
  const names = async (fields: object) => {
    suite.upstream.enqueue(search(), reply.text('So.'));
    await create({ tools: [{ type: 'file_search', vector_store_ids, ...fields }] });
    return passages()
      .map(({ filename }) => filename)
      .sort();
  };
  expect(await names({})).toEqual(['dens.txt', 'otters.txt']);
  expect(await names({ max_num_results: 1 })).toHaveLength(1);
  expect(await names({ filters: { type: 'gte', key: 'year', value: 2021 } })).toEqual(['dens.txt']);
  expect(await names({ ranking_options: { ranker: 'auto', score_threshold: 1 } })).toEqual([]);
});

it('drops markers that the model invents, and numbers the passages of every search anew', async () => {
  const { store, file } = await storeWithFile(suite.client());
  const second = reply.text('Afloat【1:0†otters.txt】 or not【7:7†none.txt】.');
  suite.upstream.enqueue(search(), search(), second);
  const made = await create({ tools: [{ type: 'file_search', vector_store_ids: [store.id] }] });
  expect(made.output.map(({ type }) => type)).toEqual(['file_search_call', 'file_search_call', 'message']);
  expect(made.output_text).toBe('Afloat or not.');
  expect(made.output.at(-1)).toMatchObject({ content: [{ annotations: [{ file_id: file.id, index: 6 }] }] });
});

it('forces a search once where the choice says so', async () => {
  const { store } = await storeWithFile(suite.client());
  const tool_choice = { type: 'file_search' };
  const tools = [{ type: 'file_search', vector_store_ids: [store.id] }];
  await create({ tools, tool_choice });
  expect(bodies().map((body) => body.tool_choice)).toEqual([
    { type: 'function', function: { name: 'file_search' } },
    'auto',
  ]);
});

it('does not offer the tools of the server any more once max_tool_calls are made', async () => {
  const { store } = await storeWithFile(suite.client());
  const query = { name: 'file_search', arguments: { queries: ['otters'] } };
  // Two at once, of which one may be made.
  suite.upstream.enqueue(reply.toolCalls([query, query]), reply.text('So.'));
  const tool = { type: 'file_search', vector_store_ids: [store.id] };
  const tool_choice = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'file_search' }] };
  const made = await create({ tools: [tool], max_tool_calls: 1, tool_choice });
  expect(made).toMatchObject({ max_tool_calls: 1, output: [{ type: 'file_search_call' }, { type: 'message' }] });
  expect(bodies().map(({ tools }) => tools?.length)).toEqual([1, undefined]);
});

it('counts what the turns of a response write together against max_output_tokens', async () => {
  const { store } = await storeWithFile(suite.client());
  suite.upstream.enqueue(search(), reply.text('They', { finishReason: 'length' }));
  const tools: OpenAI.Responses.Tool[] = [{ type: 'file_search', vector_store_ids: [store.id] }];
  const made = await create({ tools, max_output_tokens: 100 });
  expect(made).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  const [first, second] = bodies().map((body) => Number(body.max_completion_tokens));
  expect(first).toBe(100);
  expect(second).toBeLessThan(100);
  expect(second).toBeGreaterThan(0);
});

it('searches a store that a file joined after the response that is continued', async () => {
  const client = suite.client();
  const { store } = await storeWithFile(client);
  const tools: OpenAI.Responses.Tool[] = [{ type: 'file_search', vector_store_ids: [store.id] }];
  const first = await create({ tools });
  await client.vectorStores.files.uploadAndPoll(store.id, new File(['Otters sleep in dens.'], 'dens.txt'), soon);
  suite.upstream.enqueue(search(), reply.text('In dens【0:0†dens.txt】【0:1†dens.txt】.'));
  const second = await create({ tools, previous_response_id: first.id });
  expect(second.output_text).toBe('In dens.');
  expect(passages().map(({ filename }) => filename)).toContain('dens.txt');
});

it('fails where the store is deleted before it is searched, with the call as it was left', async () => {
  const client = suite.client();
  const { store } = await storeWithFile(client);
  suite.upstream.on(async () => {
    await client.vectorStores.delete(store.id);
    return search();
  });
  const tools: OpenAI.Responses.Tool[] = [{ type: 'file_search', vector_store_ids: [store.id] }];
  const events = [];
  for await (const event of await client.responses.create({ model, input: question, tools, stream: true }))
    events.push(event);
  expect(events.at(-1)).toMatchObject({
    type: 'response.failed',
    response: { error: { message: expect.stringContaining(store.id) }, output: [{ status: 'incomplete' }] },
  });
});
