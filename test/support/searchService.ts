/** Azure AI Search on loopback: indexes, documents, queries; it shows writes late and fails where it is told to. */
import { bm25, cosine, ranked, type Scored } from '../sources/textScore';
import { Refusal, startRestServer, type RestAnswer, type RestRequest, type RestServer } from '../sources/restServer';
import { parseFilter, type Row } from './odata';
import {
  batchShape,
  indexShape,
  searchShape,
  type FieldShape,
  type IndexShape,
  type SearchShape,
} from './searchShapes';

export const SEARCH_KEY = 'admin-key-of-the-search-service';

export interface SearchService extends RestServer {
  /** Definitions by name. */
  indexes: ReadonlyMap<string, IndexShape>;
  /** Documents of the index that searches find. */
  visible(index: string): Row[];
  /** How many requests later a written document shows; those of one write show one after another. */
  lag: number;
  /** Taken one by one by the next writes: that status for every second document. */
  documentFaults: number[];
  /** Used up: queries are answered without it. */
  semanticRanker: 'on' | 'used up' | 'refused';
}

interface Stored {
  definition: IndexShape;
  documents: Map<string, Row>;
  /** Writes that do not show yet: at which request they do. */
  coming: { at: number; key: string; row: Row | undefined }[];
}

const refuse = (status: number, message: string): never => {
  throw new Refusal({ status, body: { error: { code: '', message } } });
};

export async function startSearchService(): Promise<SearchService> {
  const indexes = new Map<string, Stored>();
  let count = 0;

  function answerTo(request: RestRequest): RestAnswer {
    count += 1;
    if (request.query.get('api-version') !== '2026-04-01') refuse(400, 'The api-version is missing or unknown.');
    if (request.headers['api-key'] !== SEARCH_KEY) refuse(403, '');
    const { method, path, body } = request;
    if (method === 'POST' && path === '/indexes') return define(body, undefined);
    const [, name = '', rest = ''] = /^\/indexes\('([^']*)'\)(.*)$/.exec(path) ?? [];
    if (method === 'PUT' && rest === '') return define(body, name);
    const index = indexes.get(name) ?? refuse(404, `The index '${name}' for service 'loopback' was not found.`);
    show(index);
    if (method === 'GET' && rest === '') return { status: 200, body: { '@odata.etag': '"1"', ...index.definition } };
    if (method === 'POST' && rest === '/docs/search.index') return write(index, body, request);
    if (method === 'POST' && rest === '/docs/search.post.search') return search(index, body);
    return refuse(404, 'No such operation.');
  }

  function define(body: unknown, name: string | undefined): RestAnswer {
    const parsed = indexShape.safeParse(body);
    if (!parsed.success) return refuse(400, `The request is invalid. Details: ${parsed.error.message}`);
    const definition = parsed.data;
    if (name !== undefined && name !== definition.name) refuse(400, 'The names of address and body differ.');
    const held = indexes.get(definition.name);
    if (held && name === undefined) refuse(409, `The index '${definition.name}' already exists.`);
    for (const field of held?.definition.fields ?? []) {
      const same = definition.fields.find((each) => each.name === field.name);
      if (JSON.stringify(same) !== JSON.stringify(field))
        refuse(400, `Existing field '${field.name}' cannot be deleted or changed.`);
    }
    if (held) held.definition = definition;
    else indexes.set(definition.name, { definition, documents: new Map(), coming: [] });
    return { status: held ? 200 : 201, body: definition };
  }

  function show(index: Stored): void {
    const due = index.coming.filter(({ at }) => at <= count);
    index.coming = index.coming.filter(({ at }) => at > count);
    for (const { key, row } of due) {
      if (row) index.documents.set(key, row);
      else index.documents.delete(key);
    }
  }

  function write(index: Stored, body: unknown, { headers }: RestRequest): RestAnswer {
    if (Number(headers['content-length']) > 16 * 1024 * 1024) refuse(413, 'The request is too large.');
    const parsed = batchShape.safeParse(body);
    if (!parsed.success) return refuse(400, `The request is invalid. Details: ${parsed.error.message}`);
    if (parsed.data.value.length > 1_000) refuse(400, 'A batch holds at most 1000 actions.');
    const keyField = index.definition.fields.find(({ key }) => key)?.name ?? '';
    const rows = parsed.data.value.map(({ '@search.action': action, ...row }) => ({ action, row }));
    for (const { action, row } of rows) checkRow(index.definition, row, action === 'delete' ? keyField : undefined);
    const fault = service.documentFaults.shift();
    const value = rows.map(({ action, row }, place) => {
      const key = String(row[keyField]);
      if (fault !== undefined && place % 2 === 0) {
        return { key, status: false, errorMessage: `document fault ${fault}`, statusCode: fault };
      }
      if (action !== 'upload' && action !== 'delete') refuse(400, 'This server takes uploads and deletions.');
      index.coming.push({
        at: service.lag === 0 ? 0 : count + service.lag + (place % 3),
        key,
        row: action === 'delete' ? undefined : row,
      });
      return { key, status: true, errorMessage: null, statusCode: action === 'delete' ? 200 : 201 };
    });
    show(index);
    return { status: value.every(({ status }) => status) ? 200 : 207, body: { value } };
  }

  function search(index: Stored, body: unknown): RestAnswer {
    const parsed = searchShape.safeParse(body);
    if (!parsed.success) return refuse(400, `The request is invalid. Details: ${parsed.error.message}`);
    return answerSearch(index.definition, [...index.documents.values()], parsed.data, service.semanticRanker);
  }

  const server = await startRestServer(answerTo);
  const service: SearchService = {
    ...server,
    get indexes() {
      return new Map([...indexes].map(([name, { definition }]) => [name, definition]));
    },
    visible(name) {
      const index = indexes.get(name);
      return index ? [...index.documents.values()] : [];
    },
    lag: 0,
    documentFaults: [],
    semanticRanker: 'on',
  };
  return service;
}

/** Refuses what the index's fields do not take. `only`: the one field that may be there. */
function checkRow({ fields }: IndexShape, row: Row, only?: string): void {
  for (const [name, value] of Object.entries(row)) {
    const field = fields.find((each) => each.name === name);
    if (!field || (only !== undefined && name !== only)) {
      return refuse(400, `The property '${name}' does not exist on type 'search.documentFields'.`);
    }
    if (!fits(field, value))
      refuse(400, `The property '${name}' has a value that does not fit its type ${field.type}.`);
  }
  const key = fields.find((field) => field.key)?.name ?? '';
  if (!/^[\w=-]{1,1024}$/.test(String(row[key])))
    refuse(400, 'A document key has other characters than letters, digits, _, - and =.');
}

function fits({ type, dimensions, filterable }: FieldShape, value: unknown): boolean {
  if (value === null) return true;
  switch (type) {
    case 'Edm.String':
      return typeof value === 'string' && !(filterable && Buffer.byteLength(value) > 32_766);
    case 'Edm.Boolean':
      return typeof value === 'boolean';
    case 'Edm.Int32':
      return Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31;
    case 'Edm.Int64':
      return Number.isSafeInteger(value);
    case 'Edm.Double':
      return typeof value === 'number';
    case 'Collection(Edm.Single)':
      return Array.isArray(value) && value.length === dimensions && value.every((each) => typeof each === 'number');
  }
}

const listed = (names: string | undefined): string[] =>
  (names ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

function answerSearch(
  definition: IndexShape,
  documents: Row[],
  asked: SearchShape,
  semanticRanker: SearchService['semanticRanker'],
): RestAnswer {
  const fieldOf = (name: string, what: (field: FieldShape) => boolean): FieldShape => {
    const field = definition.fields.find((each) => each.name === name);
    return field && what(field) ? field : refuse(400, `The field '${name}' is unknown or cannot be used so.`);
  };
  const selected = listed(asked.select).map((name) => fieldOf(name, ({ retrievable }) => retrievable !== false).name);
  const passing = filtered(documents, asked.filter, fieldOf);
  let found: (Scored<Row> & { meaning?: number })[];
  const [vectorQuery, ...further] = asked.vectorQueries ?? [];
  if (vectorQuery) {
    if (asked.search !== undefined || further.length > 0) refuse(400, 'This server fuses nothing.');
    const field = fieldOf(vectorQuery.fields, ({ dimensions }) => dimensions !== undefined);
    const { vector } = vectorQuery;
    if (vector.length !== field.dimensions) refuse(400, `The vector field '${field.name}' has other dimensions.`);
    const holders = passing.filter((row) => Array.isArray(row[field.name]));
    found = ranked(
      holders,
      holders.map((row) => 1 / (2 - cosine(vector, numbers(row[field.name])))),
    ).slice(0, vectorQuery.k);
  } else if (asked.search === undefined || asked.search === '*') {
    found = passing.map((item) => ({ item, score: 1 }));
  } else {
    found = textMatches(definition, documents, passing, asked, fieldOf);
  }
  if (asked.queryType === 'semantic') found = byMeaning(definition, found, asked, semanticRanker);
  if (asked.orderby !== undefined) {
    const [name = '', direction = 'asc'] = asked.orderby.split(' ');
    const field = fieldOf(name, ({ sortable }) => sortable).name;
    const sign = direction === 'desc' ? -1 : 1;
    found = [...found].sort((a, b) => sign * (Number(a.item[field]) - Number(b.item[field])));
  }
  const value = found.slice(asked.skip, asked.skip + asked.top).map(({ item, score, meaning }) => ({
    '@search.score': score,
    ...(meaning !== undefined && { '@search.rerankerScore': meaning }),
    ...Object.fromEntries(
      Object.entries(item).filter(
        ([name]) =>
          (selected.length === 0 || selected.includes(name)) &&
          definition.fields.some((field) => field.name === name && field.retrievable !== false),
      ),
    ),
  }));
  return { status: 200, body: { ...(asked.count && { '@odata.count': found.length }), value } };
}

function filtered(
  documents: Row[],
  filter: string | undefined,
  fieldOf: (name: string, what: (field: FieldShape) => boolean) => FieldShape,
): Row[] {
  if (filter === undefined) return documents;
  let parsed: ReturnType<typeof parseFilter>;
  try {
    parsed = parseFilter(filter);
  } catch (error) {
    return refuse(400, `Invalid expression: ${error instanceof Error ? error.message : String(error)}`);
  }
  for (const { field, constant } of parsed.uses) {
    const { type } = fieldOf(field, ({ filterable }) => filterable);
    if (constant !== 'null' && (type === 'Edm.String') !== (constant === 'string'))
      refuse(400, `'${field}' is compared with a ${constant}.`);
  }
  return documents.filter(parsed.matches);
}

/** Scores as of the whole index, of those that pass. */
function textMatches(
  definition: IndexShape,
  documents: Row[],
  passing: Row[],
  asked: SearchShape,
  fieldOf: (name: string, what: (field: FieldShape) => boolean) => FieldShape,
): Scored<Row>[] {
  const query = asked.search ?? '';
  // The simple syntax gives these a meaning, which this server does not know.
  if (/[+|"()*~\\]|(^|\s)-/.test(query)) refuse(400, `This server knows no operators, and '${query}' has some.`);
  const fields = listed(asked.searchFields).map((name) =>
    fieldOf(name, ({ searchable, type }) => searchable && type === 'Edm.String'),
  );
  const analyzers = new Set(fields.map(({ analyzer }) => analyzer));
  const [analyzerName] = analyzers;
  const analyzer = definition.analyzers?.find(({ name }) => name === analyzerName);
  if (!analyzer || analyzers.size !== 1) return refuse(400, 'This server searches fields of one custom analyzer.');
  const words = (text: string): string => analyzed(text, new Set(analyzer.tokenFilters)).join(' ');
  const scores = bm25(
    documents.map((row) => words(fields.map(({ name }) => String(row[name] ?? '')).join(' '))),
    words(query),
  );
  const isPassing = new Set(passing);
  return ranked(
    documents,
    documents.map((row, place) => (isPassing.has(row) ? (scores[place] ?? 0) : 0)),
  );
}

/** The first fifty again, by the share of the query's words that they hold. */
function byMeaning(
  { semantic }: IndexShape,
  found: Scored<Row>[],
  asked: SearchShape,
  ranker: SearchService['semanticRanker'],
): (Scored<Row> & { meaning?: number })[] {
  if (!semantic?.configurations.some(({ name }) => name === asked.semanticConfiguration)) {
    refuse(400, `Unknown semantic configuration '${asked.semanticConfiguration}'.`);
  }
  if (ranker === 'refused') refuse(402, 'The quota of semantic queries is used up.');
  if (ranker === 'used up') return found;
  const words = (asked.search ?? '').toLowerCase().split(/\s+/);
  const first = found.slice(0, 50).map((each) => {
    const text = JSON.stringify(each.item).toLowerCase();
    return { ...each, meaning: (4 * words.filter((word) => text.includes(word)).length) / words.length };
  });
  return [...first.sort((a, b) => b.meaning - a.meaning), ...found.slice(50)];
}

const numbers = (value: unknown): number[] => (Array.isArray(value) ? value.map(Number) : []);

const STOPWORDS = new Set(
  'a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with'.split(
    ' ',
  ),
);
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/** What Lucene's filters of those names make of a text, roughly: stems are words without their commonest endings. */
function analyzed(text: string, filters: ReadonlySet<string>): string[] {
  let words: string[] = text.normalize(filters.has('cjk_width') ? 'NFKC' : 'NFC').match(/[\p{L}\p{N}\p{M}_]+/gu) ?? [];
  words = words.flatMap((word) => word.match(new RegExp(`${CJK.source}+|(?:(?!${CJK.source}).)+`, 'gu')) ?? []);
  if (filters.has('lowercase')) words = words.map((word) => word.toLowerCase());
  words = words.flatMap((word) => {
    const letters = [...word];
    if (!CJK.test(word)) return [word];
    if (!filters.has('cjk_bigram') || letters.length === 1) return letters;
    return letters.slice(1).map((letter, place) => (letters[place] ?? '') + letter);
  });
  if (filters.has('asciifolding'))
    words = words.map((word) => (CJK.test(word) ? word : word.normalize('NFD').replace(/\p{M}/gu, '')));
  if (filters.has('stopwords')) words = words.filter((word) => !STOPWORDS.has(word));
  if (filters.has('porter_stem')) words = words.map((word) => word.replace(/(?<=\w{3})(?:ing|ed|s)$/, ''));
  return words;
}
