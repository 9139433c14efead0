/** What one document may cost. */
import { DocumentError } from '../../retrieval/ports';

/** In bytes. */
export const MEGABYTE = 1024 * 1024;

/** Largest file that is read at all, in bytes. */
export const MAX_FILE_BYTES = 512 * MEGABYTE;
/** Largest PDF, in bytes: its reader keeps in memory what it has read of the file. */
export const MAX_PDF_BYTES = 256 * MEGABYTE;
/** Largest file of the other kinds whose reader holds the file in memory, such as a spreadsheet, in bytes. */
export const MAX_BUFFERED_BYTES = 128 * MEGABYTE;
/** Most text of one document, in UTF-16 code units: 5,000,000 tokens of four characters. */
export const MAX_CHARACTERS = 20_000_000;
/** Most entries of a zip package such as a .docx file. */
export const MAX_PACKAGE_ENTRIES = 10_000;
/** Most uncompressed XML of a zip package, declared and actual, in bytes. Media in the package is never uncompressed. */
export const MAX_PACKAGE_BYTES = 200 * MEGABYTE;
/** Most that a zip package unpacks to whose reader unpacks all of it, media too, in bytes. */
export const MAX_UNPACKED_BYTES = 400 * MEGABYTE;

/** `134217728` → `128 MB`. */
export function megabytes(bytes: number): string {
  return `${Math.floor(bytes / MEGABYTE)} MB`;
}

/** The document has more text than {@link MAX_CHARACTERS}. */
export function tooMuchText(): DocumentError {
  const characters = MAX_CHARACTERS.toLocaleString('en-US');
  return new DocumentError(
    'invalid_file',
    `The file has too much text: a file may hold at most 5,000,000 tokens, here counted as ${characters} characters.`,
  );
}
