import { pinecone } from '../../../src/adapters/dataSources/pinecone';
import type { OutgoingGuard } from '../../../src/adapters/outgoingGuard';
import { refusalOf } from '../../sources/outcome';
import { startPinecone, type PineconeServer } from '../../sources/pinecone';
import { configurationOf as parsedConfiguration } from './configurations';
import { ask, expectRefusal, expectToLeave, forgetRequests, guardOf } from './restFixtures';

let server: PineconeServer;
let guard: OutgoingGuard;

beforeAll(async () => {
  server = await startPinecone();
  guard = guardOf(server);
});

afterAll(async () => {
  await guard.close();
  await server.close();
});

beforeEach(() => forgetRequests(server));

const mapping = {
  content_fields: ['title', 'content'],
  content_fields_separator: ': ',
  title_field: 'title',
  url_field: 'url',
  filepath_field: 'filepath',
};

const configurationOf = (parameters: Record<string, unknown>) =>
  parsedConfiguration('pinecone', {
    environment: server.environment,
    index_name: server.indexName,
    authentication: { type: 'api_key', key: server.apiKey },
    fields_mapping: mapping,
    embedding_dependency: { type: 'deployment_name', deployment_name: 'words' },
    ...parameters,
  });

const opener = () => pinecone({ guard, controllerHost: server.url });
const open = (parameters: Record<string, unknown> = {}) => opener()(configurationOf(parameters));

// Pinecone takes one authentication and one vectorization; what differs is the index and how its environment is called.
const matrix = ['library', 'library-euclidean'].flatMap((index) =>
  ['us-east-1', 'us-east-1-aws', 'aws-us-east-1'].map((environment) => ({ index, environment })),
);
console.log(`pinecone: ${matrix.length} combinations of index and environment`);

describe('every index and environment', () => {
  it.each(matrix)('finds the right document: $index in $environment', async ({ index, environment }) => {
    const source = await open({ index_name: index, environment });
    expect(source).toMatchObject({ wantsVector: true, scale: 'similarity' });
    const documents = await ask(source, 'the burr grinder: finer steps');
    expect(documents[0]).toMatchObject({
      title: 'Grinder',
      url: 'https://docs.example.com/grinder',
      filepath: 'manual/grinder.md',
      content: 'Grinder: The burr grinder has forty steps; finer steps slow the shot down.',
    });
    const scores = documents.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(Math.max(...scores)).toBeLessThanOrEqual(1);
    expect(Math.min(...scores)).toBeGreaterThanOrEqual(0);
  });
});

describe('the control plane', () => {
  it('is asked for the host once, and the data plane for each query', async () => {
    const openSource = opener();
    for (const question of ['milk', 'warranty']) await ask(await openSource(configurationOf({})), question);
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/indexes/library',
      '/data/library/query',
      '/data/library/query',
    ]);
  });

  it('may be asked again after five minutes', async () => {
    let now = 0;
    const openSource = pinecone({ guard, controllerHost: server.url, now: () => now });
    await openSource(configurationOf({}));
    now = 5 * 60_000;
    await openSource(configurationOf({}));
    expect(server.requests).toHaveLength(2);
  });

  it('is asked again after it failed', async () => {
    const openSource = opener();
    server.faults.push({ status: 503, body: 'down' });
    expect((await refusalOf(openSource(configurationOf({})))).kind).toBe('unavailable');
    expect(await ask(await openSource(configurationOf({})), 'milk')).not.toEqual([]);
  });

  it('cannot send the server to an address that is not public', async () => {
    const answer = {
      name: 'library',
      host: 'http://169.254.169.254',
      status: { ready: true, state: 'Ready' },
      deployment: { deployment_type: 'managed', cloud: 'aws', region: 'us-east-1' },
      schema: { fields: { _values: { type: 'dense_vector', dimension: 64, metric: 'cosine' } } },
      deletion_protection: 'disabled',
    };
    server.faults.push({ status: 200, body: answer });
    expect((await refusalOf(ask(await open(), 'milk'))).kind).toBe('refused_address');
  });
});

describe('refusals', () => {
  const search = async (parameters: Record<string, unknown>) => ask(await open(parameters), 'milk');

  it.each([
    ['an unknown index', { index_name: 'nowhere' }, 'not_found', 'index_name', 'nowhere'],
    ['another environment', { environment: 'eu-west1-gcp' }, 'invalid', 'environment', 'us-east-1'],
    [
      'a wrong key',
      { authentication: { type: 'api_key', key: 'wrong-secret' } },
      'authentication',
      'authentication',
      '401',
    ],
    [
      'content fields that no document has',
      { fields_mapping: { content_fields: ['nofield'] } },
      'invalid',
      'fields_mapping.content_fields',
      'nofield',
    ],
    [
      'a key that HTTP does not carry',
      { authentication: { type: 'api_key', key: 'wrong-secret\u{1f511}' } },
      'invalid',
      'authentication',
      'characters',
    ],
  ])('tell of %s', async (_what, parameters, kind, param, words) => {
    await expectRefusal(search(parameters), [kind, param, 'Pinecone', words]);
  });

  it('tell of a wrong dimension, with both numbers', async () => {
    const source = await open();
    const call = source.search({ text: 'milk', vector: new Float32Array(3), limit: 1 }, new AbortController().signal);
    expect(await refusalOf(call)).toMatchObject({
      kind: 'invalid',
      param: 'data_sources[0].parameters.embedding_dependency',
      message: expect.stringMatching(/64.*3/),
    });
  });

  it.each([
    [429, 'rate_limited'],
    [503, 'unavailable'],
    [504, 'timeout'],
    [403, 'authentication'],
    [400, 'invalid'],
  ])('tell of a data plane that answers %i, at once', async (status, kind) => {
    const source = await open();
    server.faults.push({ status, body: { code: 3, message: `no, ${server.apiKey}`, details: [] } });
    const refusal = await refusalOf(ask(source, 'milk'));
    expect(refusal.kind).toBe(kind);
    expect(refusal.message).not.toContain(server.apiKey);
    expect(server.requests).toHaveLength(2);
  });

  it('tell of a service that does not answer in time', async () => {
    server.faults.push('hang');
    expect((await refusalOf(open())).kind).toBe('timeout');
  });

  it('end with the reason of the signal', async () => expectToLeave(await open(), server));
});
