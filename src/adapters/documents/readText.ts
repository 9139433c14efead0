/** Plain text and Markdown. */
import { MAX_CHARACTERS, tooMuchText } from './limits';
import type { SectionWriter } from './sectionWriter';

/** The whole text. Throws `DocumentError` past the limit of text, without reading further. */
export async function wholeText(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    if (text.length > MAX_CHARACTERS) throw tooMuchText();
  }
  return text;
}

/** Text as it is, in one section. */
export async function readPlainText(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  for await (const piece of pieces) output.write(piece);
}

/** Markdown as it is, a section for every heading (`# ` or underlined) outside fenced code. */
export async function readMarkdown(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  const lines = (await wholeText(pieces)).split(/\r\n|\r|\n/);
  let fence = '';
  lines.forEach((line, index) => {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? '';
    if (!fence) fence = mark;
    else if (mark.startsWith(fence) && !line.trim().slice(mark.length)) fence = '';
    const heading = fence ? '' : headingOf(line, lines[index + 1] ?? '');
    if (heading) output.startSection({ heading });
    output.write(`${line}\n`);
  });
}

function headingOf(line: string, next: string): string {
  const numbered = /^ {0,3}#{1,6}[ \t]/.exec(line);
  if (numbered)
    return line
      .slice(numbered[0].length)
      .replace(/#{1,100}\s{0,100}$/, '')
      .trim()
      .slice(0, 200);
  const underlined = /^ {0,3}(=+|-+)\s*$/.test(next) && /^ {0,3}[\p{L}\p{N}[*_`]/u.test(line);
  return underlined && !/^ {0,3}[*_-] /.test(line) ? line.trim().slice(0, 200) : '';
}
