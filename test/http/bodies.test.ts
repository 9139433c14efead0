/** Bodies that cannot be read, and bodies that say something wrong: always a clear answer, naming the parameter. */
import { gzipSync } from 'node:zlib';
import { contractSuite } from '../support/contractSuite';

const suite = contractSuite();
const JSON_TYPE = { 'content-type': 'application/json' };

const errorOf = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: { message: string; param: string | null; code: string | null } };
  return { status: answer.status, ...error };
};
const post = async (path: string, body: unknown, headers: Record<string, string> = {}) =>
  errorOf(await suite.send('POST', path, { body, headers }));

describe('A body that cannot be read', () => {
  it.each([
    ['is cut', '{"model": "m"'],
    ['is no JSON', 'model=m'],
    ['has something behind its end', '{"model":"m"} x'],
    ['is not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ])('is refused with 400 where it %s', async (_what, body) => {
    expect(await post('/v1/assistants', body, JSON_TYPE)).toMatchObject({ status: 400, code: 'invalid_json' });
  });

  it.each(['[]', 'null', '"model"', '1', 'true'])('is refused with 400 where it is %s and no object', async (body) => {
    expect(await post('/v1/assistants', body, JSON_TYPE)).toMatchObject({ status: 400, code: 'invalid_type' });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp'])(
    'is refused with 415 where it is %s',
    async (type) => {
      const error = await post('/v1/assistants', '{"model":"m"}', { 'content-type': type });
      expect(error).toMatchObject({ status: 415, code: 'unsupported_content_type' });
      expect(error.message).toContain("'application/json'");
    },
  );

  it.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/merge-patch+json'])(
    'is read where it is %s',
    async (type) => {
      const answer = await suite.send('POST', '/v1/assistants', {
        body: '{"model":"m"}',
        headers: { 'content-type': type },
      });
      expect(answer.status).toBe(200);
    },
  );

  it('is refused with 413 past 16 MiB, whether its length is told or not', async () => {
    const large = `{"model":"${'x'.repeat(16 * 1024 * 1024)}"}`;
    expect(await post('/v1/assistants', large, JSON_TYPE)).toMatchObject({ status: 413, code: 'request_too_large' });
    const unknownLength = await fetch(`${suite.host.url}/v1/assistants`, {
      method: 'POST',
      headers: { ...JSON_TYPE, 'api-key': suite.host.key() },
      body: new Blob([large]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(await errorOf(unknownLength)).toMatchObject({ status: 413, code: 'request_too_large' });
    expect((await suite.send('GET', '/v1/assistants')).status).toBe(200);
  });

  it('is refused with 400 where it is nested without end', async () => {
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);
    const bodies = [
      `{"model":"m","metadata":${deep}}`,
      `{"model":"m","response_format":${deep}}`,
      `{"model":"m","reasoning_effort":${deep}}`,
      `{"model":"m","unknown":${deep}}`,
      `{"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":{"x":${deep}}}}]}`,
    ];
    for (const base of ['/v1', '/api/projects/p1']) {
      for (const body of bodies)
        expect(await post(`${base}/assistants`, body, JSON_TYPE)).toMatchObject({ status: 400 });
    }
  });
});

describe('A body of many values', () => {
  it('is refused with 400 past a million names and values, before it is parsed', async () => {
    const many = `{"model":"m","messages":[${'"",'.repeat(7_000_000)}""]}`;
    const began = performance.now();
    const error = await post('/v1/chat/completions', many, JSON_TYPE);
    expect(error).toMatchObject({ status: 400, code: 'invalid_json', message: expect.stringContaining('1000000') });
    // Parsing and checking it took seconds.
    expect(performance.now() - began).toBeLessThan(2_000);
    const fewer = `{"model":"m","messages":[{"role":"user","content":"x"}],"more":[${'1,'.repeat(900_000)}1]}`;
    const answer = await fetch(`${suite.host.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...JSON_TYPE, 'api-key': suite.host.key() },
      body: fewer,
    });
    expect(answer.status).toBe(200);
  });
});

describe('A body of a model family', () => {
  it('is refused with 413 past 25 MiB', async () => {
    const large = `{"model":"m","messages":[{"role":"user","content":"${'x'.repeat(30_000_000)}"}]}`;
    const error = await post('/v1/chat/completions', large, JSON_TYPE);
    expect(error).toMatchObject({ status: 413, code: 'request_too_large' });
  });
});

describe('An encoded body', () => {
  it.each([
    ['/v1/assistants', JSON_TYPE],
    ['/v1/files', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['/v1/audio/transcriptions', { 'content-type': 'multipart/form-data; boundary=x' }],
  ])('is refused with 415 for %s, naming the encoding and what is taken', async (path, type) => {
    const body = new Uint8Array(gzipSync('{"model":"m"}'));
    const answer = await suite.send('POST', path, { body, headers: { ...type, 'content-encoding': 'gzip' } });
    expect(answer.headers.get('accept-encoding')).toBe('identity');
    const error = await errorOf(answer);
    expect(error).toMatchObject({ status: 415, code: 'unsupported_content_encoding', param: 'content-encoding' });
    expect(error.message).toContain("'gzip'");
  });

  it('is read where the encoding is none', async () => {
    const headers = { 'content-encoding': 'identity' };
    expect((await suite.send('POST', '/v1/assistants', { body: { model: 'm' }, headers })).status).toBe(200);
  });
});

describe('An unknown field', () => {
  it.each([
    ['/assistants', { model: 'm', colour: 'red' }, 'colour'],
    [
      '/assistants',
      { model: 'm', tools: [{ type: 'function', function: { name: 'f', colour: 1 } }] },
      'tools[0].function.colour',
    ],
    ['/threads', { messages: [{ role: 'user', content: 'x', colour: 1 }] }, 'messages[0].colour'],
    ['/vector_stores', { expires_after: { anchor: 'last_active_at', days: 1, hours: 1 } }, 'expires_after.hours'],
    ['/assistants', '{"model":"m","__proto__":{"x":1}}', '__proto__'],
  ])('is refused in %s with its name', async (path, body, param) => {
    const error = await post(`/v1${path}`, body, JSON_TYPE);
    expect(error).toMatchObject({
      status: 400,
      code: 'unknown_parameter',
      param,
      message: `Unknown parameter: '${param}'.`,
    });
  });

  it('is left out under /api/projects, at every depth', async () => {
    const tools = [{ type: 'function', function: { name: 'f', colour: 1 }, size: 2 }];
    for (const base of ['/api/projects/p1', '/api/projects/p1/openai', '/api/projects/p1/openai/v1']) {
      const answer = await suite.send('POST', `${base}/assistants`, { body: { model: 'm', colour: 'red', tools } });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ tools: [{ type: 'function', function: { name: 'f' } }] });
    }
    expect(await post('/api/projects/p1/assistants', { colour: 'red' })).toMatchObject({ status: 400, param: 'model' });
  });
});

const text = (length: number) => 'x'.repeat(length);
const pairs = (count: number, key = 'k', value = 'v') =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${key}${index}`, value]));
const tools = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ type: 'function', function: { name: `f${index}` } }));
const named = (name: string) => ({ tools: [{ type: 'function', function: { name } }] });

describe('A limit of an assistant', () => {
  const fits: [string, object][] = [
    ['name of 256 characters', { name: text(256) }],
    ['description of 512', { description: text(512) }],
    ['instructions of 256,000', { instructions: text(256_000) }],
    ['16 pairs of metadata', { metadata: pairs(16) }],
    ['metadata key of 64 and value of 512', { metadata: { [text(64)]: text(512) } }],
    ['128 tools', { tools: tools(128) }],
    ['temperature 0', { temperature: 0 }],
    ['temperature 2', { temperature: 2 }],
    ['function name of 64', named(text(64))],
  ];
  it.each(fits)('lets pass: %s', async (_what, given) => {
    expect((await suite.send('POST', '/v1/assistants', { body: { model: 'm', ...given } })).status).toBe(200);
  });

  const exceeds: [string, object, string, string][] = [
    ['name', { name: text(257) }, 'name', 'string_above_max_length'],
    ['description', { description: text(513) }, 'description', 'string_above_max_length'],
    ['instructions', { instructions: text(256_001) }, 'instructions', 'string_above_max_length'],
    ['pairs of metadata', { metadata: pairs(17) }, 'metadata', 'object_above_max_properties'],
    [
      'length of a metadata key',
      { metadata: { [text(65)]: 'v' } },
      `metadata.${text(65)}`,
      'property_name_above_max_length',
    ],
    ['length of a metadata value', { metadata: { k: text(513) } }, 'metadata.k', 'string_above_max_length'],
    ['tools', { tools: tools(129) }, 'tools', 'array_above_max_length'],
    ['temperature', { temperature: 2.1 }, 'temperature', 'decimal_above_max_value'],
    ['top_p', { top_p: -0.1 }, 'top_p', 'decimal_below_min_value'],
    ['function name', named(text(65)), 'tools[0].function.name', 'invalid_value'],
    ['characters of a function name', named('a b'), 'tools[0].function.name', 'invalid_value'],
    [
      'search results',
      { tools: [{ type: 'file_search', file_search: { max_num_results: 51 } }] },
      'tools[0].file_search.max_num_results',
      'integer_above_max_value',
    ],
    [
      'vector stores',
      { tool_resources: { file_search: { vector_store_ids: ['a', 'b'] } } },
      'tool_resources.file_search.vector_store_ids',
      'array_above_max_length',
    ],
  ];
  it.each(exceeds)('refuses what exceeds it: %s', async (_what, given, param, code) => {
    expect(await post('/v1/assistants', { model: 'm', ...given })).toMatchObject({ status: 400, param, code });
  });

  it('is 32,768 characters of instructions in a modification', async () => {
    const { id } = (await (await suite.send('POST', '/v1/assistants', { body: { model: 'm' } })).json()) as {
      id: string;
    };
    const path = `/v1/assistants/${id}`;
    expect((await suite.send('POST', path, { body: { instructions: text(32_768) } })).status).toBe(200);
    expect(await post(path, { instructions: text(32_769) })).toMatchObject({ status: 400, param: 'instructions' });
  });
});

describe('A wrong value', () => {
  const wrong: [string, object, string, string][] = [
    ['/assistants', {}, 'model', 'missing_required_parameter'],
    ['/assistants', { model: 5 }, 'model', 'invalid_type'],
    ['/assistants', { model: null }, 'model', 'invalid_type'],
    ['/assistants', { model: 'm', name: {} }, 'name', 'invalid_type'],
    ['/assistants', { model: 'm', tools: {} }, 'tools', 'invalid_type'],
    ['/assistants', { model: 'm', tools: [{}] }, 'tools[0].type', 'missing_required_parameter'],
    ['/assistants', { model: 'm', tools: [{ type: 'magic' }] }, 'tools[0].type', 'invalid_value'],
    ['/assistants', { model: 'm', tools: [{ type: 'function' }] }, 'tools[0].function', 'missing_required_parameter'],
    ['/assistants', { model: 'm', metadata: { k: 1 } }, 'metadata.k', 'invalid_type'],
    ['/assistants', { model: 'm', response_format: { type: 'xml' } }, 'response_format.type', 'invalid_value'],
    ['/assistants', { model: 'm', temperature: '1' }, 'temperature', 'invalid_type'],
    ['/threads', { messages: [{ role: 'system', content: 'x' }] }, 'messages[0].role', 'invalid_value'],
    ['/threads', { messages: [{ role: 'user' }] }, 'messages[0].content', 'missing_required_parameter'],
    ['/threads', { messages: [{ role: 'user', content: '' }] }, 'messages[0].content', 'string_below_min_length'],
    ['/threads/thread_1/runs', {}, 'assistant_id', 'missing_required_parameter'],
    [
      '/threads/thread_1/runs',
      { assistant_id: 'a', max_completion_tokens: 255 },
      'max_completion_tokens',
      'integer_below_min_value',
    ],
    ['/threads/thread_1/runs', { assistant_id: 'a', tools: tools(21) }, 'tools', 'array_above_max_length'],
    ['/threads/thread_1/runs', { assistant_id: 'a', tool_choice: 'maybe' }, 'tool_choice', 'invalid_value'],
    ['/threads/thread_1/runs', { assistant_id: 'a', stream: 'yes' }, 'stream', 'invalid_type'],
    ['/threads/thread_1/runs/run_1/submit_tool_outputs', {}, 'tool_outputs', 'missing_required_parameter'],
    [
      '/threads/thread_1/runs/run_1/submit_tool_outputs',
      { tool_outputs: [{ output: 'x' }] },
      'tool_outputs[0].tool_call_id',
      'missing_required_parameter',
    ],
    ['/vector_stores/vs_1/files', {}, 'file_id', 'missing_required_parameter'],
    ['/vector_stores/vs_1/search', { query: 'x', max_num_results: 0 }, 'max_num_results', 'integer_below_min_value'],
  ];
  it.each(wrong)('of POST %s with %j is refused naming %s', async (path, body, param, code) => {
    expect(await post(`/v1${path}`, body)).toMatchObject({ status: 400, param, code });
  });
});
