/**
 * Azure AI Search's REST API over the library, version 2026-04-01: what an index is and what a query may hold are those of the published
 * definition (Azure/azure-rest-api-specs, specification/search; learn.microsoft.com/rest/api/searchservice), its refusals as
 * learn.microsoft.com/azure/search and issues of Azure/azure-search-vector-samples show them.
 */
import { z } from 'zod';
import { odataFilter } from './odataFilter';
import {
  indexedText,
  storedFields,
  wordCorpus,
  type Corpus,
  type LibraryDocument,
  type SourceOptions,
} from './library';
import { Refusal, startRestServer, type RestAnswer, type RestRequest, type RestServer } from './restServer';
import { bm25, cosine, fused, ranked, type Scored } from './textScore';

export interface AzureSearchServer extends RestServer {
  indexName: string;
  adminKey: string;
  queryKey: string;
  /** A token of that text is taken, for the search service's audience. */
  token: string;
}

const INDEX = 'library';
const ADMIN_KEY = 'admin-key-of-the-search-service';
const QUERY_KEY = 'query-key-of-the-search-service';
const TOKEN = 'token-for-the-search-service';

type Field = { name: string; type: string } & Record<string, unknown>;
const text = (name: string, rest = {}): Field => ({
  name,
  type: 'Edm.String',
  searchable: true,
  retrievable: true,
  ...rest,
});
const vector = (name: string, profile: string): Field => ({
  name,
  type: 'Collection(Edm.Single)',
  searchable: true,
  retrievable: false,
  vectorSearchProfile: profile,
});
const fields: Field[] = [
  text('id', { key: true, searchable: false }),
  text('content'),
  text('title'),
  text('url', { searchable: false }),
  text('filepath', { searchable: false }),
  text('category', { filterable: true }),
  text('internal', { retrievable: false }),
  vector('contentvector', 'with-vectorizer'),
  vector('titlevector', 'without-vectorizer'),
  vector('image_vector', 'with-vectorizer'),
];
const definition = {
  name: INDEX,
  fields,
  semantic: {
    configurations: [{ name: 'default', prioritizedFields: { prioritizedContentFields: [{ fieldName: 'content' }] } }],
  },
  vectorSearch: {
    algorithms: [{ name: 'hnsw', kind: 'hnsw', hnswParameters: { metric: 'cosine' } }],
    profiles: [
      { name: 'with-vectorizer', algorithm: 'hnsw', vectorizer: 'words' },
      { name: 'without-vectorizer', algorithm: 'hnsw' },
    ],
    vectorizers: [
      { name: 'words', kind: 'customWebApi', customWebApiParameters: { uri: 'https://example.com/embed' } },
    ],
  },
};

const vectorQuery = z.strictObject({
  kind: z.enum(['vector', 'text']),
  vector: z.array(z.number()).optional(),
  text: z.string().optional(),
  fields: z.string(),
  k: z.int().min(1).optional(),
});
const searchRequest = z.strictObject({
  search: z.string().nullish(),
  queryType: z.enum(['simple', 'full', 'semantic']).default('simple'),
  semanticConfiguration: z.string().optional(),
  semanticErrorHandling: z.enum(['partial', 'fail']).optional(),
  filter: z.string().optional(),
  select: z.string().optional(),
  top: z.int().min(0).max(1_000).default(50),
  vectorQueries: z.array(vectorQuery).optional(),
});
type VectorQuery = z.infer<typeof vectorQuery>;

const refuse = (status: number, code: string, message: string): never => {
  throw new Refusal({ status, body: { error: { code, message } } });
};
const bad = (message: string, parameter: string) =>
  refuse(400, 'InvalidRequestParameter', `${message}\r\nParameter name: ${parameter}`);

export async function startAzureSearch({ port, corpus = wordCorpus }: SourceOptions = {}): Promise<AzureSearchServer> {
  const server = await startRestServer((request) => answerTo(request, corpus), port);
  return { ...server, indexName: INDEX, adminKey: ADMIN_KEY, queryKey: QUERY_KEY, token: TOKEN };
}

function answerTo(request: RestRequest, corpus: Corpus): RestAnswer {
  if (request.query.get('api-version') !== '2026-04-01') bad('The api-version is missing or unknown.', 'api-version');
  authenticate(request);
  const [, index, rest] = /^\/indexes\('([^']*)'\)(.*)$/.exec(request.path) ?? [];
  if (index !== INDEX) {
    return refuse(404, '', `The index '${index ?? ''}' for service 'loopback' was not found.`);
  }
  if (request.method === 'GET' && rest === '')
    return { status: 200, body: { ...definition, fields: fields.map((field) => described(field, corpus)) } };
  if (request.method === 'POST' && rest === '/docs/search.post.search') return search(request.body, corpus);
  return refuse(404, '', 'No such operation.');
}

const isVector = ({ vectorSearchProfile }: Field): boolean => vectorSearchProfile !== undefined;

const described = (field: Field, { embed }: Corpus) =>
  isVector(field) ? { ...field, dimensions: embed('').length } : field;

function authenticate({ headers, method }: RestRequest): void {
  const isQuery = method === 'POST';
  const key = headers['api-key'];
  if (key === ADMIN_KEY || (key === QUERY_KEY && isQuery)) return;
  if (key !== undefined) throw new Refusal({ status: 403, body: '' });
  if (headers.authorization === `Bearer ${TOKEN}`) return;
  throw new Refusal({ status: 401, headers: { 'www-authenticate': 'Bearer' }, body: '' });
}

function search(body: unknown, corpus: Corpus): RestAnswer {
  const parsed = searchRequest.safeParse(body);
  if (!parsed.success) return bad(`The request is invalid. Details: ${parsed.error.message}`, 'searchRequest');
  const asked = parsed.data;
  const selected = asked.select?.split(',').map((name) => name.trim()) ?? ['*'];
  for (const name of selected) {
    const field = fields.find((each) => each.name === name);
    if (name !== '*' && field?.retrievable !== true) {
      bad(`Invalid expression: Could not find a property named '${name}' on type 'search.document'.`, '$select');
    }
  }
  const documents = filtered(corpus.documents, asked.filter);
  const lists = (asked.vectorQueries ?? []).flatMap((query) => neighbours(documents, corpus.embed, query));
  if (asked.search != null || lists.length === 0) lists.unshift(textMatches(documents, asked.search ?? '*'));
  let found: (Scored<LibraryDocument> & { rerank?: number })[] = lists.length > 1 ? fused(lists) : (lists[0] ?? []);
  if (asked.queryType === 'semantic') {
    if (asked.semanticConfiguration !== 'default') {
      bad(
        asked.semanticConfiguration === undefined
          ? 'A semantic configuration is required: the index has no default one.'
          : `Unknown semantic configuration '${asked.semanticConfiguration}'.`,
        'semanticConfiguration',
      );
    }
    const meaning = corpus.embed(asked.search ?? '');
    found = found
      .map((each) => ({ ...each, rerank: 4 * cosine(meaning, corpus.embed(indexedText(each.item))) }))
      .sort((a, b) => b.rerank - a.rerank);
  }
  const value = found.slice(0, asked.top).map(({ item, score, rerank }) => ({
    '@search.score': score,
    ...(rerank !== undefined && { '@search.rerankerScore': rerank }),
    ...Object.fromEntries(
      Object.entries(storedFields(item)).filter(([name]) => selected.includes('*') || selected.includes(name)),
    ),
  }));
  return { status: 200, body: { value } };
}

function filtered(documents: readonly LibraryDocument[], filter: string | undefined): LibraryDocument[] {
  if (filter === undefined) return [...documents];
  const isFilterable = (name: string) => fields.find((field) => field.name === name)?.filterable === true;
  const matches = odataFilter(filter, isFilterable);
  if (!matches) bad(`Invalid expression: Syntax error or a field that is not filterable in '${filter}'.`, '$filter');
  return documents.filter((document) => matches?.({ ...document }));
}

function textMatches(documents: LibraryDocument[], query: string): Scored<LibraryDocument>[] {
  if (query === '*' || query === '') return documents.map((item) => ({ item, score: 1 }));
  const scores = ['content', 'title', 'category'].map((name) =>
    bm25(
      documents.map((each) => (name === 'content' ? indexedText(each) : (storedFields(each)[name] ?? ''))),
      query,
    ),
  );
  return ranked(
    documents,
    documents.map((_, place) => scores.reduce((sum, each) => sum + (each[place] ?? 0), 0)),
  );
}

/** One list a field, each with the score 1 / (1 + distance). */
function neighbours(
  documents: LibraryDocument[],
  embed: Corpus['embed'],
  query: VectorQuery,
): Scored<LibraryDocument>[][] {
  return query.fields.split(',').map((name) => {
    const field = fields.find((each) => each.name === name.trim());
    if (!field) return bad(`Unknown field '${name}' in vector field list.`, 'vector.fields');
    if (!isVector(field)) {
      return bad(`The field '${name}' in the vector field list is not a vector field.`, 'vector.fields');
    }
    const asked = vectorOf(query, field, embed);
    const scores = documents.map((each) => {
      const of =
        name === 'contentvector' ? indexedText(each) : name === 'titlevector' ? each.title : `picture of ${each.title}`;
      return 1 / (2 - cosine(asked, embed(of)));
    });
    return ranked(documents, scores).slice(0, query.k ?? 50);
  });
}

function vectorOf(query: VectorQuery, field: Field, embed: Corpus['embed']): ArrayLike<number> {
  if (query.kind === 'text') {
    if (query.text === undefined) return bad('A text is required.', 'vectorQueries.text');
    if (field.vectorSearchProfile === 'without-vectorizer') {
      return bad(`The field '${field.name}' does not have a vectorizer defined.`, 'vector.fields');
    }
    return embed(query.text);
  }
  const { vector: given = [] } = query;
  const dimensions = embed('').length;
  if (given.length !== dimensions) {
    return bad(
      `There's a mismatch in vector dimensions. The vector field '${field.name}', with dimension of '${dimensions}', expects a length of '${dimensions}'. However, the provided vector has a length of '${given.length}'.`,
      'vector',
    );
  }
  return given;
}
