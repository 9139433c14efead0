/** Chat on data in Azure AI Search, Elasticsearch and Pinecone over HTTP with the official SDK, on servers that speak their protocols. */
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { startAzureSearch, type AzureSearchServer } from '../sources/azureSearch';
import { startElasticsearch, type ElasticsearchServer } from '../sources/elasticsearch';
import { wordCorpus, type Corpus } from '../sources/library';
import { startPinecone, type PineconeServer } from '../sources/pinecone';
import type { RestServer } from '../sources/restServer';
import { startHost, type Host } from '../support/host';
import { answerWith, contextOf, promptOf, prompts } from '../support/petStore';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const QUERY = 'How long does the warranty of the pump last?';
const ANSWER = 'Two years [doc1].';
const NOTHING = 'The requested information is not found in the retrieved data. Please try another query or topic.';

/** The servers read it at each query. */
const corpus: Corpus = { ...wordCorpus };
let upstream: ScriptedUpstream;
let search: AzureSearchServer;
let elastic: ElasticsearchServer;
let pinecone: PineconeServer;
let host: Host;
beforeAll(async () => {
  [upstream, search, elastic, pinecone] = await Promise.all([
    startScriptedUpstream(),
    startAzureSearch({ corpus }),
    startElasticsearch({ corpus }),
    startPinecone({ corpus }),
  ]);
  host = await startHost({
    env: {
      OPENAI_BASE_URL: upstream.url,
      DATA_SOURCE_ALLOWED_HOSTS: [search, elastic, pinecone].map(({ url }) => new URL(url).host).join(','),
      PINECONE_CONTROLLER_HOST: pinecone.url,
    },
  });
}, 60_000);
afterAll(async () => {
  await host.stop();
  await Promise.all([upstream, search, elastic, pinecone].map((server) => server.close()));
});
beforeEach(() => {
  corpus.documents = wordCorpus.documents;
  for (const { faults, requests } of [search, elastic, pinecone]) faults.length = requests.length = 0;
  upstream.reset();
  answerWith(upstream, ANSWER, [QUERY]);
});

const fields_mapping = {
  content_fields: ['content'],
  title_field: 'title',
  url_field: 'url',
  filepath_field: 'filepath',
};
const embedding_dependency = { type: 'deployment_name', deployment_name: 'embed' };
const types = ['azure_search', 'elasticsearch', 'pinecone'] as const;
type Type = (typeof types)[number];
interface Place {
  name: string;
  server: RestServer;
  secret: string;
  parameters: Record<string, unknown>;
}
const places: Record<Type, () => Place> = {
  azure_search: () => ({
    name: 'Azure AI Search',
    server: search,
    secret: search.adminKey,
    parameters: {
      endpoint: search.url,
      index_name: search.indexName,
      authentication: { type: 'api_key', key: search.adminKey },
      query_type: 'vector_simple_hybrid',
      fields_mapping: { ...fields_mapping, vector_fields: ['contentvector'] },
      embedding_dependency,
    },
  }),
  elasticsearch: () => ({
    name: 'Elasticsearch',
    server: elastic,
    secret: elastic.encodedApiKey,
    parameters: {
      endpoint: elastic.url,
      index_name: elastic.indexName,
      authentication: { type: 'encoded_api_key', encoded_api_key: elastic.encodedApiKey },
    },
  }),
  pinecone: () => ({
    name: 'Pinecone',
    server: pinecone,
    secret: pinecone.apiKey,
    parameters: {
      environment: pinecone.environment,
      index_name: pinecone.indexName,
      authentication: { type: 'api_key', key: pinecone.apiKey },
      fields_mapping,
      embedding_dependency,
    },
  }),
};

const bodyOf = (type: Type, parameters: object = {}) => ({
  model: 'gpt-4o',
  messages: [{ role: 'user' as const, content: QUERY }],
  data_sources: [{ type, parameters: { ...places[type]().parameters, ...parameters } }],
});

interface Answer {
  content: string;
  context: ReturnType<typeof contextOf>;
}

/** The same question in both forms. */
const forms = {
  async whole(type: Type, parameters?: object): Promise<Answer> {
    const body: OpenAI.ChatCompletionCreateParamsNonStreaming = bodyOf(type, parameters);
    const { choices } = await host.azure().chat.completions.create(body);
    return { content: choices[0]?.message.content ?? '', context: contextOf(choices[0]?.message) };
  },
  async streamed(type: Type, parameters?: object): Promise<Answer> {
    const body: OpenAI.ChatCompletionCreateParamsStreaming = { ...bodyOf(type, parameters), stream: true };
    let content = '';
    let context: Answer['context'];
    for await (const { choices } of await host.azure().chat.completions.create(body)) {
      const delta = choices[0]?.delta;
      const told = contextOf(delta);
      if (told) {
        // Before the text, whose markers it explains.
        expect(content).toBe('');
        context = told;
      }
      content += delta?.content ?? '';
    }
    return { content, context };
  },
};

async function errorOf(answer: Promise<unknown>): Promise<APIError> {
  const error: unknown = await answer.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof APIError)) throw new Error(`Not refused: ${String(error)}`);
  return error;
}

const cases = types.flatMap((type) => (['whole', 'streamed'] as const).map((form) => ({ type, form })));
describe.each(cases)('$type, $form', ({ type, form }) => {
  const ask = forms[form];

  it('answers from the best document and cites it', async () => {
    const { content, context } = await ask(type);
    expect(content).toBe(ANSWER);
    expect(context?.intent).toBe(QUERY);
    expect(context?.citations?.[0]).toEqual({
      title: 'Warranty',
      url: 'https://docs.example.com/warranty',
      filepath: 'manual/warranty.md',
      content: expect.stringContaining('The warranty lasts two years'),
      chunk_id: '0',
    });
    expect(promptOf(upstream)).toContain('The warranty lasts two years');
  });

  it('says so where nothing is found, without asking the model', async () => {
    corpus.documents = [];
    const { content, context } = await ask(type);
    expect(content).toBe(NOTHING);
    expect(context).toEqual({ citations: [], intent: QUERY });
    expect(prompts(upstream)).toEqual([]);
  });

  it('answers an unknown index with what to mend', async () => {
    const error = await errorOf(ask(type, { index_name: 'no-such' }));
    expect(error).toMatchObject({
      status: 400,
      code: 'data_source_not_found',
      param: 'data_sources[0].parameters.index_name',
    });
    expect(error.message).toContain(places[type]().name);
  });

  it.each([
    { from: 401, status: 400, code: 'data_source_authentication', param: 'authentication' },
    { from: 403, status: 400, code: 'data_source_authentication', param: 'authentication' },
    { from: 404, status: 400, code: 'data_source_not_found', param: 'index_name' },
    { from: 429, status: 429, code: 'data_source_rate_limited', param: undefined },
    { from: 503, status: 424, code: 'data_source_unavailable', param: undefined },
  ])('tells of a $from of the source by $status $code, and asks once', async ({ from, status, code, param }) => {
    // What is known of the index stays known, so that the query itself meets the fault.
    await ask(type);
    const { server, name, secret } = places[type]();
    const before = server.requests.length;
    server.faults.push({ status: from, body: { message: `Not with ${secret}.` } });
    const error = await errorOf(ask(type));
    expect(error).toMatchObject({ status, code, param: `data_sources[0]${param ? `.parameters.${param}` : ''}` });
    expect(error.message).toContain(name);
    expect(error.message).toContain(`'${type}'`);
    expect(error.message).not.toContain(secret);
    expect(server.requests.length).toBe(before + 1);
    // The fault is over: the client of the source is still good.
    expect((await ask(type)).content).toBe(ANSWER);
  });
});

it.each(['azure_search', 'elasticsearch'] as const)(
  '%s: empty texts and lists count as not set, as the sample app of chat on your data sends what its settings leave out',
  async (type) => {
    const unset = { title_field: null, url_field: '', filepath_field: null };
    const { content, context } = await forms.whole(type, {
      query_type: 'simple',
      semantic_configuration: '',
      filter: null,
      fields_mapping: { content_fields: [], vector_fields: [], ...unset },
      role_information: 'You are an AI assistant that helps people find information.',
      in_scope: true,
      top_n_documents: 5,
      strictness: 3,
    });
    expect(content).toBe(ANSWER);
    // From the index itself, as without a mapping.
    expect(context?.citations?.[0]).toMatchObject({
      title: 'Warranty',
      url: 'https://docs.example.com/warranty',
      filepath: 'manual/warranty.md',
      content: expect.stringContaining('The warranty lasts two years'),
    });
  },
);

it('a mapping without content fields keeps what it names, and the index says the rest', async () => {
  const { context } = await forms.whole('azure_search', {
    query_type: 'simple',
    fields_mapping: { title_field: 'filepath' },
  });
  expect(context?.citations?.[0]).toMatchObject({
    title: 'manual/warranty.md',
    url: 'https://docs.example.com/warranty',
    content: expect.stringContaining('The warranty lasts two years'),
  });
});

it('gives up a source that never answers, of whatever type, streamed or not', async () => {
  await Promise.all(types.map((type) => forms.whole(type)));
  const asked = cases.map(async ({ type, form }) => {
    places[type]().server.faults.push('hang');
    return errorOf(forms[form](type));
  });
  for (const [place, error] of (await Promise.all(asked)).entries()) {
    expect(error).toMatchObject({ status: 424, code: 'data_source_timeout' });
    expect(error.message).toContain(`'${cases[place]?.type}'`);
  }
}, 60_000);

it('keeps credentials out of what the host prints', () => {
  for (const type of types) expect(host.output()).not.toContain(places[type]().secret);
});
