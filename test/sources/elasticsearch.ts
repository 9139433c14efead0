/**
 * Elasticsearch's REST API over the library: bodies and answers as elastic/elasticsearch-specification declares them, refusals as
 * elastic/elasticsearch answers them (its yamlRestTest suites search.vectors and issues), every answer with the product header that clients check.
 */
import { z } from 'zod';
import {
  indexedText,
  storedFields,
  wordCorpus,
  type Corpus,
  type LibraryDocument,
  type SourceOptions,
} from './library';
import { Refusal, startRestServer, type RestAnswer, type RestRequest, type RestServer } from './restServer';
import { bm25, cosine, ranked, type Scored } from './textScore';

export interface ElasticsearchServer extends RestServer {
  indexName: string;
  key: string;
  keyId: string;
  encodedApiKey: string;
  modelId: string;
}

const INDEX = 'library';
const KEY_ID = 'key-id';
const KEY = 'key-of-elasticsearch';
const ENCODED = Buffer.from(`${KEY_ID}:${KEY}`).toString('base64');
const MODEL = 'word-vectors';
const product = { 'x-elastic-product': 'Elasticsearch' };

const properties: Record<string, Record<string, unknown>> = {
  content: { type: 'text' },
  title: { type: 'text', fields: { keyword: { type: 'keyword' } } },
  url: { type: 'keyword' },
  filepath: { type: 'keyword' },
  category: { type: 'keyword' },
  contentvector: { type: 'dense_vector', index: true, similarity: 'cosine' },
  titlevector: { type: 'dense_vector', index: true, similarity: 'cosine' },
};

const knn = z.strictObject({
  field: z.string(),
  k: z.int().min(1).optional(),
  num_candidates: z.int().min(1).max(10_000).optional(),
  query_vector: z.array(z.number()).optional(),
  query_vector_builder: z
    .strictObject({ text_embedding: z.strictObject({ model_id: z.string(), model_text: z.string() }) })
    .optional(),
});
const searchBody = z.strictObject({
  size: z.int().min(0).max(10_000).default(10),
  _source: z.array(z.string()).optional(),
  query: z.strictObject({ multi_match: z.strictObject({ query: z.string(), fields: z.array(z.string()) }) }).optional(),
  knn: z.union([knn, z.array(knn)]).optional(),
});

const refuse = (status: number, type: string, reason: string): never => {
  const cause = { type, reason };
  throw new Refusal({ status, headers: product, body: { error: { root_cause: [cause], ...cause }, status } });
};

export async function startElasticsearch({
  port,
  corpus = wordCorpus,
}: SourceOptions = {}): Promise<ElasticsearchServer> {
  const server = await startRestServer((request) => answerTo(request, corpus), port);
  return { ...server, indexName: INDEX, key: KEY, keyId: KEY_ID, encodedApiKey: ENCODED, modelId: MODEL };
}

function answerTo(request: RestRequest, corpus: Corpus): RestAnswer {
  if (request.headers.authorization !== `ApiKey ${ENCODED}`) {
    refuse(
      401,
      'security_exception',
      'unable to authenticate with provided credentials and anonymous access is not allowed',
    );
  }
  // Version 8 takes 7 and 8, version 9 takes 8 and 9: this server stands for both.
  const version = /compatible-with=(\d+)/.exec(request.headers.accept ?? '')?.[1];
  if (version !== undefined && version !== '8') {
    refuse(400, 'media_type_header_exception', `Invalid media-type value on headers [Accept]`);
  }
  const [, index, operation] = /^\/([^/]+)\/(_mapping|_search)$/.exec(request.path) ?? [];
  if (operation === undefined) refuse(400, 'illegal_argument_exception', `no handler found for [${request.path}]`);
  if (index !== INDEX) refuse(404, 'index_not_found_exception', `no such index [${index ?? ''}]`);
  if (operation === '_mapping')
    return { status: 200, headers: product, body: { [INDEX]: { mappings: { properties: propertiesOf(corpus) } } } };
  return search(request.body, corpus);
}

const propertiesOf = ({ embed }: Corpus) =>
  Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [
      name,
      property.type === 'dense_vector' ? { ...property, dims: embed('').length } : property,
    ]),
  );

function search(body: unknown, corpus: Corpus): RestAnswer {
  const parsed = searchBody.safeParse(body);
  if (!parsed.success) return refuse(400, 'parsing_exception', parsed.error.message);
  const { size, _source, query, knn: near } = parsed.data;
  const scores = new Map<LibraryDocument, number>();
  const add = (found: Scored<LibraryDocument>[]) => {
    for (const { item, score } of found) scores.set(item, (scores.get(item) ?? 0) + score);
  };
  if (query) add(textMatches(corpus.documents, query.multi_match.query, query.multi_match.fields));
  for (const each of near ? [near].flat() : []) add(neighbours(corpus, each));
  const hits = [...scores]
    .sort(([, one], [, other]) => other - one)
    .slice(0, size)
    .map(([item, score]) => ({ _index: INDEX, _id: item.id, _score: score, _source: sourceOf(item, _source) }));
  const head = { took: 1, timed_out: false, _shards: { total: 1, successful: 1, skipped: 0, failed: 0 } };
  return {
    status: 200,
    headers: product,
    body: { ...head, hits: { total: { value: scores.size, relation: 'eq' }, hits } },
  };
}

const sourceOf = (document: LibraryDocument, names: string[] | undefined) =>
  Object.fromEntries(Object.entries(storedFields(document)).filter(([name]) => names?.includes(name) ?? true));

/** The best field counts, as `multi_match` does by itself. */
function textMatches(documents: readonly LibraryDocument[], query: string, names: string[]): Scored<LibraryDocument>[] {
  const texts = names.filter((name) => properties[name]?.type === 'text');
  const scores = texts.map((name) =>
    bm25(
      documents.map((each) => (name === 'content' ? indexedText(each) : (storedFields(each)[name] ?? ''))),
      query,
    ),
  );
  return ranked(
    documents,
    documents.map((_, place) => Math.max(0, ...scores.map((each) => each[place] ?? 0))),
  );
}

function neighbours(
  { documents, embed }: Corpus,
  { field, k = 10, num_candidates = 15, query_vector, query_vector_builder }: z.infer<typeof knn>,
) {
  if (k > num_candidates) {
    refuse(400, 'action_request_validation_exception', '[num_candidates] cannot be less than [k]');
  }
  if (properties[field]?.type !== 'dense_vector') {
    refuse(
      400,
      'query_shard_exception',
      `failed to create query: [knn] queries are only supported on [dense_vector] fields`,
    );
  }
  if ((query_vector === undefined) === (query_vector_builder === undefined)) {
    refuse(400, 'illegal_argument_exception', 'either [query_vector_builder] or [query_vector] must be provided');
  }
  const asked = query_vector ?? embed(modelText(query_vector_builder?.text_embedding));
  const dimensions = embed('').length;
  if (asked.length !== dimensions) {
    refuse(
      400,
      'query_shard_exception',
      `failed to create query: the query vector has a different dimension [${asked.length}] than the index vectors [${dimensions}]`,
    );
  }
  const of = (document: LibraryDocument) => (field === 'titlevector' ? document.title : indexedText(document));
  return ranked(
    documents,
    documents.map((each) => (1 + cosine(asked, embed(of(each)))) / 2),
  ).slice(0, k);
}

/** The text for the model of the cluster. */
function modelText(model: { model_id: string; model_text: string } | undefined): string {
  if (model?.model_id !== MODEL) {
    return refuse(404, 'resource_not_found_exception', `Could not find trained model [${model?.model_id ?? ''}]`);
  }
  return model.model_text;
}
