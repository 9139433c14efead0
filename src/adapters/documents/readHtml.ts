/** HTML: the visible text without navigation bars, a section for every heading, table rows as lines with ` | ` between cells. */
import { parseMarkup, XHTML, type MarkupHandlers } from './parseMarkup';
import type { SectionWriter } from './sectionWriter';

/** Also the readings above East Asian words, which would stand between their characters. */
const invisible = new Set('script style template svg iframe object canvas select nav rt rp'.split(' '));
const headings = new Set(['title', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6']);
const paragraphs = new Set(
  (
    'p div section article header footer main aside ul ol dl blockquote table form fieldset figure figcaption pre hr address ' +
    'details summary body'
  ).split(' '),
);
const lines = new Set('tr dt dd br option caption legend'.split(' '));

/** The handlers of an HTML parser that write the text to `output`. */
export function htmlHandlers(output: SectionWriter): MarkupHandlers {
  let hidden = 0;
  let preformatted = 0;
  let cells = 0;
  let cellsInRow = 0;
  const edge = (name: string): void => {
    if (paragraphs.has(name)) output.break(cells ? 1 : 2);
    else if (lines.has(name)) output.break(1);
  };
  return {
    onopentag(name: string, attributes: Record<string, string>): void {
      if (hidden || invisible.has(name) || 'hidden' in attributes) hidden += 1;
      if (hidden) return;
      edge(name);
      if (headings.has(name)) {
        if (cells) output.break(1);
        else output.startSection();
      } else if (name === 'li') output.markItem();
      else if (name === 'tr') cellsInRow = 0;
      else if (name === 'pre') preformatted += 1;
      else if (name === 'img' && attributes.alt) output.writeInline(` ${attributes.alt} `);
      else if (name === 'td' || name === 'th') {
        if (cellsInRow > 0) output.markCell();
        cellsInRow += 1;
        cells += 1;
      }
    },
    ontext(text: string): void {
      if (hidden) return;
      if (preformatted) output.write(text);
      else output.writeInline(text);
    },
    onclosetag(name: string): void {
      if (hidden) {
        hidden -= 1;
        return;
      }
      edge(name);
      if (headings.has(name)) {
        if (!cells) output.nameSection();
        output.break(cells ? 1 : 2);
      } else if (name === 'pre') preformatted -= 1;
      else if (name === 'td' || name === 'th') cells -= 1;
    },
  };
}

/** Reads an HTML document as it streams in; memory does not grow with its markup. */
export async function readHtml(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  await parseMarkup(pieces, htmlHandlers(output));
}

/** Reads an HTML document that is XML, as {@link readHtml} does. */
export async function readXhtml(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  await parseMarkup(pieces, htmlHandlers(output), XHTML);
}
