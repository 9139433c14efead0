/** Reading of documents in tests. */
import { Readable } from 'node:stream';
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
