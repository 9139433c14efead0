/** Parses HTML and XML as they stream in, with bounded nesting. */
import type { Handler, ParserOptions } from 'htmlparser2';
import { DocumentError } from '../../retrieval/ports';

/** The parser's work for an element grows with the number of elements around it. */
const MAX_DEPTH = 5_000;

type MarkupOptions = Pick<ParserOptions, 'xmlMode' | 'recognizeSelfClosing' | 'recognizeCDATA'>;

/** For HTML that is XML too, and its entities are those of HTML. */
export const XHTML: MarkupOptions = { recognizeSelfClosing: true, recognizeCDATA: true };

/** What readers of markup are told. */
export interface MarkupHandlers {
  onopentag(name: string, attributes: Record<string, string>): void;
  ontext?(text: string): void;
  onclosetag?(name: string): void;
  onend?(): void;
}

/** Throws `DocumentError` `invalid_file` for elements nested too deeply. Entities that a document declares are never expanded. */
export async function parseMarkup(
  pieces: AsyncIterable<string> | Iterable<string>,
  handlers: MarkupHandlers,
  options: MarkupOptions = {},
): Promise<void> {
  const { Parser } = await import('htmlparser2');
  const parser = new Parser(withDepth(handlers), options);
  for await (const piece of pieces) parser.write(piece);
  parser.end();
}

function withDepth(handlers: MarkupHandlers): Partial<Handler> {
  let depth = 0;
  return {
    onopentag(name, attributes) {
      depth += 1;
      if (depth > MAX_DEPTH) {
        const limit = MAX_DEPTH.toLocaleString('en-US');
        throw new DocumentError(
          'invalid_file',
          `The file nests elements more than ${limit} deep, the most that can be read.`,
        );
      }
      handlers.onopentag(name, attributes);
    },
    ontext: (text) => handlers.ontext?.(text),
    onclosetag(name) {
      depth -= 1;
      handlers.onclosetag?.(name);
    },
    onend: () => handlers.onend?.(),
  };
}
