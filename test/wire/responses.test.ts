/** Operations 49 to 52 with the official SDK: text, chains, settings, errors. The suite itself checks every answer and event. */
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { includable } from '../../src/wire/responseItems';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

const suite = contractSuite();
const model = 'gpt-4.1';
const lastBody = () => suite.upstream.requests.filter(({ kind }) => kind === 'chat').at(-1)?.body;
const place = z.object({ place: z.string() });

/** The names of a stream's events without `response.`. */
async function namesOf(stream: AsyncIterable<{ type: string }>): Promise<string[]> {
  const names: string[] = [];
  for await (const { type } of stream) names.push(type.replace(/^response\./, ''));
  return names;
}

describe.each(sdks)('with the class %s', (sdk) => {
  const responses = () => suite.client(sdk).responses;

  it('answers a text, and again when it is asked for', async () => {
    suite.upstream.enqueue(reply.text('They sleep afloat.'));
    const made = await responses().create({ model, input: 'Where do otters sleep?' });
    expect(made).toMatchObject({ status: 'completed', error: null });
    expect(made.usage?.total_tokens).toBeGreaterThan(0);
    const { output_text: text, ...stored } = made;
    expect(text).toBe('They sleep afloat.');
    expect(await responses().retrieve(made.id)).toMatchObject(stored);
  });

  it('streams a text in the order of the contract', async () => {
    suite.upstream.enqueue(reply.text('one two three', { chunks: 3 }));
    const stream = await responses().create({ model, input: 'Count', stream: true });
    expect(await namesOf(stream)).toEqual([
      ...['created', 'in_progress', 'output_item.added', 'content_part.added'],
      ...['output_text.delta', 'output_text.delta', 'output_text.delta', 'output_text.done'],
      ...['content_part.done', 'output_item.done', 'completed'],
    ]);
  });

  it('tells the stream helper of deltas, and gives it the final response, parsed by its schema', async () => {
    suite.upstream.enqueue(reply.text('{"place":"afloat"}', { chunks: 4 }));
    const text = { format: zodTextFormat(place, 'place') };
    const stream = responses().stream({ model, input: 'Where?', text });
    let heard = '';
    stream.on('response.output_text.delta', ({ delta }) => (heard += delta));
    const final = await stream.finalResponse();
    expect(heard).toBe('{"place":"afloat"}');
    expect(final.output_parsed).toEqual({ place: 'afloat' });
  });

  it('parses what the model wrote by a JSON schema, which the model is given', async () => {
    suite.upstream.enqueue(reply.text('{"place":"afloat"}'));
    const parsed = await responses().parse({ model, input: 'Where?', text: { format: zodTextFormat(place, 'place') } });
    expect(parsed.output_parsed).toEqual({ place: 'afloat' });
    expect(lastBody()?.response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'place', strict: true, schema: { required: ['place'] } },
    });
  });

  it('goes on with what was said before, and with its own instructions only', async () => {
    const first = await responses().create({ model, input: 'My name is Ann.', instructions: 'Be brief.' });
    suite.upstream.enqueue(reply.text('Ann.'));
    const second = await responses().create({ model, input: 'Who am I?', previous_response_id: first.id });
    expect(second.previous_response_id).toBe(first.id);
    expect(lastBody()?.messages).toEqual([
      { role: 'user', content: 'My name is Ann.' },
      { role: 'assistant', content: 'You said: My name is Ann.' },
      { role: 'user', content: 'Who am I?' },
    ]);
    // Two may continue the same one.
    const other = await responses().create({ model, input: 'Where am I?', previous_response_id: first.id });
    const last = await responses().create({ model, input: 'Go on.', previous_response_id: other.id });
    expect(last.status).toBe('completed');
    expect(lastBody()?.messages?.map(({ content }) => content)).toEqual([
      'My name is Ann.',
      'You said: My name is Ann.',
      'Where am I?',
      'You said: Where am I?',
      'Go on.',
    ]);
  });

  it('lists the items that a response was made of, oldest first, in pages both ways', async () => {
    const first = await responses().create({ model, input: 'One' });
    const second = await responses().create({
      model,
      previous_response_id: first.id,
      input: [
        { role: 'developer', content: 'Two' },
        { role: 'user', content: [{ type: 'input_text', text: 'Three' }] },
      ],
    });
    const list = responses().inputItems;
    expect((await list.list(first.id)).data).toMatchObject([
      { type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_text', text: 'One' }] },
    ]);
    const whole = (await list.list(second.id)).data;
    expect(whole.map((item) => 'role' in item && item.role)).toEqual(['user', 'assistant', 'developer', 'user']);
    const ids = whole.map(({ id }) => id ?? '');
    expect((await list.list(second.id, { order: 'desc' })).data.map(({ id }) => id)).toEqual(ids.toReversed());
    const page = await list.list(second.id, { limit: 3 });
    expect(page.has_more).toBe(true);
    expect((await page.getNextPage()).data.map(({ id }) => id)).toEqual(ids.slice(3));
    const back = await list.list(second.id, { limit: 1 }, { query: { before: ids[2], limit: 1 } });
    expect(back.data.map(({ id }) => id)).toEqual(ids.slice(1, 2));
    await expect(list.list(second.id, { after: 'msg_unknown' })).rejects.toMatchObject({ status: 400, param: 'after' });
    await expect(list.list('resp_unknown')).rejects.toMatchObject({ status: 404 });
  });

  it('deletes a response: it is not found, continued or referred to any more, and others go on without it', async () => {
    const first = await responses().create({ model, input: 'One' });
    const second = await responses().create({ model, input: 'Two', previous_response_id: first.id });
    const third = await responses().create({ model, input: 'Three', previous_response_id: second.id });
    const [item] = (await responses().inputItems.list(second.id, { order: 'desc' })).data;
    await responses().delete(second.id);
    for (const call of [
      responses().retrieve(second.id),
      responses().inputItems.list(second.id),
      responses().delete(second.id),
      responses().create({ model, input: [{ type: 'item_reference', id: item?.id ?? '' }] }),
    ])
      await expect(call).rejects.toMatchObject({ status: 404 });
    await expect(responses().create({ model, input: 'x', previous_response_id: second.id })).rejects.toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    });
    await responses().create({ model, input: 'Four', previous_response_id: third.id });
    expect(lastBody()?.messages?.map(({ content }) => content)).toEqual([
      ...['One', 'You said: One', 'Three', 'You said: Three', 'Four'],
    ]);
  });

  it('ends as incomplete where the model ran out of tokens or its text was filtered, also in a stream', async () => {
    const reasons = [
      ['length', 'max_output_tokens'],
      ['content_filter', 'content_filter'],
    ] as const;
    for (const [finishReason, reason] of reasons) {
      const cut = reply.text('They sleep', { finishReason });
      suite.upstream.enqueue(cut, cut);
      const made = await responses().create({ model, input: 'Where?', max_output_tokens: 20 });
      expect(made).toMatchObject({
        status: 'incomplete',
        incomplete_details: { reason },
        output: [{ status: 'incomplete' }],
      });
      const stream = responses().stream({ model, input: 'Where?', max_output_tokens: 20 });
      expect((await namesOf(stream)).at(-1)).toBe('incomplete');
    }
  });

  it('streams a refusal, which is an answer', async () => {
    const pieces = ['I am ', 'sorry.'].map((refusal) => ({ choices: [{ index: 0, delta: { refusal } }] }));
    const end = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
    suite.upstream.enqueue(reply.raw([...pieces, end].map((one) => `data: ${JSON.stringify(one)}\n\n`)));
    const stream = responses().stream({ model, input: 'Where?' });
    const names = await namesOf(stream);
    expect(names.filter((name) => name.startsWith('refusal'))).toEqual([
      ...['refusal.delta', 'refusal.delta', 'refusal.done'],
    ]);
    expect(await stream.finalResponse()).toMatchObject({
      status: 'completed',
      output: [{ content: [{ type: 'refusal', refusal: 'I am sorry.' }] }],
    });
  });

  it('fails in mid-stream with what was said so far, and is stored as failed', async () => {
    suite.upstream.enqueue(reply.cutAfter(3, reply.text('one two three', { chunks: 3 })));
    const events = [];
    for await (const event of await responses().create({ model, input: 'Count', stream: true })) events.push(event);
    const last = events.at(-1);
    const response = last?.type === 'response.failed' ? last.response : undefined;
    expect(response).toMatchObject({ status: 'failed', error: { code: 'server_error' } });
    expect(response?.output).toMatchObject([{ status: 'incomplete', content: [{ type: 'output_text' }] }]);
    expect(await responses().retrieve(response?.id ?? '')).toMatchObject({ status: 'failed' });
  });

  it('answers what the model refuses at once by a status, also where a stream is asked for', async () => {
    // Longer than the gateway waits by itself.
    const limited = () => reply.status(429, { headers: { 'retry-after': '90' } });
    const error = { message: 'Too long.', code: 'context_length_exceeded', type: 'invalid_request_error' };
    const tooLong = () => reply.status(400, { body: { error } });
    for (const stream of [false, true]) {
      suite.upstream.on(limited);
      const failure = await responses()
        .create({ model: `limited-${sdk}-${stream}`, input: 'Hello', stream })
        .catch((caught: unknown) => caught);
      expect(failure).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
      expect((failure as { headers: Headers }).headers.get('retry-after')).toBe('90');
      suite.upstream.on(tooLong);
      await expect(responses().create({ model, input: 'Hello', stream })).rejects.toMatchObject({
        status: 400,
        code: 'context_length_exceeded',
        param: 'input',
      });
    }
  });
});

it('answers 400 where the prompt broke the content policy', async () => {
  const error = { message: 'The prompt was filtered.', code: 'content_filter', type: null, param: 'prompt' };
  suite.upstream.enqueue(reply.status(400, { body: { error } }));
  await expect(create({})).rejects.toMatchObject({ status: 400, code: 'content_filter' });
});

it('fails in the stream where the model refuses only after the stream had to begin', async () => {
  const limited = reply.status(429, { headers: { 'retry-after': '90' } });
  suite.upstream.enqueue(reply.slow(5_200, limited));
  const stream = await suite.client().responses.create({ model: 'limited-late', input: 'Hello', stream: true });
  const events = [];
  for await (const event of stream) events.push(event);
  expect(events.map(({ type }) => type)).toEqual(
    ['created', 'in_progress', 'failed'].map((name) => `response.${name}`),
  );
  const last = events.at(-1);
  const response = last?.type === 'response.failed' ? last.response : undefined;
  expect(response?.error?.code).toBe('rate_limit_exceeded');
  expect((await suite.client().responses.retrieve(response?.id ?? '')).status).toBe('failed');
});

it('reads a chain of many responses whole, across a fork', async () => {
  const turns = 130;
  let previous_response_id: string | undefined;
  let fork: string | undefined;
  for (let turn = 0; turn < turns; turn += 1) {
    previous_response_id = (await create({ input: `Turn ${turn}`, previous_response_id })).id;
    if (turn === 119) fork = previous_response_id;
  }
  await create({ input: 'On the fork', previous_response_id: fork });
  const said = (lastBody()?.messages ?? []).flatMap(({ role, content }) => (role === 'user' ? [content] : []));
  expect(said).toEqual([...Array.from({ length: 120 }, (_, turn) => `Turn ${turn}`), 'On the fork']);
}, 60_000);

const { create, remove, count } = {
  create: (fields: object) => suite.client().responses.create({ model, input: 'Hello', ...fields }),
  remove: (path: string) => suite.send('DELETE', path),
  count: (fields: object) => suite.client().responses.inputTokens.count({ model, ...fields }),
};

it('answers a delete with an object, which the .NET SDK of Azure reads on dated versions too, and a missing one in both readings', async () => {
  const ids = [(await create({})).id, (await create({})).id];
  const dated = await remove(`/openai/responses/${ids[0]}?api-version=2025-04-01-preview`);
  expect(await dated.json()).toEqual({ id: ids[0], object: 'response', deleted: true });
  const current = await remove(`/openai/v1/responses/${ids[1]}`);
  expect(await current.json()).toEqual({ id: ids[1], object: 'response', deleted: true });
  const gone = await remove(`/openai/responses/${ids[0]}`);
  expect(gone.status).toBe(404);
  const body = (await gone.json()) as { code: string; message: string; error: { code: string; message: string } };
  expect(body.code).toBe(body.error.code);
  expect(body.message).toBe(body.error.message);
  expect(body.message).toContain(ids[0]);
});

it('knows no response of another tenant, and none that was not stored', async () => {
  const { id } = await create({});
  const unstored = await create({ store: false });
  expect(unstored).toMatchObject({ store: false });
  const beta = suite.client('OpenAI', 'beta').responses;
  await expect(beta.retrieve(id)).rejects.toMatchObject({ status: 404 });
  await expect(suite.client().responses.retrieve(unstored.id)).rejects.toMatchObject({ status: 404 });
  const missing = { status: 400, code: 'previous_response_not_found', param: 'previous_response_id' };
  await expect(beta.create({ model, input: 'x', previous_response_id: id })).rejects.toMatchObject(missing);
  for (const previous_response_id of [unstored.id, 'resp_unknown', `resp_${'a'.repeat(48)}`])
    await expect(create({ previous_response_id })).rejects.toMatchObject(missing);
  // The same tenant's Foundry project has responses of its own.
  const elsewhere = await suite.send('GET', `/api/projects/p1/openai/v1/responses/${id}`);
  expect(elsewhere.status).toBe(404);
});

it('continues only what was there before, so chains have no cycles', async () => {
  const first = await create({});
  const second = await create({ previous_response_id: first.id });
  // Nothing changes what a response continues, and the ids of new ones are the server's.
  const given = await suite.send('POST', '/v1/responses', {
    body: { model, input: 'x', id: first.id, previous_response_id: second.id },
  });
  expect(await given.json()).toMatchObject({ error: { code: 'unknown_parameter', param: 'id' } });
  for (const method of ['POST', 'PUT', 'PATCH'])
    expect((await suite.send(method, `/v1/responses/${first.id}`, { body: {} })).status).toBeGreaterThanOrEqual(400);
  expect((await suite.client().responses.retrieve(first.id)).previous_response_id).toBeNull();
});

it.each([
  [{ previous_response_id: 'resp_a', conversation: 'conv_a' }, 'mutually_exclusive_parameters', 'previous_response_id'],
  [{ model: undefined }, 'missing_required_parameter', 'model'],
  [{ input: undefined }, 'missing_required_parameter', 'input'],
  [{ input: [] }, 'missing_required_parameter', 'input'],
  [{ top_logprobs: 2 }, 'invalid_value', 'top_logprobs'],
  [{ max_output_tokens: 0 }, 'integer_below_min_value', 'max_output_tokens'],
  [{ include: ['everything'] }, 'invalid_value', 'include[0]'],
  [{ stream_options: {} }, 'invalid_value', 'stream_options'],
  [
    { stream: true, stream_options: { include_obfuscation: true } },
    'unsupported',
    'stream_options.include_obfuscation',
  ],
  [{ structured_inputs: { what: 'tides' } }, 'invalid_value', 'structured_inputs'],
  [{ agent: { name: 'a' }, agent_reference: { name: 'b' } }, 'mutually_exclusive_parameters', 'agent_reference'],
  [{ tool_choice: 'required' }, 'invalid_value', 'tool_choice'],
  [{ modalities: ['text'] }, 'unsupported', 'modalities'],
  [{ reasoning: { mode: 'pro' } }, 'unsupported', 'reasoning.mode'],
  [{ reasoning: { context: 'all_turns' } }, 'unsupported', 'reasoning.context'],
  [{ input: [{ type: 'computer_call', id: 'x' }] }, 'unsupported', 'input[0].type'],
  [{ tools: [{ type: 'web_search' }] }, 'unsupported', 'tools[0]'],
  [{ input: [{ type: 'item_reference', id: 'msg_a' }] }, null, 'input[0]'],
  [{ prompt: { id: 'pmpt_a' } }, null, 'prompt'],
  [{ tools: [{ type: 'file_search', vector_store_ids: ['vs_a'] }] }, null, 'tools[0].vector_store_ids'],
])('refuses %j', async (fields, code, param) => {
  const answer = await suite.send('POST', '/v1/responses', { body: { model, input: 'Hello', ...fields } });
  expect([400, 404]).toContain(answer.status);
  expect(await answer.json()).toMatchObject({ error: { code, param } });
  expect(suite.upstream.calls.chat).toBe(0);
});

it('gives back the phases of messages that a caller keeps himself', async () => {
  const phases = ['commentary', 'final_answer'];
  const input = phases.map((phase) => ({ role: 'assistant', content: phase, phase }));
  const { id } = await create({ input });
  const { data } = await suite.client().responses.inputItems.list(id);
  expect(data).toMatchObject(input.map(({ phase }) => ({ role: 'assistant', phase })));
});

it('hands on what tunes an answer, and shows it', async () => {
  const settings = {
    temperature: 0.3,
    top_p: 0.9,
    user: 'u',
    safety_identifier: 's',
    prompt_cache_key: 'k',
    service_tier: 'flex',
  } as const;
  const made = await create({
    ...settings,
    max_output_tokens: 50,
    reasoning: { effort: 'low', summary: 'auto', mode: 'standard', context: 'auto' },
    text: { verbosity: 'low' },
    metadata: { team: 'sea' },
    prompt: { id: '' },
  });
  // A template without an id is none: Foundry's connector always sends one.
  expect(made).toMatchObject({ ...settings, metadata: { team: 'sea' }, prompt: null, truncation: 'disabled' });
  expect(lastBody()).toMatchObject({
    ...settings,
    max_completion_tokens: 50,
    reasoning_effort: 'low',
    verbosity: 'low',
  });
  await create({});
  expect(Object.keys(lastBody() ?? {}).sort()).toEqual(['messages', 'model', 'stream', 'stream_options']);
});

it('asks for log probabilities where they are included, and shows them with the text', async () => {
  const token = (text: string) => ({ token: text, logprob: -0.1, bytes: null, top_logprobs: [] });
  const chunks = ['Hel', 'lo'].map((content) => ({
    choices: [{ index: 0, delta: { content }, logprobs: { content: [token(content)] } }],
  }));
  const end = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
  const answer = () => reply.raw([...chunks, end].map((one) => `data: ${JSON.stringify(one)}\n\n`));
  suite.upstream.on(answer);
  const made = await create({ include: ['message.output_text.logprobs'], top_logprobs: 2 });
  expect(lastBody()).toMatchObject({ logprobs: true, top_logprobs: 2 });
  const logprobs = ['Hel', 'lo'].map((text) => ({ ...token(text), bytes: [] }));
  expect(made.output).toMatchObject([{ content: [{ text: 'Hello', logprobs }] }]);
  const events = [];
  const include = ['message.output_text.logprobs' as const];
  const { responses } = suite.client();
  for await (const event of await responses.create({ model, input: 'Hello', include, stream: true }))
    if (event.type === 'response.output_text.delta') events.push(event.logprobs);
  expect(events).toMatchObject([[{ token: 'Hel' }], [{ token: 'lo' }]]);
});

it('leaves out the middle of what was said where it is too long and truncation is auto, and never tears calls from their outputs', async () => {
  const call = (id: string) => ({ type: 'function_call', call_id: id, name: 'f', arguments: '{}' });
  const output = (id: string) => ({ type: 'function_call_output', call_id: id, output: 'long '.repeat(900) });
  const input = [
    { role: 'user', content: 'First' },
    ...Array.from({ length: 12 }, (_, turn) => [call(`call_${turn}`), output(`call_${turn}`)]).flat(),
    { role: 'user', content: 'Last' },
  ];
  const error = {
    message: "This model's maximum context length is 8000 tokens.",
    code: 'context_length_exceeded',
    type: 'invalid_request_error',
  };
  suite.upstream.enqueue(reply.status(400, { body: { error } }), reply.text('Fine.'));
  const made = await create({ input, truncation: 'auto' });
  expect(made.output_text).toBe('Fine.');
  const messages = lastBody()?.messages ?? [];
  expect(messages[0]).toEqual({ role: 'user', content: 'First' });
  expect(messages.at(-1)).toEqual({ role: 'user', content: 'Last' });
  expect(messages.length).toBeLessThan(20);
  expect(messages.length).toBeGreaterThan(2);
  const called = messages.flatMap((message) => (message.role === 'assistant' ? (message.tool_calls ?? []) : []));
  const answered = messages.flatMap((message) => (message.role === 'tool' ? [message.tool_call_id] : []));
  expect(called.map(({ id }) => id)).toEqual(answered);
  expect(answered.at(-1)).toBe('call_11');
});

it('counts the tokens of an input with tools and what it continues, and asks no model', async () => {
  const tools = [{ type: 'function', name: 'get_weather', parameters: { type: 'object' }, strict: false } as const];
  const plain = await count({ input: 'Tell me a joke.' });
  expect(plain.object).toBe('response.input_tokens');
  expect(plain.input_tokens).toBeGreaterThan(4);
  expect(plain.input_tokens).toBeLessThan(20);
  expect(suite.upstream.calls.chat).toBe(0);
  const withTools = await count({ input: 'Tell me a joke.', tools, instructions: 'Be brief.' });
  expect(withTools.input_tokens).toBeGreaterThan(plain.input_tokens);
  const { id } = await create({ input: 'A long story about otters '.repeat(20) });
  const continued = await count({ input: 'Tell me a joke.', previous_response_id: id });
  expect(continued.input_tokens).toBeGreaterThan(plain.input_tokens + 50);
  await expect(count({ previous_response_id: 'resp_a', input: 'x' })).rejects.toMatchObject({ status: 400 });
});

it('counts and lists what was said in a conversation, which stays free', async () => {
  const client = suite.client();
  const conversation = (await client.conversations.create({ items: [{ role: 'user', content: 'I am Ann.' }] })).id;
  const alone = await count({ input: 'Who am I?' });
  const whole = await count({ input: 'Who am I?', conversation });
  expect(whole.input_tokens).toBeGreaterThan(alone.input_tokens);
  const first = await create({ input: 'Who am I?', conversation });
  const second = await create({ input: 'Sure?', conversation });
  const texts = async (id: string) =>
    (await client.responses.inputItems.list(id)).data.map((item) =>
      item.type === 'message' && item.content[0] && 'text' in item.content[0] ? item.content[0].text : item.type,
    );
  expect(await texts(first.id)).toEqual(['I am Ann.', 'Who am I?']);
  expect(await texts(second.id)).toEqual(['I am Ann.', 'Who am I?', 'You said: Who am I?', 'Sure?']);
});

it('takes every includable, and shows answers below a project with their text', async () => {
  const include = includable.options;
  expect((await create({ include })).status).toBe('completed');
  const { id } = await create({});
  const query = include.map((one) => `include[]=${one}`).join('&');
  expect((await suite.send('GET', `/v1/responses/${id}?${query}`)).status).toBe(200);
  expect((await suite.send('GET', `/v1/responses/${id}?include=${include.join('&include=')}`)).status).toBe(200);
  // As the .NET SDK of Azure has them.
  expect((await suite.send('GET', `/openai/responses/${id}?include%5B%5D=${include.join(',')}`)).status).toBe(200);
  expect((await suite.send('GET', `/v1/responses/${id}?include=everything`)).status).toBe(400);
  const body = { model, input: 'Hello', unknown: 1 };
  const project = await suite.send('POST', '/api/projects/p1/openai/v1/responses', { body });
  expect(await project.json()).toMatchObject({ output_text: 'You said: Hello', status: 'completed' });
});

it('compacts nothing, and says so', async () => {
  await expect(suite.client().responses.compact({ model, input: 'x' })).rejects.toMatchObject({
    status: 400,
    code: 'unsupported',
  });
});

it('keeps a large input beside its record, and reads it again', async () => {
  const long = 'Otters sleep afloat. '.repeat(8_000);
  const first = await create({ input: long });
  expect((await suite.client().responses.inputItems.list(first.id)).data).toMatchObject([
    { content: [{ type: 'input_text', text: long }] },
  ]);
  await create({ previous_response_id: first.id });
  expect(lastBody()?.messages?.[0]).toEqual({ role: 'user', content: long });
});
