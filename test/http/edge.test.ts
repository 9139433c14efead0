/** What every request meets before its operation: base paths, api-version, keys, request ids, methods and bodies. */
import OpenAI, { AzureOpenAI } from 'openai';
import { contractSuite } from '../support/contractSuite';

const suite = contractSuite();
const VERSION = 'api-version=2025-04-01-preview';
/** Each with a query that it takes. */
const basePaths = [
  ['/openai', `?${VERSION}`],
  ['/openai/v1', ''],
  ['/v1', ''],
  ['/api/projects/p1', '?api-version=v1'],
  ['/api/projects/p1/openai', `?${VERSION}`],
  ['/api/projects/p1/openai/v1', ''],
] as const;

const errorOf = async (answer: Response) => {
  const { error } = (await answer.json()) as {
    error: { message: string; type: string; param: string | null; code: string | null };
  };
  return { status: answer.status, ...error };
};

describe.each(basePaths)('The base path %s', (base, query) => {
  it('serves the operations', async () => {
    const created = await suite.send('POST', `${base}/assistants${query}`, { body: { model: 'm', name: base } });
    expect(created.status).toBe(200);
    const { id } = (await created.json()) as { id: string };
    for (const path of [`/assistants/${id}`, '/assistants', '/files', '/vector_stores']) {
      expect((await suite.send('GET', `${base}${path}${query}`)).status).toBe(200);
    }
    const run = await suite.send('POST', `${base}/threads/runs${query}`, { body: { assistant_id: id, stream: true } });
    expect(await run.text()).toContain('event: thread.run.completed\n');
    expect((await suite.send('DELETE', `${base}/assistants/${id}${query}`)).status).toBe(200);
  });

  it('serves its operations whatever the case of their fixed parts, as the host and Azure do', async () => {
    const loud = base.toUpperCase().replace('/P1', '/p1');
    const send = async (method: string, path: string, body?: object) =>
      fetch(`${suite.host.url}${loud}${path}${query}`, {
        method,
        headers: { 'api-key': suite.host.key(), 'content-type': 'application/json' },
        body: body && JSON.stringify(body),
      });
    const created = await send('POST', '/Assistants', { model: 'm' });
    expect(created.status).toBe(200);
    const { id } = (await created.json()) as { id: string };
    expect(await (await send('GET', `/ASSISTANTS/${id}/`)).json()).toMatchObject({ id });
    expect((await send('GET', `/assistants/${id.toUpperCase()}`)).status).toBe(404);
    const run = await send('POST', '/Threads/Runs', { assistant_id: id, stream: true });
    expect(await run.text()).toContain('event: thread.run.completed\n');
    expect((await send('PUT', '/Assistants')).status).toBe(405);
  });

  it.each(['/assistants/a/b', '/nothing', '/threads/t/runs/r/nothing', '/'])(
    'answers the unknown path %s with 404',
    async (path) => {
      const error = await errorOf(await suite.send('GET', `${base}${path}${query}`));
      expect(error).toMatchObject({ status: 404, type: 'invalid_request_error', code: 'unknown_url' });
      expect(error.message).toBe(`Invalid URL (GET ${base}${path})`);
    },
  );

  it.each([
    ['PUT', '/assistants', 'GET, POST'],
    ['PATCH', '/threads/thread_1', 'GET, POST, DELETE'],
    ['DELETE', '/threads/thread_1/runs/run_1/cancel', 'POST'],
    ['GET', '/chat/completions', 'POST'],
  ])('answers the wrong method of %s %s with 405', async (method, path, allowed) => {
    const answer = await suite.send(method, `${base}${path}${query}`);
    expect(answer.headers.get('allow')).toBe(allowed);
    const error = await errorOf(answer);
    expect(error).toMatchObject({
      status: 405,
      code: 'method_not_supported',
      message: `Not allowed to ${method} on ${base}${path}.`,
    });
  });
});

it('objects of one base path are those of the others, project by project', async () => {
  const { id } = (await (await suite.send('POST', '/v1/threads')).json()) as { id: string };
  expect((await suite.send('GET', `/openai/threads/${id}?${VERSION}`)).status).toBe(200);
  expect((await suite.send('GET', `/openai/v1/threads/${id}`)).status).toBe(200);
  const inProject = (await (await suite.send('POST', '/api/projects/p1/threads')).json()) as { id: string };
  expect((await suite.send('GET', `/api/projects/p1/openai/v1/threads/${inProject.id}`)).status).toBe(200);
});

it('refuses a project whose name is too long for the keys of records', async () => {
  const path = (length: number) => `/api/projects/${'p'.repeat(length)}/openai/v1/conversations`;
  expect((await suite.send('POST', path(128))).status).toBe(200);
  expect(await errorOf(await suite.send('POST', path(129)))).toMatchObject({ status: 400, param: 'project' });
});

it('serves a path that ends with a slash', async () => {
  const answer = await fetch(`${suite.host.url}/v1/assistants/`, { headers: { 'api-key': suite.host.key() } });
  expect(answer.status).toBe(200);
});

it.each(['%00', '%E0%A4%A', '%2e%2e%2fassistants', "a'b%22", 'x'.repeat(3000), '%F0%9F%A6%A6'])(
  'finds nothing under the strange id %s',
  async (id) => {
    const error = await errorOf(await suite.send('GET', `/v1/assistants/${id}`));
    expect(error.status).toBe(404);
  },
);

describe('The api-version', () => {
  it('that comes first counts where there are several', async () => {
    const status = async (query: string) => (await suite.send('GET', `/openai/assistants?${query}`)).status;
    expect(await status(`${VERSION}&api-version=nonsense`)).toBe(200);
    expect(await status(`api-version=nonsense&${VERSION}`)).toBe(400);
  });

  it.each(['2025-04-01-preview', '2024-10-21', '2099-12-31', 'preview', 'latest', 'v1'])(
    '%s is served',
    async (version) => {
      for (const base of ['/openai', '/v1', '/openai/v1', '/api/projects/p1']) {
        expect((await suite.send('GET', `${base}/assistants?api-version=${version}`)).status).toBe(200);
      }
    },
  );

  it.each(['2025-13-01', '2025-02-30', '2025-4-1', 'foo', '2024-10-21-beta', 'v2', '2025-04-01-preview%20'])(
    '%s is refused on every base path',
    async (version) => {
      for (const [base] of basePaths) {
        expect(await errorOf(await suite.send('GET', `${base}/assistants?api-version=${version}`))).toMatchObject({
          status: 400,
          code: 'InvalidApiVersionParameter',
          param: 'api-version',
        });
      }
    },
  );

  it('is required on /openai, and there alone', async () => {
    for (const query of ['', '?api-version=']) {
      const error = await errorOf(await suite.send('GET', `/openai/assistants${query}`));
      expect(error).toMatchObject({ status: 400, code: 'MissingApiVersionParameter', param: 'api-version' });
    }
    for (const [base] of basePaths.slice(1)) expect((await suite.send('GET', `${base}/assistants`)).status).toBe(200);
  });

  it('may be missing on /openai where the contract leaves it out', async () => {
    const error = await errorOf(
      await suite.send('POST', '/openai/vector_stores/vs_1/search', { body: { query: 'x' } }),
    );
    expect(error).toMatchObject({ status: 404, message: "No vector store found with id 'vs_1'." });
  });
});

describe('The key', () => {
  const get = async (headers: Record<string, string>) => fetch(`${suite.host.url}/v1/assistants`, { headers });

  it('is taken as api-key and as Bearer token', async () => {
    const key = suite.host.key();
    const ways: Record<string, string>[] = [
      { 'api-key': key },
      { authorization: `Bearer ${key}` },
      { authorization: `bearer ${key}` },
    ];
    for (const headers of ways) expect((await get(headers)).status).toBe(200);
  });

  it('is asked for on every path, before anything else is said', async () => {
    for (const [base, query] of basePaths) {
      for (const path of [
        '/assistants',
        '/threads/thread_1',
        '/files/file-1/content',
        '/nothing',
        '/chat/completions',
      ]) {
        const answer = await fetch(`${suite.host.url}${base}${path}${query}`);
        expect(await errorOf(answer)).toMatchObject({ status: 401, code: 'missing_api_key' });
        expect(answer.headers.get('x-request-id')).toBe(answer.headers.get('apim-request-id'));
      }
    }
  });

  it.each([
    ['another key', { 'api-key': 'wrong' }],
    ['another token', { authorization: 'Bearer wrong' }],
    ['the beginning of the key', { 'api-key': 'test-key-alph' }],
    ['the key with something behind it', { 'api-key': 'test-key-alpha2' }],
    ['the tenant with its key', { 'api-key': 'alpha:test-key-alpha' }],
  ])('%s is refused without being repeated', async (_what, headers) => {
    const error = await errorOf(await get(headers as Record<string, string>));
    expect(error).toMatchObject({
      status: 401,
      code: 'invalid_api_key',
      message: expect.stringMatching(/^Incorrect API key provided\. .*API_KEYS/),
    });
  });

  it.each([
    ['none', {}, 'missing_api_key'],
    ['another scheme', { authorization: 'Basic dGVzdDp0ZXN0' }, 'missing_api_key'],
    ['an empty one', { 'api-key': '' }, 'missing_api_key'],
  ])('%s counts as missing', async (_what, headers, code) => {
    expect(await errorOf(await get(headers as Record<string, string>))).toMatchObject({ status: 401, code });
  });
});

it("errors are the SDK's own classes", async () => {
  const { url } = suite.host;
  const wrong = [
    new OpenAI({ baseURL: `${url}/v1`, apiKey: 'wrong', maxRetries: 0 }),
    new AzureOpenAI({ endpoint: url, apiKey: 'wrong', apiVersion: '2024-10-21', maxRetries: 0 }),
  ];
  for (const client of wrong)
    await expect(client.beta.assistants.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  const client = suite.client();
  const notFound = await client.beta.threads.retrieve('thread_1').catch((error: unknown) => error);
  expect(notFound).toBeInstanceOf(OpenAI.NotFoundError);
  expect(notFound).toMatchObject({
    status: 404,
    requestID: expect.stringMatching(/^[0-9a-f-]{36}$/),
    type: 'invalid_request_error',
  });
  const badRequest = await client.beta.assistants.create({ model: '' }).catch((error: unknown) => error);
  expect(badRequest).toBeInstanceOf(OpenAI.BadRequestError);
  expect(badRequest).toMatchObject({ status: 400, param: 'model', code: 'string_below_min_length' });
});

it('each answer has an id of its own in x-request-id and apim-request-id', async () => {
  const answers = [
    await suite.send('GET', '/v1/assistants'),
    await suite.send('GET', '/v1/assistants/asst_1'),
    await suite.send('PUT', '/v1/assistants'),
    await suite.send('POST', '/v1/assistants', { body: '{', headers: { 'content-type': 'application/json' } }),
    await fetch(`${suite.host.url}/openapi.json`),
  ];
  const ids = answers.map(({ headers }) => headers.get('x-request-id'));
  expect(new Set(ids).size).toBe(answers.length);
  for (const [index, id] of ids.entries()) {
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(answers[index]?.headers.get('apim-request-id')).toBe(id);
  }
});

it('describes its operations as OpenAPI 3.1 without asking for a key', async () => {
  const answer = await fetch(`${suite.host.url}/openapi.json`);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  const document = (await answer.json()) as {
    openapi: string;
    servers: { url: string }[];
    paths: Record<
      string,
      Record<string, { summary: string; parameters?: object[]; responses: Record<string, unknown> }>
    >;
  };
  expect(document.openapi).toBe('3.1.0');
  expect(document.servers.map(({ url }) => url).sort()).toEqual(
    ['/openai', '/openai/v1', '/v1', '', '/openai', '/openai/v1']
      .map((path, index) => (index < 3 ? path : `/api/projects/{project}${path}`))
      .sort(),
  );
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  // Operations 9 to 46, the list of threads and the deletion of messages, the five of files, the nine of agents, the five of schedules, the five of syncs, 26 of the model families in both
  // styles, the six of files in the older form, the six of fine-tuning, the seven of responses, the eight of conversations, two each of activities and questions to agents, the nine of
  // containers, and the thirteen of an agent's own address, usage, and the four of uploads.
  expect(operations).toHaveLength(38 + 2 + 5 + 9 + 5 + 5 + 26 + 6 + 6 + 7 + 8 + 4 + 9 + 13 + 1 + 4);
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const { summary, responses } of Object.values(methods)) {
      expect(summary).not.toBe('');
      expect(Object.keys(responses).sort()).toEqual(['200', 'default']);
    }
    for (const [, parameter = ''] of path.matchAll(/\{(\w+)\}/g)) {
      for (const { parameters } of Object.values(methods)) {
        expect(parameters).toContainEqual(expect.objectContaining({ name: parameter, in: 'path', required: true }));
      }
    }
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
  expect(references.length).toBeGreaterThan(0);
  for (const reference of references) {
    const target = reference
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
    expect([reference, target]).toEqual([reference, expect.anything()]);
  }
});
