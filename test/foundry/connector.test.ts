/**
 * The connector's actions that concern assistants, as a flow made in the designer calls them (foundry-agent-connector.md 1 to 3): paths, bodies and
 * answers to the letter of its tables.
 */
import { OTTERS, weather } from '../support/assistantFixtures';
import { readEvents } from '../support/contractStream';
import { startHost, type Host, type Tenant } from '../support/host';
import { eventually } from '../support/polling';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed' } });
}, 60_000);
afterEach(() => upstream.reset());
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

/** What the connector's own client sends. */
const VERSION = '2025-11-15-preview';

interface Options {
  base?: string;
  version?: string;
  tenant?: Tenant;
}

/** Sends it as the connector does: with the api-version and a bearer token, and without a content type where there is no body. */
async function send(method: string, path: string, body?: object, options: Options = {}): Promise<Response> {
  const { base = '/api/projects/p1', version = VERSION, tenant } = options;
  return fetch(`${host.url}${base}${path}?api-version=${version}`, {
    method,
    headers: {
      authorization: `Bearer ${host.key(tenant)}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
}

type Json = Record<string, unknown>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** The body of an answer that must be a success. */
async function call(...request: Parameters<typeof send>): Promise<Json> {
  const answer = await send(...request);
  const body: unknown = await answer.json();
  expect([answer.status, body]).toEqual([200, expect.any(Object)]);
  return isJson(body) ? body : {};
}

const idOf = ({ id }: Json): string => (typeof id === 'string' ? id : '');

/** Assistants are made elsewhere: the connector has no action for it. */
const assistant = async (settings: object = {}): Promise<string> =>
  idOf(await call('POST', '/assistants', { model: 'gpt-4.1', name: 'a', ...settings }, { version: 'v1' }));
const thread = async (body: object = {}): Promise<string> => idOf(await call('POST', '/threads', body));
async function upload(text = OTTERS): Promise<string> {
  const form = new FormData();
  form.append('purpose', 'assistants');
  form.append('file', new File([text], 'otters.txt'));
  const headers = { authorization: `Bearer ${host.key()}` };
  const answer = await fetch(`${host.url}/api/projects/p1/files`, { method: 'POST', headers, body: form });
  const body: unknown = await answer.json();
  return isJson(body) ? idOf(body) : '';
}

/** Get Run until it is over. */
const ended = async (threadId: string, runId: string): Promise<Json> =>
  eventually('the run is over', async () => {
    const run = await call('POST', `/threads/${threadId}/runs/${runId}`);
    return ['queued', 'in_progress'].includes(String(run.status)) ? undefined : run;
  });

async function begun(settings: object = {}, message: object = {}) {
  const assistantId = await assistant(settings);
  const threadId = await thread({ messages: [{ role: 'user', content: 'Where do otters sleep?', ...message }] });
  return { assistantId, threadId, runs: `/threads/${threadId}/runs` };
}

describe('Create Thread, Create Run, Get Run, List Messages', () => {
  it('lead from a question to its answer, with the bodies that the designer makes', async () => {
    const { assistantId, threadId, runs } = await begun({}, { attachments: [], metadata: { source: 'flow' } });
    upstream.enqueue(reply.text('Afloat.'));
    const run = await call('POST', runs, {
      assistant_id: assistantId,
      instructions: 'Be brief.',
      additional_instructions: 'Very brief.',
      additional_messages: [{ role: 'user', content: 'Tell me.', attachments: [], metadata: {} }],
      tools: [],
      metadata: { flow: '1' },
      temperature: 1,
      top_p: 1,
      stream: false,
      truncation_strategy: { type: 'auto' },
    });
    expect(run).toMatchObject({ object: 'thread.run', status: 'queued', thread_id: threadId, file_ids: [] });
    const done = await ended(threadId, idOf(run));
    expect(done).toMatchObject({
      status: 'completed',
      assistant_id: assistantId,
      required_action: null,
      last_error: null,
      model: 'gpt-4.1',
      instructions: 'Be brief.',
      tools: [],
      file_ids: [],
      metadata: { flow: '1' },
      tool_choice: 'auto',
      max_prompt_tokens: null,
      max_completion_tokens: null,
      truncation_strategy: { type: 'auto' },
      response_format: 'auto',
      temperature: 1,
      top_p: 1,
    });
    for (const name of ['created_at', 'started_at', 'completed_at']) expect(done[name]).toEqual(expect.any(Number));
    expect(done.usage).toMatchObject({ total_tokens: expect.any(Number) });
    expect(upstream.requests.at(-1)?.body).toMatchObject({ temperature: 1, top_p: 1 });
    const messages = await call('GET', `/threads/${threadId}/messages`);
    expect(messages).toMatchObject({
      object: 'list',
      has_more: false,
      first_id: expect.any(String),
      last_id: expect.any(String),
      data: [
        { role: 'assistant', thread_id: threadId, content: [{ type: 'text', text: { value: 'Afloat.' } }] },
        { role: 'user', content: [{ type: 'text', text: { value: 'Tell me.' } }] },
        { role: 'user', content: [{ type: 'text', text: { value: 'Where do otters sleep?' } }] },
      ],
    });
  });

  it('make a thread without messages, with metadata and resources', async () => {
    const file = await upload();
    const tool_resources = { code_interpreter: { file_ids: [file] } };
    expect(await call('POST', '/threads', { metadata: { a: 'b' }, tool_resources })).toEqual({
      id: expect.stringMatching(/^thread_/),
      object: 'thread',
      created_at: expect.any(Number),
      metadata: { a: 'b' },
      tool_resources,
    });
    expect(await call('POST', '/threads')).toMatchObject({ object: 'thread', metadata: {} });
  });

  it.each([VERSION, '2025-05-01', '2025-05-15-preview', 'v1'])('take the api-version %s', async (version) => {
    const { threadId, runs, assistantId } = await begun();
    const run = await call('POST', runs, { assistant_id: assistantId, temperature: 1, top_p: 1 }, { version });
    expect(await call('POST', `${runs}/${idOf(run)}`, undefined, { version })).toMatchObject({ id: run.id });
    expect(await call('GET', `/threads/${threadId}/messages`, undefined, { version })).toMatchObject({
      object: 'list',
    });
    await ended(threadId, idOf(run));
  });

  it('refuse an api-version that is none', async () => {
    const answer = await send('POST', '/threads', {}, { version: 'soon' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining("'soon'") } });
  });
});

describe('Get Run', () => {
  it('answers a POST without a body, with an empty one, and a GET with the run as it is; metadata modifies it', async () => {
    const { threadId, runs, assistantId } = await begun();
    const created = await call('POST', runs, { assistant_id: assistantId, metadata: { a: '1' } });
    const done = await ended(threadId, idOf(created));
    const path = `${runs}/${idOf(created)}`;
    expect(await call('GET', path)).toEqual(done);
    expect(await call('POST', path)).toEqual(done);
    expect(await call('POST', path, {})).toEqual(done);
    const typed = await fetch(`${host.url}/api/projects/p1${path}?api-version=${VERSION}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${host.key()}`, 'content-type': 'application/json', 'content-length': '0' },
    });
    expect(await typed.json()).toEqual(done);
    const modified = { ...done, metadata: { b: '2' } };
    expect(await call('POST', path, { metadata: { b: '2' } })).toEqual(modified);
    expect(await call('POST', path)).toEqual(modified);
  });

  it('is 404 in the service’s shape for a run or thread that is not there', async () => {
    const { runs } = await begun();
    for (const path of [`${runs}/run_none`, '/threads/thread_none/runs/run_none']) {
      const answer = await send('POST', path);
      expect([answer.status, await answer.json()]).toEqual([
        404,
        {
          error: { message: expect.stringContaining('_none'), type: 'invalid_request_error', param: null, code: null },
        },
      ]);
    }
  });

  it('shows the response format as a string and the names of tools, and to other clients what the service shows', async () => {
    const { assistantId, runs, threadId } = await begun({ tools: [weather] });
    const body = { assistant_id: assistantId, response_format: { type: 'json_object' } };
    const created = await call('POST', runs, body);
    const asDeclared = { response_format: 'json_object', tools: [{ ...weather, name: 'get_weather' }] };
    expect(created).toMatchObject(asDeclared);
    expect(await ended(threadId, idOf(created))).toMatchObject(asDeclared);
    const others = await call('GET', `${runs}/${idOf(created)}`, undefined, { version: 'v1' });
    expect(others).toMatchObject({ response_format: { type: 'json_object' }, tools: [weather] });
    expect(others.tools).toEqual([weather]);
  });
});

describe('Create Run', () => {
  it('streams where it is asked to, and ends with [DONE]', async () => {
    const { assistantId, runs } = await begun();
    upstream.enqueue(reply.text('Afloat.', { chunks: 2 }));
    const body = { assistant_id: assistantId, stream: true, response_format: { type: 'text' } };
    const answer = await send('POST', runs, body);
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const text = await answer.text();
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    const events = readEvents(text);
    const runsTold = events.filter(({ event }) => /^thread\.run\.\w+$/.test(event));
    expect(runsTold.map(({ event }) => event)).toEqual([
      'thread.run.created',
      'thread.run.queued',
      'thread.run.in_progress',
      'thread.run.completed',
    ]);
    for (const { data } of runsTold) expect(data).toMatchObject({ response_format: 'text', file_ids: [] });
  });

  it('takes of the assistant the tools that it names by type or function', async () => {
    const tools = [{ type: 'file_search', file_search: { max_num_results: 3 } }, { type: 'code_interpreter' }, weather];
    const { assistantId, runs, threadId } = await begun({ tools });
    const named = [{ name: 'get_weather' }, { name: 'file_search' }];
    const run = await call('POST', runs, { assistant_id: assistantId, tools: named });
    expect(run.tools).toEqual([
      { ...weather, name: 'get_weather' },
      { type: 'file_search', file_search: { max_num_results: 3 }, name: 'file_search' },
    ]);
    await ended(threadId, idOf(run));
    const offered = upstream.requests.at(-1)?.body.tools?.map((tool) => tool.function.name);
    expect(offered).toEqual(['get_weather', 'file_search']);
    const both = await call('POST', runs, { assistant_id: assistantId, tools: [{ name: 'get_weather' }, tools[1]] });
    expect(both.tools).toMatchObject([weather, { type: 'code_interpreter' }]);
    await ended(threadId, idOf(both));
  });

  it('refuses a name that no tool of the assistant has, and leaves the thread free', async () => {
    const { assistantId, runs, threadId } = await begun({ tools: [weather] });
    const answer = await send('POST', runs, { assistant_id: assistantId, tools: [{ name: 'file_search' }] });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      {
        error: {
          message: `Invalid 'tools[0].name': the assistant '${assistantId}' has no tool 'file_search'. Its tools are: get_weather.`,
          type: 'invalid_request_error',
          param: 'tools[0].name',
          code: 'invalid_value',
        },
      },
    ]);
    const unknown = await send('POST', runs, { assistant_id: 'asst_none', tools: [{ name: 'file_search' }] });
    expect(unknown.status).toBe(404);
    await ended(threadId, idOf(await call('POST', runs, { assistant_id: assistantId })));
  });

  it.each([
    [{ type: 'bing_grounding' }, /^Invalid value: 'bing_grounding'\. Supported values are: 'code_interpreter'/],
    [{}, /tools\[0\]/],
    [{ name: '' }, /tools\[0\]/],
  ])('refuses the tool %j, naming it', async (tool, message) => {
    const { assistantId, runs } = await begun({ tools: [weather] });
    const answer = await send('POST', runs, { assistant_id: assistantId, tools: [tool] });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: expect.objectContaining({ message: expect.stringMatching(message) }) },
    ]);
  });
});

describe('An attachment of only a name', () => {
  const attached = {
    'Create Thread': async (name: string) =>
      send('POST', '/threads', { messages: [{ role: 'user', content: 'x', attachments: [{ name }] }] }),
    'Create Run': async (name: string) => {
      const { assistantId, runs } = await begun();
      const additional_messages = [{ role: 'user', content: 'x', attachments: [{ name }] }];
      return send('POST', runs, { assistant_id: assistantId, additional_messages });
    },
  };

  it('is a file id: of Create Thread, both tools get the file', async () => {
    const file = await upload();
    const answer = await attached['Create Thread'](file);
    const made: unknown = await answer.json();
    expect([answer.status, made]).toMatchObject([
      200,
      {
        tool_resources: {
          code_interpreter: { file_ids: [file] },
          file_search: { vector_store_ids: [expect.any(String)] },
        },
      },
    ]);
    const threadId = isJson(made) ? idOf(made) : '';
    const messages = await call('GET', `/threads/${threadId}/messages`);
    expect(messages.data).toMatchObject([{ attachments: [{ file_id: file }] }]);
    const assistantId = await assistant({ tools: [{ type: 'file_search' }] });
    upstream.enqueue(
      reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters sleep'] } }]),
      reply.text('Afloat.'),
    );
    const run = await call('POST', `/threads/${threadId}/runs`, { assistant_id: assistantId });
    expect(await ended(threadId, idOf(run))).toMatchObject({ status: 'completed' });
    expect(upstream.requests.at(-1)?.raw).toContain('hold hands');
  });

  it('is a file id: of Create Run, the file joins the thread', async () => {
    const file = await upload();
    const answer = await attached['Create Run'](file);
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      { tool_resources: { code_interpreter: { file_ids: [file] }, file_search: {} }, file_ids: [] },
    ]);
  });

  it.each(Object.entries(attached))(
    'is 404 in %s where there is no such file, and 400 where it is no id',
    async (_action, create) => {
      const missing = await create('file-none');
      expect([missing.status, await missing.json()]).toMatchObject([
        404,
        { error: { message: expect.stringContaining('file-none'), type: 'invalid_request_error' } },
      ]);
      expect((await create('')).status).toBe(400);
      expect((await create('no id at all')).status).toBe(400);
    },
  );
});

describe('List Agents', () => {
  it('lists the assistants of the project, newest first, with the names of their tools', async () => {
    const [first, second] = [await assistant({ tools: [weather] }), await assistant({ description: 'Second' })];
    const list = await call('GET', '/assistants');
    expect(list).toMatchObject({ object: 'list', first_id: second, last_id: expect.any(String) });
    expect(list.has_more).toEqual(expect.any(Boolean));
    expect(Array.isArray(list.data) && list.data.slice(0, 2)).toMatchObject([
      {
        id: second,
        object: 'assistant',
        name: 'a',
        description: 'Second',
        model: 'gpt-4.1',
        tools: [],
        temperature: 1,
      },
      { id: first, tools: [{ ...weather, name: 'get_weather' }], top_p: 1, metadata: {}, tool_resources: {} },
    ]);
  });

  it('lists no more than a first page', async () => {
    for (let count = 0; count < 21; count++) await assistant();
    const list = await call('GET', '/assistants');
    expect([Array.isArray(list.data) && list.data.length, list.has_more]).toEqual([20, true]);
  }, 60_000);
});

describe('Objects of a project', () => {
  it.each<[string, Options]>([
    ['another project', { base: '/api/projects/p2' }],
    ['another tenant', { tenant: 'beta' }],
    ['the tenant outside of projects', { base: '/v1' }],
  ])('are not there for %s', async (_who, who) => {
    const { assistantId, threadId, runs } = await begun();
    const run = await call('POST', runs, { assistant_id: assistantId });
    await ended(threadId, idOf(run));
    const file = await upload();
    const ofOther = idOf(await call('POST', '/threads', {}, who));
    const statuses = await Promise.all([
      send('POST', `${runs}/${idOf(run)}`, undefined, who),
      send('GET', `/threads/${threadId}/messages`, undefined, who),
      send('POST', runs, { assistant_id: assistantId }, who),
      send('POST', `/threads/${ofOther}/runs`, { assistant_id: assistantId }, who),
      send('GET', `/files/${file}`, undefined, who),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    const list = await call('GET', '/assistants', undefined, who);
    expect(JSON.stringify(list)).not.toContain(assistantId);
  });

  it('cannot be attached by name elsewhere', async () => {
    const file = await upload();
    const body = { messages: [{ role: 'user', content: 'x', attachments: [{ name: file }] }] };
    expect((await send('POST', '/threads', body, { base: '/api/projects/p2' })).status).toBe(404);
    expect((await send('POST', '/threads', body, { tenant: 'beta' })).status).toBe(404);
  });
});

describe.each(['/v1', '/openai', '/openai/v1'])('Outside of projects, on %s, the contract stays strict:', (base) => {
  const outside = { base };

  it('tools and attachments of only a name are refused', async () => {
    const made = await call('POST', '/assistants', { model: 'gpt-4.1', tools: [weather] }, outside);
    const own = idOf(await call('POST', '/threads', {}, outside));
    const tools = await send(
      'POST',
      `/threads/${own}/runs`,
      { assistant_id: made.id, tools: [{ name: 'x' }] },
      outside,
    );
    expect([tools.status, await tools.json()]).toMatchObject([400, { error: { param: 'tools[0].type' } }]);
    const messages = [{ role: 'user', content: 'x', attachments: [{ name: 'file-a' }] }];
    const thread = await send('POST', '/threads', { messages }, outside);
    expect([thread.status, await thread.json()]).toMatchObject([400, { error: { type: 'invalid_request_error' } }]);
  });

  it('the connector’s api-version changes no answer', async () => {
    const made = await call('POST', '/assistants', { model: 'gpt-4.1', tools: [weather] }, outside);
    expect(made.tools).toEqual([weather]);
    const list = await call('GET', '/assistants', undefined, outside);
    expect(JSON.stringify(list.data)).not.toContain('"name":"get_weather"}]');
  });
});
