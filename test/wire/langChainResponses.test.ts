/** Responses by `ChatOpenAI` of `@langchain/openai`: what it sends, what the model reads of it, and what it makes of the answer. */
import {
  AIMessageChunk,
  HumanMessage,
  SystemMessage,
  ToolMessage,
  type AIMessage,
  type BaseMessage,
} from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, type ChatOpenAIFields } from '@langchain/openai';
import { z } from 'zod';
import { notingFetch, startLibraryHost, type LibraryHost, type SentRequest } from '../support/libraryHost';
import { reply, toolOutputs } from '../support/scriptedUpstream';

let library: LibraryHost;
let upstream: LibraryHost['upstream'];
let mcp: LibraryHost['mcp'];
let host: LibraryHost['host'];
beforeAll(async () => {
  library = await startLibraryHost();
  ({ upstream, mcp, host } = library);
}, 60_000);
afterAll(async () => library.stop());
beforeEach(() => {
  upstream.reset();
  sent.length = 0;
});

/** What the library has sent in this test. */
const sent: SentRequest[] = [];
const noting = notingFetch(sent);
/** So Azure's documentation has it: the class for OpenAI, at the resource's `/openai/v1`. `base`: another address. */
const chat = (fields: ChatOpenAIFields = {}, base = '/openai/v1') =>
  new ChatOpenAI({
    model: 'gpt-4o',
    apiKey: host.key(),
    useResponsesApi: true,
    maxRetries: 0,
    configuration: { baseURL: host.url + base, fetch: noting },
    ...fields,
  });
/** Whole, or put together from a stream. */
const ways = {
  invoke: async (model: Answering, input: string | BaseMessage[]) => model.invoke(input),
  stream: async (model: Answering, input: string | BaseMessage[]) => {
    let whole: AIMessageChunk | undefined;
    for await (const chunk of await model.stream(input)) whole = whole ? whole.concat(chunk) : chunk;
    return whole ?? new AIMessageChunk('');
  },
};
type Answering = Pick<ReturnType<ChatOpenAI['bindTools']>, 'invoke' | 'stream'>;
type Way = keyof typeof ways;

const chatBodies = () => upstream.requests.filter(({ kind }) => kind === 'chat').map(({ body }) => body);
const told = () => chatBodies().at(-1)?.messages ?? [];
const contents = () => told().map(({ content }) => content);
const sentTypes = () => sent.at(-1)?.input.map(({ type }) => type);
const idOf = ({ response_metadata: metadata }: BaseMessage): string => ('id' in metadata ? String(metadata.id) : '');
interface Output {
  type: string;
  id: string;
  [field: string]: unknown;
}
const outputsOf = ({ additional_kwargs: { tool_outputs: made } }: BaseMessage): Output[] =>
  Array.isArray(made) ? made : [];
const add = tool(({ a }) => String(a + 1), { name: 'add', description: 'Adds.', schema: z.object({ a: z.number() }) });
const calls = reply.toolCalls([
  { name: 'add', arguments: { a: 1 }, id: 'call_1' },
  { name: 'add', arguments: { a: 10 }, id: 'call_2' },
]);
const outputs = async ({ tool_calls: made = [] }: AIMessage): Promise<ToolMessage[]> =>
  Promise.all(made.map((call) => add.invoke({ ...call, type: 'tool_call' })));

it.each(['/v1', '/openai/v1'])('invokes and streams at %s, with usage', async (base) => {
  const messages = [new SystemMessage('Be brief.'), new HumanMessage('Hello')];
  const whole = await chat({}, base).invoke(messages);
  expect(whole.text).toBe('You said: Hello');
  expect(whole.usage_metadata?.total_tokens).toBeGreaterThan(0);
  const pieces: string[] = [];
  let tokens = 0;
  for await (const { text, usage_metadata: usage } of await chat({}, base).stream(messages)) {
    pieces.push(text);
    tokens += usage?.total_tokens ?? 0;
  }
  expect(pieces.filter(Boolean).length).toBeGreaterThan(1);
  expect(pieces.join('')).toBe('You said: Hello');
  expect(tokens).toBe(whole.usage_metadata?.total_tokens);
  expect(contents()).toEqual(['Be brief.', 'Hello']);
});

/** `zdrEnabled` stores nothing; `v1` sends messages in LangChain's own form back, without ids. */
const forms: [name: string, way: Way, fields: ChatOpenAIFields][] = [
  ['invoked', 'invoke', {}],
  ['streamed', 'stream', {}],
  ['not stored', 'invoke', { zdrEnabled: true }],
  ['of output version v1', 'invoke', { outputVersion: 'v1' }],
];

it.each(forms)('sends calls, outputs and answers back, %s', async (_name, way, fields) => {
  const model = chat(fields).bindTools([add], { strict: true });
  upstream.enqueue(calls, reply.text('Sums.'));
  const question = new HumanMessage('Add');
  const asked = await ways[way](model, [question]);
  expect(asked.tool_calls).toMatchObject([
    { id: 'call_1', name: 'add', args: { a: 1 } },
    { id: 'call_2', name: 'add', args: { a: 10 } },
  ]);
  const made = await outputs(asked);
  const answer = await ways[way](model, [question, asked, ...made]);
  expect(answer.text).toBe('Sums.');
  expect(toolOutputs(told())).toEqual(['2', '11']);
  await ways[way](model, [question, asked, ...made, answer, new HumanMessage('More')]);
  expect(sentTypes()).toEqual([
    ...['message', 'function_call', 'function_call', 'function_call_output', 'function_call_output'],
    ...['message', 'message'],
  ]);
  expect(contents()).toEqual(['Add', null, '2', '11', 'Sums.', 'More']);
  expect(chatBodies()[0]).toMatchObject({ tools: [{ function: { name: 'add', strict: true } }] });
});

it.each(forms)('sends answers back of a model that tells its thoughts, %s', async (_name, way, fields) => {
  upstream.enqueue(reply.thinking(['Hm, ', 'sums.'], { content: 'Sums.' }));
  const question = new HumanMessage('Add');
  const answer = await ways[way](chat(fields), [question]);
  expect(answer.text).toBe('Sums.');
  const next = await ways[way](chat(fields), [question, answer, new HumanMessage('More')]);
  expect(next.text).toBe('You said: More');
  expect(contents()).toEqual(['Add', 'Sums.', 'More']);
});

it('goes on with previous_response_id, behind an answer or a call', async () => {
  const first = await chat().invoke('Hi');
  await chat().invoke('More', { previous_response_id: idOf(first) });
  expect(contents()).toEqual(['Hi', 'You said: Hi', 'More']);
  upstream.enqueue(calls);
  const model = chat().bindTools([add]);
  const asked = await model.invoke('Add');
  await model.invoke(await outputs(asked), { previous_response_id: idOf(asked) });
  expect(contents()).toEqual(['Add', null, '2', '11']);
});

it('gives objects by withStructuredOutput, whatever its method, streamed or not', async () => {
  const capital = { city: 'Oslo', people: 709_000 };
  const schema = z.object({ city: z.string(), people: z.number() });
  const byText = reply.text(JSON.stringify(capital));
  const byCall = reply.toolCalls([{ name: 'capital', arguments: capital }]);
  for (const method of ['jsonSchema', 'functionCalling', 'jsonMode'] as const) {
    upstream.enqueue(...(method === 'functionCalling' ? [byCall] : [byText, byText]));
    const structured = chat().withStructuredOutput(schema, { name: 'capital', method });
    expect(await structured.invoke('Norway?')).toEqual(capital);
    // The library's parser of calls takes no streams of responses.
    if (method === 'functionCalling') continue;
    let last: unknown;
    for await (const one of await structured.stream('Norway?')) last = one;
    expect(last).toEqual(capital);
  }
  const [bySchema, , byFunction, byMode] = chatBodies();
  expect(bySchema?.response_format).toMatchObject({
    type: 'json_schema',
    json_schema: { name: 'capital', strict: true },
  });
  expect(byFunction?.tool_choice).toMatchObject({ function: { name: 'capital' } });
  expect(byMode?.response_format).toEqual({ type: 'json_object' });
});

it.each(forms)('searches files and cites them, %s', async (_name, way, fields) => {
  const { vectorStores } = host.openai();
  const store = await vectorStores.create({});
  const text = 'Otters sleep afloat in rafts.';
  const file = await vectorStores.files.uploadAndPoll(store.id, new File([text], 'otters.txt'), { pollIntervalMs: 30 });
  const model = chat(fields).bindTools([{ type: 'file_search', vector_store_ids: [store.id] }], {
    include: ['file_search_call.results'],
  });
  upstream.enqueue(
    reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters sleep'] } }]),
    reply.text('Afloat【0:0†otters.txt】.'),
  );
  const answer = await ways[way](model, 'Where?');
  expect(answer.text).toBe('Afloat.');
  expect(toolOutputs(told()).join()).toContain(text);
  if (fields.outputVersion === 'v1') return;
  upstream.enqueue(reply.text('So.'));
  expect(outputsOf(answer)).toMatchObject([{ type: 'file_search_call', results: [{ file_id: file.id, text }] }]);
  await ways[way](model, [new HumanMessage('Where?'), answer, new HumanMessage('Why?')]);
  expect(sentTypes()).toEqual(['message', 'file_search_call', 'message', 'message']);
  expect(contents().slice(-3)).toEqual(['Where?', 'Afloat.', 'Why?']);
});

/** Not `v1`, whose library makes function calls without outputs of the tools of the server. */
const ownForms = forms.filter(([, , { outputVersion }]) => outputVersion !== 'v1');

it.each(ownForms)(
  'runs code and goes on from what it printed, %s',
  async (_name, way, fields) => {
    const model = chat(fields).bindTools([{ type: 'code_interpreter', container: { type: 'auto' } }], {
      include: ['code_interpreter_call.outputs'],
    });
    upstream.enqueue(
      reply.toolCalls([{ name: 'code_interpreter', arguments: { code: 'print(41 + 1)' } }]),
      reply.text('42.'),
    );
    const answer = await ways[way](model, 'Compute');
    expect(answer.text).toBe('42.');
    expect(outputsOf(answer)).toMatchObject([{ code: 'print(41 + 1)', outputs: [{ type: 'logs', logs: '42\n' }] }]);
    await ways[way](model, [new HumanMessage('Compute'), answer, new HumanMessage('Again?')]);
    expect(toolOutputs(told()).join()).toContain('42');
    expect(contents().slice(-2)).toEqual(['42.', 'Again?']);
  },
  60_000,
);

it.each(ownForms)('calls tools of MCP servers, whose lists it sends back, %s', async (_name, way, fields) => {
  const docs = { type: 'mcp', server_label: 'docs', server_url: mcp.url, require_approval: 'never' };
  const model = chat(fields).bindTools([docs]);
  upstream.enqueue(reply.toolCalls([{ name: 'docs__search', arguments: { query: 'otters' } }]), reply.text('Much.'));
  const answer = await ways[way](model, 'Look it up.');
  expect(answer.text).toBe('Much.');
  expect(outputsOf(answer)).toMatchObject([{ type: 'mcp_list_tools' }, { output: 'All about otters', error: null }]);
  const asked = mcp.requests.length;
  await ways[way](model, [new HumanMessage('Look it up.'), answer, new HumanMessage('More')]);
  expect(toolOutputs(told())).toEqual(['All about otters']);
  // The list is known from the items.
  expect(mcp.requests).toHaveLength(asked);
});

it.each(['previous_response_id', 'items'])('approves calls of MCP servers, going on by %s', async (how) => {
  const docs = { type: 'mcp', server_label: 'docs', server_url: mcp.url, require_approval: 'always' };
  const model = chat().bindTools([docs]);
  upstream.enqueue(reply.toolCalls([{ name: 'docs__search', arguments: { query: 'otters' } }]));
  const asked = await model.invoke('Look it up.');
  const request = outputsOf(asked).find(({ type }) => type === 'mcp_approval_request');
  expect(request).toMatchObject({ name: 'search', arguments: '{"query":"otters"}', server_label: 'docs' });
  const approval = new HumanMessage({
    content: [{ type: 'mcp_approval_response', approval_request_id: request?.id, approve: true }],
  });
  upstream.enqueue(reply.text('Much.'));
  const done =
    how === 'items'
      ? await model.invoke([new HumanMessage('Look it up.'), asked, approval])
      : await model.invoke([approval], { previous_response_id: idOf(asked) });
  expect(done.text).toBe('Much.');
  expect(outputsOf(done)).toMatchObject([{ type: 'mcp_call', output: 'All about otters' }]);
  expect(toolOutputs(told())).toEqual(['All about otters']);
});

it('shows the model images and files, and images that a tool gave', async () => {
  const picture = 'data:image/png;base64,iVBORw0KGgoAAA==';
  const content = [
    { type: 'text', text: 'Look' },
    { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'low' } },
    {
      ...{ type: 'file', source_type: 'base64', mime_type: 'text/plain', metadata: { filename: 'b.txt' } },
      data: Buffer.from('Seals.').toString('base64'),
    },
  ];
  const question = new HumanMessage({ content });
  upstream.enqueue(reply.toolCalls([{ name: 'add', arguments: { a: 1 }, id: 'call_1' }]));
  const model = chat().bindTools([add]);
  const asked = await model.invoke([question]);
  const drawn = new ToolMessage({
    tool_call_id: 'call_1',
    content: [{ type: 'image_url', image_url: { url: picture } }],
  });
  await model.invoke([question, asked, drawn]);
  const image = (url: string, detail: string) => ({ type: 'image_url', image_url: { url, detail } });
  expect(contents()).toEqual([
    [
      { type: 'text', text: 'Look' },
      image('https://example.com/a.png', 'low'),
      { type: 'text', text: '[File b.txt]\nSeals.\n[End of b.txt]' },
    ],
    null,
    '',
    [image(picture, 'auto')],
  ]);
});

it('hands its options on', async () => {
  const settings: ChatOpenAIFields = {
    ...{
      model: 'gpt-5',
      reasoning: { effort: 'low', summary: 'auto' },
      maxTokens: 50,
      user: 'u',
      service_tier: 'auto',
    },
    ...{ promptCacheKey: 'k', promptCacheRetention: '24h', promptCacheOptions: { mode: 'implicit' }, zdrEnabled: true },
  };
  await chat(settings).invoke([new SystemMessage('S'), new HumanMessage('x')], {
    truncation: 'auto',
    include: ['reasoning.encrypted_content'],
    verbosity: 'low',
  });
  expect(sent[0]).toMatchObject({ store: false, truncation: 'auto' });
  expect(chatBodies()[0]).toMatchObject({
    ...{ model: 'gpt-5', reasoning_effort: 'low', verbosity: 'low', max_completion_tokens: 50, user: 'u' },
    ...{ prompt_cache_key: 'k', prompt_cache_retention: '24h', prompt_cache_options: { mode: 'implicit' } },
    messages: [{ role: 'system', content: 'S' }, { role: 'user' }],
  });
  upstream.enqueue(calls);
  await chat().bindTools([add], { tool_choice: 'add', parallel_tool_calls: false }).invoke('x');
  expect(chatBodies()[1]).toMatchObject({ tool_choice: { function: { name: 'add' } }, parallel_tool_calls: false });
});

it('is told of a refusal by its status, and of a response that failed by its error', async () => {
  upstream.enqueue(reply.status(400));
  await expect(chat().invoke('x')).rejects.toMatchObject({ status: 400, message: '400 Scripted 400.' });
  upstream.enqueue(reply.cutAfter(3, reply.text('Hello there', { chunks: 5 })));
  await expect(chat().invoke('x')).rejects.toMatchObject({ name: 'server_error' });
});
