/** Foundry agents with the SDK `@azure/ai-projects`, over TLS as it wants, and the bodies that are refused over plain requests. */
import type { PromptAgentDefinition, ToolUnion } from '@azure/ai-projects';
import { Agent, fetch } from 'undici';
import { collected, projectClient } from '../support/agentsClient';
import { makeCertificates, type Certificates } from '../support/certificates';
import { startHost, type Host, type Tenant } from '../support/host';

let certificates: Certificates;
let host: Host;
let dispatcher: Agent;
beforeAll(async () => {
  certificates = await makeCertificates();
  dispatcher = new Agent({ connect: { ca: certificates.ca } });
  host = await startHost({ env: certificates.env });
}, 60_000);
afterAll(async () => {
  await dispatcher.close();
  await host.stop();
  await certificates.remove();
});

const agentsOf = (project?: string, tenant?: Tenant) => projectClient(host, certificates, project, tenant).agents;
const prompt = (instructions: string): PromptAgentDefinition => ({ kind: 'prompt', model: 'gpt-4o', instructions });
const send = async (method: string, path: string, body?: unknown, tenant: Tenant = 'alpha') => {
  const response = await fetch(host.url + path, {
    method,
    dispatcher,
    headers: { 'api-key': host.key(tenant), 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
};
const notFound = { statusCode: 404, code: 'not_found' };

describe('The SDK', () => {
  it('creates an agent, gets it by name with its latest version, and lists it', async () => {
    const agents = agentsOf('creates');
    const created = await agents.create('poet', prompt('Rhyme.'), {
      description: 'Writes verses',
      metadata: { team: 'arts' },
    });
    const latest = {
      object: 'agent.version',
      id: 'poet:1',
      name: 'poet',
      version: '1',
      description: 'Writes verses',
      metadata: { team: 'arts' },
      created_at: expect.any(Date),
      definition: expect.objectContaining(prompt('Rhyme.')),
      draft: false,
      status: 'active',
    };
    expect(created).toMatchObject({
      object: 'agent',
      id: 'poet',
      name: 'poet',
      state: 'enabled',
      versions: { latest },
    });
    expect(Math.abs(Date.now() - created.versions.latest.created_at.getTime())).toBeLessThan(60_000);
    expect(await agents.get('poet')).toEqual(created);
    expect(await agents.getVersion('poet', '1')).toEqual(created.versions.latest);
    expect(await collected(agents.list())).toEqual([created]);
  });

  it('makes the agent with its first version, and a version of every change', async () => {
    const agents = agentsOf('versions');
    expect((await agents.createVersion('poet', prompt('One.'))).version).toBe('1');
    expect((await agents.createVersion('poet', prompt('Two.'))).version).toBe('2');
    expect((await agents.update('poet', prompt('Three.'))).versions.latest.version).toBe('3');
    expect((await agents.create('poet', prompt('Four.'))).versions.latest.version).toBe('4');
    expect((await agents.createVersion('poet', prompt('Four.'), { description: 'Told' })).version).toBe('5');
    expect((await agents.get('poet')).versions.latest.description).toBe('Told');
    expect((await agents.getVersion('poet', '2')).definition).toMatchObject(prompt('Two.'));
  });

  it('lists on behind agents and versions that were deleted since', async () => {
    const agents = agentsOf('deleted');
    for (const name of ['a', 'b', 'c']) await agents.create(name, prompt('Rhyme.'));
    for (const text of ['Two.', 'Three.', 'Four.']) await agents.createVersion('c', prompt(text));
    const versions: string[] = [];
    for await (const { version } of agents.listVersions('c', { limit: 1, order: 'asc' })) {
      versions.push(version);
      if (version !== '4') await agents.deleteVersion('c', version);
    }
    expect(versions).toEqual(['1', '2', '3', '4']);
    const names: string[] = [];
    for await (const { name } of agents.list({ limit: 1 })) {
      names.push(name);
      await agents.delete(name);
    }
    expect(names).toEqual(['c', 'b', 'a']);
    expect(await collected(agents.list())).toEqual([]);
  });

  it('is given the latest version again where it asks for the same, whatever the order of the members', async () => {
    const agents = agentsOf('same');
    const tools: ToolUnion[] = [{ type: 'function', name: 'f', parameters: { a: 1, b: 2 }, strict: true }];
    const turned: ToolUnion[] = [{ type: 'function', strict: true, parameters: { b: 2, a: 1 }, name: 'f' }];
    const first = await agents.createVersion('poet', { ...prompt('Rhyme.'), tools }, { metadata: { a: '1' } });
    const again = await agents.createVersion('poet', { tools: turned, ...prompt('Rhyme.') }, { metadata: { a: '1' } });
    expect(again).toEqual(first);
    expect(
      (await agents.update('poet', { ...prompt('Rhyme.'), tools }, { metadata: { a: '1' } })).versions.latest,
    ).toEqual(first);
    await agents.createVersion('poet', prompt('Other.'));
    // Only the latest version counts.
    expect((await agents.createVersion('poet', { ...prompt('Rhyme.'), tools })).version).toBe('3');
    expect(await collected(agents.listVersions('poet'))).toHaveLength(3);
  });

  it('pages agents and versions both ways', async () => {
    const agents = agentsOf('pages');
    for (const name of ['a', 'b', 'c', 'd', 'e']) await agents.createVersion(name, prompt('1'));
    for (let number = 2; number <= 12; number += 1) await agents.createVersion('a', prompt(String(number)));
    const names = async (options: Parameters<typeof agents.list>[0]) =>
      (await collected(agents.list(options))).map(({ name }) => name).join('');
    expect(await names({ limit: 2 })).toBe('edcba');
    expect(await names({ limit: 2, order: 'asc' })).toBe('abcde');
    expect(await names({ order: 'asc', after: 'c' })).toBe('de');
    const versions = async (options: Parameters<typeof agents.listVersions>[1]) =>
      (await collected(agents.listVersions('a', options))).map(({ version }) => Number(version));
    expect(await versions({ limit: 5 })).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(await versions({ limit: 5, order: 'asc' })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(await versions({ order: 'asc', before: 'a:3' })).toEqual([1, 2]);
    expect(await names({ kind: 'prompt', limit: 3 })).toBe('edcba');
    expect(await names({ kind: 'hosted' })).toBe('');
    await expect(collected(agents.list({ after: 'nobody' }))).rejects.toMatchObject({ statusCode: 400 });
    await expect(collected(agents.listVersions('a', { after: 'a:99' }))).rejects.toMatchObject({ statusCode: 400 });
  });

  it('deletes a version, after which the one before is the latest and its number is not used again', async () => {
    const agents = agentsOf('deletes');
    for (const text of ['One.', 'Two.', 'Three.']) await agents.createVersion('poet', prompt(text));
    expect(await agents.deleteVersion('poet', '3')).toEqual({
      object: 'agent.version.deleted',
      name: 'poet',
      version: '3',
      deleted: true,
    });
    expect((await agents.get('poet')).versions.latest.version).toBe('2');
    await expect(agents.getVersion('poet', '3')).rejects.toMatchObject(notFound);
    await expect(agents.deleteVersion('poet', '3')).rejects.toMatchObject(notFound);
    await agents.deleteVersion('poet', '1', { force: true });
    expect((await agents.get('poet')).versions.latest.version).toBe('2');
    expect((await agents.createVersion('poet', prompt('Four.'))).version).toBe('4');
  });

  it('deletes the agent with the last version that is left', async () => {
    const agents = agentsOf('last');
    await agents.createVersion('poet', prompt('One.'));
    await agents.deleteVersion('poet', '1');
    await expect(agents.get('poet')).rejects.toMatchObject(notFound);
    expect(await collected(agents.list())).toEqual([]);
  });

  it('deletes an agent with all its versions; one of the same name begins anew', async () => {
    const agents = agentsOf('anew');
    for (const text of ['One.', 'Two.']) await agents.createVersion('poet', prompt(text));
    expect(await agents.delete('poet', { force: true })).toEqual({
      object: 'agent.deleted',
      name: 'poet',
      deleted: true,
    });
    await expect(agents.get('poet')).rejects.toMatchObject(notFound);
    await expect(agents.getVersion('poet', '1')).rejects.toMatchObject(notFound);
    await expect(collected(agents.listVersions('poet'))).rejects.toMatchObject({ statusCode: 404 });
    await expect(agents.update('poet', prompt('No.'))).rejects.toMatchObject(notFound);
    await expect(agents.delete('poet')).rejects.toMatchObject(notFound);
    expect(await collected(agents.list())).toEqual([]);
    await agents.createVersion('poet', prompt('New.'));
    expect((await collected(agents.listVersions('poet'))).map(({ id }) => id)).toEqual(['poet:1']);
  });

  it('reads every setting and tool as it was sent, but for the secrets of MCP servers', async () => {
    const agents = agentsOf('tools');
    const tools: ToolUnion[] = [
      { type: 'function', name: 'weather', description: 'By city', parameters: { type: 'object' }, strict: false },
      { type: 'code_interpreter', container: { type: 'auto', file_ids: ['file-1'] } },
      {
        type: 'file_search',
        vector_store_ids: ['vs_1'],
        max_num_results: 5,
        ranking_options: { ranker: 'auto', score_threshold: 0.2 },
        filters: { type: 'eq', key: 'year', value: 2026 },
      },
      { type: 'web_search', user_location: { type: 'approximate', city: 'Graz' }, search_context_size: 'low' },
      { type: 'web_search_preview' },
      { type: 'computer_use_preview', environment: 'browser', display_width: 800, display_height: 600 },
    ];
    const mcp: ToolUnion = {
      type: 'mcp',
      server_label: 'docs',
      server_url: 'https://mcp.example.com/mcp',
      allowed_tools: ['search'],
      require_approval: { never: { tool_names: ['search'] } },
    };
    const definition: PromptAgentDefinition = {
      ...prompt('Use tools.'),
      temperature: 0.5,
      top_p: 0.9,
      reasoning: { effort: 'low', summary: 'auto' },
      text: { format: { type: 'json_schema', name: 'answer', schema: { type: 'object' }, strict: true } },
      tool_choice: 'auto',
      structured_inputs: { city: { description: 'Where', default_value: 'Graz', required: true } },
      tools: [...tools, { ...mcp, authorization: 'secret-1', headers: { 'x-key': 'secret-2' } }],
    };
    await agents.create('worker', definition);
    const read = (await agents.get('worker')).versions.latest.definition;
    expect(read).toMatchObject({
      ...definition,
      tools: [...tools, { ...mcp, authorization: '<redacted>', headers: { 'x-key': '<redacted>' } }],
    });
    // Who sends what was read would lose the secrets, and is told so.
    await expect(agents.createVersion('worker', read)).rejects.toMatchObject({
      statusCode: 400,
      code: 'invalid_value',
    });
    expect((await agents.createVersion('worker', definition)).version).toBe('1');
  });

  it('adds every one of the versions that are created at once', async () => {
    const agents = agentsOf('race');
    const made = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => agents.createVersion('poet', prompt(`Number ${index}.`))),
    );
    expect(made.map(({ version }) => Number(version)).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await collected(agents.listVersions('poet'))).toHaveLength(6);
  });
});

describe.each<[string, [string, Tenant?], [string, Tenant?]]>([
  ['Another tenant', ['shared'], ['shared', 'beta']],
  ['Another project of the tenant', ['shared'], ['other']],
])('%s', (_who, own, other) => {
  it('has no part in the agents of that name', async () => {
    const [mine, theirs] = [agentsOf(...own), agentsOf(...other)];
    await mine.createVersion('poet', prompt('Mine.'));
    expect((await collected(theirs.list())).map(({ name }) => name)).not.toContain('poet');
    for (const call of [
      async () => theirs.get('poet'),
      async () => theirs.getVersion('poet', '1'),
      async () => theirs.update('poet', prompt('Theirs.')),
      async () => theirs.delete('poet'),
      async () => theirs.deleteVersion('poet', '1'),
    ])
      await expect(call()).rejects.toMatchObject(notFound);
    await theirs.createVersion('poet', prompt('Theirs.'));
    await theirs.delete('poet');
    expect((await mine.get('poet')).versions.latest.definition).toMatchObject(prompt('Mine.'));
    await mine.delete('poet');
  });
});

describe('Over plain requests', () => {
  const path = '/api/projects/plain/agents';

  it('the list has the fields that the connector reads, without an api-version and with any', async () => {
    await send('POST', path, { name: 'poet', description: 'Verses', definition: prompt('Rhyme.') });
    const entry = { id: 'poet', name: 'poet', description: 'Verses', version: '1' };
    const { body } = await send('GET', path);
    expect(body).toMatchObject({ object: 'list', data: [entry], first_id: 'poet', last_id: 'poet', has_more: false });
    expect(body).toHaveProperty('data.0.createdAt', expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/));
    expect(await send('GET', `${path}?api-version=2025-11-15-preview`)).toEqual({ status: 200, body });
  });

  it('agents are served on the other base paths too', async () => {
    await send('POST', '/v1/agents', { name: 'outside', definition: prompt('Hello.') });
    expect(await send('GET', '/openai/v1/agents/outside')).toMatchObject({ status: 200, body: { name: 'outside' } });
    expect(await send('GET', '/api/projects/plain/agents/outside')).toMatchObject({ status: 404 });
  });

  it.each(['computer_use_preview', 'computer-preview', 'computer-use-preview'])(
    'the tool %s is known by its one name',
    async (type) => {
      const tools = [{ type, display_width: 800, display_height: 600, environment: 'browser' }];
      const { body } = await send('POST', `${path}/screen/versions`, { definition: { ...prompt('Click.'), tools } });
      expect(body).toMatchObject({ version: '1', definition: { tools: [{ type: 'computer_use_preview' }] } });
    },
  );

  const tool = (given: object) => ({ definition: { ...prompt('x'), tools: [given] } });
  it.each<[string, object, string, string]>([
    ['no definition', {}, 'definition', 'missing_required_parameter'],
    ['no model', { definition: { kind: 'prompt' } }, 'definition.model', 'missing_required_parameter'],
    ['a workflow', { definition: { kind: 'workflow', workflow: '' } }, 'definition.kind', 'unsupported'],
    ['a hosted agent', { definition: { kind: 'hosted', cpu: '1' } }, 'definition.kind', 'unsupported'],
    ['a container app', { definition: { kind: 'container_app' } }, 'definition.kind', 'unsupported'],
    ['a content filter', { definition: { ...prompt('x'), rai_config: {} } }, 'definition.rai_config', 'unsupported'],
    ['a draft', { definition: prompt('x'), draft: true }, 'draft', 'unsupported'],
    [
      'temperature 3',
      { definition: { ...prompt('x'), temperature: 3 } },
      'definition.temperature',
      'decimal_above_max_value',
    ],
    [
      'a long description',
      { definition: prompt('x'), description: 'x'.repeat(513) },
      'description',
      'string_above_max_length',
    ],
    [
      'a long value',
      { definition: prompt('x'), metadata: { a: 'x'.repeat(513) } },
      'metadata.a',
      'string_above_max_length',
    ],
    [
      '17 pairs',
      { definition: prompt('x'), metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ''])) },
      'metadata',
      'object_above_max_properties',
    ],
    ['a tool that is not here', tool({ type: 'bing_grounding' }), 'definition.tools[0].type', 'unsupported'],
    [
      'a nested function',
      tool({ type: 'function', function: { name: 'f' } }),
      'definition.tools[0].name',
      'missing_required_parameter',
    ],
    [
      'a connector',
      tool({ type: 'mcp', server_label: 'a', connector_id: 'connector_gmail' }),
      'definition.tools[0].connector_id',
      'unsupported',
    ],
    [
      'an MCP server without URL',
      tool({ type: 'mcp', server_label: 'a' }),
      'definition.tools[0].server_url',
      'missing_required_parameter',
    ],
    [
      'a store too few',
      tool({ type: 'file_search', vector_store_ids: [] }),
      'definition.tools[0].vector_store_ids',
      'array_below_min_length',
    ],
    [
      'files in two places',
      tool({ type: 'code_interpreter', container: { type: 'auto' }, file_ids: ['file-1'] }),
      'definition.tools[0].file_ids',
      'invalid_value',
    ],
  ])('%s is refused and makes nothing', async (_what, body, param, code) => {
    expect(await send('POST', `${path}/refused/versions`, body)).toMatchObject({
      status: 400,
      body: { error: { param, code } },
    });
    expect(await send('GET', `${path}/refused`)).toMatchObject({ status: 404 });
  });

  it.each(['', '-a', 'a-', 'a b', 'a_b', 'ä', 'a'.repeat(64)])('the name %j is refused', async (name) => {
    expect(await send('POST', path, { name, definition: prompt('x') })).toMatchObject({
      status: 400,
      body: { error: { param: 'name', code: 'invalid_value' } },
    });
    if (name === '') return;
    const there = `${path}/${encodeURIComponent(name)}`;
    expect(await send('POST', `${there}/versions`, { definition: prompt('x') })).toMatchObject({ status: 400 });
    expect(await send('GET', there)).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });

  it.each(['a', 'A1', 'a-b--c', '7', 'a'.repeat(63)])('the name %j is taken', async (name) => {
    expect(await send('POST', path, { name, definition: prompt('x') })).toMatchObject({
      status: 200,
      body: { id: name },
    });
  });

  it.each(['0', '01', '-1', '1.0', 'x', '2', '1'.repeat(40)])('there is no version %s', async (version) => {
    await send('POST', `${path}/single/versions`, { definition: prompt('x') });
    for (const method of ['GET', 'DELETE'])
      expect(await send(method, `${path}/single/versions/${version}`)).toMatchObject({ status: 404 });
  });

  it('an operation behind a colon is not there, and says so', async () => {
    expect(await send('POST', `${path}/single:disable`, { definition: prompt('x') })).toMatchObject({
      status: 400,
      body: { error: { code: 'unsupported', param: 'agent_name' } },
    });
  });
});
