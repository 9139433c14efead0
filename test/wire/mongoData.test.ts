/** Chat on data in MongoDB over HTTP with the official SDK: Atlas and Azure Cosmos DB, on servers that speak their protocol. */
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { atlasSource, cosmosSource, startMongoLibrary, type MongoLibrary } from '../sources/mongoLibrary';
import { startHost, type Host } from '../support/host';
import { answerWith, contextOf, promptOf } from '../support/petStore';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const QUERY = 'How long does the warranty of the pump last?';

let upstream: ScriptedUpstream;
let atlas: MongoLibrary;
let cosmos: MongoLibrary;
let host: Host;
beforeAll(async () => {
  [upstream, atlas, cosmos] = await Promise.all([
    startScriptedUpstream(),
    startMongoLibrary('atlas'),
    startMongoLibrary('vcore'),
  ]);
  host = await startHost({
    env: {
      OPENAI_BASE_URL: upstream.url,
      DATA_SOURCE_ALLOWED_HOSTS: `${atlas.host},${cosmos.host}`,
    },
  });
}, 60_000);
afterAll(async () => {
  await host.stop();
  await Promise.all([upstream, atlas, cosmos].map((server) => server.close()));
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
