/** Multipart uploads, streamed: the file is handed on while it arrives. */
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { errors } from '../errors';

const MAX_FIELD_BYTES = 64 * 1024;
const MAX_FIELDS = 50;

export interface Upload<T> {
  /** Text fields; `a[b]` is a field of its own name. */
  fields: Map<string, string>;
  /** What `store` made of the file, or undefined when the form held none. */
  file: T | undefined;
}

/**
 * Reads a form with at most one file, in the part of that name. `store` must consume the stream it is given; the form's fields may come after it. Throws
 * 415 for another content type and 400 for a broken form; rejects with the error of `store`.
 */
export async function readUpload<T>(
  request: Request,
  store: (content: Readable, filename: string) => Promise<T>,
  filePart = 'file',
): Promise<Upload<T>> {
  const brokenForm = (error: unknown): Error => brokenFormOf(filePart, error);
  const contentType = request.headers.get('content-type') ?? 'none';
  if (!/^multipart\/form-data\b/i.test(contentType) || !request.body)
    throw errors.wrongContentType(contentType, 'multipart/form-data');
  const upload: Upload<T> = { fields: new Map(), file: undefined };
  const form = openForm(contentType, filePart);
  let stored: Promise<void> | undefined;
  let part: BusboyFileStream | undefined;
  const parsed = new Promise<void>((resolve, reject) => {
    form.on('field', (name: string, value: string, _nameTruncated: boolean, valueTruncated: boolean) => {
      if (valueTruncated)
        reject(
          errors.invalidParameter(`Invalid '${name}': longer than ${MAX_FIELD_BYTES} bytes.`, 'invalid_value', name),
        );
      upload.fields.set(name, value);
    });
    form.on('file', (name: string, content: BusboyFileStream, filename: string | undefined) => {
      // What breaks the part breaks the form or its consumer too, and is reported there.
      content.on('error', () => undefined);
      if (name !== filePart || stored) {
        content.resume();
        reject(errors.invalidParameter(`Unknown parameter: '${name}'.`, 'unknown_parameter', name));
        return;
      }
      part = content;
      stored = store(content, filename ?? '').then((file) => {
        upload.file = file;
      });
      // Its consumer may fail long before the form ends: nothing more is read then.
      stored.catch(reject);
    });
    form.on('fieldsLimit', () => reject(brokenForm(new Error(`more than ${MAX_FIELDS} fields`))));
    form.on('error', (error: Error) => reject(brokenForm(error)));
    form.on('finish', resolve);
  });
  const source = Readable.fromWeb(request.body as NodeReadableStream);
  source.on('error', (error) => form.destroy(error));
  source.pipe(form);
  try {
    await parsed;
    await stored;
  } catch (error) {
    // A broken form breaks its consumer as well; what broke the form is the reason to tell.
    const reason = form.errored ? brokenForm(form.errored) : error;
    // Read to its end all the same: a body that is cancelled just when it ends throws where nobody can catch it, and the process would end.
    source.unpipe(form);
    source.resume();
    form.destroy();
    // The form does not end its parts: their consumer would wait for ever.
    part?.destroy(reason instanceof Error ? reason : undefined);
    // The consumer's own error, if it is not the reason itself, only follows from it; it must have ended before the caller goes on.
    await stored?.catch(() => undefined);
    throw reason;
  }
  return upload;
}

function openForm(contentType: string, filePart: string): BusboyInstance {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: { fields: MAX_FIELDS, files: 2, fieldSize: MAX_FIELD_BYTES },
      // `curl -F data=…` sends content without a file's name.
      isPartAFile: (name, type, filename) =>
        name === filePart || filename !== undefined || type === 'application/octet-stream',
    });
  } catch (error) {
    throw brokenFormOf(filePart, error);
  }
}

function brokenFormOf(filePart: string, error: unknown): Error {
  const reason = error instanceof Error ? error.message : 'not a form';
  return errors.invalidParameter(
    `The multipart form is broken: ${reason}. Send multipart/form-data with a '${filePart}' part.`,
    'invalid_form',
    filePart,
  );
}
