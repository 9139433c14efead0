/** Pictures that a request names by file: model services have no files of this server, so they get them as `data:` addresses. */
import type { z } from 'zod';
import { checkImage, imageReader } from '../agentLoop/imageFiles';
import { services } from '../app';
import { errors } from '../errors';
import { bodyBudget } from '../http/bodyBudget';
import type { Call } from '../http/operation';
import { attachableFiles } from '../tools/attachable';
import type { imageEditRequest } from '../wire/media';

type ImageEdit = z.output<typeof imageEditRequest>;
type Reference = ImageEdit['images'][number];

/**
 * The body, and its bytes, with each file in place of its id; what came where it names none. Throws 404 for a file that is not there, 400 for one that is no picture and for more than
 * a request can hold, 503 where the process holds too much.
 */
export async function withUploadedImages(
  call: Call,
  body: ImageEdit,
  bytes: Uint8Array,
): Promise<{ body: ImageEdit; bytes: Uint8Array }> {
  const { images, mask } = body;
  if (![...images, mask].some((reference) => reference?.file_id)) return { body, bytes };
  const files = attachableFiles((await services()).retrieval);
  const read = imageReader(files, call.scope);
  const resolved = async (reference: Reference, param: string): Promise<Reference> => {
    const { file_id } = reference;
    if (!file_id) return reference;
    await checkImage(files, call.scope, file_id, param);
    const image = await read(file_id);
    if ('note' in image) throw errors.invalidParameter(`Invalid '${param}': ${image.note}`, 'invalid_value', param);
    bodyBudget.hold(call.request, image.url.length);
    return { image_url: image.url };
  };
  const shown: Reference[] = [];
  // One after another: what is read is counted before the next is.
  for (const [place, reference] of images.entries()) shown.push(await resolved(reference, `images[${place}].file_id`));
  const shownMask = mask && { mask: await resolved(mask, 'mask.file_id') };
  const sent = { ...body, images: shown, ...shownMask };
  return { body: sent, bytes: Buffer.from(JSON.stringify(sent)) };
}
