import { elasticsearch } from '../../../src/adapters/dataSources/elasticsearch';
import type { OutgoingGuard } from '../../../src/adapters/outgoingGuard';
import { startElasticsearch, type ElasticsearchServer } from '../../sources/elasticsearch';
import { refusalOf } from '../../sources/outcome';
import { wordVector } from '../../support/wordVectors';
import { configurationOf as parsedConfiguration } from './configurations';
import { ask, expectRefusal, expectToLeave, forgetRequests, guardOf, mapping } from './restFixtures';

let server: ElasticsearchServer;
let guard: OutgoingGuard;

beforeAll(async () => {
  server = await startElasticsearch();
  guard = guardOf(server);
});

afterAll(async () => {
  await guard.close();
  await server.close();
});

beforeEach(() => forgetRequests(server));

const configurationOf = (parameters: Record<string, unknown>) =>
  parsedConfiguration('elasticsearch', {
    endpoint: server.url,
    index_name: server.indexName,
    authentication: { type: 'encoded_api_key', encoded_api_key: server.encodedApiKey },
    ...parameters,
  });

const opener = () => elasticsearch({ guard });
const open = (parameters: Record<string, unknown>) => opener()(configurationOf(parameters));

// Everything that the tables of components.md sections 6.3 to 6.5 let elasticsearch combine.
const queryTypes = ['simple', 'vector'];
const authentications = {
  key_and_key_id: () => ({ type: 'key_and_key_id', key: server.key, key_id: server.keyId }),
  encoded_api_key: () => ({ type: 'encoded_api_key', encoded_api_key: server.encodedApiKey }),
};
const vectorizations: Record<string, { dependency: () => unknown; wants: boolean }> = {
  endpoint: {
    dependency: () => ({
      type: 'endpoint',
      endpoint: 'https://r.openai.azure.com/openai/deployments/d/embeddings',
      authentication: { type: 'access_token', access_token: 't' },
    }),
    wants: true,
  },
  deployment_name: { dependency: () => ({ type: 'deployment_name', deployment_name: 'words' }), wants: true },
  model_id: { dependency: () => ({ type: 'model_id', model_id: server.modelId }), wants: false },
};
const mappings: Record<string, unknown> = {
  'one vector field': mapping,
  'two vector fields': { ...mapping, vector_fields: ['contentvector', 'titlevector'] },
  'no mapping': undefined,
};
const matrix = queryTypes.flatMap((queryType) =>
  Object.keys(authentications).flatMap((authentication) =>
    Object.keys(vectorizations).flatMap((vectorization) =>
      Object.keys(mappings).map((fields) => ({ queryType, authentication, vectorization, fields })),
    ),
  ),
);
console.log(`elasticsearch: ${matrix.length} combinations of query type, authentication, vectorization and mapping`);

describe('every query type, authentication, vectorization and mapping', () => {
  it.each(matrix)(
    'finds the right document: $queryType, $authentication, $vectorization, $fields',
    async ({ queryType, fields, ...combination }) => {
      const vectorization = vectorizations[combination.vectorization];
      const source = await open({
        query_type: queryType,
        authentication: Object.entries(authentications).find(([name]) => name === combination.authentication)?.[1](),
        embedding_dependency: vectorization?.dependency(),
        fields_mapping: mappings[fields],
      });
      expect(source.wantsVector).toBe(queryType === 'vector' && vectorization?.wants === true);
      expect(source.scale).toBe(queryType === 'vector' ? 'similarity' : 'text');
      const documents = await ask(source, 'grinder: finer steps of the burr grinder');
      expect(documents[0]).toMatchObject({
        title: 'Grinder',
        url: 'https://docs.example.com/grinder',
        filepath: 'manual/grinder.md',
        content: 'The burr grinder has forty steps; finer steps slow the shot down.',
      });
      const scores = documents.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      if (queryType === 'vector') expect(Math.max(...scores)).toBeLessThanOrEqual(1);
    },
  );
});

describe('an index without a fields mapping', () => {
  it('is one whose mapping is empty, as clients send what nobody has set', async () => {
    const source = await open({
      query_type: 'vector',
      embedding_dependency: { type: 'deployment_name', deployment_name: 'words' },
      fields_mapping: { content_fields: [], title_field: '', vector_fields: [] },
    });
    const [first] = await ask(source, 'grinder: finer steps of the burr grinder');
    expect(first?.content).toContain('burr grinder has forty steps');
  });

  it('is read by its own mapping, once', async () => {
    const openSource = opener();
    for (const question of ['descale boiler', 'cold brew']) await ask(await openSource(configurationOf({})), question);
    expect(server.requests.map(({ path }) => path.split('/').at(-1))).toEqual(['_mapping', '_search', '_search']);
  });
});

describe('what a query is', () => {
  it('finds nothing where nothing fits, which is no error', async () => {
    expect(await ask(await open({}), 'zeppelin')).toEqual([]);
  });

  it('gives no more documents than asked for', async () => {
    expect(await ask(await open({ fields_mapping: mapping }), 'the machine water boiler', 2)).toHaveLength(2);
  });

  it('is plain JSON, which every version takes, and asks for the form of none', async () => {
    await ask(await open({}), 'milk');
    for (const { headers } of server.requests) expect(headers.accept).toBe('application/json');
    expect(server.requests.at(-1)?.headers['content-type']).toBe('application/json');
  });

  it('keeps to the path of the endpoint', async () => {
    server.faults.push({
      status: 200,
      headers: { 'x-elastic-product': 'Elasticsearch' },
      body: { hits: { hits: [] } },
    });
    await ask(await open({ endpoint: `${server.url}/behind/proxy`, fields_mapping: mapping }), 'milk');
    expect(server.requests.at(-1)?.path).toBe('/behind/proxy/library/_search');
  });
});

describe('refusals', () => {
  const byDeployment = {
    query_type: 'vector',
    embedding_dependency: { type: 'deployment_name', deployment_name: 'words' },
  };
  const search = async (parameters: Record<string, unknown>, vector = wordVector('milk')) => {
    const source = await open({ fields_mapping: mapping, ...parameters });
    return source.search({ text: 'milk', vector, limit: 3 }, new AbortController().signal);
  };

  it.each([
    ['an unknown index', { index_name: 'nowhere' }, 'not_found', 'index_name', 'no such index [nowhere]'],
    [
      'an unknown index without a mapping',
      { index_name: 'nowhere', fields_mapping: undefined },
      'not_found',
      'index_name',
      'nowhere',
    ],
    [
      'a wrong key',
      { authentication: { type: 'key_and_key_id', key_id: 'key-id', key: 'wrong-secret' } },
      'authentication',
      'authentication',
      '401',
    ],
    [
      'an encoded key that is none',
      { authentication: { type: 'encoded_api_key', encoded_api_key: 'wrong-secret' } },
      'authentication',
      'authentication',
      '401',
    ],
    [
      'an unknown model',
      { query_type: 'vector', embedding_dependency: { type: 'model_id', model_id: 'nomodel' } },
      'not_found',
      'embedding_dependency.model_id',
      'nomodel',
    ],
    ['vectors without embeddings', { query_type: 'vector' }, 'invalid', 'embedding_dependency', 'contentvector'],
    [
      'a vector field that is none',
      { ...byDeployment, fields_mapping: { ...mapping, vector_fields: ['title'] } },
      'invalid',
      undefined,
      'dense_vector',
    ],
    [
      'content fields that no document has',
      { ...byDeployment, fields_mapping: { ...mapping, content_fields: ['nofield'] } },
      'invalid',
      'fields_mapping.content_fields',
      'nofield',
    ],
    [
      'a key that HTTP does not carry',
      { authentication: { type: 'encoded_api_key', encoded_api_key: 'wrong-secret\u{1f511}' } },
      'invalid',
      'endpoint',
      'characters',
    ],
  ])('tell of %s', async (_what, parameters, kind, param, words) => {
    await expectRefusal(search(parameters), [kind, param, 'Elasticsearch', words]);
  });

  it('tell of a wrong dimension, with both numbers', async () => {
    const refusal = await refusalOf(search(byDeployment, new Float32Array([1, 2, 3])));
    expect(refusal).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/\[3\].*\[64\]/) });
  });

  it.each([
    [429, 'rate_limited'],
    [503, 'unavailable'],
    [504, 'timeout'],
    [403, 'authentication'],
  ])('tell of a service that answers %i, at once', async (status, kind) => {
    server.faults.push({ status, headers: { 'retry-after': '60' }, body: { error: { reason: 'no' }, status } });
    expect(await refusalOf(search({}))).toMatchObject({ kind });
    expect(server.requests).toHaveLength(1);
  });

  it('tell of a service that does not answer in time', async () => {
    server.faults.push('hang');
    expect((await refusalOf(search({}))).kind).toBe('timeout');
    // One that was late may be in time again.
    expect(await search({})).not.toEqual([]);
  });

  it('tell of a server that is no Elasticsearch', async () => {
    server.faults.push({ status: 200, body: { hits: { hits: [] } } });
    expect(await refusalOf(search({}))).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('Elasticsearch'),
    });
  });

  it('follow no redirect', async () => {
    server.faults.push({ status: 307, headers: { location: 'http://169.254.169.254/' } });
    expect((await refusalOf(search({}))).kind).toBe('refused_address');
  });

  it.each(['http://elastic:wrong-secret@127.0.0.1:9/', 'http://127.0.0.1:9/?apikey=wrong-secret'])(
    'tell of what would be ignored of the endpoint %s',
    async (endpoint) => {
      const refusal = await refusalOf(search({ endpoint }));
      expect(refusal).toMatchObject({ kind: 'invalid', param: 'data_sources[0].parameters.endpoint' });
      expect(refusal.message).not.toContain('wrong-secret');
    },
  );

  it('do not repeat the key in the form it is sent in', async () => {
    const sent = Buffer.from('key-id:wrong-secret').toString('base64');
    server.faults.push({ status: 400, body: { error: { reason: `no use for ${sent} here` } } });
    const authentication = { type: 'key_and_key_id', key_id: 'key-id', key: 'wrong-secret' };
    const { message } = await refusalOf(search({ authentication }));
    expect(message).toContain('no use for *** here');
  });

  it('end with the reason of the signal', async () => expectToLeave(await open({ fields_mapping: mapping }), server));

  it('keep other addresses of this machine from being reached', async () => {
    const refusal = await refusalOf(search({ endpoint: 'http://localhost:1/' }));
    expect(refusal).toMatchObject({ kind: 'refused_address', param: 'data_sources[0].parameters.endpoint' });
  });
});
