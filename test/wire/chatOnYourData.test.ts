/** Chat on your data over HTTP with the official SDKs, over a vector store. */
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { startHost, type Host } from '../support/host';
import { answerWith, asksForQueries, contextOf, over, petStore, promptOf, prompts, pets } from '../support/petStore';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const question = [{ role: 'user' as const, content: 'Can you tell me how to care for a dog?' }];
const NOT_FOUND = 'The requested information is not found in the retrieved data. Please try another query or topic.';

let upstream: ScriptedUpstream;
let host: Host;
let storeId: string;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
  storeId = await petStore(host.openai());
}, 60_000);
afterAll(async () => {
  await host.stop();
  await upstream.close();
});
beforeEach(() => upstream.reset());

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming;
const ask = async (parameters: object = {}, fields: object = {}, client: OpenAI = host.azure()) =>
  client.chat.completions.create({
    model: 'gpt-4o',
    messages: question,
    ...over(storeId, parameters),
    ...fields,
  } as Params);
/** The error that the request meets. */
const refused = async (parameters: object = {}, fields: object = {}) =>
  ask(parameters, fields).then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof APIError)) throw error;
      const { status, code, param, message } = error;
      return { status, code, param, message };
    },
  );

describe.each(['azure', 'openai'] as const)('by the SDK of style %s', (style) => {
  it('an answer has citations that its markers stand for, the intent, and no marker that the model invented', async () => {
    answerWith(upstream, 'Walk the dog [doc1][doc9]. Feed it [doc2]. Love it [doc7].');
    const { choices, usage, id } = await ask({}, {}, host[style]());
    expect(choices[0]?.message.content).toBe('Walk the dog [doc1]. Feed it [doc2]. Love it.');
    const context = contextOf(choices[0]?.message);
    expect(Object.keys(context ?? {})).toEqual(['citations', 'intent']);
    expect(context?.intent).toBe('care for a dog');
    expect(context?.citations?.[0]).toEqual({
      content: pets['dog.txt'],
      title: 'dog.txt',
      filepath: 'dog.txt',
      chunk_id: '0',
    });
    expect(context?.citations?.[1]?.title).toBe('puppy.txt');
    expect(promptOf(upstream)).toContain(`[doc1] dog.txt\n${pets['dog.txt']}`);
    expect(id).toMatch(/^chatcmpl-/);
    expect(usage?.total_tokens).toBeGreaterThan(0);
  });

  it('a stream brings the context with the role first, then the same text, the finish, and the usage that was asked for', async () => {
    answerWith(upstream, 'Walk the dog [doc1][doc9]. Feed it [doc2]. Love it [doc7]');
    const stream = await host[style]().chat.completions.create({
      model: 'gpt-4o',
      messages: question,
      stream: true,
      stream_options: { include_usage: true },
      ...over(storeId),
    } as OpenAI.ChatCompletionCreateParamsStreaming);
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(contextOf(chunks[0]?.choices[0]?.delta)).toMatchObject({
      intent: 'care for a dog',
      citations: [{ title: 'dog.txt' }, { title: 'puppy.txt' }, { title: 'cat.txt' }],
    });
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    expect(text).toBe('Walk the dog [doc1]. Feed it [doc2]. Love it.'.slice(0, -1));
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
    expect(new Set(chunks.map(({ id, model }) => `${id} ${model}`)).size).toBe(1);
  });
});

it('a stream whose caller asks for no usage has none, and ends with [DONE]', async () => {
  answerWith(upstream, 'Walk [doc1]');
  const answer = await fetch(`${host.url}/openai/deployments/gpt-4o/chat/completions?api-version=2025-04-01-preview`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    body: JSON.stringify({ messages: question, stream: true, ...over(storeId) }),
  });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  const text = await answer.text();
  expect(text).not.toContain('usage');
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
});

it('the usage counts the call that writes the queries too', async () => {
  answerWith(upstream, 'Walk [doc1]');
  const { usage } = await ask();
  expect(upstream.calls.chat).toBe(2);
  const tokens = (value: unknown) => Math.ceil(JSON.stringify(value).length / 4);
  const sent = upstream.requests.flatMap(({ kind, body }) => (kind === 'chat' ? [tokens(body.messages)] : []));
  expect(usage?.prompt_tokens).toBe(sent.reduce((sum, count) => sum + count, 0));
});

it.each([
  ['the source', {}],
  ['tools beside it', { tools: [{ type: 'function', function: { name: 'get_weather', parameters: {} } }] }],
])(
  'a context that is sent back as a message of a tool, as the sample app of chat on your data does, counts as the context of the answer behind it: by %s',
  async (_, fields) => {
    answerWith(upstream, 'Walk [doc1].');
    const context = JSON.stringify({ citations: [{ content: 'Cats.', title: 'cat.txt' }], intent: 'cat care' });
    const messages = [
      { role: 'user', content: 'How do I care for a cat?' },
      { role: 'tool', content: context },
      { role: 'assistant', content: 'Let it sleep [doc1].' },
      { role: 'user', content: 'And a dog?' },
    ];
    const { choices } = await ask({}, { messages, ...fields });
    expect(choices[0]?.message.content).toBe('Walk [doc1].');
    const sent = prompts(upstream)[0]?.messages?.filter(({ role }) => role !== 'system') ?? [];
    expect(sent.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(JSON.stringify(sent)).not.toContain('cat care');
    const asked = upstream.requests.find(({ body }) => asksForQueries(body));
    if (!('tools' in fields)) expect(asked?.raw).toContain('searched for: cat care');
  },
);

it('an earlier intent that the caller sends back helps to write the queries, and goes to the model no further', async () => {
  answerWith(upstream, 'Walk it [doc1]', ['dog care']);
  const earlier = { role: 'assistant', content: 'Let it sleep [doc1].', context: { intent: 'cat care' } };
  const messages = [
    { role: 'user', content: 'How to care for a cat?' },
    earlier,
    { role: 'user', content: 'And a dog?' },
  ];
  const { choices } = await ask({}, { messages });
  expect(contextOf(choices[0]?.message)?.intent).toBe('dog care');
  const asked = upstream.requests.find(({ kind, body }) => kind === 'chat' && asksForQueries(body));
  expect(asked?.raw).toContain('cat care');
  const [prompt] = prompts(upstream);
  expect(prompt?.messages?.[2]).toEqual({ role: 'assistant', content: 'Let it sleep.' });
});

it('max_search_queries bounds the queries, each of which is searched, and several are told as a JSON array', async () => {
  answerWith(upstream, 'Yes [doc1]', ['care for a dog', 'cat sleeps', 'third']);
  const { choices } = await ask({
    max_search_queries: 2,
    strictness: 1,
    include_contexts: ['intent', 'all_retrieved_documents'],
  });
  const context = contextOf(choices[0]?.message);
  expect(context?.intent).toBe('["care for a dog","cat sleeps"]');
  const retrieved = context?.all_retrieved_documents ?? [];
  expect(retrieved).toHaveLength(3);
  for (const document of retrieved) {
    expect(document).toMatchObject({ data_source_index: 0, original_search_score: expect.any(Number) });
    expect(document.search_queries).toEqual(['care for a dog', 'cat sleeps']);
  }
});

it('strictness and top_n_documents cut, and all_retrieved_documents tells what and why', async () => {
  const include_contexts = ['citations', 'all_retrieved_documents'];
  const cut = async (parameters: object) => {
    answerWith(upstream, 'Yes [doc1]');
    const { choices } = await ask({ include_contexts, ...parameters });
    const { citations = [], all_retrieved_documents: all = [] } = contextOf(choices[0]?.message) ?? {};
    return { citations: citations.length, reasons: all.map(({ filter_reason }) => filter_reason) };
  };
  expect(await cut({ strictness: 1 })).toEqual({ citations: 3, reasons: [undefined, undefined, undefined] });
  expect(await cut({ strictness: 5 })).toEqual({ citations: 2, reasons: [undefined, undefined, 'score'] });
  expect(await cut({ strictness: 1, top_n_documents: 1 })).toEqual({
    citations: 1,
    reasons: [undefined, 'rerank', 'rerank'],
  });
});

it('include_contexts may ask for nothing', async () => {
  answerWith(upstream, 'Walk [doc1].');
  const { choices } = await ask({ include_contexts: [] });
  expect(choices[0]?.message.content).toBe('Walk [doc1].');
  expect(contextOf(choices[0]?.message)).toBeUndefined();
});

describe('where nothing is found', () => {
  let empty: string;
  beforeAll(async () => {
    empty = (await host.openai().vectorStores.create({ name: 'empty' })).id;
  });
  const none = (parameters: object = {}) => over(empty, parameters);

  it('an answer within scope says so, whole and streamed, and the model is not asked for one', async () => {
    answerWith(upstream, 'A poem.');
    const { choices } = await ask({}, none());
    expect(choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: NOT_FOUND } });
    expect(contextOf(choices[0]?.message)).toEqual({ citations: [], intent: 'care for a dog' });
    const stream = host.azure().chat.completions.stream({ model: 'gpt-4o', messages: question, ...none() });
    expect(await stream.finalContent()).toBe(NOT_FOUND);
    expect(prompts(upstream)).toEqual([]);
  });

  it('out of scope the model answers from what it knows, and its markers stand for nothing', async () => {
    answerWith(upstream, 'Walk it [doc1].');
    const { choices } = await ask({}, none({ in_scope: false }));
    expect(choices[0]?.message.content).toBe('Walk it.');
    expect(promptOf(upstream)).toContain('Answer from what you know');
  });

  it('JSON that was asked for is the model to write', async () => {
    answerWith(upstream, '{"answer": null}');
    const { choices } = await ask({}, { ...none(), response_format: { type: 'json_object' } });
    expect(choices[0]?.message.content).toBe('{"answer": null}');
    expect(promptOf(upstream)).toContain(NOT_FOUND);
  });
});

it('in_scope and role_information are told to the model', async () => {
  answerWith(upstream, 'Walk [doc1].');
  await ask({ role_information: 'You are a vet.' });
  expect(promptOf(upstream)).toMatch(/^You are a vet\.\n\nAnswer the user only with what the documents below say/);
  upstream.reset();
  answerWith(upstream, 'Walk [doc1].');
  await ask({ in_scope: false });
  expect(promptOf(upstream)).toContain('Where they do not, use what you know');
});

it('what the caller sets for the model is passed on, and nothing of the source', async () => {
  answerWith(upstream, 'Walk [doc1].');
  const set = { temperature: 0.2, top_p: 0.5, max_tokens: 100, stop: ['END'], seed: 7, presence_penalty: 1, user: 'u' };
  await ask({}, { ...set, logprobs: false });
  const [prompt] = prompts(upstream);
  expect(prompt).toMatchObject(set);
  expect(Object.keys(prompt ?? {})).toEqual(expect.not.arrayContaining(['data_sources', 'stream', 'logprobs']));
});

it('a model that takes only max_completion_tokens and no system role answers all the same', async () => {
  const refusal = (param: string, message: string) =>
    reply.status(400, {
      body: { error: { message, type: 'invalid_request_error', param, code: 'unsupported_parameter' } },
    });
  upstream.on((body, { kind }) => {
    if (kind !== 'chat') return undefined;
    if ('temperature' in body) return refusal('temperature', "Unsupported parameter: 'temperature'.");
    if ('max_tokens' in body)
      return refusal('max_tokens', "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.");
    if (body.messages?.[0]?.role === 'system') return refusal('messages[0].role', "Unsupported value: 'system'.");
    return reply.text(
      JSON.stringify(body.messages).includes('You write queries') ? '["care for a dog"]' : 'Walk [doc1].',
    );
  });
  const { choices } = await ask({}, { model: 'o9-mini', max_tokens: 50 });
  expect(choices[0]?.message.content).toBe('Walk [doc1].');
  expect(upstream.requests.at(-1)?.body).toMatchObject({ max_completion_tokens: 50 });
});

it('a prompt that the service finds too long is made shorter', async () => {
  let refusals = 0;
  upstream.on((body, { kind }) => {
    if (kind !== 'chat') return undefined;
    if (asksForQueries(body)) return reply.text('["care for a dog"]');
    if (refusals++ > 0) return reply.text('Walk [doc1].');
    const message = "This model's maximum context length is 3000 tokens.";
    return reply.status(400, {
      body: { error: { message, type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' } },
    });
  });
  const long = Array.from({ length: 60 }, (_, turn) => ({
    role: turn % 2 ? 'assistant' : 'user',
    content: `Turn ${turn} ${'and so on '.repeat(40)}`,
  }));
  const { choices } = await ask({}, { messages: [...long, ...question] });
  expect(choices[0]?.message.content).toBe('Walk [doc1].');
  const [first, second] = prompts(upstream).map(({ messages }) => messages?.length ?? 0);
  expect(first).toBe(62);
  expect(second).toBeLessThan(30);
});

describe('tools beside a source, by the rule of the service', () => {
  const tools = [{ type: 'function', function: { name: 'walk', parameters: { type: 'object', properties: {} } } }];

  it('have the source left out, also where the model calls none', async () => {
    for (const tool_choice of [undefined, 'auto', { type: 'function', function: { name: 'walk' } }]) {
      upstream.reset();
      upstream.on(() => reply.toolCalls([{ name: 'walk', arguments: {} }]));
      const { choices } = await ask({}, { tools, tool_choice });
      expect(choices[0]?.message.tool_calls).toHaveLength(1);
      expect(contextOf(choices[0]?.message)).toBeUndefined();
      expect(upstream.calls.chat).toBe(1);
      expect(upstream.requests[0]?.body).toMatchObject({ tools, messages: question });
      expect(upstream.requests[0]?.body).not.toHaveProperty('data_sources');
    }
  });

  it('are left out themselves with tool_choice none', async () => {
    answerWith(upstream, 'Walk [doc1].');
    const { choices } = await ask({}, { tools, tool_choice: 'none' });
    expect(contextOf(choices[0]?.message)?.citations?.length).toBeGreaterThan(0);
    expect(prompts(upstream)[0]).not.toHaveProperty('tools');
    expect(prompts(upstream)[0]).not.toHaveProperty('tool_choice');
  });
});

describe('refuses with 400 that names what to mend', () => {
  const source = { type: 'vector_store', parameters: { vector_store_ids: ['vs_x'] } };
  const search = (parameters: object) => ({
    data_sources: [{ type: 'azure_search', parameters: { endpoint: 'https://a.search.windows.net', ...parameters } }],
  });
  it.each([
    ['no source', { data_sources: [] }, 'data_sources'],
    ['two sources', { data_sources: [source, source] }, 'data_sources'],
    ['what is no list', { data_sources: source }, 'data_sources'],
    ['an unknown type', { data_sources: [{ ...source, type: 'oracle' }] }, 'data_sources[0].type'],
    ['no type', { data_sources: [{ parameters: {} }] }, 'data_sources[0].type'],
    [
      'a missing parameter',
      { data_sources: [{ type: 'vector_store', parameters: {} }] },
      'data_sources[0].parameters.vector_store_ids',
    ],
    ['missing authentication', search({ index_name: 'i' }), 'data_sources[0].parameters.authentication'],
    [
      'an unfit authentication',
      search({ index_name: 'i', authentication: { type: 'connection_string' } }),
      'data_sources[0].parameters.authentication.type',
    ],
    [
      'two authentications',
      search({ index_name: 'i', authentication: { type: 'api_key', key: 'k', access_token: 't' } }),
      'data_sources[0].parameters.authentication.access_token',
    ],
    ['a name that is not known', { data_sources: [{ name: 'handbook' }] }, 'data_sources[0].name'],
    ['logprobs', { logprobs: true }, 'logprobs'],
    ['top_logprobs', { top_logprobs: 2 }, 'top_logprobs'],
    ['a wrong n', { n: 0 }, 'n'],
    ['strictness 6', over('vs_x', { strictness: 6 }), 'data_sources[0].parameters.strictness'],
    ['sound', { modalities: ['text', 'audio'], audio: { format: 'mp3', voice: 'alloy' } }, 'modalities'],
  ])('%s', async (_what, fields, param) => {
    for (const stream of [false, true])
      expect(await refused({}, { ...fields, stream })).toMatchObject({ status: 400, param });
    expect(upstream.calls.chat).toBe(0);
  });
});

it('a store that is not there, or is another tenant’s, is a 400 that names the source and what to mend, streamed or not', async () => {
  for (const stream of [false, true]) {
    answerWith(upstream, 'Walk [doc1].');
    expect(await refused({ vector_store_ids: ['vs_nowhere'] }, { stream })).toMatchObject({
      status: 400,
      code: 'data_source_not_found',
      param: 'data_sources[0].parameters.vector_store_ids',
      message: expect.stringContaining("The data source 'vector_store' failed: No vector store found"),
    });
  }
  const request = { model: 'gpt-4o', messages: question, ...over(storeId) } as Params;
  await expect(host.azure('beta').chat.completions.create(request)).rejects.toMatchObject({ status: 400 });
});

it('null counts as not set, as SDKs send it', async () => {
  answerWith(upstream, 'Walk [doc1].');
  const { choices } = await ask({ strictness: null, filter: null, include_contexts: null });
  expect(contextOf(choices[0]?.message)?.intent).toBe('care for a dog');
});

it('several choices each have their markers checked and the context, whole and streamed', async () => {
  const choice = (index: number, content: string) => ({
    index,
    message: { role: 'assistant', content },
    finish_reason: 'stop',
  });
  const head = { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'gpt-4o' };
  answerWith(upstream, reply.json({ ...head, choices: [choice(0, 'A [doc1][doc8]'), choice(1, 'B [doc8].')] }));
  const { choices } = await ask({}, { n: 2 });
  expect(choices.map(({ message }) => message.content)).toEqual(['A [doc1]', 'B.']);
  expect(choices.every(({ message }) => contextOf(message)?.citations?.length === 3)).toBe(true);

  const pieces = [
    [0, 'A [d'],
    [1, 'B [doc'],
    [0, 'oc1]['],
    [1, '8].'],
    [0, 'doc8]'],
  ] as const;
  const events = [
    ...pieces.map(([index, content]) => ({ ...head, choices: [{ index, delta: { content }, finish_reason: null }] })),
    { ...head, choices: [0, 1].map((index) => ({ index, delta: {}, finish_reason: 'stop' })) },
  ].map((event) => `data: ${JSON.stringify(event)}\n\n`);
  upstream.reset();
  answerWith(upstream, reply.raw([...events, 'data: [DONE]\n\n']));
  const stream = host.azure().chat.completions.stream({ model: 'gpt-4o', messages: question, n: 2, ...over(storeId) });
  const streamed = await stream.finalChatCompletion();
  expect(streamed.choices.map(({ message }) => message.content)).toEqual(['A [doc1]', 'B.']);
});

describe('faults of the model', () => {
  it('before the first byte are a status, in both calls', async () => {
    const message = 'The prompt was filtered.';
    const filtered = reply.status(400, { body: { error: { message, code: 'content_filter', param: 'prompt' } } });
    for (const stream of [false, true]) {
      upstream.on(() => filtered);
      expect(await refused({}, { stream })).toMatchObject({ status: 400, code: 'content_filter' });
      answerWith(upstream, filtered);
      expect(await refused({}, { stream })).toMatchObject({ status: 400, code: 'content_filter' });
    }
  });

  it('in the middle of a stream are an error event', async () => {
    answerWith(upstream, reply.cutAfter(3, reply.text('Walk the dog twice a day', { chunks: 10 })));
    const stream = host.azure().chat.completions.stream({ model: 'gpt-4o', messages: question, ...over(storeId) });
    let text = '';
    stream.on('content', (delta) => (text += delta));
    await expect(stream.done()).rejects.toThrow(/broke off|ended its answer|cannot be reached|connection/i);
    expect(text).not.toBe('');
  });
});

it('a caller that leaves ends the call of the model', async () => {
  answerWith(upstream, reply.text('Walk '.repeat(200), { chunks: 200, delayMs: 50 }));
  const abort = new AbortController();
  const stream = host
    .azure()
    .chat.completions.stream({ model: 'gpt-4o', messages: question, ...over(storeId) }, { signal: abort.signal });
  const ended = stream.done().catch(() => undefined);
  await new Promise<void>((resolve) => stream.once('content', () => resolve()));
  abort.abort();
  await ended;
  await upstream.until(() => upstream.abandoned > 0);
});
