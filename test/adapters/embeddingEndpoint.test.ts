import { readAllowedHosts } from '../../src/allowedHosts';
import { embeddingEndpoint } from '../../src/adapters/embeddingEndpoint';
import { createOutgoingGuard, type OutgoingGuard } from '../../src/adapters/outgoingGuard';
import { startEmbeddings, type EmbeddingServer } from '../sources/embeddings';
import { refusalOf } from '../sources/outcome';
import { wordVector } from '../support/wordVectors';

let server: EmbeddingServer;
let guard: OutgoingGuard;

beforeAll(async () => {
  server = await startEmbeddings();
  guard = createOutgoingGuard({ allowedHosts: readAllowedHosts(new URL(server.url).host), callTimeout: 2_000 });
});

afterAll(async () => {
  await guard.close();
  await server.close();
});

beforeEach(() => {
  server.faults.length = 0;
  server.requests.length = 0;
});

interface Asked {
  endpoint?: string;
  key?: string;
  dimensions?: number;
}

const embed = ({ endpoint = server.endpoint, key = server.key, dimensions }: Asked, texts: string[]) =>
  embeddingEndpoint(guard).embed(
    { type: 'endpoint', endpoint, authentication: { type: 'api_key', key }, dimensions },
    texts,
    new AbortController().signal,
  );

const PARAM = 'data_sources[0].parameters.embedding_dependency';

describe('embeddingEndpoint', () => {
  it('gives a vector for each text, in order, with a key', async () => {
    const vectors = await embed({}, ['one text', 'another']);
    expect(vectors).toEqual([wordVector('one text'), wordVector('another')]);
  });

  it('takes an access token', async () => {
    const authentication = { type: 'access_token' as const, access_token: server.token };
    const signal = new AbortController().signal;
    const dependency = { type: 'endpoint' as const, endpoint: server.endpoint, authentication };
    expect(await embeddingEndpoint(guard).embed(dependency, ['text'], signal)).toEqual([wordVector('text')]);
    expect(server.requests.at(-1)?.headers['api-key']).toBeUndefined();
  });

  it('passes dimensions on, which older models refuse', async () => {
    const refusal = await refusalOf(embed({ dimensions: 256 }, ['text']));
    expect(server.requests.at(-1)?.body).toMatchObject({ dimensions: 256 });
    expect(refusal).toMatchObject({ kind: 'invalid', message: expect.stringContaining('dimensions') });
  });

  it.each(['?api-version=2024-10-21', '#part', '/more'])('refuses an address that ends in %s', async (end) => {
    expect(await refusalOf(embed({ endpoint: server.endpoint + end }, ['text']))).toMatchObject({
      kind: 'invalid',
      param: `${PARAM}.endpoint`,
    });
    expect(server.requests).toEqual([]);
  });

  it('tells of a wrong key without repeating it', async () => {
    const refusal = await refusalOf(embed({ key: 'wrong-secret' }, ['text']));
    expect(refusal).toMatchObject({ kind: 'authentication', param: `${PARAM}.authentication` });
    expect(refusal.message).not.toContain('wrong-secret');
  });

  it('tells of an unknown deployment', async () => {
    const endpoint = server.endpoint.replace('/words/', '/nothing/');
    expect(await refusalOf(embed({ endpoint }, ['text']))).toMatchObject({
      kind: 'not_found',
      param: `${PARAM}.endpoint`,
    });
  });

  it.each([
    [{ status: 429 }, 'rate_limited'],
    [{ status: 503 }, 'unavailable'],
    [{ status: 200, body: { data: [] } }, 'unavailable'],
    [{ status: 200, body: { error: { message: 'no' } } }, 'unavailable'],
    [{ status: 200, body: 'no JSON' }, 'unavailable'],
    [{ status: 302, headers: { location: 'http://169.254.169.254/' } }, 'refused_address'],
    ['hang' as const, 'timeout'],
  ])('tells of an endpoint that answers %j', async (fault, kind) => {
    server.faults.push(fault);
    expect((await refusalOf(embed({}, ['text']))).kind).toBe(kind);
  });

  it('does not reach addresses that are not public', async () => {
    const endpoint = 'http://169.254.169.254/openai/deployments/words/embeddings';
    expect(await refusalOf(embed({ endpoint }, ['text']))).toMatchObject({
      kind: 'refused_address',
      param: `${PARAM}.endpoint`,
    });
  });
});
