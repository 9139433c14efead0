/** PDF: a section for every page, by Mozilla's pdf.js. */
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PDFPageProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { z } from 'zod';
import { DocumentError } from '../../retrieval/ports';
import { MAX_PDF_BYTES, megabytes } from './limits';
import { annotationTexts } from './pdfAnnotations';
import { hasRightToLeft, inReadingOrder } from './rightToLeft';
import type { SectionWriter } from './sectionWriter';

/** Lines further apart than this many times the height of their text begin a paragraph. */
const PARAGRAPH_GAP = 1.7;

/** Bytes that are read of the file at once. */
const RANGE_BYTES = 256 * 1024;

/** A piece of a page's text, as pdf.js gives it. */
interface TextItem {
  str: string;
  dir: string;
  hasEOL: boolean;
  /** The last of the six numbers is the baseline's height on the page. */
  transform: unknown[];
  height: number;
}

/** Throws `DocumentError` `invalid_file` for a PDF that is too large, protected, damaged or without text. */
export async function readPdf(path: string, bytes: number, output: SectionWriter): Promise<void> {
  if (bytes > MAX_PDF_BYTES) {
    throw new DocumentError(
      'invalid_file',
      `The PDF is larger than ${megabytes(MAX_PDF_BYTES)}, the most that can be read.`,
    );
  }
  const file = await open(path);
  try {
    await readPages(file, bytes, output);
  } finally {
    await file.close();
  }
}

async function readPages(file: FileHandle, bytes: number, output: SectionWriter): Promise<void> {
  const { getDocument, VerbosityLevel } = await import('pdfjs-dist/legacy/build/pdf.mjs');
  const library = dirname(require.resolve('pdfjs-dist/package.json'));
  const reading = await rangesOf(file, bytes);
  const loading = getDocument({
    range: reading.ranges,
    rangeChunkSize: RANGE_BYTES,
    disableAutoFetch: true,
    disableStream: true,
    cMapUrl: `${library}/cmaps/`,
    cMapPacked: true,
    standardFontDataUrl: `${library}/standard_fonts/`,
    disableFontFace: true,
    useSystemFonts: false,
    // No image is needed.
    maxImageSize: 1,
    verbosity: VerbosityLevel.ERRORS,
  });
  try {
    const document = await Promise.race([loading.promise, reading.failure]);
    let hasText = false;
    for (let number = 1; number <= document.numPages; number += 1) {
      const page = await Promise.race([document.getPage(number), reading.failure]);
      const { items: all } = await Promise.race([page.getTextContent(), reading.failure]);
      const items = all.filter((item) => 'str' in item);
      const needsOrder = items.some(({ str }) => hasRightToLeft(str));
      const glyphs = needsOrder ? await Promise.race([glyphsOf(page), reading.failure]) : [];
      const content = pageText(needsOrder ? withTexts(items, inReadingOrder(items, glyphs)) : items);
      const annotations = annotationTexts(await Promise.race([page.getAnnotations(), reading.failure]));
      const text = [content.trim(), ...annotations].join('\n').trim();
      output.startSection({ page: number });
      output.write(text);
      hasText ||= text !== '';
      page.cleanup();
    }
    if (!hasText) {
      throw new DocumentError(
        'invalid_file',
        'The PDF has no text; it may be a scan, and text recognition is not available.',
      );
    }
  } catch (error) {
    throw error instanceof DocumentError ? error : readError(error);
  } finally {
    await loading.destroy();
  }
}

/** The texts of the page's glyphs in the order in which they are drawn. */
async function glyphsOf(page: PDFPageProxy): Promise<string[]> {
  const { AnnotationMode, OPS } = await import('pdfjs-dist/legacy/build/pdf.mjs');
  const { fnArray, argsArray } = await page.getOperatorList({ annotationMode: AnnotationMode.DISABLE });
  return fnArray.flatMap((operation, place) => {
    if (operation !== OPS.showText) return [];
    const [shown = []] = shownGlyphs.parse(argsArray[place]);
    return shown.flatMap((glyph) => (typeof glyph === 'object' && glyph !== null ? [glyph.unicode] : []));
  });
}

/** Glyphs, with the moves between them as numbers and word gaps as null. */
const shownGlyphs = z.array(z.array(z.union([z.number(), z.null(), z.object({ unicode: z.string() })])));

const withTexts = (items: TextItem[], texts: string[]): TextItem[] =>
  items.map((item, place) => ({ ...item, str: texts[place] ?? item.str }));

/** The parts of the file as pdf.js asks for them, so that it reads no more than it needs. `failure` rejects when the file cannot be read. */
async function rangesOf(file: FileHandle, bytes: number) {
  const { PDFDataRangeTransport } = await import('pdfjs-dist/legacy/build/pdf.mjs');
  const { promise: failure, reject } = Promise.withResolvers<never>();
  failure.catch(() => undefined); // it is waited for only while something is read
  const ranges = new (class extends PDFDataRangeTransport {
    override requestDataRange(begin: number, end: number): void {
      const part = new Uint8Array(end - begin);
      file.read(part, 0, part.length, begin).then(() => this.onDataRange(begin, part), reject);
    }
  })(bytes, null);
  return { ranges, failure };
}

function readError(error: unknown): DocumentError {
  const isProtected = error instanceof Error && error.name === 'PasswordException';
  const message = isProtected ? 'The PDF is protected by a password.' : 'The PDF is damaged and cannot be read.';
  return new DocumentError('invalid_file', message, { cause: error });
}

/** The items in the order given, with blank lines where the page has a gap, and words that were hyphenated at a line's end joined. */
function pageText(items: TextItem[]): string {
  let text = '';
  let line: { baseline: number; height: number } | undefined;
  let lineEnded = false;
  for (const item of items) {
    const baseline = Number(item.transform[5]);
    if (lineEnded && item.str.trim()) {
      const height = Math.max(line?.height ?? 0, item.height);
      if (line && Math.abs(line.baseline - baseline) > height * PARAGRAPH_GAP) text += '\n';
      lineEnded = false;
    }
    text += item.str;
    if (item.str.trim()) line = { baseline, height: item.height };
    if (item.hasEOL) {
      text += '\n';
      lineEnded = true;
    }
  }
  return text.replace(/(?<=\p{Ll})[-\u2010\u00ad]\n(?=\p{Ll})/gu, '');
}
