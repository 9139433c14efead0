/** Tells what a file is: by its content first, among texts by its name. */
import { extname } from 'node:path';
import type { FileTypeResult } from 'file-type';
import { DocumentError } from '../../retrieval/ports';
import { compoundContent, type CompoundContent } from './compoundFile';
import { sniffEncoding } from './encoding';

/** A way of reading documents. */
export type DocumentKind = BinaryKind | TextKind;
/** Files that are text. */
export type TextKind = 'html' | 'xhtml' | 'markdown' | 'notebook' | 'json' | 'jsonl' | 'csv' | 'xml' | 'text';
/** Files that are not: a format each, and the two of spreadsheets. */
type BinaryKind = 'pdf' | 'docx' | 'pptx' | 'epub' | 'spreadsheetPackage' | CompoundContent;

const KINDS_READ =
  'PDF, Word (.docx, .doc), PowerPoint (.pptx), spreadsheets (.xlsx, .xls, .xlsb, .ods), EPUB, Outlook messages (.msg), HTML, Markdown, Jupyter ' +
  'notebooks, JSON, ' +
  'JSON Lines, CSV, XML, and plain text or source code';

/** Texts that are more than lines; every other extension is read as plain text if it is text. */
const textKinds: Record<string, DocumentKind> = {
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'xhtml',
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.mdx': 'markdown',
  '.json': 'json',
  '.ipynb': 'notebook',
  '.geojson': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.xml': 'xml',
  '.rss': 'xml',
  '.atom': 'xml',
};

/** The kinds whose files have a form of their own, which a name alone does not give. */
const formats: Record<string, string> = {
  '.pdf': 'PDF',
  '.docx': 'Word document',
  '.pptx': 'PowerPoint presentation',
  '.xlsx': 'spreadsheet',
  '.xlsb': 'spreadsheet',
  '.ods': 'spreadsheet',
  '.epub': 'electronic book',
  '.msg': 'Outlook message',
};

/** Zip packages that are read, by the extension that belongs to their content. */
const packages: Record<string, BinaryKind> = {
  '.docx': 'docx',
  '.docm': 'docx',
  '.dotx': 'docx',
  '.pptx': 'pptx',
  '.pptm': 'pptx',
  '.ppsx': 'pptx',
  '.xlsx': 'spreadsheetPackage',
  '.xlsm': 'spreadsheetPackage',
  '.xltx': 'spreadsheetPackage',
  '.xlsb': 'spreadsheetPackage',
  '.ods': 'spreadsheetPackage',
  '.epub': 'epub',
};

/** Programs write these also as HTML or tab-separated text under the old name. */
const oldOfficeNames = new Set(['.doc', '.xls']);

/**
 * How to read the file whose first bytes are `sample`. Throws {@link DocumentError}: `unsupported_file` for a kind that is not read,
 * `invalid_file` for one whose content is not what its name says.
 */
export async function documentKind(path: string, filename: string, sample: Buffer): Promise<DocumentKind> {
  const extension = extname(filename).toLowerCase();
  const head = sample.subarray(0, 1024).toString('latin1');
  const encoding = sniffEncoding(sample);
  if (isPdf(head, extension, encoding !== undefined)) return 'pdf';
  // Bytes that could be UTF-16 without a byte order mark could also be packed data.
  const isCertain = encoding && !(sample.includes(0) && !/^(\u00ff\u00fe|\u00fe\u00ff)/.test(head));
  if (!isCertain) {
    const { fileTypeFromFile } = await import('file-type');
    const type = await fileTypeFromFile(path);
    if (type || !encoding) return binaryKind(path, type, extension);
  }
  if (formats[extension]) throw notWhatItSays(extension);
  if (head.startsWith('{\\rtf')) throw unsupported('an RTF document');
  return textKinds[extension] ?? (extension && !oldOfficeNames.has(extension) ? 'text' : markupKind(head));
}

/** A PDF may have other bytes before its header; a text may speak of the header. */
function isPdf(head: string, extension: string, isText: boolean): boolean {
  if (/^(\u00ef\u00bb\u00bf)?\s*%PDF-/.test(head)) return true;
  return head.includes('%PDF-') && (extension === '.pdf' || !isText);
}

async function binaryKind(path: string, type: FileTypeResult | undefined, extension: string): Promise<BinaryKind> {
  if (type?.ext === 'cfb') return compoundKind(path, extension);
  const kind = packages[`.${type?.ext}`] ?? (type?.ext === 'zip' ? packages[extension] : undefined);
  if (kind) return kind;
  if (formats[extension] && !type) throw notWhatItSays(extension);
  const content = type ? `a .${type.ext} file (${type.mime})` : 'binary data of an unknown kind';
  throw unsupported(extension && `.${type?.ext}` !== extension ? `${content} named ${extension}` : content);
}

async function compoundKind(path: string, extension: string): Promise<BinaryKind> {
  const content = await compoundContent(path);
  if (content) return content;
  throw unsupported(`an Office file in a format before 2007${extension && `, named ${extension}`}`);
}

function markupKind(head: string): DocumentKind {
  if (/^\s*(<!doctype html|<html)/i.test(head)) return 'html';
  return /^(\u00ef\u00bb\u00bf)?<\?xml/.test(head) ? 'xml' : 'text';
}

function unsupported(content: string): DocumentError {
  return new DocumentError(
    'unsupported_file',
    `The file is ${content}, which is not read. The kinds that are read: ${KINDS_READ}.`,
  );
}

function notWhatItSays(extension: string): DocumentError {
  return new DocumentError(
    'invalid_file',
    `The file is named ${extension} but is not a ${formats[extension]}; it may be damaged.`,
  );
}
