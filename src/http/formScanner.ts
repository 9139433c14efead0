/** Finds the parts of a multipart form in its raw bytes, piece by piece, in bounded memory. */
import { errors } from '../errors';

/** Delimiter and headers of one part. */
const MAX_HEAD_BYTES = 16 * 1024;

/** A stretch of the form; all stretches in order are the form, byte for byte. */
export type FormStretch =
  /** A part's delimiter and headers. */
  | { kind: 'head'; raw: Buffer; name: string; isFile: boolean }
  | { kind: 'content'; raw: Buffer }
  /** What precedes the first part; mostly nothing. */
  | { kind: 'preamble'; raw: Buffer }
  /** The closing delimiter and all that follows, in one stretch or several. */
  | { kind: 'end'; raw: Buffer };

/** The boundary that the content type names. Throws 415 for another type and 400 where the boundary is missing. */
export function boundaryOf(contentType: string | null): string {
  if (!contentType || !/^multipart\/form-data\b/i.test(contentType)) {
    throw errors.wrongContentType(contentType ?? 'none', 'multipart/form-data');
  }
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (!boundary) throw errors.brokenForm('its content type names no boundary');
  return boundary;
}

export class FormScanner {
  private state: 'start' | 'head' | 'content' | 'end' = 'start';
  private pending: Buffer = Buffer.alloc(0);
  private delimiter: Buffer;

  constructor(private readonly boundary: string) {
    this.delimiter = Buffer.from(`--${boundary}`, 'latin1');
  }

  /** Whether the closing delimiter has come. */
  get isComplete(): boolean {
    return this.state === 'end';
  }

  /** The stretches that the piece completes. Throws 400 for what is no form. */
  take(piece: Buffer): FormStretch[] {
    let rest = this.pending.length > 0 ? Buffer.concat([this.pending, piece]) : piece;
    const found: FormStretch[] = [];
    for (let used = -1; used !== 0 && rest.length > 0;) {
      const stretch = this.next(rest);
      used = stretch?.raw.length ?? 0;
      if (stretch && used > 0) found.push(stretch);
      rest = rest.subarray(used);
    }
    this.pending = rest;
    return found;
  }

  private next(bytes: Buffer): FormStretch | undefined {
    switch (this.state) {
      case 'start':
        return this.preamble(bytes);
      case 'head':
        return this.head(bytes);
      case 'content':
        return this.content(bytes);
      case 'end':
        return { kind: 'end', raw: bytes };
    }
  }

  /** Also learns how the form ends its lines. */
  private preamble(bytes: Buffer): FormStretch | undefined {
    const at = bytes.indexOf(this.delimiter);
    const after = at + this.delimiter.length;
    if (at < 0 || bytes.length < after + 2) {
      if (bytes.length > MAX_HEAD_BYTES) throw errors.brokenForm('its first boundary does not come');
      return undefined;
    }
    this.state = 'head';
    if (at > 0) return { kind: 'preamble', raw: bytes.subarray(0, at) };
    return this.head(bytes);
  }

  private head(bytes: Buffer): FormStretch | undefined {
    const after = this.delimiter.length;
    if (bytes.length < after + 2) return undefined;
    if (bytes.toString('latin1', after, after + 2) === '--') {
      this.state = 'end';
      return { kind: 'end', raw: bytes };
    }
    const [end, eol] = endOfHeaders(bytes, after);
    if (end < 0) {
      if (bytes.length > MAX_HEAD_BYTES) throw errors.brokenForm("a part's headers are longer than 16 KB");
      return undefined;
    }
    this.state = 'content';
    this.delimiter = Buffer.from(`${eol}--${this.boundary}`, 'latin1');
    const raw = bytes.subarray(0, end);
    return { kind: 'head', raw, ...disposition(raw.toString('utf8')) };
  }

  private content(bytes: Buffer): FormStretch | undefined {
    for (let from = 0; ;) {
      const at = bytes.indexOf(this.delimiter, from);
      if (at < 0) return { kind: 'content', raw: bytes.subarray(0, Math.max(0, bytes.length - this.delimiter.length)) };
      const after = at + this.delimiter.length;
      const follows = bytes.toString('latin1', after, after + 2);
      // The boundary may also be the beginning of a longer line of the content.
      if (follows.length < 2 || /^(--|[\r\n \t])/.test(follows)) {
        if (at > 0) return { kind: 'content', raw: bytes.subarray(0, at) };
        if (follows.length < 2) return undefined;
        this.state = 'head';
        return this.head(bytes);
      }
      from = after;
    }
  }
}

/** Index behind the empty line that ends the headers (-1 if it has not come), and the form's line end. */
function endOfHeaders(bytes: Buffer, from: number): [end: number, eol: string] {
  const lineEnd = bytes.indexOf('\n', from);
  const eol = lineEnd > 0 && bytes[lineEnd - 1] === 0x0d ? '\r\n' : '\n';
  const at = lineEnd < 0 ? -1 : bytes.indexOf(eol + eol, from);
  return [at < 0 ? -1 : at + 2 * eol.length, eol];
}

function disposition(head: string): { name: string; isFile: boolean } {
  const line = /^content-disposition:[^\r\n]*$/im.exec(head)?.[0] ?? '';
  const [, quoted, plain] = /;\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(line) ?? [];
  const name = quoted ?? plain;
  if (name === undefined) throw errors.brokenForm('a part has no name');
  return { name, isFile: /;\s*filename\*?=/i.test(line) };
}
