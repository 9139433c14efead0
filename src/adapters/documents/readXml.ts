/** XML of any vocabulary: a line for each element with text, as `name: text`; elements of elements are paragraphs. */
import { MAX_CHARACTERS, tooMuchText } from './limits';
import { parseMarkup, type MarkupHandlers } from './parseMarkup';
import { htmlHandlers } from './readHtml';
import type { SectionWriter } from './sectionWriter';

/** Reads XML as it streams in. Entities that the document declares are not expanded. Text that is itself HTML, as in feeds, is read as such. */
export async function readXml(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  const { Parser } = await import('htmlparser2');
  // Short and inside one element: neither needs to stream nor can it be awaited between two events of the outer parser.
  const writeHtml = (html: string): void => new Parser(htmlHandlers(output)).end(html);
  await parseMarkup(pieces, xmlHandlers(output, writeHtml), { xmlMode: true });
}

/** An element's end, or the beginning of one that needs none; `List<Order>` is neither. */
const HTML = /<\/[a-z][a-z\d-]*\s*>|<(?:br|hr|img|p|li)(?:\s[^<>]*)?\/?>/i;

interface OpenElement {
  /** Has text of its own: then what stands in it is running text. */
  hasText: boolean;
  /** Has elements on lines of their own. */
  hasLines: boolean;
  /** What introduces its text; '' once written. */
  label: string;
}

function xmlHandlers(output: SectionWriter, writeHtml: (html: string) => void): MarkupHandlers {
  const open: OpenElement[] = [];
  let text = '';
  const flush = (): void => {
    const element = open.at(-1);
    if (text.trim()) {
      if (element?.label) output.introduce(element.label);
      if (HTML.test(text)) writeHtml(text);
      else output.writeInline(text);
      if (element) Object.assign(element, { hasText: true, label: '' });
    } else if (text && element?.hasText) output.writeInline(' ');
    text = '';
  };
  const openLine = (name: string, attributes: Record<string, string>, parent?: OpenElement): OpenElement => {
    if (parent?.label) output.write(parent.label.trimEnd());
    if (parent) Object.assign(parent, { hasLines: true, label: '' });
    output.break(1);
    return { hasText: false, hasLines: false, label: label(name, attributes) };
  };
  return {
    onopentag(name: string, attributes: Record<string, string>): void {
      flush();
      const parent = open.at(-1);
      open.push(parent?.hasText ? { hasText: true, hasLines: false, label: '' } : openLine(name, attributes, parent));
    },
    ontext(part: string): void {
      text += part;
      if (text.length > MAX_CHARACTERS) throw tooMuchText();
    },
    onclosetag(): void {
      flush();
      const element = open.pop();
      // An element without text says something only by its attributes.
      if (element?.label.includes('(')) output.write(element.label.replace(/:\s*$/, ''));
      if (!open.at(-1)?.hasText) output.break(element?.hasLines ? 2 : 1);
    },
    onend: flush,
  };
}

function label(name: string, attributes: Record<string, string>): string {
  const given = Object.entries(attributes).filter(([key]) => !key.startsWith('xmlns'));
  const values = given.map(([key, value]) => `${key}=${value}`).join('; ');
  return values ? `${name} (${values}): ` : `${name}: `;
}
