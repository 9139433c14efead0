/** Microsoft's compound files: what Office and Outlook wrote before 2007, and the wrapping of encrypted packages. */
import { readFile, stat } from 'node:fs/promises';
import { DocumentError } from '../../retrieval/ports';
import { MAX_BUFFERED_BYTES, megabytes } from './limits';

/** What a compound file holds. */
export type CompoundContent = 'xls' | 'doc' | 'msg';

/** Where the first header of a Word document has the flag of encryption: byte and bit. */
const ENCRYPTED_BYTE = 0x0b;
const ENCRYPTED_BIT = 0x01;

/**
 * What the compound file holds, by the names of its streams; undefined for anything else. Throws `DocumentError` `invalid_file` for a damaged file, for
 * one that a password protects, and for one larger than `MAX_BUFFERED_BYTES`, since all readers of such files hold them in memory.
 */
export async function compoundContent(path: string): Promise<CompoundContent | undefined> {
  if ((await stat(path)).size > MAX_BUFFERED_BYTES) {
    const limit = megabytes(MAX_BUFFERED_BYTES);
    throw new DocumentError('invalid_file', `The file is larger than ${limit}, the most of its kind that can be read.`);
  }
  const { CFB } = await import('@e965/xlsx');
  const bytes = await readFile(path);
  const file = damagedUnless(() => CFB.read(bytes, { type: 'buffer' }));
  const has = (name: string): boolean => CFB.find(file, `/${name}`) !== null;
  if (has('EncryptedPackage')) throw new DocumentError('invalid_file', 'The file is protected by a password.');
  if (has('Workbook') || has('Book')) return 'xls';
  if (has('__properties_version1.0')) return 'msg';
  const word = CFB.find(file, '/WordDocument');
  if (!word) return undefined;
  if ((Number(word.content[ENCRYPTED_BYTE]) & ENCRYPTED_BIT) !== 0) {
    throw new DocumentError('invalid_file', 'The file is protected by a password.');
  }
  return 'doc';
}

function damagedUnless<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = 'The file is damaged: it is not a whole Office or Outlook file.';
    throw new DocumentError('invalid_file', message, { cause: error });
  }
}
