/** Reads a file of any kind as text. */
import { DocumentError, type DocumentSection } from '../../retrieval/ports';
import { documentKind, type DocumentKind, type TextKind } from './documentKind';
import { decodeFile, findEncoding, readSample } from './encoding';
import { readCsv } from './readCsv';
import { readDoc } from './readDoc';
import { readDocx } from './readDocx';
import { readEpub } from './readEpub';
import { readHtml, readXhtml } from './readHtml';
import { readJson, readJsonLines } from './readJson';
import { readNotebook } from './readNotebook';
import { readOutlook } from './readOutlook';
import { readPdf } from './readPdf';
import { readPptx } from './readPptx';
import { readSpreadsheet } from './readSpreadsheet';
import { readMarkdown, readPlainText } from './readText';
import { readXml } from './readXml';
import { SectionWriter } from './sectionWriter';

/** A file on this machine and the name its user gave it. */
export interface DocumentFile {
  path: string;
  filename: string;
  bytes: number;
}

const textReaders: Record<TextKind, (pieces: AsyncIterable<string>, output: SectionWriter) => Promise<void>> = {
  html: readHtml,
  xhtml: readXhtml,
  markdown: readMarkdown,
  notebook: readNotebook,
  json: readJson,
  jsonl: readJsonLines,
  csv: readCsv,
  xml: readXml,
  text: readPlainText,
};

/** The document's text in reading order, in at least one section. Throws `DocumentError` as the `DocumentParser` port says. */
export async function readDocument(file: DocumentFile): Promise<DocumentSection[]> {
  const sample = await readSample(file.path);
  if (sample.length === 0) throw new DocumentError('invalid_file', 'The file is empty.');
  const kind = await documentKind(file.path, file.filename, sample);
  const sections = await readKind(kind, file, sample);
  if (sections.length === 0) throw new DocumentError('invalid_file', 'The file has no text.');
  return sections;
}

async function readKind(kind: DocumentKind, file: DocumentFile, sample: Buffer): Promise<DocumentSection[]> {
  const { path, bytes } = file;
  const output = new SectionWriter();
  switch (kind) {
    case 'pdf':
      await readPdf(path, bytes, output);
      break;
    case 'docx':
      await readDocx(path, output);
      break;
    case 'doc':
      await readDoc(path, output);
      break;
    case 'pptx':
      await readPptx(path, output);
      break;
    case 'spreadsheetPackage':
    case 'xls':
      await readSpreadsheet(path, bytes, kind !== 'xls', output);
      break;
    case 'epub':
      await readEpub(path, output);
      break;
    case 'msg':
      await readOutlook(path, output);
      break;
    default:
      return readTextKind(kind, path, sample);
  }
  return output.finish();
}

async function readTextKind(kind: TextKind, path: string, sample: Buffer): Promise<DocumentSection[]> {
  const encoding = await findEncoding(path, sample, declaredEncoding(kind, sample));
  const output = new SectionWriter();
  try {
    await textReaders[kind](decodeFile(path, encoding), output);
    return output.finish();
  } catch (error) {
    if (kind !== 'csv' || !isCsvError(error)) throw error;
    // Not in the format its name says, but still text that can be found.
    return readTextKind('text', path, sample);
  }
}

/** What an HTML or XML file says of its own encoding. */
function declaredEncoding(kind: TextKind, sample: Buffer): string | undefined {
  const head = sample.subarray(0, 4096).toString('latin1');
  const meta = /<meta[^>]{0,200}charset\s*=\s*["']?([\w-]+)/i.exec(head)?.[1];
  if (kind === 'html') return meta;
  const declaration = /^<\?xml[^>]{0,200}encoding\s*=\s*["']([\w-]+)/.exec(head)?.[1];
  if (kind === 'xhtml') return declaration ?? meta;
  return kind === 'xml' ? declaration : undefined;
}

function isCsvError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_');
}
