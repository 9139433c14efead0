/** Chat on data in MongoDB over HTTP with the official SDK: Atlas and Azure Cosmos DB, on servers that speak their protocol. */
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { wordCorpus } from '../sources/library';
import { atlasSource, cosmosSource, startMongoLibrary, type MongoLibrary } from '../sources/mongoLibrary';
import { startHost, type Host } from '../support/host';
import { answerWith, contextOf, promptOf } from '../support/petStore';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const QUERY = 'How long does the warranty of the pump last?';

let upstream: ScriptedUpstream;
let atlas: MongoLibrary;
let cosmos: MongoLibrary;
let emptyAtlas: MongoLibrary;
let emptyCosmos: MongoLibrary;
let host: Host;
beforeAll(async () => {
  const nothing = { corpus: { ...wordCorpus, documents: [] } };
  [upstream, atlas, cosmos, emptyAtlas, emptyCosmos] = await Promise.all([
    startScriptedUpstream(),
    startMongoLibrary('atlas'),
    startMongoLibrary('vcore'),
    startMongoLibrary('atlas', nothing),
    startMongoLibrary('vcore', nothing),
  ]);
  host = await startHost({
    env: {
      OPENAI_BASE_URL: upstream.url,
      DATA_SOURCE_ALLOWED_HOSTS: [atlas, cosmos, emptyAtlas, emptyCosmos].map((each) => each.host).join(','),
    },
  });
}, 60_000);
afterAll(async () => {
  await host.stop();
  await Promise.all([upstream, atlas, cosmos, emptyAtlas, emptyCosmos].map((server) => server.close()));
});
beforeEach(() => {
  upstream.reset();
  answerWith(upstream, 'Two years [doc1].', [QUERY]);
});

const sources = {
  mongo_db: () => atlasSource(atlas, 'embed'),
  azure_cosmos_db: () => cosmosSource(cosmos, 'embed'),
};
const ask = async (source: { parameters: object }, parameters: object = {}) =>
  host.azure().chat.completions.create({
    model: 'gpt-4o',
    messages: [{ role: 'user', content: QUERY }],
    data_sources: [{ ...source, parameters: { ...source.parameters, ...parameters } }],
  } as OpenAI.ChatCompletionCreateParamsNonStreaming);
const streamed = async (source: { parameters: object }) => {
  const chunks = await host.azure().chat.completions.create({
    model: 'gpt-4o',
    messages: [{ role: 'user', content: QUERY }],
    stream: true,
    data_sources: [source],
  } as OpenAI.ChatCompletionCreateParamsStreaming);
  let content = '';
  let context: ReturnType<typeof contextOf>;
  for await (const { choices } of chunks) {
    context ??= contextOf(choices[0]?.delta);
    content += choices[0]?.delta.content ?? '';
  }
  return { content, context };
};

describe.each(['mongo_db', 'azure_cosmos_db'] as const)('%s', (type) => {
  it('answers from the nearest document and cites it', async () => {
    const { choices } = await ask(sources[type]());
    expect(choices[0]?.message.content).toBe('Two years [doc1].');
    expect(contextOf(choices[0]?.message)?.citations?.[0]).toMatchObject({
      title: 'Warranty',
      url: 'https://docs.example.com/warranty',
      filepath: 'manual/warranty.md',
      content: expect.stringContaining('The warranty lasts two years'),
    });
    expect(promptOf(upstream)).toContain('The warranty lasts two years');
  });

  it('streams the same', async () => {
    const { content, context } = await streamed(sources[type]());
    expect(content).toBe('Two years [doc1].');
    expect(context?.citations?.[0]).toMatchObject({ title: 'Warranty', filepath: 'manual/warranty.md' });
  });

  it('says so where nothing is found, whole and streamed', async () => {
    const source = type === 'mongo_db' ? atlasSource(emptyAtlas, 'embed') : cosmosSource(emptyCosmos, 'embed');
    const { choices } = await ask(source);
    expect(choices[0]?.message.content).toMatch(/^The requested information is not found/);
    expect(contextOf(choices[0]?.message)).toEqual({ citations: [], intent: QUERY });
    expect((await streamed(source)).content).toBe(choices[0]?.message.content);
  });

  it('tells of a wrong password and never repeats it, whole and streamed', async () => {
    const source = JSON.parse(JSON.stringify(sources[type]()).replaceAll(atlas.password, 'no-such-password'));
    for (const form of [ask, streamed]) {
      const error: unknown = await form(source).catch((reason: unknown) => reason);
      if (!(error instanceof APIError)) throw error;
      expect(error).toMatchObject({ status: 400, code: 'data_source_authentication' });
      expect(error.param).toContain('data_sources[0].parameters.authentication');
      expect(error.message).not.toContain('no-such-password');
    }
  });

  it.each([
    [16_500, 'TooManyRequests', 429, 'data_source_rate_limited'],
    [50, 'MaxTimeMSExpired', 424, 'data_source_timeout'],
    [11_600, 'InterruptedAtShutdown', 424, 'data_source_unavailable'],
    [13, 'Unauthorized', 400, 'data_source_authentication'],
  ])('tells of the error %i %s of the source by %i %s, whole and streamed', async (code, codeName, status, told) => {
    const server = type === 'mongo_db' ? atlas : cosmos;
    server.fail('aggregate', { code, codeName, message: `It refuses, ${atlas.password}.` });
    try {
      for (const form of [ask, streamed]) {
        const error: unknown = await form(sources[type]()).catch((reason: unknown) => reason);
        if (!(error instanceof APIError)) throw error;
        expect(error).toMatchObject({ status, code: told });
        expect(error.message).toContain(`'${type}'`);
        expect(error.message).not.toContain(atlas.password);
      }
    } finally {
      server.fail('aggregate', undefined);
    }
  });

  it.each([
    ['an unknown index', { index_name: 'no-such' }, 400, 'data_source_not_found', 'index_name'],
    [
      'a vector field that the index is not of',
      { fields_mapping: { content_fields: ['content'], vector_fields: ['title'] } },
      400,
      'invalid_data_source',
      'fields_mapping.vector_fields',
    ],
  ])('answers %s with what to mend', async (_, parameters, status, code, param) => {
    const error: unknown = await ask(sources[type](), parameters).catch((reason: unknown) => reason);
    if (!(error instanceof APIError)) throw error;
    expect(error).toMatchObject({ status, code, param: `data_sources[0].parameters.${param}` });
    expect(error.message).not.toContain(atlas.password);
  });

  it('does not connect to this machine unless the host is allowed', async () => {
    const server = type === 'mongo_db' ? atlas : cosmos;
    const before = server.accepted();
    const source = JSON.parse(JSON.stringify(sources[type]()).replaceAll('127.0.0.1', 'localhost'));
    await expect(ask(source)).rejects.toMatchObject({ status: 400, code: 'data_source_refused_address' });
    expect(server.accepted()).toBe(before);
  });
});

it('keeps passwords out of what the host prints', () => {
  expect(host.output()).not.toContain(atlas.password);
});
