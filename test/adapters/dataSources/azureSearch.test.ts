import { createServer, type Server } from 'node:http';
import { azureSearch } from '../../../src/adapters/dataSources/azureSearch';
import type { OutgoingGuard } from '../../../src/adapters/outgoingGuard';
import { startAzureSearch, type AzureSearchServer } from '../../sources/azureSearch';
import { refusalOf } from '../../sources/outcome';
import { configurationOf as parsedConfiguration } from './configurations';
import { ask, expectRefusal, expectToLeave, forgetRequests, guardOf, mapping } from './restFixtures';

let server: AzureSearchServer;
let guard: OutgoingGuard;
/** The identity endpoint of App Service: learn.microsoft.com/azure/app-service/overview-managed-identity. */
let identityServer: Server;
const identityRequests: URLSearchParams[] = [];
const IDENTITY_HEADER = 'identity-header';
const RESOURCE_ID = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mine';

beforeAll(async () => {
  server = await startAzureSearch();
  guard = guardOf(server);
  identityServer = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://identity');
    identityRequests.push(searchParams);
    const isKnown = request.headers['x-identity-header'] === IDENTITY_HEADER;
    const isOurs = searchParams.get('resource') === 'https://search.azure.com';
    response.writeHead(isKnown && isOurs ? 200 : 400, { 'content-type': 'application/json' });
    const expires_on = String(Math.floor(Date.now() / 1_000) + 3_600);
    const token = {
      access_token: server.token,
      expires_on,
      resource: 'https://search.azure.com',
      token_type: 'Bearer',
    };
    response.end(JSON.stringify(isKnown && isOurs ? token : { statusCode: 400, message: 'Bad request' }));
  });
  await new Promise<void>((resolve) => identityServer.listen(0, '127.0.0.1', resolve));
  const address = identityServer.address();
  process.env.IDENTITY_ENDPOINT = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/msi/token`;
  process.env.IDENTITY_HEADER = IDENTITY_HEADER;
});

afterAll(async () => {
  delete process.env.IDENTITY_ENDPOINT;
  delete process.env.IDENTITY_HEADER;
  await guard.close();
  await server.close();
  identityServer.closeAllConnections();
  await new Promise((resolve) => identityServer.close(resolve));
});

beforeEach(() => forgetRequests(server));

const deployment = { type: 'deployment_name', deployment_name: 'words' };

const configurationOf = (parameters: Record<string, unknown>) =>
  parsedConfiguration('azure_search', {
    endpoint: server.url,
    index_name: server.indexName,
    authentication: { type: 'api_key', key: server.adminKey },
    ...parameters,
  });

const opener = () => azureSearch({ guard });
const open = (parameters: Record<string, unknown>) => opener()(configurationOf(parameters));

// Everything that the tables of components.md sections 6.3 to 6.5 let azure_search combine.
const queryTypes = ['simple', 'semantic', 'vector', 'vector_simple_hybrid', 'vector_semantic_hybrid'];
const authentications = {
  'api_key (admin)': () => ({ type: 'api_key', key: server.adminKey }),
  'api_key (query)': () => ({ type: 'api_key', key: server.queryKey }),
  access_token: () => ({ type: 'access_token', access_token: server.token }),
  system_assigned_managed_identity: () => ({ type: 'system_assigned_managed_identity' }),
  user_assigned_managed_identity: () => ({
    type: 'user_assigned_managed_identity',
    managed_identity_resource_id: RESOURCE_ID,
  }),
};
const vectorizations: Record<string, { dependency?: unknown; vectors?: string[]; images?: string[]; wants: boolean }> =
  {
    endpoint: {
      dependency: {
        type: 'endpoint',
        endpoint: 'https://r.openai.azure.com/openai/deployments/d/embeddings',
        authentication: { type: 'api_key', key: 'k' },
      },
      vectors: ['contentvector'],
      wants: true,
    },
    deployment_name: { dependency: deployment, vectors: ['contentvector'], wants: true },
    integrated: { dependency: { type: 'integrated' }, vectors: ['contentvector'], wants: false },
    'images alone': { vectors: [], images: ['image_vector'], wants: false },
    'texts and images': {
      dependency: deployment,
      vectors: ['contentvector', 'titlevector'],
      images: ['image_vector'],
      wants: true,
    },
  };
const matrix = queryTypes.flatMap((queryType) =>
  Object.keys(authentications).flatMap((authentication) =>
    Object.keys(vectorizations).map((vectorization) => ({ queryType, authentication, vectorization })),
  ),
);
console.log(`azure_search: ${matrix.length} combinations of query type, authentication and vectorization`);

describe('every query type, authentication and vectorization', () => {
  it.each(matrix)('finds the right document: $queryType, $authentication, $vectorization', async (combination) => {
    const { queryType } = combination;
    const authentication = Object.entries(authentications).find(([name]) => name === combination.authentication)?.[1]();
    const { dependency, vectors, images, wants } = vectorizations[combination.vectorization] ?? { wants: false };
    const source = await open({
      query_type: queryType,
      authentication,
      semantic_configuration: 'default',
      embedding_dependency: dependency,
      fields_mapping: { ...mapping, vector_fields: vectors, image_vector_fields: images },
    });
    const isVector = queryType.startsWith('vector');
    expect(source.wantsVector).toBe(isVector && wants);
    const fields = (vectors?.length ?? 0) + (images?.length ?? 0);
    expect(source.scale).toBe(!isVector ? 'text' : queryType === 'vector' && fields === 1 ? 'similarity' : 'rank');
    const documents = await ask(source, 'grinder picture of a burr grinder finer steps');
    expect(documents[0]).toMatchObject({
      title: 'Grinder',
      url: 'https://docs.example.com/grinder',
      filepath: 'manual/grinder.md',
      content: expect.stringContaining('burr grinder has forty steps'),
    });
    expect(documents.length).toBeLessThanOrEqual(3);
    const isRanked = queryType.includes('semantic');
    for (const { rerankScore } of documents) expect(rerankScore !== undefined).toBe(isRanked);
    const sent = server.requests.at(-1)?.body;
    expect(sent).toHaveProperty('queryType', isRanked ? 'semantic' : 'simple');
    expect(JSON.stringify(sent).includes('"search":')).toBe(queryType !== 'vector');
  });
});

describe('what a query is', () => {
  it('is filtered by the expression as it is given', async () => {
    const documents = await ask(
      await open({ filter: "category eq 'care' or category eq 'recipes'" }),
      'water machine',
      10,
    );
    expect(documents.map(({ title }) => title).sort()).toEqual(['Cold brew', 'Descaling', 'Water filters']);
  });

  it('has scores that fall, and no more documents than asked for', async () => {
    const documents = await ask(await open({}), 'the machine water boiler', 4);
    const scores = documents.map(({ score }) => score);
    expect(scores).toHaveLength(4);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  it('finds nothing where nothing fits, which is no error', async () => {
    expect(await ask(await open({}), 'zeppelin')).toEqual([]);
  });

  it('takes an endpoint with a slash at its end', async () => {
    expect(await ask(await open({ endpoint: `${server.url}/` }), 'steam milk', 1)).toMatchObject([{ title: 'Milk' }]);
  });

  it('joins content fields by the separator', async () => {
    const fields_mapping = { content_fields: ['title', 'content'], content_fields_separator: ' | ' };
    const [first] = await ask(await open({ fields_mapping }), 'sweetness');
    expect(first?.content).toBe('Milk | Steam milk to sixty degrees; hotter milk loses its sweetness.');
    expect(first?.title).toBeUndefined();
  });
});

describe('an index without a fields mapping', () => {
  it('is one whose mapping is empty, as clients send what nobody has set', async () => {
    const source = await open({
      query_type: 'vector_simple_hybrid',
      semantic_configuration: '',
      filter: '',
      embedding_dependency: { type: 'deployment_name', deployment_name: 'words' },
      fields_mapping: { content_fields: [], title_field: '', url_field: '', filepath_field: '', vector_fields: [] },
    });
    const [first] = await ask(source, 'grinder: finer steps of the burr grinder');
    expect(first).toMatchObject({ content: expect.stringContaining('burr grinder has forty steps') as string });
    expect(server.requests.at(-1)?.body).not.toHaveProperty('semanticConfiguration');
    expect(server.requests.at(-1)?.body).not.toHaveProperty('filter');
    expect(JSON.stringify(server.requests.at(-1)?.body)).toContain('contentvector');
  });

  it('is read by its own definition, once', async () => {
    const openSource = opener();
    for (const question of ['descale boiler', 'cold brew']) {
      const [first] = await ask(await openSource(configurationOf({})), question);
      expect(first).toMatchObject({ filepath: expect.any(String), url: expect.any(String), title: expect.any(String) });
      expect(first?.content).not.toContain(first?.filepath ?? '');
    }
    expect(server.requests.filter(({ method }) => method === 'GET')).toHaveLength(1);
    expect(server.requests.at(-1)?.body).toHaveProperty('select', 'content,title,url,filepath');
  });

  it('is searched in all its vector fields', async () => {
    const source = await open({ query_type: 'vector', embedding_dependency: deployment });
    await ask(source, 'steam milk');
    expect(source.scale).toBe('rank');
    expect(JSON.stringify(server.requests.at(-1)?.body)).toContain('contentvector,titlevector,image_vector');
  });

  it('is searched by its images alone where those are all that the mapping names, without embeddings', async () => {
    const source = await open({ query_type: 'vector', fields_mapping: { image_vector_fields: ['image_vector'] } });
    expect(source).toMatchObject({ wantsVector: false, scale: 'similarity' });
    const [first] = await ask(source, 'picture of cold brew');
    expect(first?.content).toContain('Cold brew steeps coarse coffee');
  });

  it('needs a credential that may read the definition', async () => {
    const refusal = await refusalOf(open({ authentication: { type: 'api_key', key: server.queryKey } }));
    expect(refusal).toMatchObject({ kind: 'authentication', param: 'data_sources[0].parameters.authentication' });
    expect(refusal.message).toContain('fields_mapping');
  });

  it('is asked again by another credential: what one may read is not told to others', async () => {
    const openSource = opener();
    await openSource(configurationOf({}));
    const other = configurationOf({ authentication: { type: 'api_key', key: server.queryKey } });
    expect((await refusalOf(openSource(other))).kind).toBe('authentication');
  });
});

describe('refusals', () => {
  const simple = { fields_mapping: mapping };
  const search = async (parameters: Record<string, unknown>, vector?: Float32Array) => {
    const source = await open(parameters);
    return source.search({ text: 'milk', vector, limit: 3 }, new AbortController().signal);
  };

  it.each([
    ['an unknown index', { index_name: 'nowhere' }, 'not_found', 'index_name', 'nowhere'],
    [
      'a wrong key',
      { authentication: { type: 'api_key', key: 'wrong-secret' } },
      'authentication',
      'authentication',
      '403',
    ],
    [
      'a wrong token',
      { authentication: { type: 'access_token', access_token: 'wrong-secret' } },
      'authentication',
      'authentication',
      '401',
    ],
    ['an unknown field', { fields_mapping: { content_fields: ['nofield'] } }, 'invalid', undefined, 'nofield'],
    ['a filter that is none', { filter: 'category is care' }, 'invalid', undefined, 'Invalid expression'],
    ['a filter on a field that is not filterable', { filter: "title eq 'Milk'" }, 'invalid', undefined, 'filterable'],
    ['no semantic configuration', { query_type: 'semantic' }, 'invalid', undefined, 'semantic configuration'],
    [
      'an unknown semantic configuration',
      { query_type: 'semantic', semantic_configuration: 'other' },
      'invalid',
      undefined,
      "'other'",
    ],
    ['text vectors without embeddings', { query_type: 'vector' }, 'invalid', 'embedding_dependency', 'contentvector'],
    [
      'a field without a vectorizer',
      {
        query_type: 'vector',
        embedding_dependency: { type: 'integrated' },
        fields_mapping: { ...mapping, vector_fields: ['titlevector'] },
      },
      'invalid',
      undefined,
      'vectorizer',
    ],
    [
      'a vector field that is none',
      {
        query_type: 'vector',
        embedding_dependency: { type: 'integrated' },
        fields_mapping: { ...mapping, vector_fields: ['title'] },
      },
      'invalid',
      undefined,
      'not a vector field',
    ],
    [
      'a key that HTTP does not carry',
      { authentication: { type: 'api_key', key: 'wrong-secret\u{1f511}' } },
      'invalid',
      'endpoint',
      'characters',
    ],
  ])('tell of %s', async (_what, parameters, kind, param, words) => {
    await expectRefusal(search({ ...simple, ...parameters }), [kind, param, 'Azure AI Search', words]);
  });

  it('tell of a wrong dimension, with both numbers', async () => {
    const refusal = await refusalOf(
      search({ ...simple, query_type: 'vector', embedding_dependency: deployment }, new Float32Array([1, 2, 3])),
    );
    expect(refusal).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/'64'.*'3'/) });
  });

  it.each([
    [429, 'rate_limited'],
    [503, 'unavailable'],
    [500, 'unavailable'],
    [504, 'timeout'],
  ])('tell of a service that answers %i, at once', async (status, kind) => {
    server.faults.push({ status, headers: { 'retry-after': '60' }, body: { error: { message: 'no' } } });
    expect(await refusalOf(search(simple))).toMatchObject({ kind });
    expect(server.requests).toHaveLength(1);
  });

  it('tell of a service that does not answer in time, and of one that speaks another language', async () => {
    server.faults.push('hang', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' });
    expect((await refusalOf(search(simple))).kind).toBe('timeout');
    expect((await refusalOf(search(simple))).kind).toBe('unavailable');
  });

  it('tell of documents that are too large together, however many parts they come in', async () => {
    const part = {
      value: [{ '@search.score': 1, content: 'x'.repeat(6_000_000) }],
      '@search.nextPageParameters': { search: 'milk', skip: 1 },
      '@odata.nextLink': `${server.url}/indexes('library')/docs/search.post.search?api-version=2024-07-01`,
    };
    server.faults.push(...Array.from({ length: 3 }, () => ({ status: 200, body: part })));
    const refusal = await refusalOf(search({ fields_mapping: { content_fields: ['content'] } }));
    expect(refusal).toMatchObject({ kind: 'invalid', param: 'data_sources[0].parameters.top_n_documents' });
    expect(server.requests).toHaveLength(3);
  });

  it('never repeat a key that the service repeats', async () => {
    server.faults.push({ status: 400, body: { error: { message: `bad request with key ${server.adminKey}` } } });
    const { message } = await refusalOf(search(simple));
    expect(message).toContain('bad request with key ***');
  });

  it('end with the reason of the signal', async () => expectToLeave(await open(simple), server));

  it('keep other addresses of this machine from being reached', async () => {
    const refusal = await refusalOf(search({ ...simple, endpoint: 'http://127.0.0.1:1/' }));
    expect(refusal).toMatchObject({ kind: 'refused_address', param: 'data_sources[0].parameters.endpoint' });
  });
});

describe('managed identities', () => {
  it('get a token for search, of the identity that is named', async () => {
    identityRequests.length = 0;
    // Tokens are kept by identity: one of its own, so that this one is asked for.
    const managed_identity_resource_id = `${RESOURCE_ID}-other`;
    const authentication = { type: 'user_assigned_managed_identity', managed_identity_resource_id };
    await ask(await open({ fields_mapping: mapping, authentication }), 'milk');
    expect(identityRequests.map((each) => each.get('mi_res_id') ?? each.get('msi_res_id'))).toEqual([
      managed_identity_resource_id,
    ]);
    expect(server.requests.at(-1)?.headers.authorization).toBe(`Bearer ${server.token}`);
    expect(server.requests.at(-1)?.headers['api-key']).toBeUndefined();
  });

  it.each(['https://8.8.8.8', 'https://other.search.windows.net'])(
    'have no token for %s, which is not on the allow list',
    async (endpoint) => {
      identityRequests.length = 0;
      const authentication = { type: 'system_assigned_managed_identity' };
      const refusal = await refusalOf(open({ endpoint, authentication, fields_mapping: mapping }));
      expect(refusal).toMatchObject({ kind: 'refused_address', param: 'data_sources[0].parameters.endpoint' });
      expect(refusal.message).toContain('DATA_SOURCE_ALLOWED_HOSTS');
      expect(identityRequests).toEqual([]);
    },
  );

  it('that are not there are told of', async () => {
    const identity = () => ({ getToken: () => Promise.reject(new Error('no identity, secret-of-the-platform')) });
    const openSource = azureSearch({ guard, identity });
    const authentication = { type: 'system_assigned_managed_identity' };
    const source = await openSource(configurationOf({ fields_mapping: mapping, authentication }));
    const refusal = await refusalOf(ask(source, 'milk'));
    expect(refusal).toMatchObject({ kind: 'authentication', message: expect.stringContaining('managed identity') });
    expect(refusal.message).not.toContain('secret-of-the-platform');
  });
});
