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
interface FieldsMapping {
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

/** What an index says of its own fields. */
export interface IndexFields {
  names: readonly string[];
  /** Those that may be content. */
  texts: readonly string[];
  vectors: readonly string[];
}

/**
 * The fields that a query reads, and the vector fields that it searches: those of the mapping, and for what that does not say those of the index, which is read only then.
 *
 * @param vectors Those of the mapping; undefined: all of the index.
 */
export async function queriedFields(
  mapping: (FieldsMapping & { content_fields?: readonly string[] }) | undefined,
  vectors: readonly string[] | undefined,
  read: () => Promise<IndexFields>,
): Promise<{ fields: DocumentFields; vectors: readonly string[] }> {
  const content = mapping?.content_fields;
  const mapped = mappedFields(mapping, content ?? []);
  if (content && vectors) return { fields: mapped, vectors };
  const index = await read();
  const guessed = guessedFields(index.names, index.texts, mapping?.content_fields_separator);
  return { fields: content ? mapped : completed(mapped, guessed), vectors: vectors ?? index.vectors };
}

/** What a mapping without content fields names, and the rest from the index. */
const completed = ({ title, url, filepath }: DocumentFields, guessed: DocumentFields): DocumentFields => ({
  ...guessed,
  title: title ?? guessed.title,
  url: url ?? guessed.url,
  filepath: filepath ?? guessed.filepath,
});

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
  return withContent(
    service,
    records.map((record) => documentOf(record, fields)),
    fields.content,
  );
}

/** Those that have text. Throws {@link SourceError} `invalid` where none has. */
export function withContent<Document extends SourceDocument>(
  service: string,
  documents: readonly Document[],
  contentFields: readonly string[],
): Document[] {
  const filled = documents.filter(({ content }) => content !== '');
  if (filled.length > 0 || documents.length === 0) return filled;
  throw new SourceError(
    'invalid',
    `No document that ${service} found has text in ${contentFields.join(', ')}; name the fields that hold it.`,
    paramOf('fields_mapping.content_fields'),
  );
}

/** A distance, or a similarity that may lie outside, as a similarity between 0 and 1. */
export const similarityOf = (score: number, isDistance: boolean): number =>
  isDistance ? 1 / (1 + Math.max(0, score)) : Math.min(1, Math.max(0, score));

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
