/** Reads a file of any kind as text. */
import { DocumentError, type DocumentSection } from '../../retrieval/ports';
import { documentKind, type DocumentKind } from './documentKind';
import { decodeFile, findEncoding, readSample } from './encoding';
import { readCsv } from './readCsv';
import { readDocx } from './readDocx';
import { readHtml } from './readHtml';
import { readJson, readJsonLines } from './readJson';
import { readPdf } from './readPdf';
import { readPptx } from './readPptx';
import { readMarkdown, readPlainText } from './readText';
import { readXml } from './readXml';
import { SectionWriter } from './sectionWriter';

/** A file on this machine and the name its user gave it. */
export interface DocumentFile {
  path: string;
  filename: string;
  bytes: number;
}

type TextKind = Exclude<DocumentKind, 'pdf' | 'docx' | 'pptx'>;

const textReaders: Record<TextKind, (pieces: AsyncIterable<string>, output: SectionWriter) => Promise<void>> = {
  html: readHtml,
  markdown: readMarkdown,
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
  const output = new SectionWriter();
  if (kind === 'pdf') await readPdf(file.path, file.bytes, output);
  else if (kind === 'docx') await readDocx(file.path, output);
  else if (kind === 'pptx') await readPptx(file.path, output);
  else return readTextKind(kind, file.path, sample);
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
  if (kind === 'html') return /<meta[^>]{0,200}charset\s*=\s*["']?([\w-]+)/i.exec(head)?.[1];
  return kind === 'xml' ? /^<\?xml[^>]{0,200}encoding\s*=\s*["']([\w-]+)/.exec(head)?.[1] : undefined;
}

function isCsvError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_');
}
