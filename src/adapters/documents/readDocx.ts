/** Word documents (.docx): paragraphs, tables, formulas, descriptions of pictures, then notes and comments; a section for every heading. */
import { OfficePackage, type XmlHandlers } from './officePackage';
import type { SectionWriter } from './sectionWriter';

/** Streams the document's XML, so memory does not grow with it. Throws `DocumentError` `invalid_file` for a damaged or protected file. */
export async function readDocx(path: string, output: SectionWriter): Promise<void> {
  const document = await OfficePackage.open(path);
  try {
    const main = await document.mainPart();
    const parts = [...(await document.relationships(main)).values()];
    const partsOf = (type: string): string[] => parts.filter((part) => part.type === type).map((part) => part.target);
    const headingStyles = new Set<string>();
    for (const part of partsOf('styles')) await document.readXml(part, styleHandlers(headingStyles));
    await document.readXml(main, bodyHandlers(headingStyles, output));
    for (const part of ['footnotes', 'endnotes', 'comments'].flatMap(partsOf)) {
      output.startSection();
      await document.readXml(part, bodyHandlers(new Set(), output));
    }
  } finally {
    document.close();
  }
}

/** Collects the ids of styles that make a heading: by name, by outline level, or by the style they build on. */
function styleHandlers(headingStyles: Set<string>): XmlHandlers {
  let id = '';
  return {
    open(name, attributes) {
      const value = attributes['w:val'] ?? '';
      if (name === 'style') id = attributes['w:styleId'] ?? '';
      else if (name === 'name' && /^(heading \d|title)$/i.test(value)) headingStyles.add(id);
      else if (name === 'basedOn' && headingStyles.has(value)) headingStyles.add(id);
      else if (name === 'outlineLvl' && isHeadingLevel(value)) headingStyles.add(id);
    },
  };
}

/** Outline levels count from 0; 9 is body text. */
function isHeadingLevel(value: string): boolean {
  return /^[0-8]$/.test(value);
}

/**
 * What would repeat text, such as the fallback of a newer drawing and where moved text stood, and the readings above East Asian words, which would stand between
 * their characters. Field codes and deleted text have elements of their own.
 */
const skipped = new Set(['Fallback', 'moveFrom', 'rt']);

/** What a line of text has where a formula has a place of its own. */
const formulaMarks: Record<string, string> = { den: '/', sub: '_', sup: '^' };

function bodyHandlers(headingStyles: ReadonlySet<string>, output: SectionWriter): XmlHandlers {
  /** Whether each open paragraph is a heading; text boxes nest paragraphs. */
  const paragraphs: boolean[] = [];
  let cellsInRow = 0;
  let cells = 0;
  let runs = 0;
  let texts = 0;
  let hidden = 0;
  const beginHeading = (): void => {
    if (cells || !paragraphs.length || paragraphs.at(-1)) return;
    paragraphs[paragraphs.length - 1] = true;
    output.startSection();
  };
  const openInRun = (name: string): void => {
    if (name === 'tab') output.write('\t');
    else if (name === 'br' || name === 'cr') output.break(1);
    else if (name === 'noBreakHyphen') output.write('-');
  };
  const openInParagraph = (name: string, value: string): void => {
    if (name === 'pStyle' && headingStyles.has(value)) beginHeading();
    else if (name === 'outlineLvl' && isHeadingLevel(value)) beginHeading();
    else if (name === 'numPr' && !paragraphs.at(-1)) output.markItem();
  };
  return {
    open(name, attributes) {
      if (hidden || skipped.has(name)) hidden += 1;
      if (hidden) return;
      if (name === 't') texts += 1;
      else if (name === 'r') runs += 1;
      else if (name === 'p') {
        output.break(cells ? 1 : 2);
        paragraphs.push(false);
      } else if (name === 'tr') {
        output.break(1);
        cellsInRow = 0;
      } else if (name === 'tc') {
        if (cellsInRow) output.markCell();
        cellsInRow += 1;
        cells += 1;
      } else if (name === 'docPr' && attributes.descr) output.writeInline(attributes.descr);
      else if (runs) openInRun(name);
      else if (formulaMarks[name]) output.write(formulaMarks[name]);
      else openInParagraph(name, attributes['w:val'] ?? '');
    },
    text(text) {
      if (texts && !hidden) output.write(text);
    },
    close(name) {
      if (hidden) hidden -= 1;
      else if (name === 't') texts -= 1;
      else if (name === 'r') runs -= 1;
      else if (name === 'tc') cells -= 1;
      else if (name === 'p') {
        if (paragraphs.pop()) output.nameSection();
        output.break(cells ? 1 : 2);
      }
    },
  };
}
