/** Reading of documents in tests. */
import { Readable } from 'node:stream';
import { documentParser } from '../../src/adapters/documentParser';
import { DocumentError, type DocumentParser, type DocumentSection } from '../../src/retrieval/ports';

/** The sections of a document with that name and content. */
export async function readWith(
  parser: DocumentParser,
  filename: string,
  content: string | Buffer,
  signal?: AbortSignal,
): Promise<DocumentSection[]> {
  const bytes = Buffer.from(content);
  return parser.parse({ filename, bytes: bytes.length, open: async () => Readable.from([bytes]) }, signal);
}

/** The error that the parsing fails with; throws if it does not. */
export async function failure(parsing: Promise<unknown>): Promise<DocumentError> {
  const error: unknown = await parsing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DocumentError) return error;
  throw new Error(`Expected a DocumentError, not ${String(error)}`);
}

/** A parser for the tests of a file: the sections of a document, and its text with an empty line between them. */
export function documentReader() {
  let parser: ReturnType<typeof documentParser>;
  beforeAll(() => {
    parser = documentParser();
  });
  afterAll(async () => parser.close());
  const read = async (filename: string, content: string | Buffer) => readWith(parser, filename, content);
  const textOf = async (filename: string, content: string | Buffer): Promise<string> =>
    (await read(filename, content)).map(({ text }) => text).join('\n\n');
  return { read, textOf };
}
