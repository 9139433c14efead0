/** Images that messages and items name by file: checked when they come, and read for models that see. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { AttachableFiles } from './ports';

/** Largest image in bytes, as of the services' vision models. */
const MAX_IMAGE_BYTES = 20 * 1024 * 1024;
/** Images of one model request in bytes, so that no thread can fill the memory; the newest come first. */
export const MAX_REQUEST_IMAGE_BYTES = 40 * 1024 * 1024;

/** Media type by the first bytes of the content, of the kinds that the services take. */
const kinds: [mediaType: string, signature: RegExp][] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF.{4}WEBP/s],
];
const SIGNATURE_BYTES = 12;

const mediaTypeOf = (bytes: Buffer): string | undefined =>
  kinds.find(([, signature]) => signature.test(bytes.toString('latin1', 0, SIGNATURE_BYTES)))?.[0];

/** Throws 404 if there is no such file, and 400 for one that is no image or too large; `param` is where it is named. */
export async function checkImage(files: AttachableFiles, scope: Scope, id: string, param: string): Promise<void> {
  const file = await files.open(scope, id);
  if (!file) throw errors.noFile(id, param);
  const refuse = (reason: string) => errors.invalidParameter(`Invalid '${param}': ${reason}.`, 'invalid_value', param);
  const beginning = await firstBytes(file.content);
  if (!mediaTypeOf(beginning)) throw refuse(`file '${id}' is no image of the kinds PNG, JPEG, GIF and WebP`);
  if (file.size > MAX_IMAGE_BYTES) throw refuse(`image '${id}' is larger than ${MAX_IMAGE_BYTES} bytes`);
}

/** As many bytes as tell what a file is; the stream is destroyed. */
async function firstBytes(content: AsyncIterable<Buffer>): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const piece of content) {
    bytes = Buffer.concat([bytes, piece.subarray(0, SIGNATURE_BYTES)]);
    if (bytes.length >= SIGNATURE_BYTES) break;
  }
  return bytes;
}

/** Room for the images of one model request: takes those that together have at most {@link MAX_REQUEST_IMAGE_BYTES}, and tells whether it took one of so many bytes. */
export function imageRoom(): (bytes: number) => boolean {
  let left = MAX_REQUEST_IMAGE_BYTES;
  return (bytes) => {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  };
}

/**
 * Reads images as `data:` URLs, as many as there is room for. For one that is gone, is no image, or is one too many, resolves with a
 * line for the model that says so: the answer need not fail for it.
 */
export function imageReader(files: AttachableFiles, scope: Scope, takes = imageRoom()) {
  return async (id: string): Promise<{ url: string } | { note: string }> => {
    const file = await files.open(scope, id);
    if (!file) return { note: `[The image ${id} is not there any more.]` };
    if (!takes(file.size)) {
      file.content.destroy();
      return { note: `[The image ${id} is left out: there are too many.]` };
    }
    const bytes = await wholeOf(file.content);
    const mediaType = mediaTypeOf(bytes);
    if (!mediaType) return { note: `[The file ${id} is no image.]` };
    return { url: `data:${mediaType};base64,${bytes.toString('base64')}` };
  };
}

async function wholeOf(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}
