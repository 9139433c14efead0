/**
 * Multipart forms on their way to a model service. A small form is read whole and checked; a large one streams through in constant memory, or,
 * where its model is named behind the file, by way of a temporary file.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { errors } from '../errors';
import { bodyBudget } from './bodyBudget';
import { discard } from './discard';
import { boundaryOf, FormScanner } from './formScanner';

/** A form up to this size is kept in memory; of a larger one, these first bytes are looked at. */
const MAX_HEAD_BYTES = 1024 * 1024;
/** Of a text field. A prompt may have 32,000 characters. */
const MAX_FIELD_BYTES = 256 * 1024;
/** Of all text fields, which stay in memory while the form goes to a file. */
const MAX_FIELDS_BYTES = 2 * 1024 * 1024;
const MAX_PARTS = 1000;

export interface FormTarget {
  model: string;
  modelInBody: boolean;
}

export interface PassedForm {
  /** Text fields, of those that have been seen. */
  fields: ReadonlyMap<string, string>;
  body: {
    kind: 'stream';
    contentType: string;
    /** The form with the target's model in its field `model`, where that is read; otherwise the caller's bytes. */
    open: (target: FormTarget) => Readable;
    /** Bytes of that, where the caller told them and nothing is replaced. */
    length: (target: FormTarget) => number | undefined;
    reopenable: boolean;
  };
  /** Resolves when the caller has sent everything. */
  uploaded: Promise<void>;
  /** Removes what was kept. */
  release(): Promise<void>;
}

export interface FormRules {
  /** Fields that may not be missing; of several names, one is enough. */
  required: string[][];
  /** Whether the form names its model: it must, it may, or the path does and the form's counts for nothing. */
  model: 'required' | 'optional' | 'elsewhere';
  maxBytes: number;
}

/**
 * Reads as much of the form as is needed. What is kept of it in memory counts in the process's budget until the request's bytes are released. Throws 400 for a broken form or a
 * missing field, 413, 415, 503.
 */
export async function readForm(request: Request, rules: FormRules): Promise<PassedForm> {
  const pieces = piecesOf(request, rules.maxBytes);
  try {
    return await readPieces(request, pieces, rules);
  } catch (error) {
    await pieces.return();
    throw error;
  }
}

async function readPieces(
  request: Request,
  pieces: AsyncGenerator<Buffer, void, void>,
  rules: FormRules,
): Promise<PassedForm> {
  const contentType = request.headers.get('content-type');
  const upload = new Upload(boundaryOf(contentType));
  const length = Number(request.headers.get('content-length') ?? NaN);
  if (length > rules.maxBytes) throw errors.bodyTooLarge(rules.maxBytes);
  const head: Buffer[] = [];
  const form = (
    source: () => Iterable<Buffer> | AsyncIterable<Buffer>,
    more: Partial<PassedForm> & { reopenable: boolean },
  ): PassedForm => ({
    fields: upload.fields,
    uploaded: Promise.resolve(),
    release: () => Promise.resolve(),
    ...more,
    body: {
      kind: 'stream',
      contentType: contentType ?? '',
      reopenable: more.reopenable,
      length: (target) => (staysAsItIs(target, upload) && length > 0 ? length : undefined),
      open: (target) => Readable.from(withModel(source(), target, upload), { objectMode: false }),
    },
  });

  for (let bytes = 0; bytes <= MAX_HEAD_BYTES;) {
    const next = await pieces.next();
    if (next.done) {
      upload.check(rules);
      return form(() => head, { reopenable: true });
    }
    bodyBudget.hold(request, next.value.length);
    upload.take(next.value);
    head.push(next.value);
    bytes += next.value.length;
  }
  if (rules.model !== 'elsewhere' && !upload.fields.has('model')) {
    const spooled = await spool(head, pieces, upload);
    bodyBudget.release(request);
    return spooled.checked(() => {
      upload.check(rules);
      return form(() => createReadStream(spooled.file) as AsyncIterable<Buffer>, {
        reopenable: true,
        release: spooled.release,
      });
    });
  }
  const { promise: uploaded, resolve } = Promise.withResolvers<void>();
  let isOpened = false;
  const through = (): AsyncGenerator<Buffer, void, void> => {
    isOpened = true;
    return throughOnce(head, pieces, () => bodyBudget.release(request), resolve);
  };
  // Where no service was reached, the upload is still waiting.
  const release = async (): Promise<void> => {
    if (!isOpened) await pieces.return();
  };
  return form(through, { reopenable: false, uploaded, release });
}

/** What is known of the form so far. */
class Upload {
  readonly fields = new Map<string, string>();
  /** Parts named `model`. */
  models = 0;
  private readonly names = new Set<string>();
  private readonly scanner: FormScanner;
  private parts = 0;
  private fieldsBytes = 0;
  private field: { name: string; pieces: Buffer[]; bytes: number } | undefined;

  constructor(readonly boundary: string) {
    this.scanner = new FormScanner(boundary);
  }

  /** Whether all of the form is known. */
  get isComplete(): boolean {
    return this.scanner.isComplete;
  }

  take(piece: Buffer): void {
    for (const stretch of this.scanner.take(piece)) {
      if (stretch.kind === 'content') this.collect(stretch.raw);
      else this.endField();
      if (stretch.kind !== 'head') continue;
      this.parts += 1;
      if (this.parts > MAX_PARTS) throw errors.brokenForm(`it has more than ${MAX_PARTS} parts`);
      this.names.add(stretch.name);
      if (stretch.name === 'model') this.models += 1;
      if (!stretch.isFile) this.field = { name: stretch.name, pieces: [], bytes: 0 };
    }
  }

  /** Throws 400 for a whole form that lacks something. */
  check({ required, model }: FormRules): void {
    if (!this.isComplete) throw errors.brokenForm('it ends before its closing boundary');
    for (const names of model === 'required' ? [...required, ['model']] : required) {
      if (!names.some((name) => this.names.has(name))) throw errors.missingParameter(names[0] ?? '');
    }
  }

  private collect(raw: Buffer): void {
    if (!this.field) return;
    this.field.bytes += raw.length;
    this.fieldsBytes += raw.length;
    if (this.fieldsBytes > MAX_FIELDS_BYTES)
      throw errors.brokenForm(`its text fields are longer than ${MAX_FIELDS_BYTES} bytes together`);
    if (this.field.bytes > MAX_FIELD_BYTES) {
      throw errors.invalidParameter(
        `Invalid '${this.field.name}': longer than ${MAX_FIELD_BYTES} bytes.`,
        'invalid_value',
        this.field.name,
      );
    }
    this.field.pieces.push(raw);
  }

  private endField(): void {
    if (this.field) this.fields.set(this.field.name, Buffer.concat(this.field.pieces).toString('utf8'));
    this.field = undefined;
  }
}

/** Throws 413. */
async function* piecesOf(request: Request, maxBytes: number): AsyncGenerator<Buffer, void, void> {
  if (!request.body) return;
  const reader = request.body.getReader();
  let bytes = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      bytes += next.value.length;
      if (bytes > maxBytes) throw errors.bodyTooLarge(maxBytes);
      yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
  } finally {
    void discard(reader);
  }
}

async function* throughOnce(
  head: Buffer[],
  pieces: AsyncGenerator<Buffer, void, void>,
  released: () => void,
  uploaded: () => void,
): AsyncGenerator<Buffer, void, void> {
  try {
    // Let go of as it goes.
    for (let piece = head.shift(); piece; piece = head.shift()) yield piece;
    released();
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
  } finally {
    uploaded();
    await pieces.return();
  }
}

/** Services differ in which of several models counts. */
const staysAsItIs = ({ model, modelInBody }: FormTarget, { fields, models }: Upload): boolean =>
  !modelInBody || (models === 1 && fields.get('model') === model);

/** The form with the target's model in place of its own, if the target reads that and it is another. */
async function* withModel(
  source: Iterable<Buffer> | AsyncIterable<Buffer>,
  target: FormTarget,
  upload: Upload,
): AsyncGenerator<Buffer, void, void> {
  const { boundary } = upload;
  if (staysAsItIs(target, upload)) {
    const isKnown = !target.modelInBody || upload.isComplete;
    return yield* isKnown ? source : withOneModel(source, boundary);
  }
  const scanner = new FormScanner(boundary);
  // A header's characters are bytes, the boundary's too.
  yield Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n`, 'latin1');
  yield Buffer.from(target.model);
  let isDropped = true;
  let isFirst = true;
  for await (const piece of source) {
    for (const { kind, raw, ...part } of scanner.take(piece)) {
      if (kind !== 'content') isDropped = kind === 'preamble' || ('name' in part && part.name === 'model');
      if (isDropped) continue;
      // Only the first delimiter of the caller's form has no line end before it.
      if (isFirst && raw.toString('latin1', 0, 2) === '--') yield Buffer.from('\r\n');
      isFirst = false;
      yield raw;
    }
  }
}

/** The form as it is. Throws 400 for a second model. */
async function* withOneModel(
  source: Iterable<Buffer> | AsyncIterable<Buffer>,
  boundary: string,
): AsyncGenerator<Buffer, void, void> {
  const scanner = new FormScanner(boundary);
  let models = 0;
  for await (const piece of source) {
    for (const stretch of scanner.take(piece)) if (stretch.kind === 'head' && stretch.name === 'model') models += 1;
    if (models > 1)
      throw errors.invalidParameter("Invalid 'model': the form names it more than once.", 'invalid_value', 'model');
    yield piece;
  }
}

interface Spooled {
  file: string;
  release: () => Promise<void>;
  /** What `use` gives; removes the file where that throws. */
  checked<T>(use: () => T): Promise<T>;
}

async function spool(head: Buffer[], pieces: AsyncGenerator<Buffer, void, void>, upload: Upload): Promise<Spooled> {
  const folder = await mkdtemp(join(tmpdir(), 'upload-'));
  const file = join(folder, 'form');
  const release = async (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  const checked = async <T>(use: () => T | Promise<T>): Promise<T> => {
    try {
      return await use();
    } catch (error) {
      await release();
      throw error;
    }
  };
  await checked(async () => {
    const handle = await open(file, 'wx', 0o600);
    try {
      await writeAll(handle, head, pieces, upload);
    } finally {
      await handle.close();
    }
  });
  return { file, release, checked };
}

async function writeAll(
  handle: FileHandle,
  head: Buffer[],
  pieces: AsyncGenerator<Buffer, void, void>,
  upload: Upload,
): Promise<void> {
  for (let piece = head.shift(); piece; piece = head.shift()) await handle.writeFile(piece);
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    upload.take(next.value);
    await handle.writeFile(next.value);
  }
}
