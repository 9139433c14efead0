/** From the fields of a source's record to a document. */
import { SourceError, type SourceDocument } from '../../dataSources/ports';
import { paramOf } from './sourceCalls';

/** Which fields hold what. */
export interface DocumentFields {
  content: readonly string[];
  /** Between content fields; default a line end. */
  separator?: string;
  title?: string;
  url?: string;
  filepath?: string;
  chunkId?: string;
}

/** `fields_mapping` as all sources have it. */
export interface FieldsMapping {
  content_fields_separator?: string;
  title_field?: string;
  url_field?: string;
  filepath_field?: string;
}

/** The fields that a mapping names. */
export function mappedFields(mapping: FieldsMapping | undefined, content: readonly string[]): DocumentFields {
  return {
    content,
    separator: mapping?.content_fields_separator,
    title: mapping?.title_field,
    url: mapping?.url_field,
    filepath: mapping?.filepath_field,
  };
}

/** The fields of an index without a mapping: told apart by their names, the rest of the `texts` is content. */
export function guessedFields(names: readonly string[], texts: readonly string[], separator?: string): DocumentFields {
  const named = (pattern: RegExp) => names.find((name) => pattern.test(name));
  const title = named(/^title$/i) ?? named(/(^|[_.-])title$/i) ?? named(/^(name|subject)$/i);
  const url = named(/^(url|uri|link|source_?url)$/i) ?? named(/(_|-)(url|uri|link)$/i);
  const filepath = named(/^(file_?path|file_?name|source_?file|metadata_storage_(name|path))$/i);
  const chunkId = named(/^chunk_?id$/i);
  const taken = [title, url, filepath, chunkId, 'id', 'key', 'parent_id'];
  const usual = texts.find((name) => /^(content|text|chunk|body)$/i.test(name));
  const rest = usual ? [usual] : texts.filter((name) => !taken.includes(name));
  return { content: rest.length > 0 ? rest : texts, separator, title, url, filepath, chunkId };
}

/** Every field that is asked of the source. */
export function askedFields({ content, title, url, filepath, chunkId }: DocumentFields): string[] {
  return [...new Set([...content, title, url, filepath, chunkId].filter((name) => name !== undefined))];
}

export interface FoundRecord {
  fields: unknown;
  score: number;
  /** Before it was turned into `score`. */
  originalScore?: number;
  rerankScore?: number;
}

/** Documents in the order of the records. Throws {@link SourceError} `invalid` where no record has any of the content fields. */
export function documentsOf(
  service: string,
  records: readonly FoundRecord[],
  fields: DocumentFields,
): SourceDocument[] {
  const documents = records.map((record) => documentOf(record, fields));
  if (documents.length > 0 && documents.every(({ content }) => content === '')) {
    throw new SourceError(
      'invalid',
      `No document that ${service} found has text in ${fields.content.join(', ')}; name the fields that hold it.`,
      paramOf('fields_mapping.content_fields'),
    );
  }
  return documents.filter(({ content }) => content !== '');
}

function documentOf(
  { fields: record, score, originalScore, rerankScore }: FoundRecord,
  fields: DocumentFields,
): SourceDocument {
  const content = fields.content.map((name) => textOf(record, name)).filter((text) => text !== undefined);
  const optional = (name: string | undefined) => (name === undefined ? undefined : textOf(record, name));
  return {
    content: content.join(fields.separator ?? '\n'),
    title: optional(fields.title),
    url: optional(fields.url),
    filepath: optional(fields.filepath),
    chunkId: optional(fields.chunkId),
    score,
    ...(originalScore !== undefined && originalScore !== score && { originalScore }),
    ...(rerankScore !== undefined && { rerankScore }),
  };
}

/** The text of a field, which may lie deeper (`a.b` or `a/b`) or be several. */
function textOf(record: unknown, name: string): string | undefined {
  const text = plainText(valueAt(record, name));
  return text === '' ? undefined : text;
}

function valueAt(record: unknown, name: string): unknown {
  if (Array.isArray(record)) return record.map((each) => valueAt(each, name));
  if (typeof record !== 'object' || record === null) return undefined;
  const own = Object.entries(record).find(([key]) => key === name);
  if (own) return own[1];
  const [, first, rest] = /^([^./]+)[./](.+)$/.exec(name) ?? [];
  return first === undefined || rest === undefined ? undefined : valueAt(valueAt(record, first), rest);
}

function plainText(value: unknown): string {
  if (Array.isArray(value)) return value.map(plainText).filter(Boolean).join('\n');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}
