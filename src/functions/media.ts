/** Audio, images and moderations: operations 4 to 8 and those beside them. */
import { errors } from '../errors';
import { readJsonBody } from '../http/jsonBody';
import { operation, type Call } from '../http/operation';
import { readForm } from '../http/passedForm';
import { validate } from '../http/validation';
import { imageEditRequest, imageList, imageRequest, moderation, moderationRequest, speechRequest } from '../wire/media';
import { withUploadedImages } from './uploadedImages';
import { bothStyles, forwardForm, forwardJson, MAX_JSON_BYTES, modelOf } from './modelCall';

/** What OpenAI takes where a request names no model, as its published document says. */
const DEFAULT_MODERATION_MODEL = 'omni-moderation-latest';
const DEFAULT_IMAGE_MODEL = 'dall-e-2';
const DEFAULT_GPT_IMAGE_MODEL = 'gpt-image-1.5';
/** Only the GPT image models have them. */
const OF_GPT_IMAGES = ['background', 'moderation', 'output_compression', 'output_format', 'partial_images', 'stream'];

export const transcriptions = bothStyles({
  number: 4,
  path: 'audio/transcriptions',
  summary: 'Create a transcription',
  body: 'raw',
  response: 'raw',
  handle: async (call, deployment) => forwardForm(call, 'audio/transcriptions', deployment, [['file']]),
});

export const translations = bothStyles({
  number: 5,
  path: 'audio/translations',
  summary: 'Create a translation',
  body: 'raw',
  response: 'raw',
  handle: async (call, deployment) => forwardForm(call, 'audio/translations', deployment, [['file']]),
});

/** Takes JSON, as services do, and a form, as the contract says (oddity O10); services get JSON. */
export const speech = bothStyles({
  number: 6,
  path: 'audio/speech',
  summary: 'Create speech',
  body: 'raw',
  response: 'raw',
  handle: async (call, deployment) => {
    const { value, bytes } = await readSpeechRequest(call);
    const body = validate(speechRequest, value);
    const request = { ...body, stream: body.stream_format === 'sse' };
    return forwardJson(call, 'audio/speech', modelOf(deployment, body), request, bytes);
  },
});

async function readSpeechRequest({ request }: Call): Promise<{ value: Record<string, unknown>; bytes: Uint8Array }> {
  if (!/^multipart\//i.test(request.headers.get('content-type') ?? '')) return readJsonBody(request, MAX_JSON_BYTES);
  const form = await readForm(request, {
    required: [['input'], ['voice']],
    model: 'elsewhere',
    maxBytes: MAX_JSON_BYTES,
  });
  if (!form.body.reopenable) throw errors.bodyTooLarge(MAX_JSON_BYTES);
  const fields = Object.fromEntries(form.fields);
  const speed = Number(fields.speed?.trim() || NaN);
  // What is no number stays a text, which the schema refuses as one.
  const value = Number.isFinite(speed) ? { ...fields, speed } : fields;
  // The form's content type must not go with the JSON.
  request.headers.set('content-type', 'application/json');
  return { value, bytes: Buffer.from(JSON.stringify(value)) };
}

export const imageGenerations = bothStyles({
  number: 7,
  path: 'images/generations',
  summary: 'Generate images',
  body: imageRequest,
  response: imageList,
  handle: async (call, deployment) => {
    const { body } = call;
    const isGptImage = OF_GPT_IMAGES.some((field) => body[field] != null);
    const model = body.model ?? (isGptImage ? DEFAULT_GPT_IMAGE_MODEL : DEFAULT_IMAGE_MODEL);
    return forwardJson(call, 'images/generations', modelOf(deployment, { model }), body);
  },
});

/** Takes a form, and JSON that names its pictures. */
export const imageEdits = bothStyles({
  number: 8,
  path: 'images/edits',
  summary: 'Edit images',
  body: 'raw',
  response: imageList,
  handle: async (call, deployment) => {
    if (!/^application\/json\b/i.test(call.request.headers.get('content-type') ?? ''))
      return forwardForm(call, 'images/edits', deployment, [['image', 'image[]'], ['prompt']], DEFAULT_GPT_IMAGE_MODEL);
    const { value, bytes } = await readJsonBody(call.request, MAX_JSON_BYTES);
    const { body, ...sent } = await withUploadedImages(call, validate(imageEditRequest, value), bytes);
    const model = modelOf(deployment, { model: body.model ?? DEFAULT_GPT_IMAGE_MODEL });
    return forwardJson(call, 'images/edits', model, body, sent.bytes);
  },
});

export const imageVariations = bothStyles({
  path: 'images/variations',
  summary: 'Create variations of an image',
  body: 'raw',
  response: imageList,
  handle: async (call, deployment) =>
    forwardForm(call, 'images/variations', deployment, [['image']], DEFAULT_IMAGE_MODEL),
});

export const moderations = operation({
  method: 'post',
  path: '/moderations',
  summary: 'Classify text and images by harm',
  body: moderationRequest,
  maxBodyBytes: MAX_JSON_BYTES,
  response: moderation,
  handle: async (call) => forwardJson(call, 'moderations', call.body.model ?? DEFAULT_MODERATION_MODEL, call.body),
});
