/** Responses by `@ai-sdk/azure`, whose models are those of responses unless told otherwise: what the library sends, what the model reads of it, and what the library makes of the answer. */
import { createAzure } from '@ai-sdk/azure';
import { generateText, isStepCount, Output, streamText, tool, type ModelMessage, type ToolSet } from 'ai';
import { z } from 'zod';
import { notingFetch, startLibraryHost, type LibraryHost, type SentRequest } from '../support/libraryHost';
import { reply } from '../support/scriptedUpstream';

let library: LibraryHost;
let upstream: LibraryHost['upstream'];
let mcp: LibraryHost['mcp'];
let host: LibraryHost['host'];
beforeAll(async () => {
  // That a model takes no temperature, and results of tools are not sent back where nothing is stored.
  globalThis.AI_SDK_LOG_WARNINGS = false;
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
const azure = () => createAzure({ baseURL: `${host.url}/openai/v1`, apiKey: host.key(), fetch: noting });
/** `gpt-5` is one that reasons to the library, `gpt-4o` one that does not. */
const asked = (model = 'gpt-5') => ({ model: azure()(model), maxRetries: 0 });
const chatBodies = () => upstream.requests.filter(({ kind }) => kind === 'chat').map(({ body }) => body);
const told = () => chatBodies().at(-1)?.messages;
const user = (content: string): ModelMessage => ({ role: 'user', content });
const add = tool({ inputSchema: z.object({ a: z.number() }), execute: ({ a }) => a + 1 });
const call = (id: string, a: number) => ({ name: 'add', arguments: { a }, id });
const calls = (id: string, a: number) => [
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id, type: 'function', function: { name: 'add', arguments: `{"a":${a}}` } }],
  },
  { role: 'tool', tool_call_id: id, content: String(a + 1) },
];
/** The provider's own tools, whose types are of another version of `@ai-sdk/provider-utils` than those of `ai`. */
const providerTools = (...tools: object[]): ToolSet => Object.assign({}, ...tools);
const typesOf = ({ input }: SentRequest) => input.map(({ type, role }) => type ?? role);

describe.each<[string, () => ReturnType<typeof createAzure>]>([
  [
    'a resource',
    () =>
      createAzure({
        resourceName: 'mine',
        apiKey: host.key(),
        fetch: async (input, init) => fetch(String(input).replace('https://mine.openai.azure.com', host.url), init),
      }),
  ],
  ['a base URL', azure],
  [
    'a token',
    () => createAzure({ baseURL: `${host.url}/openai/v1`, tokenProvider: async () => Promise.resolve(host.key()) }),
  ],
])('With %s', (_what, make) => {
  it('generates and streams text, with usage and what the system says', async () => {
    const model = make()('gpt-4o');
    const whole = await generateText({ model, instructions: 'Be brief.', prompt: 'Hello', maxRetries: 0 });
    expect(whole).toMatchObject({ text: 'You said: Hello', finishReason: 'stop' });
    expect(whole.usage.totalTokens).toBeGreaterThan(0);
    const streamed = streamText({ model, instructions: 'Be brief.', prompt: 'Hello', maxRetries: 0 });
    const deltas: string[] = [];
    for await (const delta of streamed.textStream) deltas.push(delta);
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.join('')).toBe('You said: Hello');
    expect(await streamed.usage).toEqual(whole.usage);
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hello' },
    ];
    expect(chatBodies().map((body) => body.messages)).toEqual([messages, messages]);
  });
});

it('goes on with messages of earlier answers, which it refers to by id', async () => {
  const first = await generateText({ ...asked(), prompt: 'Hi' });
  const messages = [user('Hi'), ...first.response.messages, user('More')];
  expect((await generateText({ ...asked(), messages })).text).toBe('You said: More');
  expect(sent[1]).toMatchObject({ input: [{ role: 'user' }, { type: 'item_reference' }, { role: 'user' }] });
  const read = ['Hi', 'You said: Hi', 'More'];
  expect(told()?.map(({ content }) => content)).toEqual(read);
  // Not stored: the words themselves.
  await generateText({ ...asked(), messages, providerOptions: { azure: { store: false } } });
  expect(sent[2]).toMatchObject({ store: false, input: [{}, { role: 'assistant', content: 'You said: Hi' }, {}] });
  expect(told()?.map(({ content }) => content)).toEqual(read);
});

it.each([true, false])(
  'goes on with tools and answers of a model that tells its thoughts, with store: %j',
  async (store) => {
    for (const isStreamed of [false, true]) {
      const called = { index: 0, id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } };
      upstream.enqueue(
        reply.thinking(['Hm.'], { tool_calls: [called] }, { finishReason: 'tool_calls' }),
        reply.thinking(['Hm.'], { content: 'Two.' }),
      );
      const options = {
        ...asked(),
        prompt: 'Add',
        tools: { add },
        stopWhen: isStepCount(5),
        providerOptions: { azure: { store } },
      };
      const made = isStreamed ? streamText(options) : await generateText(options);
      expect(await made.text).toBe('Two.');
      expect(told()).toEqual([{ role: 'user', content: 'Add' }, ...calls('call_1', 1)]);
      const { messages } = await made.response;
      const more = await generateText({
        ...options,
        prompt: undefined,
        messages: [user('Add'), ...messages, user('More')],
      });
      expect(more.text).toBe('You said: More');
    }
  },
);

it.each([true, false])('runs tools in several steps, parallel ones too, with store: %j', async (store) => {
  for (const isStreamed of [false, true]) {
    upstream.enqueue(
      reply.toolCalls([call('call_1', 1), call('call_2', 10)]),
      reply.toolCalls([call('call_3', 2)]),
      reply.text('Done'),
    );
    const options = {
      ...asked(),
      prompt: 'Add',
      tools: { add },
      stopWhen: isStepCount(5),
      providerOptions: { azure: { store, reasoningEffort: 'low' } },
    };
    const { text, steps } = isStreamed ? streamText(options) : await generateText(options);
    expect(await text).toBe('Done');
    expect((await steps).map(({ toolResults }) => toolResults.map(({ output }) => output))).toEqual([[2, 11], [3], []]);
    expect(told()).toEqual([
      { role: 'user', content: 'Add' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [...calls('call_1', 1), ...calls('call_2', 10)].flatMap(({ tool_calls: made = [] }) => made),
      },
      { role: 'tool', tool_call_id: 'call_1', content: '2' },
      { role: 'tool', tool_call_id: 'call_2', content: '11' },
      ...calls('call_3', 2),
    ]);
  }
  expect(chatBodies()[0]).toMatchObject({ reasoning_effort: 'low', tools: [{ function: { name: 'add' } }] });
});

it('goes on with previousResponseId, within a loop of tools and from step to step', async () => {
  const first = await generateText({ ...asked(), prompt: 'Hi' });
  const previousResponseId = first.finalStep.providerMetadata?.azure?.responseId;
  const loop = { ...asked(), prompt: 'Add', tools: { add }, stopWhen: isStepCount(5) };
  upstream.enqueue(reply.toolCalls([call('call_1', 1)]), reply.text('Done'));
  const fixed = { azure: { previousResponseId } };
  expect((await generateText({ ...loop, providerOptions: fixed })).text).toBe('Done');
  expect(told()).toEqual([
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'You said: Hi' },
    { role: 'user', content: 'Add' },
    ...calls('call_1', 1),
  ]);
  // The library tells the call again beside the response that made it, without its id.
  upstream.enqueue(reply.toolCalls([call('call_2', 5)]), reply.text('Done'));
  const { text } = await generateText({
    ...loop,
    prepareStep: ({ steps, messages }) => {
      const made = steps.at(-1)?.providerMetadata?.azure?.responseId;
      return made ? { messages: messages.slice(1), providerOptions: { azure: { previousResponseId: made } } } : {};
    },
  });
  expect(text).toBe('Done');
  expect(typesOf(sent.at(-1) ?? { input: [] })).toEqual(['function_call', 'function_call_output']);
  expect(told()).toEqual([{ role: 'user', content: 'Add' }, ...calls('call_2', 5)]);
});

it('answers in a conversation, of which it sends what is new', async () => {
  const { id: conversation } = await host.openai().conversations.create();
  const inIt = { ...asked(), providerOptions: { azure: { conversation } } };
  upstream.enqueue(reply.toolCalls([call('call_1', 1)]), reply.text('2.'));
  const first = await generateText({ ...inIt, prompt: 'Add', tools: { add }, stopWhen: isStepCount(2) });
  expect(first.text).toBe('2.');
  expect(sent.map(typesOf)).toEqual([['user'], ['user', 'function_call_output']]);
  await generateText({ ...inIt, prompt: 'And?' });
  // The library says the question again with the outputs.
  expect(told()).toEqual([
    { role: 'user', content: 'Add' },
    ...calls('call_1', 1),
    { role: 'user', content: 'Add' },
    { role: 'assistant', content: '2.' },
    { role: 'user', content: 'And?' },
  ]);
});

it('gives objects by a schema, streamed or not', async () => {
  const capital = { city: 'Oslo', people: 709_000 };
  const output = Output.object({ schema: z.object({ city: z.string(), people: z.number() }), name: 'capital' });
  upstream.enqueue(reply.text(JSON.stringify(capital)), reply.text(JSON.stringify(capital), { chunks: 3 }));
  expect((await generateText({ ...asked(), prompt: 'Norway?', output })).output).toEqual(capital);
  const streamed = streamText({ ...asked(), prompt: 'Norway?', output });
  const partial: unknown[] = [];
  for await (const one of streamed.partialOutputStream) partial.push(one);
  expect(partial.length).toBeGreaterThan(1);
  expect(await streamed.output).toEqual(capital);
  for (const body of chatBodies())
    expect(body.response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'capital', strict: true, schema: { required: ['city', 'people'] } },
    });
});

it('shows the model images and files, by their bytes, a URL and an id', async () => {
  const file = await host.openai().files.create({ file: new File(['Otters.'], 'a.txt'), purpose: 'assistants' });
  const png = new Uint8Array(Buffer.from('89504e470d0a1a0a0000', 'hex'));
  await generateText({
    ...asked(),
    providerOptions: { azure: { passThroughUnsupportedFiles: true } },
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'file', data: png, mediaType: 'image/png', providerOptions: { azure: { imageDetail: 'low' } } },
          { type: 'file', data: new URL('https://example.com/a.png'), mediaType: 'image/png' },
          { type: 'file', data: Buffer.from('Seals.'), filename: 'b.txt', mediaType: 'text/plain' },
          { type: 'file', data: { type: 'reference', reference: { azure: file.id } }, mediaType: 'text/plain' },
        ],
      },
    ],
  });
  const picture = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  expect(told()?.[0]?.content).toEqual([
    { type: 'text', text: 'Look' },
    { type: 'image_url', image_url: { url: picture, detail: 'low' } },
    { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'auto' } },
    { type: 'text', text: '[File b.txt]\nSeals.\n[End of b.txt]' },
    { type: 'text', text: '[File a.txt]\nOtters.\n[End of a.txt]' },
  ]);
});

it('searches files with its fileSearch, and cites them', async () => {
  const client = host.openai();
  const store = await client.vectorStores.create({});
  const text = 'Otters sleep afloat in rafts.';
  const file = await client.vectorStores.files.uploadAndPoll(store.id, new File([text], 'otters.txt'), {
    pollIntervalMs: 30,
  });
  const tools = providerTools({
    file_search: azure().tools.fileSearch({ vectorStoreIds: [store.id], maxNumResults: 3 }),
  });
  const citation = {
    sourceType: 'document',
    filename: 'otters.txt',
    providerMetadata: { azure: { fileId: file.id, index: 6 } },
  };
  for (const include of [undefined, ['file_search_call.results' as const]]) {
    upstream.enqueue(
      reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters sleep'] } }]),
      reply.text('Afloat【0:0†otters.txt】.'),
    );
    const made = await generateText({ ...asked(), prompt: 'Where?', tools, providerOptions: { azure: { include } } });
    expect(made.text).toBe('Afloat.');
    expect(made.sources).toMatchObject([citation]);
    const results = include ? [{ fileId: file.id, filename: 'otters.txt', text, attributes: {} }] : null;
    expect(made.toolResults).toMatchObject([{ output: { queries: ['otters sleep'], results } }]);
    expect(told()?.at(-1)?.content).toContain(text);
    upstream.enqueue(reply.text('So.'));
    await generateText({ ...asked(), messages: [user('Where?'), ...made.response.messages, user('Why?')], tools });
    expect(typesOf(sent.at(-1) ?? { input: [] })).toEqual(['user', 'item_reference', 'item_reference', 'user']);
    expect(
      told()
        ?.slice(-3)
        .map(({ content }) => content),
    ).toEqual(['Where?', 'Afloat.', 'Why?']);
  }
});

it('runs code with its codeInterpreter, streamed, and goes on from what it printed', async () => {
  const tools = providerTools({ code_interpreter: azure().tools.codeInterpreter({}) });
  const code = 'open("/mnt/data/a.csv", "w").write("1")\nprint(41 + 1)';
  upstream.enqueue(
    reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]),
    reply.text('42: [a](sandbox:/mnt/data/a.csv)'),
  );
  const streamed = streamText({ ...asked(), prompt: 'Compute', tools });
  expect(await streamed.text).toContain('42');
  expect(await streamed.toolCalls).toMatchObject([{ toolName: 'code_interpreter', input: { code } }]);
  expect(await streamed.toolResults).toMatchObject([{ output: { outputs: [{ type: 'logs', logs: '42\n' }] } }]);
  const [source] = await streamed.sources;
  expect(source).toMatchObject({ filename: 'a.csv', providerMetadata: { azure: { type: 'container_file_citation' } } });
  const messages = [user('Compute'), ...(await streamed.response).messages, user('Again?')];
  await generateText({ ...asked(), messages, tools });
  const made = told()?.filter((message) => message.role === 'tool');
  expect(made).toHaveLength(1);
  expect(made?.[0]?.content).toContain('42');
}, 60_000);

it('reads the lists and calls of MCP servers that an agent has', async () => {
  const project = `${host.url}/api/projects/p1`;
  const definition = {
    kind: 'prompt',
    model: 'gpt-4.1',
    tools: [{ type: 'mcp', server_label: 'docs', server_url: mcp.url, require_approval: 'never' }],
  };
  const created = await fetch(`${project}/agents/reader/versions?api-version=v1`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    body: JSON.stringify({ definition }),
  });
  expect(created.status).toBe(200);
  const ofAgent = createAzure({
    baseURL: `${project}/openai/v1`,
    apiKey: host.key(),
    fetch: async (url, init) => {
      const agent_reference = { type: 'agent_reference', name: 'reader' };
      return fetch(url, { ...init, body: JSON.stringify({ ...JSON.parse(String(init?.body)), agent_reference }) });
    },
  });
  for (const isStreamed of [false, true]) {
    upstream.enqueue(reply.toolCalls([{ name: 'docs__search', arguments: { query: 'otters' } }]), reply.text('Much.'));
    const options = { model: ofAgent('gpt-4.1'), prompt: 'Look it up.', maxRetries: 0 };
    const { text, toolResults } = isStreamed ? streamText(options) : await generateText(options);
    expect(await text).toBe('Much.');
    expect(await toolResults).toMatchObject([
      { toolName: 'mcp.search', output: { serverLabel: 'docs', name: 'search', output: 'All about otters' } },
    ]);
  }
});

it('hands its options on', async () => {
  await generateText({
    ...asked(),
    prompt: 'x',
    maxOutputTokens: 50,
    providerOptions: {
      azure: {
        ...{ instructions: 'Be brief.', metadata: { a: 'b' }, user: 'u', serviceTier: 'auto', safetyIdentifier: 's' },
        ...{ parallelToolCalls: false, maxToolCalls: 3, reasoningEffort: 'high', reasoningSummary: 'auto' },
        ...{ textVerbosity: 'low', truncation: 'auto', promptCacheKey: 'k', promptCacheOptions: { mode: 'implicit' } },
        ...{ include: ['reasoning.encrypted_content'] },
      },
    },
  });
  expect(chatBodies()[0]).toMatchObject({
    messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }],
    ...{ reasoning_effort: 'high', verbosity: 'low', max_completion_tokens: 50, service_tier: 'auto', user: 'u' },
    ...{ safety_identifier: 's', prompt_cache_key: 'k', prompt_cache_options: { mode: 'implicit' } },
  });
  await generateText({
    ...asked('gpt-4o'),
    prompt: 'x',
    temperature: 0.3,
    topP: 0.5,
    providerOptions: { azure: { logprobs: 3 } },
  });
  expect(chatBodies()[1]).toMatchObject({ temperature: 0.3, top_p: 0.5, logprobs: true, top_logprobs: 3 });
});

it('takes reasoning back, with its id or encrypted without one', async () => {
  const thought = (options: { itemId?: string }): ModelMessage => ({
    role: 'assistant',
    content: [
      { type: 'reasoning', text: 'Hm', providerOptions: { azure: { reasoningEncryptedContent: 'abc', ...options } } },
      { type: 'text', text: 'b' },
    ],
  });
  for (const options of [{}, { itemId: 'rs_1' }]) {
    const messages = [user('a'), thought(options), user('c')];
    const made = await generateText({ ...asked(), messages, providerOptions: { azure: { store: false } } });
    expect(made.text).toBe('You said: c');
    expect(typesOf(sent.at(-1) ?? { input: [] })).toEqual(['user', 'reasoning', 'assistant', 'user']);
    expect(told()?.map(({ content }) => content)).toEqual(['a', 'b', 'c']);
  }
});

it('is told of refusals by their status, of a stream that breaks off, and of an answer that is cut', async () => {
  upstream.enqueue(reply.status(400));
  const refused = generateText({ ...asked(), prompt: 'x' });
  await expect(refused).rejects.toMatchObject({ statusCode: 400, message: 'Scripted 400.' });

  upstream.enqueue(reply.cutAfter(3, reply.text('Hello there', { chunks: 5 })));
  const errors: unknown[] = [];
  const broken = streamText({ ...asked(), prompt: 'x', onError: ({ error }) => void errors.push(error) });
  await broken.consumeStream();
  expect(errors).toMatchObject([{ type: 'response.failed', code: 'server_error', isRetryable: true }]);
  expect(await broken.finishReason).toBe('error');

  upstream.enqueue(reply.text('Hel', { finishReason: 'length' }));
  expect(await generateText({ ...asked(), prompt: 'x' })).toMatchObject({ text: 'Hel', finishReason: 'length' });
});

it.each<[string, () => object]>([
  ['web_search', () => ({ web_search: azure().tools.webSearch({}) })],
  ['image_generation', () => ({ image_generation: azure().tools.imageGeneration({}) })],
])('is refused %s, which no chat model has', async (_name, tools) => {
  const refused = generateText({ ...asked(), prompt: 'x', tools: providerTools(tools()) });
  await expect(refused).rejects.toMatchObject({ statusCode: 400, data: { error: { code: 'unsupported' } } });
  expect(upstream.calls.chat).toBe(0);
});
