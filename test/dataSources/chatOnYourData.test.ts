/** The pipeline over sources and models of the test's own. */
import { createChatOnYourData, type ChatOnYourDataPorts } from '../../src/dataSources/chatOnYourData';
import { SourceError, type DataSource, type SourceDocument, type SourceQuery } from '../../src/dataSources/ports';
import { ApiError } from '../../src/errors';
import { ModelError, type ChatModel, type CompletionBody } from '../../src/models/ports';
import { dataSource } from '../../src/wire/dataSources';

const scope = { tenant: 'alpha', project: '-' };
const never = new AbortController().signal;
const dogs: SourceDocument[] = [
  {
    content: 'Walk it.',
    title: 'Dogs',
    url: 'https://dogs',
    filepath: 'dogs.txt',
    chunkId: '4',
    score: 0.9,
    rerankScore: 3.1,
  },
  { content: 'Brush it.', score: 0.8, rerankScore: 1.2 },
];

interface Fakes {
  search?: DataSource['search'];
  wantsVector?: boolean;
  queries?: string[];
  answer?: string;
  ports?: Partial<ChatOnYourDataPorts>;
}

/** The capability, with what its source and its model were asked. */
function capability({
  search = async () => dogs,
  wantsVector = false,
  queries = ['dog care'],
  answer = 'Walk [doc1].',
  ports,
}: Fakes) {
  const searched: SourceQuery[] = [];
  const asked: CompletionBody[] = [];
  const source: DataSource = {
    wantsVector,
    scale: 'similarity',
    search: async (query, signal) => {
      searched.push(query);
      return search(query, signal);
    },
  };
  const { whole } = createChatOnYourData({
    openers: { elasticsearch: () => source },
    chat: {
      serves: () => true,
      async *stream() {
        yield { type: 'text', text: JSON.stringify(queries) };
        yield { type: 'finish', reason: 'stop' };
      },
    },
    completions: {
      serves: () => true,
      isExtractive: () => false,
      whole: async (body) => {
        asked.push(body);
        return { choices: [{ index: 0, message: { role: 'assistant', content: answer } }] };
      },
      async *chunks() {
        yield { choices: [] };
      },
    },
    embeddingDeployments: { embed: async (_dependency, texts) => texts.map((text) => Float32Array.of(text.length, 1)) },
    embeddingEndpoint: { embed: async (_dependency, texts) => texts.map((text) => Float32Array.of(text.length, 2)) },
    ...ports,
  });
  return { whole, searched, asked };
}

const request = (parameters: object = {}, type = 'elasticsearch') => ({
  scope,
  body: { model: 'gpt-4o', messages: [{ role: 'user', content: 'How to care for a dog?' }] },
  configuration: dataSource.parse({
    type,
    parameters: {
      endpoint: 'https://elastic.example',
      index_name: 'dogs',
      authentication: { type: 'encoded_api_key', encoded_api_key: 'k' },
      ...parameters,
    },
  }),
});
const contextOf = async (fakes: Fakes, parameters: object = {}) =>
  (await capability(fakes).whole(request(parameters), never)).choices[0]?.message.context;

it('tells of documents what the source knows of them; the ranker decides which the model is given', async () => {
  const include_contexts = ['citations', 'all_retrieved_documents'];
  const citation = {
    content: 'Walk it.',
    title: 'Dogs',
    url: 'https://dogs',
    filepath: 'dogs.txt',
    chunk_id: '4',
    rerank_score: 3.1,
  };
  expect(await contextOf({}, { include_contexts })).toEqual({
    citations: [citation],
    all_retrieved_documents: [
      { ...citation, search_queries: ['dog care'], data_source_index: 0, original_search_score: 0.9 },
      {
        content: 'Brush it.',
        chunk_id: '0',
        rerank_score: 1.2,
        search_queries: ['dog care'],
        data_source_index: 0,
        original_search_score: 0.8,
        filter_reason: 'rerank',
      },
    ],
  });
});

it('what finds no room in the prompt is not cited, and told as cut', async () => {
  const long = [0, 1].map((place) => ({ content: `${place} ${'walk '.repeat(70_000)}`, score: 0.9 - place / 100 }));
  const context = await contextOf(
    { search: async () => long },
    { include_contexts: ['citations', 'all_retrieved_documents'] },
  );
  expect(context).toMatchObject({
    citations: [{ content: long[0]?.content }],
    all_retrieved_documents: [{ content: long[0]?.content }, { filter_reason: 'rerank' }],
  });
});

it.each([
  [{ type: 'deployment_name', deployment_name: 'embed' }, 1],
  [
    {
      type: 'endpoint',
      endpoint: 'https://a.openai.azure.com/openai/deployments/embed/embeddings',
      authentication: { type: 'api_key', key: 'k' },
    },
    2,
  ],
])('a source that wants vectors gets those of %j', async (embedding_dependency, mark) => {
  const { whole, searched } = capability({ wantsVector: true });
  await whole(request({ embedding_dependency }), never);
  expect(searched).toEqual([{ text: 'dog care', vector: Float32Array.of(8, mark), limit: 20 }]);
});

it('a source that makes its own vectors gets none', async () => {
  const { whole, searched } = capability({});
  await whole(request({ embedding_dependency: { type: 'model_id', model_id: 'm' } }), never);
  expect(searched[0]?.vector).toBeUndefined();
});

it('without anything that makes the vectors that its source wants a request is refused', async () => {
  await expect(capability({ wantsVector: true }).whole(request(), never)).rejects.toMatchObject({
    status: 400,
    details: { param: 'data_sources[0].parameters.embedding_dependency' },
  });
});

describe('faults of a source', () => {
  const failing = (error: Error): Fakes => ({
    queries: ['good', 'bad'],
    search: async ({ text }) => {
      if (text === 'bad') throw error;
      return dogs;
    },
  });

  it.each([
    ['invalid', 400],
    ['authentication', 400],
    ['not_found', 400],
    ['refused_address', 400],
    ['rate_limited', 429],
    ['unavailable', 424],
    ['timeout', 424],
  ] as const)('of the kind %s are a %i with the source named', async (kind, status) => {
    const error = await capability(failing(new SourceError(kind, 'Mend it.', 'data_sources[0].parameters.index_name')))
      .whole(request(), never)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status,
      message: "The data source 'elasticsearch' failed: Mend it.",
      details: { code: expect.stringContaining('data_source'), param: 'data_sources[0].parameters.index_name' },
    });
  });

  it('of one query do not keep an answer away where partial results are allowed', async () => {
    const fakes = failing(new SourceError('unavailable', 'down'));
    expect(await contextOf(fakes, { allow_partial_result: true })).toMatchObject({ citations: [{ title: 'Dogs' }] });
    await expect(contextOf(fakes, { allow_partial_result: false })).rejects.toMatchObject({ status: 424 });
    await expect(contextOf({ ...fakes, queries: ['bad'] }, { allow_partial_result: true })).rejects.toMatchObject({
      status: 424,
    });
  });
});

it('a type that nothing opens is a 400 before a model is asked', async () => {
  let isAsked = false;
  const chat: ChatModel = {
    serves: () => true,
    async *stream() {
      isAsked = true;
      yield { type: 'finish', reason: 'stop' };
    },
  };
  const { whole } = capability({ ports: { openers: {}, chat } });
  await expect(whole(request(), never)).rejects.toMatchObject({ status: 400, details: { code: 'unsupported' } });
  expect(isAsked).toBe(false);
});

it('a deployment that does not embed is told as the model’s fault', async () => {
  const embeddingDeployments = {
    embed: async () => {
      throw new ModelError('not_found', 'Nothing serves embed.');
    },
  };
  const { whole } = capability({ wantsVector: true, ports: { embeddingDeployments } });
  const embedding_dependency = { type: 'deployment_name', deployment_name: 'embed' };
  await expect(whole(request({ embedding_dependency }), never)).rejects.toMatchObject({
    status: 404,
    details: { code: 'DeploymentNotFound' },
  });
});

it('who leaves while a source is opened does not wait for it', async () => {
  const stop = new AbortController();
  const elasticsearch = () => {
    queueMicrotask(() => stop.abort(new Error('the caller left')));
    return new Promise<DataSource>(() => undefined);
  };
  const { whole } = capability({ ports: { openers: { elasticsearch } } });
  await expect(whole(request(), stop.signal)).rejects.toThrow('the caller left');
});
