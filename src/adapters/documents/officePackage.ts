/** The zip package of an Office document or a book: its parts as XML events, within limits. */
import { posix } from 'node:path';
import type { Entry, ZipFile } from 'yauzl';
import { DocumentError } from '../../retrieval/ports';
import { decodeStream } from './encoding';
import { MAX_PACKAGE_BYTES, MAX_PACKAGE_ENTRIES, MAX_UNPACKED_BYTES, megabytes } from './limits';
import { parseMarkup, XHTML, type MarkupHandlers } from './parseMarkup';

/** What a reader of XML is told. Names come without their namespace prefix. */
export interface XmlHandlers {
  open(name: string, attributes: Record<string, string>): void;
  text?(text: string): void;
  close?(name: string): void;
}

/** A reference of one part to another. */
interface Relationship {
  /** The last segment of the type's URI, such as `styles`. */
  type: string;
  /** Name of the part it leads to. */
  target: string;
}

export class OfficePackage {
  #bytes = 0;

  /** By name: of several that share one, the last. */
  readonly entries: ReadonlyMap<string, Entry>;

  private constructor(
    readonly zip: ZipFile,
    readonly allEntries: readonly Entry[],
  ) {
    this.entries = new Map(allEntries.map((entry) => [entry.fileName, entry]));
  }

  /** Opens the package. Throws `DocumentError` `invalid_file` when it is damaged, encrypted or beyond the limits. */
  static async open(path: string): Promise<OfficePackage> {
    const { openPromise } = await import('yauzl');
    const zip = await openPromise(path, { autoClose: false, lazyEntries: true }).catch(damaged);
    try {
      return new OfficePackage(zip, await readEntries(zip));
    } catch (error) {
      zip.close();
      throw error;
    }
  }

  close(): void {
    this.zip.close();
  }

  /** Reports the part's XML to `handlers`; does nothing when there is no such part. */
  async readXml(part: string, handlers: XmlHandlers): Promise<void> {
    const entry = this.entries.get(part);
    if (!entry) return;
    const events: MarkupHandlers = {
      onopentag: (name, attributes) => handlers.open(localName(name), attributes),
      ontext: (text) => handlers.text?.(text),
      onclosetag: (name) => handlers.close?.(localName(name)),
    };
    await parseMarkup(decodeStream(this.#read(entry), 'utf-8'), events, { xmlMode: true });
  }

  /** Reports the part's XHTML to `handlers`; does nothing when there is no such part. */
  async readXhtml(part: string, handlers: MarkupHandlers): Promise<void> {
    const entry = this.entries.get(part);
    if (entry) await parseMarkup(decodeStream(this.#read(entry), 'utf-8'), handlers, XHTML);
  }

  /** The relationships of a part by their ids; '' stands for the package. */
  async relationships(part: string): Promise<Map<string, Relationship>> {
    const folder = posix.dirname(part);
    const found = new Map<string, Relationship>();
    await this.readXml(posix.join(folder, '_rels', `${posix.basename(part)}.rels`), {
      open: (name, { Id, Type, Target, TargetMode }) => {
        if (name !== 'Relationship' || !Id || !Target || TargetMode === 'External') return;
        const target = Target.startsWith('/') ? Target.slice(1) : posix.join(folder, Target);
        found.set(Id, { type: posix.basename(Type ?? ''), target });
      },
    });
    return found;
  }

  /** The part that holds the document itself. */
  async mainPart(): Promise<string> {
    const all = [...(await this.relationships('')).values()];
    const main = all.find(({ type }) => type === 'officeDocument')?.target;
    if (!main || !this.entries.has(main)) return damaged();
    return main;
  }

  /**
   * Unpacks every entry and keeps nothing, for readers that unpack all at once. Throws `DocumentError` `invalid_file` where that is more than `MAX_UNPACKED_BYTES` or
   * than the package says.
   */
  async checkUnpackedSize(): Promise<void> {
    const declared = this.allEntries.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
    if (declared > MAX_UNPACKED_BYTES) {
      const limit = megabytes(MAX_UNPACKED_BYTES);
      throw new DocumentError('invalid_file', `The file unpacks to more than ${limit}, the most that can be read.`);
    }
    // An entry that unpacks to more than it declares is an error of the zip library.
    for (const entry of this.allEntries) for await (const part of this.#unpacked(entry)) void part;
  }

  async *#read(entry: Entry): AsyncGenerator<Uint8Array> {
    for await (const part of this.#unpacked(entry)) {
      this.#bytes += part.length;
      if (this.#bytes > MAX_PACKAGE_BYTES) throw tooLarge();
      yield part;
    }
  }

  async *#unpacked(entry: Entry): AsyncGenerator<Buffer> {
    const stream = await this.zip.openReadStreamPromise(entry).catch(damaged);
    try {
      for await (const part of stream) yield part as Buffer;
    } catch (error) {
      damaged(error);
    }
  }
}

async function readEntries(zip: ZipFile): Promise<Entry[]> {
  const entries: Entry[] = [];
  let declared = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      if (entries.length >= MAX_PACKAGE_ENTRIES) throw tooLarge();
      if (entry.isEncrypted()) throw new DocumentError('invalid_file', 'The file is protected by a password.');
      if (/\.(xml|rels|x?html?|opf|bin)$/i.test(entry.fileName)) declared += entry.uncompressedSize;
      if (declared > MAX_PACKAGE_BYTES) throw tooLarge();
      entries.push(entry);
    }
  } catch (error) {
    if (error instanceof DocumentError) throw error;
    damaged(error);
  }
  return entries;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function damaged(cause?: unknown): never {
  throw new DocumentError('invalid_file', 'The file is damaged: it is not a whole document of its kind.', { cause });
}

function tooLarge(): DocumentError {
  const entries = MAX_PACKAGE_ENTRIES.toLocaleString('en-US');
  return new DocumentError(
    'invalid_file',
    `The file unpacks to more than ${megabytes(MAX_PACKAGE_BYTES)} of text parts or ${entries} entries, the most that can be read.`,
  );
}
