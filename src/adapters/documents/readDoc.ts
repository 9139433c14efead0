/** Word documents in the format before 2007 (.doc): the body, then the notes and comments, a section each. */
import { DocumentError } from '../../retrieval/ports';
import type { SectionWriter } from './sectionWriter';

/** Reads the text; headings are not told apart. Throws `DocumentError` `invalid_file` for a damaged file. */
export async function readDoc(path: string, output: SectionWriter): Promise<void> {
  const { default: WordExtractor } = await import('word-extractor');
  const document = await new WordExtractor().extract(path).catch((cause: unknown) => {
    throw new DocumentError('invalid_file', 'The file is damaged: it is not a whole Word document.', { cause });
  });
  const parts = [document.getBody(), document.getTextboxes(), document.getFootnotes(), document.getEndnotes()];
  for (const part of [...parts, document.getAnnotations()]) {
    output.startSection();
    output.write(part);
  }
}
