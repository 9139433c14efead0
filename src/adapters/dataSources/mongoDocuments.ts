/** Documents of MongoDB collections as the pipeline wants them: which fields are asked for, and how their values become text. */
import { BSON, type AggregationCursor, type Document } from 'mongodb';
import { SourceError, type SourceDocument } from '../../dataSources/ports';
import type { ParametersOf } from '../../wire/dataSources';
import { withContent } from './documentFields';
import { paramOf } from './sourceCalls';

export type MongoFields = ParametersOf<'mongo_db' | 'azure_cosmos_db'>['fields_mapping'];

/** Characters of one search at most. */
const MAX_CHARACTERS = 16_000_000;
const DEFAULT_SEPARATOR = '\n';

/** A document, and what tells it from others of its collection. */
export interface FoundDocument extends SourceDocument {
  key: string;
}

/** Throws {@link SourceError} `invalid` for names that would be variables or operators to MongoDB. */
export function checkFields(fields: MongoFields): void {
  const { content_fields, vector_fields, title_field, url_field, filepath_field } = fields;
  const names = [...content_fields, ...vector_fields, title_field, url_field, filepath_field];
  for (const name of names) {
    if (name === undefined || /^[^$.\0]+(\.[^$.\0]+)*$/.test(name)) continue;
    const message = `The field name '${name.slice(0, 64)}' is not valid: parts are joined by dots, do not begin with $ and are not empty.`;
    throw new SourceError('invalid', message, paramOf('fields_mapping'));
  }
}

/** The `$project` stage that fetches the mapped fields alone, under names of ours so that they cannot collide. */
export function projectionOf(fields: MongoFields, score: 'vectorSearchScore' | 'searchScore'): Document {
  const { content_fields, title_field, url_field, filepath_field } = fields;
  return {
    $project: {
      _id: 1,
      content: content_fields.map((field) => `$${field}`),
      ...(title_field && { title: `$${title_field}` }),
      ...(url_field && { url: `$${url_field}` }),
      ...(filepath_field && { filepath: `$${filepath_field}` }),
      score: { $meta: score },
    },
  };
}

/** Reads at most `limit` documents. Throws {@link SourceError} `invalid` where they are too large together. */
export async function readDocuments(
  cursor: AggregationCursor,
  fields: MongoFields,
  limit: number,
): Promise<FoundDocument[]> {
  const found: FoundDocument[] = [];
  let characters = 0;
  for await (const document of cursor) {
    const read = documentOf(document, fields);
    for (const text of [read.key, read.content, read.title, read.url, read.filepath]) characters += text?.length ?? 0;
    if (characters > MAX_CHARACTERS) {
      throw new SourceError(
        'invalid',
        `The documents found have more than ${MAX_CHARACTERS} characters together. Index smaller pieces, or set a lower top_n_documents.`,
        paramOf('top_n_documents'),
      );
    }
    found.push(read);
    if (found.length >= limit) break;
  }
  return found;
}

/**
 * What several vector fields found, each document once with its best score, best first. Throws {@link SourceError} `invalid` where no
 * document has any of the content fields.
 */
export function bestOf(source: string, lists: FoundDocument[][], fields: MongoFields, limit: number): SourceDocument[] {
  const best = new Map<string, FoundDocument>();
  for (const found of withContent(source, lists.flat(), fields.content_fields)) {
    const known = best.get(found.key);
    if (!known || found.score > known.score) best.set(found.key, found);
  }
  return [...best.values()]
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ key: _, ...document }) => document);
}

function documentOf(document: Document, fields: MongoFields): FoundDocument {
  const parts: unknown[] = Array.isArray(document.content) ? document.content : [];
  const separator = fields.content_fields_separator ?? DEFAULT_SEPARATOR;
  return {
    key: BSON.EJSON.stringify({ id: document._id }, { relaxed: false }),
    content: parts.flatMap((part) => textOf(part) ?? []).join(separator),
    title: textOf(document.title),
    url: textOf(document.url),
    filepath: textOf(document.filepath),
    score: Number(document.score),
  };
}

/** Undefined for what is not there. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.flatMap((each) => textOf(each) ?? []).join('\n');
  if (value instanceof Date) return value.toISOString();
  const isPlain = typeof value === 'object' && !('_bsontype' in value);
  return isPlain ? BSON.EJSON.stringify(value) : String(value);
}
