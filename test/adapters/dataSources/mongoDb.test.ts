import { mongoDb } from '../../../src/adapters/dataSources/mongoDb';
import type { DataSource } from '../../../src/dataSources/ports';
import type { ParametersOf } from '../../../src/wire/dataSources';
import { startMongoServer } from '../../sources/mongoServer';
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

type Parameters = ParametersOf<'mongo_db'>;
const never = new AbortController().signal;

let bench: Awaited<ReturnType<typeof mongoBench>>;
beforeAll(async () => {
  bench = await mongoBench('atlas');
});
afterAll(() => bench.close());

const parametersOf = (changes: Partial<Parameters> = {}): Parameters => ({
  authentication: { type: 'username_and_password', username: 'reader', password: PASSWORD },
  endpoint: `mongodb://${bench.server.host}/`,
  app_name: 'library-app',
  database_name: 'library',
  collection_name: 'pages',
  index_name: 'vectors',
  embedding_dependency: { type: 'deployment_name', deployment_name: 'embeddings' },
  fields_mapping: { content_fields: ['content'], vector_fields: ['vector'] },
  ...changes,
});

/** Through the schema, as a request would come. */
async function opened(changes: Partial<Parameters> = {}, clients = bench.clients): Promise<DataSource> {
  return mongoDb(clients)(configurationOf('mongo_db', parametersOf(changes)));
}

const search = async (changes: Partial<Parameters>, limit = 3, vector = about.sea, signal = never) =>
  (await opened(changes)).search({ text: 'sea', vector, limit }, signal);

it('refuses documents whose titles are too large together, as it does for their text', async () => {
  const documents = [1, 2].map((id) => ({ _id: id, title: 'x'.repeat(8_500_000), content: 'sea', vector: [1, 0, 0] }));
  const indexes = [{ name: 'vectors', path: 'vector', dimensions: 3 }];
  const large = await mongoBench('atlas', { collections: { 'library.pages': { documents, indexes } } });
  try {
    const endpoint = `mongodb://${large.server.host}/`;
    const fields_mapping = { content_fields: ['content'], vector_fields: ['vector'] };
    const find = async (title_field?: string) =>
      (await opened({ endpoint, fields_mapping: { ...fields_mapping, title_field } }, large.clients)).search(
        { text: 'sea', vector: about.sea, limit: 3 },
        never,
      );
    await expect(find()).resolves.toHaveLength(2);
    await expect(find('title')).rejects.toMatchObject({
      kind: 'invalid',
      param: 'data_sources[0].parameters.top_n_documents',
    });
  } finally {
    await large.close();
  }
});

describe('ranking', () => {
  it('answers with the documents nearest to the vector, best first, with the score of the index', async () => {
    const found = await search({
      fields_mapping: { content_fields: ['content'], vector_fields: ['vector'], title_field: 'title' },
    });
    expect(found.map(({ title }) => title)).toEqual(['Tides', 'Fjords', 'Harbours']);
    const cosine = (0.9 + 0.01) / Math.sqrt(0.83 * 1.01);
    expect(found[0]?.score).toBeCloseTo((1 + cosine) / 2, 5);
  });

  it('searches every vector field and gives a document once, with its best score', async () => {
    const both = { content_fields: ['content'], vector_fields: ['vector', 'deep.titleVector'], title_field: 'title' };
    const pages = corpus();
    for (const index of pages.indexes) index.name = 'both';
    const server = await mongoBench('atlas', { collections: { 'library.pages': pages } });
    try {
      const endpoint = `mongodb://${server.server.host}/`;
      const source = await opened({ endpoint, index_name: 'both', fields_mapping: both }, server.clients);
      const found = await source.search({ text: 'sea', vector: about.sea, limit: 3 }, never);
      // By its content the page on tides comes first, by its title's vector the one on fjords.
      expect(found.map(({ title }) => title)).toEqual(['Fjords', 'Tides', 'Harbours']);
    } finally {
      await server.close();
    }
  });

  it('asks for twenty candidates for each document, and no more documents than wanted', async () => {
    await expect(search({}, 1)).resolves.toHaveLength(1);
    await expect(search({}, 100)).resolves.toHaveLength(5);
    await expect(search({}, 2_000)).resolves.toHaveLength(5);
  });

  it('tells that it needs vectors, of similarity', async () => {
    expect(await opened()).toMatchObject({ wantsVector: true, scale: 'similarity' });
  });

  it('finds nothing in an empty collection that has the index', async () => {
    const { indexes } = corpus();
    const empty = await mongoBench('atlas', { collections: { 'library.pages': { documents: [], indexes } } });
    try {
      const source = await opened({ endpoint: `mongodb://${empty.server.host}/` }, empty.clients);
      await expect(source.search({ text: 'sea', vector: about.sea, limit: 3 }, never)).resolves.toEqual([]);
    } finally {
      await empty.close();
    }
  });
});

describe('the matrix', () => {
  const cases = combinations({
    path: ['', '?authMechanism=SCRAM-SHA-256', 'admin?authSource=admin&retryWrites=false', '?directConnection=true'],
    embedding: [
      { type: 'deployment_name' as const, deployment_name: 'embeddings' },
      {
        type: 'endpoint' as const,
        endpoint: 'https://x.openai.azure.com/openai/deployments/e/embeddings',
        authentication: { type: 'api_key' as const, key: 'k' },
      },
      {
        type: 'endpoint' as const,
        endpoint: 'https://x.openai.azure.com/openai/deployments/e/embeddings',
        authentication: { type: 'access_token' as const, access_token: 't' },
        dimensions: 3,
      },
    ],
    content_fields: [['content'], CONTENT, ['content', 'missing', 'tags']],
    ...mappedFields,
  });

  it(`maps fields under every authentication, vectorization and mapping: ${cases.length} combinations`, async () => {
    for (const { path, embedding, index, ...fields } of cases) {
      const found = await search(
        {
          endpoint: `mongodb://${bench.server.host}/${path}`,
          index_name: index.index_name,
          embedding_dependency: embedding,
          fields_mapping: { ...fields, vector_fields: index.vector_fields },
        },
        1,
        about.mountains,
      );
      const parts = {
        content: 'Snow lies on high mountains.',
        'body.text': 'More of Peaks.',
        tags: 'Peaks\n{"deep":true}\n7',
      };
      const content = fields.content_fields.flatMap(
        (name) => Object.entries(parts).find(([key]) => key === name)?.[1] ?? [],
      );
      expect(found).toEqual([peaks(content, fields)]);
    }
    console.info(`mongo_db: ${cases.length} combinations of authentication, vectorization and fields`);
  });

  it('signs in as the application that app_name says', async () => {
    await search({ app_name: 'its own name' });
    expect(bench.server.appNames).toContain('its own name');
  });
});

describe('what the source refuses', () => {
  it('names the endpoint and the credential for a wrong password', async () => {
    const authentication = { type: 'username_and_password' as const, username: 'reader', password: `${PASSWORD}x` };
    const error = await sourceError(search({ authentication }));
    expect(error).toMatchObject({ kind: 'authentication', param: 'data_sources[0].parameters.authentication' });
    expect(error.message).toBe('MongoDB at 127.0.0.1 refuses the user or password; check them.');
  });

  it('asks for a role where the user may not read', async () => {
    const authentication = { type: 'username_and_password' as const, username: 'stranger', password: PASSWORD };
    await expect(sourceError(search({ authentication }))).resolves.toMatchObject({
      kind: 'authentication',
      message: expect.stringContaining('grant it the role read'),
    });
  });

  it.each([
    ['index', { index_name: 'no-such' }, 'not_found'],
    ['collection', { collection_name: 'no-such' }, 'not_found'],
    ['database', { database_name: 'no-such' }, 'not_found'],
    ['finished index', { index_name: 'unready' }, 'unavailable'],
  ])('does not take an empty answer for one where there is no such %s', async (_, changes, kind) => {
    const error = await sourceError(search(changes));
    expect(error).toMatchObject({ kind, param: 'data_sources[0].parameters.index_name' });
  });

  it('tells both dimensions where the vector does not fit', async () => {
    const error = await sourceError(search({}, 3, new Float32Array(8)));
    expect(error).toMatchObject({ kind: 'invalid', param: 'data_sources[0].parameters.embedding_dependency' });
    expect(error.message).toContain("indexed with 3, the query's has 8");
  });

  it('names the vector fields where the index does not cover them', async () => {
    const fields_mapping = { content_fields: ['content'], vector_fields: ['deep.titleVector'] };
    await expect(sourceError(search({ fields_mapping }))).resolves.toMatchObject({
      kind: 'invalid',
      param: 'data_sources[0].parameters.fields_mapping.vector_fields',
    });
  });

  it('names the content fields where no document has any', async () => {
    const fields_mapping = { content_fields: ['contnet'], vector_fields: ['vector'] };
    await expect(sourceError(search({ fields_mapping }))).resolves.toMatchObject({
      kind: 'invalid',
      param: 'data_sources[0].parameters.fields_mapping.content_fields',
    });
  });

  it.each([
    [{ code: 489, codeName: 'QueryRejected', message: 'rejected' }, 'rate_limited'],
    [{ code: 462, codeName: 'IngressRequestRateLimitExceeded', message: 'slow down' }, 'rate_limited'],
    [{ code: 50, codeName: 'MaxTimeMSExpired', message: 'operation exceeded time limit' }, 'timeout'],
    [{ code: 6_047_401, codeName: 'Location6047401', message: '$vectorSearch is not allowed' }, 'invalid'],
    [{ code: 8, codeName: 'UnknownError', message: `it quotes ${PASSWORD}` }, 'invalid'],
  ])('says what error %j means', async (fault, kind) => {
    bench.server.fail('aggregate', fault);
    try {
      const error = await search({}).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'SourceError', kind });
      expect(String(error)).not.toContain(PASSWORD);
    } finally {
      bench.server.fail('aggregate', undefined);
    }
  });
});

describe('parameters that cannot be meant so', () => {
  it.each([
    ['a user in the endpoint', { endpoint: 'mongodb://u:p@example.com/' }, 'endpoint'],
    ['a socket of this machine', { endpoint: 'mongodb://%2Fvar%2Frun%2Fx.sock/' }, 'endpoint'],
    ['a name that the driver takes for a socket', { endpoint: 'mongodb://x.sock/' }, 'endpoint'],
    ['a proxy', { endpoint: 'mongodb://example.com/?proxyHost=10.0.0.1' }, 'endpoint'],
    ['a file of this machine', { endpoint: 'mongodb://example.com/?tlsCAFile=/etc/passwd' }, 'endpoint'],
    ['this machine’s identity', { endpoint: 'mongodb://example.com/?authMechanism=MONGODB-OIDC' }, 'endpoint'],
    ['credentials of the cloud', { endpoint: 'mongodb://example.com/?authMechanism=MONGODB-AWS' }, 'endpoint'],
    ['another protocol', { endpoint: 'https://example.com/' }, 'endpoint'],
    ['words', { endpoint: 'my cluster' }, 'endpoint'],
    ['a name too long for the handshake', { app_name: 'ä'.repeat(65) }, 'app_name'],
    [
      'a variable as a field',
      { fields_mapping: { content_fields: ['$ROOT'], vector_fields: ['v'] } },
      'fields_mapping',
    ],
  ])('refuses %s before anything is sent', async (_, changes, param) => {
    const error = await sourceError(opened(changes));
    expect(error).toMatchObject({ kind: 'invalid', param: `data_sources[0].parameters.${param}` });
  });
});

describe('a source that does not answer', () => {
  it('is unavailable when nothing listens', async () => {
    const gone = await startMongoServer({ dialect: 'atlas', users: [], collections: {} });
    await gone.close();
    const error = await sourceError(search({ endpoint: `mongodb://${gone.host}/` }));
    expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('ECONNREFUSED') });
  });

  it('is unavailable when it speaks no TLS and TLS is wanted', async () => {
    await expect(sourceError(search({ endpoint: bench.server.host }))).resolves.toMatchObject({ kind: 'unavailable' });
  });

  it('times out when it is slow, and a client that leaves gets its own reason', async () => {
    const slow = await mongoBench('atlas', { clients: { callTimeoutMs: 300 } });
    try {
      slow.server.slow('aggregate', 20_000);
      const source = await opened({ endpoint: `mongodb://${slow.server.host}/` }, slow.clients);
      const query = { text: 'sea', vector: about.sea, limit: 3 };
      await expect(sourceError(source.search(query, never))).resolves.toMatchObject({ kind: 'timeout' });
      const reason = new Error('The caller left.');
      await expect(source.search(query, AbortSignal.abort(reason))).rejects.toBe(reason);
    } finally {
      await slow.close();
    }
  });
});
