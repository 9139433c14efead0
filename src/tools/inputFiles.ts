/** Files that are part of an input of responses, as text: uploaded, sent along, or fetched from their address. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ApiError, errors } from '../errors';
import type { InputFiles } from '../responses/ports';
import { DocumentError, type DocumentParser } from '../retrieval/ports';
import type { Retrieval } from '../retrieval/retrieval';
import type { Scope } from '../scope';
import { DownloadError, type FileDownload } from './ports';

const MEGABYTE = 1024 * 1024;
/** Bytes of one file, as of the services. */
const MAX_FILE_BYTES = 32 * MEGABYTE;
/** Characters of one file's text: about a million tokens, the largest context window there is. */
const MAX_CHARACTERS = 4 * MEGABYTE;
/** Milliseconds for one file, its way and its reading. */
const MAX_MILLISECONDS = 60_000;
/** Each turn of a conversation reads its files again. */
const CACHED_CHARACTERS = 16 * MEGABYTE;
/** What a text counts beside its characters, for its key and its names: short ones are bounded too. */
const ENTRY_CHARACTERS = 2048;
const CACHED_MILLISECONDS = 10 * 60_000;

interface FileText {
  filename: string;
  text: string;
}
type Part = Parameters<InputFiles['read']>[1];

export interface InputFilesPorts {
  files: Pick<Retrieval['files'], 'get' | 'content'>;
  parser: DocumentParser;
  download: FileDownload;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** Reads the files of inputs; what was read is kept for some minutes. */
export function inputFiles(ports: InputFilesPorts): InputFiles {
  const cache = textCache(ports.now);
  return {
    async read(scope, part, param, signal) {
      // One that was deleted is not read any more.
      if (part.file_id) await fileOf(ports, scope, part.file_id, param);
      const known = keyOf(scope, part);
      const cached = cache.get(known);
      if (cached) return cached;
      const expired = AbortSignal.timeout(MAX_MILLISECONDS);
      const whole = signal ? AbortSignal.any([signal, expired]) : expired;
      const refuse = (reason: string) =>
        errors.invalidParameter(`Invalid '${param}': ${reason}`, 'invalid_value', param);
      try {
        const read = await textOf(ports, scope, part, param, whole);
        if (read.text.length > MAX_CHARACTERS)
          throw refuse(`the text of '${read.filename}' is longer than ${MAX_CHARACTERS} characters.`);
        cache.set(known, read);
        return read;
      } catch (error) {
        signal?.throwIfAborted();
        if (expired.aborted) throw refuse(`the file was not read within ${MAX_MILLISECONDS / 1000} seconds.`);
        if (error instanceof DocumentError || error instanceof DownloadError) throw refuse(error.message);
        throw error;
      }
    },
  };
}

async function textOf(
  { files, parser, download }: InputFilesPorts,
  scope: Scope,
  { file_id: id, file_data: data, file_url: url, filename }: Part,
  param: string,
  signal: AbortSignal,
): Promise<FileText> {
  const parsed = async (name: string, bytes: number, open: () => Promise<Readable>): Promise<FileText> => {
    if (bytes > MAX_FILE_BYTES)
      throw new DocumentError('invalid_file', `The file is larger than ${MAX_FILE_BYTES} bytes.`);
    const sections = await parser.parse({ filename: name, bytes, open }, signal);
    return { filename: name, text: sections.map(({ text }) => text).join('\n\n') };
  };
  if (id) {
    const { filename: name, bytes } = await fileOf({ files }, scope, id, param);
    return parsed(name, bytes, async () => (await files.content(scope, id)).content);
  }
  if (url) {
    const { bytes, contentType } = await download.get(url, signal);
    return parsed(filename ?? nameIn(url, contentType), bytes.length, () => Promise.resolve(Readable.from([bytes])));
  }
  const { bytes, mediaType } = decoded(data ?? '', param);
  return parsed(filename ?? nameIn('', mediaType), bytes.length, () => Promise.resolve(Readable.from([bytes])));
}

async function fileOf({ files }: Pick<InputFilesPorts, 'files'>, scope: Scope, id: string, param: string) {
  return files.get(scope, id).catch((error: unknown) => {
    throw error instanceof ApiError && error.status === 404 ? errors.noFile(id, `${param}.file_id`) : error;
  });
}

/** A `data:` URL, or base64 alone. Throws 400 for what is neither. */
function decoded(data: string, param: string): { bytes: Buffer; mediaType?: string } {
  const [, mediaType, inUrl] = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/s.exec(data) ?? [];
  const base64 = (inUrl ?? data).replace(/\s+/g, '');
  if (base64 === '' || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) {
    const message = `Invalid '${param}.file_data': it is neither base64 nor a 'data:' URL in base64.`;
    throw errors.invalidParameter(message, 'invalid_value', `${param}.file_data`);
  }
  return { bytes: Buffer.from(base64, 'base64'), ...(mediaType && { mediaType }) };
}

const EXTENSIONS: Record<string, string> = {
  'application/pdf': 'pdf',
  'application/json': 'json',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'pptx',
  'text/csv': 'csv',
  'text/html': 'html',
  'text/markdown': 'md',
  'text/xml': 'xml',
  'application/xml': 'xml',
};

/** The file's name in its address; one by its type where that has none, since the name tells the parser what it is. */
function nameIn(url: string, contentType = ''): string {
  const last = url ? decodedSegment(new URL(url).pathname.split('/').at(-1) ?? '') : '';
  if (/\.\w{1,8}$/.test(last)) return last;
  const extension = EXTENSIONS[contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''] ?? 'txt';
  return `${last || 'file'}.${extension}`;
}

function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // A percent sign that encodes nothing stands for itself.
    return segment;
  }
}

const keyOf = ({ tenant, project }: Scope, { file_id, file_data, file_url, filename }: Part): string =>
  createHash('sha256')
    .update(JSON.stringify([tenant, project, file_id, file_url, filename]))
    .update(file_data ?? '')
    .digest('base64');

const sizeOf = ({ text }: FileText): number => text.length + ENTRY_CHARACTERS;

/** Texts by key, the one that was not asked for the longest goes first. */
function textCache(now: () => number) {
  const texts = new Map<string, { read: FileText; until: number }>();
  let characters = 0;
  const drop = (key: string): void => {
    const found = texts.get(key);
    if (found) characters -= sizeOf(found.read);
    texts.delete(key);
  };
  return {
    get(key: string): FileText | undefined {
      const found = texts.get(key);
      if (!found || found.until <= now()) {
        drop(key);
        return undefined;
      }
      texts.delete(key);
      texts.set(key, found);
      return found.read;
    },
    set(key: string, read: FileText): void {
      drop(key);
      texts.set(key, { read, until: now() + CACHED_MILLISECONDS });
      characters += sizeOf(read);
      for (const oldest of texts.keys()) {
        if (characters <= CACHED_CHARACTERS) break;
        drop(oldest);
      }
    },
  };
}
