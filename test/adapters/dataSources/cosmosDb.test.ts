import { cosmosDb } from '../../../src/adapters/dataSources/cosmosDb';
import type { DataSource } from '../../../src/dataSources/ports';
import type { ParametersOf } from '../../../src/wire/dataSources';
import { configurationOf } from './configurations';
import {
  CONTENT,
  PASSWORD,
  about,
  combinations,
  corpus,
  mappedFields,
  mongoBench,
  peaks,
  sourceError,
} from './mongoFixtures';

type Parameters = ParametersOf<'azure_cosmos_db'>;
const never = new AbortController().signal;

let bench: Awaited<ReturnType<typeof mongoBench>>;
beforeAll(async () => {
  const pages = corpus();
  const { documents } = pages;
  bench = await mongoBench('vcore', {
    collections: {
      'library.pages': { documents, indexes: pages.indexes.filter(({ name }) => name !== 'unready') },
      'library.far': { documents, indexes: [{ name: 'far', path: 'vector', dimensions: 3, similarity: 'L2' }] },
      'library.inner': { documents, indexes: [{ name: 'inner', path: 'vector', dimensions: 3, similarity: 'IP' }] },
      'library.plain': { documents, indexes: [] },
    },
  });
});
afterAll(() => bench.close());

const connection = (user = 'reader', password = PASSWORD, options = '') => ({
  type: 'connection_string' as const,
  connection_string: `mongodb://${user}:${encodeURIComponent(password)}@${bench.server.host}/${options}`,
});

async function opened(changes: Partial<Parameters> = {}, clients = bench.clients): Promise<DataSource> {
  const parameters: Parameters = {
    authentication: connection(),
    database_name: 'library',
    container_name: 'pages',
    index_name: 'vectors',
    embedding_dependency: { type: 'deployment_name', deployment_name: 'embeddings' },
    fields_mapping: { content_fields: ['content'], vector_fields: ['vector'], title_field: 'title' },
    ...changes,
  };
  // Through the schema, as a request would come.
  return cosmosDb(clients)(configurationOf('azure_cosmos_db', parameters));
}

const search = async (changes: Partial<Parameters> = {}, limit = 3, vector = about.sea) =>
  (await opened(changes)).search({ text: 'sea', vector, limit }, never);

describe('ranking', () => {
  it('answers with the documents nearest to the vector, best first, scored by the cosine', async () => {
    const found = await search();
    expect(found.map(({ title }) => title)).toEqual(['Tides', 'Fjords', 'Harbours']);
    expect(found[0]?.score).toBeCloseTo((0.9 + 0.01) / Math.sqrt(0.83 * 1.01), 5);
  });

  it.each([
    ['distances', 'far', 1 / (1 + Math.hypot(0.1, 0, 0.1))],
    ['inner products', 'inner', 0.91],
  ])('turns %s into similarities between 0 and 1, best first', async (_, name, best) => {
    const found = await search({ container_name: name, index_name: name }, 5);
    expect(found[0]).toMatchObject({ title: 'Tides' });
    expect(found[0]?.score).toBeCloseTo(best, 5);
    // The distance itself is the source's own score.
    if (name === 'far') expect(found[0]?.originalScore).toBeCloseTo(Math.hypot(0.1, 0, 0.1), 5);
    const scores = found.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(Math.min(...scores)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...scores)).toBeLessThanOrEqual(1);
  });

  it('searches every vector field by its own index', async () => {
    const vector_fields = ['vector', 'deep.titleVector'];
    const found = await search({
      fields_mapping: { content_fields: ['content'], vector_fields, title_field: 'title' },
    });
    expect(found.map(({ title }) => title)).toEqual(['Fjords', 'Tides', 'Harbours']);
  });

  it('gives as many documents as are wanted', async () => {
    await expect(search({}, 1)).resolves.toHaveLength(1);
    await expect(search({}, 500)).resolves.toHaveLength(5);
  });
});

it('reads no further than the first batch of a list of indexes, which may never end', async () => {
  const indexes = Array.from({ length: 150 }, (_, place) => ({ name: `i${place}`, path: 'vector', dimensions: 3 }));
  const { documents } = corpus();
  const endless = await mongoBench('vcore', { collections: { 'library.pages': { documents, indexes } } });
  try {
    const parameters = {
      authentication: {
        ...connection(),
        connection_string: connection().connection_string.replace(bench.server.host, endless.server.host),
      },
    };
    const of = async (index_name: string) =>
      (await opened({ ...parameters, index_name }, endless.clients)).search(
        { text: 'sea', vector: about.sea, limit: 3 },
        never,
      );
    await expect(of('i7')).resolves.toHaveLength(3);
    await expect(of('i149')).rejects.toMatchObject({ kind: 'not_found' });
  } finally {
    await endless.close();
  }
});

describe('the matrix', () => {
  const cases = combinations({
    options: [
      '',
      '?tls=false&authMechanism=SCRAM-SHA-256&retrywrites=false&maxIdleTimeMS=120000',
      '?authSource=admin&appName=mine&maxPoolSize=500&connectTimeoutMS=0',
    ],
    embedding: [
      { type: 'deployment_name' as const, deployment_name: 'embeddings', dimensions: 3 },
      {
        type: 'endpoint' as const,
        endpoint: 'https://x.openai.azure.com/openai/deployments/e/embeddings',
        authentication: { type: 'api_key' as const, key: 'k' },
      },
      {
        type: 'endpoint' as const,
        endpoint: 'https://x.openai.azure.com/openai/deployments/e/embeddings',
        authentication: { type: 'access_token' as const, access_token: 't' },
      },
    ],
    content_fields: [['content'], CONTENT],
    ...mappedFields,
  });

  it(`maps fields under every authentication, vectorization and mapping: ${cases.length} combinations`, async () => {
    for (const { options, embedding, index, ...fields } of cases) {
      const found = await search(
        {
          authentication: connection('reader', PASSWORD, options),
          index_name: index.index_name,
          embedding_dependency: embedding,
          fields_mapping: { ...fields, vector_fields: index.vector_fields },
        },
        1,
        about.mountains,
      );
      const content = ['Snow lies on high mountains.', 'More of Peaks.'].slice(0, fields.content_fields.length);
      expect(found).toEqual([peaks(content, fields)]);
    }
    console.info(`azure_cosmos_db: ${cases.length} combinations of authentication, vectorization and fields`);
  });
});

describe('what the source refuses', () => {
  const authenticationParam = 'data_sources[0].parameters.authentication.connection_string';

  it('names the connection string for a wrong password, and shows nothing of it', async () => {
    const error = await sourceError(search({ authentication: connection('reader', `${PASSWORD}x`) }));
    expect(error).toMatchObject({ kind: 'authentication', param: authenticationParam });
    expect(error.message).toContain('Azure Cosmos DB at 127.0.0.1');
  });

  it('asks for a role where the user may not read', async () => {
    await expect(sourceError(search({ authentication: connection('stranger') }))).resolves.toMatchObject({
      kind: 'authentication',
      message: expect.stringContaining('grant it the role read'),
    });
  });

  it.each([
    ['an unknown index', { index_name: 'no-such' }, 'not_found', 'index_name'],
    ['an index of another kind', { index_name: '_id_' }, 'not_found', 'index_name'],
    ['an unknown container', { container_name: 'no-such' }, 'not_found', 'container_name'],
    ['an unknown database', { database_name: 'no-such' }, 'not_found', 'container_name'],
    ['a container without vectors', { container_name: 'plain' }, 'not_found', 'index_name'],
    ['a field that the index is not of', { index_name: 'titles' }, 'invalid', 'fields_mapping.vector_fields'],
  ])('tells of %s', async (_, changes, kind, param) => {
    const error = await sourceError(search(changes));
    expect(error).toMatchObject({ kind, param: `data_sources[0].parameters.${param}` });
  });

  it('tells both dimensions where the vector does not fit', async () => {
    const error = await sourceError(search({}, 3, new Float32Array(8)));
    expect(error).toMatchObject({ kind: 'invalid', param: 'data_sources[0].parameters.embedding_dependency' });
    expect(error.message).toContain("3 dimensions in 'vectors', the query's has 8");
  });

  it.each([
    [{ code: 16_500, codeName: 'RequestRateTooLarge', message: 'Request rate is large.' }, 'rate_limited'],
    [{ code: 1, codeName: 'InternalError', message: 'Error=429, RetryAfterMs=12' }, 'rate_limited'],
    [{ code: 50, codeName: 'ExceededTimeLimit', message: 'Request timed out.' }, 'timeout'],
    [{ code: 1, codeName: 'InternalError', message: 'expected 3 dimensions, not 8' }, 'invalid'],
    [
      {
        code: 2,
        codeName: 'BadValue',
        message: 'Similarity index was not found for a vector similarity search query.',
      },
      'not_found',
    ],
    [{ code: 91, codeName: 'ShutdownInProgress', message: 'going down' }, 'unavailable'],
  ])('says what error %j means', async (fault, kind) => {
    bench.server.fail('aggregate', fault);
    try {
      await expect(sourceError(search())).resolves.toMatchObject({ kind });
    } finally {
      bench.server.fail('aggregate', undefined);
    }
  });
});

describe('connection strings that cannot be meant so', () => {
  it.each([
    ['no user', 'mongodb+srv://example.com/'],
    ['no password', 'mongodb+srv://user@example.com/'],
    ['a password that is not encoded', `mongodb+srv://user:${PASSWORD}@example.com/`],
    ['a broken encoding', 'mongodb+srv://user:never-shown%zz@example.com/'],
    ['an option that reads files', 'mongodb+srv://user:never-shown@example.com/?tlsCertificateKeyFile=/etc/passwd'],
    ['a mechanism that sends the password', 'mongodb+srv://user:never-shown@example.com/?authMechanism=PLAIN'],
    ['another protocol', 'AccountEndpoint=https://example.com/;AccountKey=never-shown;'],
    ['too many hosts', `mongodb://user:never-shown@${Array.from({ length: 51 }, (_, i) => `h${i}`).join(',')}/`],
    ['two hosts with SRV', 'mongodb+srv://user:never-shown@a.example.com,b.example.com/'],
    ['a port that is none', 'mongodb://user:never-shown@example.com:99999/'],
  ])('refuses %s, and quotes nothing of it', async (_, connection_string) => {
    const search = opened({ authentication: { type: 'connection_string', connection_string } }).then((source) =>
      source.search({ text: 'sea', vector: about.sea, limit: 1 }, never),
    );
    const error = await sourceError(search);
    expect(error).toMatchObject({
      kind: 'invalid',
      param: 'data_sources[0].parameters.authentication.connection_string',
    });
  });
});
