/** RESPONSES_MODE=upstream, with the official SDKs in both styles: responses and conversations of a service that has them. */
import type OpenAI from 'openai';
import { startHost, type Host } from '../support/host';
import { callersAndServices, singleService, UPSTREAM_KEY, type Hosts } from '../support/modelHosts';
import { expectNotFound } from '../support/notFound';
import { bodyOf, type ScriptedMedia } from '../support/scriptedMedia';
import {
  frame,
  refusedHere,
  SAFETY_CHECK,
  scriptedResponses,
  SOURCES,
  startResponsesHosts,
  UPSTREAM_MODE,
} from '../support/scriptedResponses';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ media, hosts, stop } = await startResponsesHosts());
});
afterAll(async () => stop());
const service = scriptedResponses();
beforeEach(() => {
  media.reset();
  media.on(service);
});

const asked = { model: 'gpt-4o', input: 'How is the sea?' };
const operations = (): string[] => media.requests.map(({ method, operation }) => `${method} ${operation}`);

/** What a call sends without an SDK, which would change bodies and read streams. */
const post = async (path: string, body: string | object, host: Host = hosts.openai) =>
  fetch(`${host.url}${path}`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** The body of the first request that the service got. */
function sentFirst(): Record<string, unknown> {
  const [request] = media.requests;
  if (!request) throw new Error('The service was sent nothing.');
  return bodyOf(request);
}

it.each(callersAndServices)(
  'the %s SDK before a service of style %s creates, gets, cancels and deletes responses, and lists their input, as the service has them',
  async (caller, style) => {
    const { responses } = hosts[style][caller]();
    const created = await responses.create({ ...asked, background: true, metadata: { a: 'b' } });
    expect(created).toMatchObject({ object: 'response', model: 'gpt-4o', metadata: { a: 'b' }, status: 'queued' });
    expect(created.output_text).toBe('The sea is high.');
    expect(await responses.retrieve(created.id, { include: ['reasoning.encrypted_content'] })).toMatchObject({
      id: created.id,
    });
    expect((await responses.inputItems.list(created.id, { order: 'asc', limit: 7 })).data).toMatchObject([
      { role: 'user' },
    ]);
    expect(await responses.cancel(created.id)).toMatchObject({ id: created.id, status: 'cancelled' });
    const next = await responses.create({ ...asked, previous_response_id: created.id });
    expect(next.previous_response_id).toBe(created.id);
    await responses.delete(created.id);
    await expectNotFound(async () => responses.retrieve(created.id));
    const query = style === 'azure' ? '?api-version=2025-04-01-preview' : '';
    const more = (given: string) => (query ? `${query}&${given}` : `?${given}`);
    const base = style === 'azure' ? '/openai/responses' : '/v1/responses';
    const one = `${base}/${created.id}`;
    expect(media.requests.map(({ method, path }) => `${method} ${decodeURIComponent(path)}`)).toEqual([
      `POST ${base}${query}`,
      `GET ${one}${more(caller === 'azure' ? 'include[]=reasoning.encrypted_content' : 'include[]=reasoning.encrypted_content')}`,
      `GET ${one}/input_items${more('order=asc&limit=7')}`,
      `POST ${one}/cancel${query}`,
      `POST ${base}${query}`,
      `DELETE ${one}${query}`,
    ]);
    for (const { headers } of media.requests) {
      expect(headers[style === 'azure' ? 'api-key' : 'authorization']).toContain(UPSTREAM_KEY);
      expect(JSON.stringify(headers)).not.toContain(hosts[style].key());
    }
  },
);

it('a body goes on byte for byte but for its model, and the answer comes as it is', async () => {
  const backends = [
    { name: 'one', kind: 'openai', base_url: media.url, api_key: UPSTREAM_KEY, deployments: { sea: 'gpt-4o' } },
  ];
  const host = await startHost({ env: { MODEL_BACKENDS: JSON.stringify(backends), ...UPSTREAM_MODE } });
  try {
    const body = (model: string) =>
      `{ "input":"How?",  "model" : "${model}", "seed": 1.0, "unknown":{"deep":[1e3,null]}, "tools":[{"type":"custom","name":"x"}] }`;
    const answer = await post('/v1/responses', body('sea'), host);
    expect(media.requests[0]?.body.toString()).toBe(body('gpt-4o'));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ object: 'response', model: 'gpt-4o' });
    expect((await post('/v1/responses', body('land'), host)).status).toBe(404);
  } finally {
    await host.stop();
  }
});

it('a stream comes byte for byte, and its response is known from its first event on, before the stream has ended', async () => {
  const response = { id: 'resp_streamed', object: 'response', status: 'in_progress', output: [] };
  const item = { id: 'msg_streamed', type: 'message', role: 'assistant', content: [] };
  const frames = [
    ': hello\r\n\r\n',
    frame('response.created', { response, sequence_number: 0 }).replaceAll('\n', '\r\n'),
    frame('response.output_item.added', { item, output_index: 0 }),
    'event: response.unheard_of\ndata: {"type":"response.unheard_of",  "blank" :1.0}\n\n',
    frame('response.completed', { response: { ...response, status: 'completed', output: [item] } }),
  ];
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  async function* pieces() {
    const bytes = Buffer.from(frames.join(''));
    const first = frames.slice(0, 2).join('').length;
    // Cut in the middle of an event.
    yield bytes.subarray(0, 40);
    yield bytes.subarray(40, first + 20);
    await held;
    yield bytes.subarray(first + 20);
  }
  media.on(({ method }) =>
    method === 'POST'
      ? { headers: { 'content-type': 'text/event-stream' }, body: pieces() }
      : { body: JSON.stringify({ ...response, status: 'in_progress' }) },
  );
  const answer = await post('/v1/responses', { ...asked, stream: true });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const read = async () => {
    const { value, done } = (await reader?.read()) ?? { done: true };
    text += value ?? '';
    return !done;
  };
  while (!text.includes('resp_streamed') && (await read()));
  expect(await hosts.openai.openai().responses.retrieve('resp_streamed')).toMatchObject({ status: 'in_progress' });
  goOn();
  while (await read());
  expect(text).toBe(frames.join(''));
  const reference = [{ type: 'item_reference' as const, id: 'msg_streamed' }];
  media.on(service);
  expect((await hosts.openai.openai().responses.create({ ...asked, input: reference })).object).toBe('response');
});

it.each(callersAndServices)(
  'the %s SDK streams from a service of style %s, and takes a stream up again',
  async (caller, style) => {
    const { responses } = hosts[style][caller]();
    const types: string[] = [];
    let id = '';
    for await (const event of await responses.create({ ...asked, stream: true, background: true })) {
      types.push(event.type);
      if (event.type === 'response.created') id = event.response.id;
    }
    expect([types[0], types.at(-1)]).toEqual(['response.created', 'response.completed']);
    const again: string[] = [];
    for await (const event of await responses.retrieve(id, { stream: true, starting_after: 2 })) again.push(event.type);
    expect(again).toEqual(types);
    expect(media.requests.at(-1)?.path).toContain('stream=true&starting_after=2');
  },
);

it.each(callersAndServices)(
  'the %s SDK before a service of style %s keeps conversations there',
  async (caller, style) => {
    const { conversations } = hosts[style][caller]();
    const { id } = await conversations.create({ metadata: { a: 'b' }, items: [{ role: 'user', content: 'Hello' }] });
    expect(await conversations.retrieve(id)).toMatchObject({ id, object: 'conversation' });
    expect(await conversations.update(id, { metadata: { c: 'd' } })).toMatchObject({ metadata: { c: 'd' } });
    const added = await conversations.items.create(id, { items: [{ role: 'user', content: 'Again' }] });
    const itemId = added.data[0]?.id ?? '';
    expect((await conversations.items.list(id)).data).toHaveLength(2);
    expect(await conversations.items.retrieve(itemId, { conversation_id: id })).toMatchObject({ id: itemId });
    await conversations.items.delete(itemId, { conversation_id: id });
    // An id that leads to another address is none.
    await expectNotFound(async () => conversations.items.delete('..%2F..%2Fconv_other', { conversation_id: id }));
    await conversations.delete(id);
    await expectNotFound(async () => conversations.retrieve(id));
    const base = style === 'azure' ? '/openai/v1/conversations' : '/v1/conversations';
    expect(media.requests.every(({ path }) => path.startsWith(base))).toBe(true);
    expect(sentFirst()).toEqual({
      metadata: { a: 'b' },
      items: [{ role: 'user', content: 'Hello' }],
    });
  },
);

it('tokens of an input are counted there, and conversations made short', async () => {
  const { responses } = hosts.azure.azure();
  expect(await responses.inputTokens.count(asked)).toMatchObject({ input_tokens: 11 });
  expect(await responses.compact({ model: 'gpt-4o', input: 'Long.' })).toMatchObject({ object: 'response.compaction' });
  expect(media.requests.map(({ path }) => path)).toEqual([
    '/openai/v1/responses/input_tokens',
    '/openai/v1/responses/compact',
  ]);
});

const screen = { display_width: 1024, display_height: 768, environment: 'browser' as const };
it.each(['computer_use_preview', 'computer-preview', 'computer-use-preview'])(
  'computer use, spelt %s, works to its end: the call, the screen with its safety checks acknowledged, and the answer',
  async (type) => {
    const { responses } = hosts.openai.azure();
    const tools = [{ ...screen, type: type as 'computer_use_preview' }];
    const first = await responses.create({ model: 'computer-use-preview', input: 'Click.', tools, truncation: 'auto' });
    expect(sentFirst().tools).toEqual([{ ...screen, type: 'computer_use_preview' }]);
    const [call] = first.output;
    if (call?.type !== 'computer_call') throw new Error('There is no computer call.');
    expect(call.action).toEqual({ type: 'click', button: 'left', x: 10, y: 20 });
    expect(call.pending_safety_checks).toEqual([SAFETY_CHECK]);
    const shot = { type: 'computer_screenshot' as const, image_url: 'data:image/png;base64,c2Vh' };
    const next = (checks: (typeof SAFETY_CHECK)[]): OpenAI.Responses.ResponseCreateParamsNonStreaming => ({
      model: 'computer-use-preview',
      previous_response_id: first.id,
      tools,
      truncation: 'auto',
      include: ['computer_call_output.output.image_url'],
      input: [
        { type: 'computer_call_output', call_id: call.call_id, acknowledged_safety_checks: checks, output: shot },
      ],
    });
    await expect(responses.create(next([]))).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('safety checks'),
    });
    const done = await responses.create(next([SAFETY_CHECK]));
    expect(done.output_text).toContain(shot.image_url);
    const items = await responses.inputItems.list(done.id, { include: ['computer_call_output.output.image_url'] });
    expect(items.data).toMatchObject([{ type: 'computer_call_output', output: shot }]);
    expect(media.requests.at(-1)?.path).toContain('include%5B%5D=computer_call_output.output.image_url');
    // As an item of an input that the caller keeps itself.
    const kept = await responses.create({
      model: 'computer-use-preview',
      tools,
      store: false,
      input: [call, ...(next([SAFETY_CHECK]).input as [])],
    });
    expect(kept.output_text).toContain(shot.image_url);
  },
);

it('a stream tells of computer calls as the service does', async () => {
  const tools = [{ ...screen, type: 'computer_use_preview' as const }];
  const events = await hosts.openai
    .openai()
    .responses.create({ model: 'computer-use-preview', input: 'Click.', tools, stream: true });
  const items = [];
  for await (const event of events) if (event.type === 'response.output_item.done') items.push(event.item);
  expect(items).toMatchObject([{ type: 'computer_call', pending_safety_checks: [SAFETY_CHECK] }]);
});

it.each(['web_search', 'web_search_2025_08_26', 'web_search_preview', 'web_search_preview_2025_03_11'] as const)(
  'a search of the web, spelt %s, tells its sources where they are asked for',
  async (type) => {
    const { responses } = hosts.azure.openai();
    const sourcesOf = async (include?: ['web_search_call.action.sources']) => {
      const { output } = await responses.create({ ...asked, tools: [{ type }], ...(include && { include }) });
      return output[0]?.type === 'web_search_call' ? output[0].action : undefined;
    };
    expect(await sourcesOf(['web_search_call.action.sources'])).toMatchObject({ query: 'tides', sources: SOURCES });
    expect(await sourcesOf()).not.toHaveProperty('sources');
  },
);

it('an agent is resolved here: its model, instructions and tools go on in its place, and connectors find the text', async () => {
  const definition = {
    kind: 'prompt',
    model: 'gpt-4o',
    instructions: 'Speak of {{what}}.',
    tools: [{ type: 'web_search' }, { type: 'code_interpreter' }],
    structured_inputs: { what: { default_value: 'ships' } },
  };
  const project = '/api/projects/harbour';
  expect((await post(`${project}/agents`, { name: 'pilot', definition })).status).toBe(200);
  const asks = {
    agent: { type: 'agent_reference', name: 'pilot' },
    input: 'Speak.',
    prompt: { id: '' },
    structured_inputs: { what: 'tides' },
  };
  const answer = await post(`${project}/openai/v1/responses`, asks);
  expect(await answer.json()).toMatchObject({
    object: 'response',
    output_text: 'The sea is high.',
    agent: { type: 'agent_id', name: 'pilot', version: '1' },
    agent_reference: { type: 'agent_reference', name: 'pilot', version: '1' },
  });
  expect(sentFirst()).toEqual({
    model: 'gpt-4o',
    input: 'Speak.',
    instructions: 'Speak of tides.',
    tools: [{ type: 'web_search' }, { type: 'code_interpreter', container: { type: 'auto' } }],
  });
  const unknown = await post(`${project}/openai/v1/responses`, { ...asks, agent: { name: 'nobody' } });
  expect([unknown.status, media.requests.length]).toEqual([404, 1]);
  // At the agent's own address too, where none is named.
  const rest = { ...asks, agent: undefined };
  const atAddress = await post(`${project}/agents/pilot/endpoint/protocols/openai/responses`, rest);
  expect([atAddress.status, media.requests.length]).toEqual([200, 2]);
  expect(JSON.parse(media.requests[1]?.body.toString() ?? '')).toEqual(sentFirst());
});

it('a stream that breaks off ends with an error event, numbered behind the last one, and the SDK throws it', async () => {
  const response = { id: 'resp_broken', object: 'response', status: 'in_progress', output: [] };
  let goOn = (): void => undefined;
  async function* broken() {
    yield frame('response.created', { response, sequence_number: 6 });
    // Until the caller has it.
    await new Promise<void>((resolve) => (goOn = resolve));
  }
  media.on(() => ({ headers: { 'content-type': 'text/event-stream' }, body: broken(), cut: true }));
  const answer = await post('/v1/responses', { ...asked, stream: true });
  let text = '';
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    goOn();
  }
  const last = text.trim().split('\n\n').at(-1) ?? '';
  const [name, data] = last.split('\n');
  expect(name).toBe('event: error');
  const error = { code: 'upstream_error', message: expect.stringContaining('broke off'), param: null };
  expect(JSON.parse(data?.slice('data: '.length) ?? '')).toEqual({
    type: 'error',
    sequence_number: 7,
    ...error,
    error: { type: 'server_error', ...error },
  });
  const stream = await hosts.openai.openai().responses.create({ ...asked, stream: true });
  const reading = (async () => {
    for await (const event of stream) if (event.type === 'response.created') goOn();
  })();
  await expect(reading).rejects.toMatchObject({ code: 'upstream_error' });
});

it('a caller that leaves a stream ends it at the service', async () => {
  const response = { id: 'resp_left', object: 'response', status: 'in_progress', output: [] };
  async function* endless() {
    yield frame('response.created', { response });
    await new Promise(() => undefined);
  }
  media.on(() => ({ headers: { 'content-type': 'text/event-stream' }, body: endless() }));
  const events = await hosts.openai.openai().responses.create({ ...asked, stream: true });
  for await (const event of events) if (event.type === 'response.created') break;
  while (media.abandoned === 0) await new Promise((resolve) => setTimeout(resolve, 10));
});

it('a reader that is slow holds the service back', async () => {
  let sent = 0;
  const filler = frame('response.output_text.delta', { delta: 'x'.repeat(64 * 1024) });
  async function* flood() {
    yield frame('response.created', { response: { id: 'resp_flood', object: 'response', output: [] } });
    for (; sent < 4_000; sent += 1) yield filler;
  }
  media.on(() => ({ headers: { 'content-type': 'text/event-stream' }, body: flood() }));
  const answer = await post('/v1/responses', { ...asked, stream: true });
  const reader = answer.body?.getReader();
  await reader?.read();
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  // 4,000 events are 256 MB.
  expect(sent).toBeLessThan(1_500);
  await reader?.cancel();
});

describe('what may have been billed or stored is asked for once', () => {
  const times = (status: number, headers: Record<string, string> = {}) => {
    let left = 1;
    media.on((request) => {
      if (left-- <= 0) return service(request);
      return {
        status,
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"error":{"message":"No.","code":"busy"}}',
      };
    });
  };
  it('a failure of creating goes to the caller', async () => {
    times(500);
    await expect(hosts.openai.openai().responses.create(asked)).rejects.toMatchObject({ status: 500 });
    times(503);
    await expect(hosts.openai.openai().conversations.create({})).rejects.toMatchObject({ status: 503 });
    expect(media.requests).toHaveLength(2);
  });
  it('a service that has no room is asked again, and so is what only reads', async () => {
    times(429, { 'retry-after-ms': '1' });
    const { id } = await hosts.openai.openai().responses.create(asked);
    times(500);
    expect((await hosts.openai.openai().responses.retrieve(id)).id).toBe(id);
    expect(operations()).toEqual(['POST responses', 'POST responses', `GET responses/${id}`, `GET responses/${id}`]);
  });
});

it.each([
  ['404 for the address', { status: 404, body: '{"error":{"code":"404","message":"Resource not found"}}' }],
  ['404 in plain words', { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found' }],
  ['405', { status: 405, body: '{}' }],
])('before a service that answers %s, what needs Responses is a 400 that names the settings', async (_what, answer) => {
  media.on(() => answer);
  const { responses, conversations } = hosts.openai.openai();
  const named = {
    status: 400,
    code: 'unsupported',
    message: expect.stringMatching(/OPENAI_BASE_URL.*RESPONSES_MODE/),
  };
  await expect(responses.create(asked)).rejects.toMatchObject(named);
  await expect(responses.create({ ...asked, stream: true })).rejects.toMatchObject(named);
  await expect(conversations.create({})).rejects.toMatchObject(named);
});

it('a model that the service does not have is its own 404', async () => {
  media.on(() => ({ status: 404, body: '{"error":{"message":"No such model.","code":"model_not_found"}}' }));
  await expect(hosts.openai.openai().responses.create(asked)).rejects.toMatchObject({
    status: 404,
    code: 'model_not_found',
  });
});

it('without a service the mode is refused with the settings that it needs', async () => {
  const host = await startHost({ env: UPSTREAM_MODE });
  try {
    await expect(host.openai().responses.create({ ...asked, model: 'local-extractive' })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/OPENAI_BASE_URL.*RESPONSES_MODE/),
    });
  } finally {
    await host.stop();
  }
});

describe('in native mode', () => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost({ env: { ...singleService(media, media).openai, RESPONSES_MODE: 'native' } });
  });
  afterAll(async () => host.stop());

  it.each([
    ['web_search', {}],
    ['web_search_2025_08_26', {}],
    ['web_search_preview', {}],
    ['web_search_preview_2025_03_11', {}],
    ['computer_use_preview', screen],
    ['computer-preview', screen],
    ['computer-use-preview', screen],
  ])('the tool %s is refused with the setting that it needs', async (type, fields) => {
    const call = host.openai().responses.create({ ...asked, tools: [{ type, ...fields } as never] });
    expect(await refusedHere(media, call)).toMatchObject({
      status: 400,
      param: 'tools[0]',
      message: expect.stringContaining('RESPONSES_MODE'),
    });
  });

  it('so are the items of a computer', async () => {
    const item = {
      type: 'computer_call_output' as const,
      call_id: 'c',
      output: { type: 'computer_screenshot' as const },
    };
    const call = host.openai().responses.create({ ...asked, input: [item] });
    expect(await refusedHere(media, call)).toMatchObject({
      status: 400,
      message: expect.stringContaining('RESPONSES_MODE'),
    });
  });
});
