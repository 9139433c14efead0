/** What the edge must know of the bodies of audio, images, moderations, realtime and models (operations 4 to 8, 47, 48 and those beside them). */
import { z } from 'zod';
import { modelBesidePath, modelName } from './chat';

/** Body of operation 6. */
export const speechRequest = z.looseObject({
  model: modelBesidePath,
  input: z.string().min(1).max(4096),
  voice: z.union([z.string().min(1), z.looseObject({})]),
  speed: z.number().min(0.25).max(4).nullish(),
});

/** Body of operation 7. */
export const imageRequest = z.looseObject({
  model: modelBesidePath,
  prompt: z.string().min(1).max(32_000),
  n: z.int().min(1).max(10).nullish(),
  stream: z.boolean().nullish(),
});

/** A picture by its address (which may be a `data:` one), or by the file that it was uploaded as (`ImageRefParam`). */
const imageReference = z
  .strictObject({
    image_url: z
      .string()
      .min(1)
      .max(20 * 1024 * 1024)
      .optional(),
    file_id: z.string().min(1).optional(),
  })
  .refine((reference) => (reference.image_url === undefined) !== (reference.file_id === undefined), {
    error: 'exactly one of image_url and file_id is needed',
  });

/** Body of operation 8 as JSON (`EditImageBodyJsonParam`). */
export const imageEditRequest = imageRequest.extend({
  images: z.array(imageReference).min(1).max(16),
  mask: imageReference.optional(),
});

/** Answer of operations 7 and 8. */
export const imageList = z
  .looseObject({
    created: z.int(),
    data: z.array(
      z.looseObject({
        url: z.string().optional(),
        b64_json: z.string().optional(),
        revised_prompt: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'generateImagesResponse' });

/** Body of `POST /moderations`. */
export const moderationRequest = z.looseObject({
  model: modelName.optional(),
  input: z.union([z.string(), z.array(z.string()).min(1), z.array(z.looseObject({ type: z.string() })).min(1)]),
});

export const moderation = z.looseObject({ id: z.string(), model: z.string(), results: z.array(z.looseObject({})) });

const transcription = z.looseObject({ model: modelName.optional() });

/** Bodies of operations 47 and 48: nothing is required. */
export const realtimeSessionRequest = z.looseObject({
  model: modelName.optional(),
  modalities: z.array(z.enum(['text', 'audio'])).optional(),
  temperature: z.number().min(0.6).max(1.2).optional(),
  max_response_output_tokens: z.union([z.int().min(1).max(4096), z.literal('inf')]).optional(),
});
export const transcriptionSessionRequest = z.looseObject({
  modalities: z.array(z.enum(['text', 'audio'])).optional(),
  input_audio_transcription: transcription.nullish(),
});

/** Body of `POST /realtime/client_secrets`. A session that only transcribes names its model where it says how. */
export const clientSecretRequest = z.looseObject({
  session: z
    .looseObject({
      type: z.string().optional(),
      model: modelName.optional(),
      audio: z.looseObject({ input: z.looseObject({ transcription: transcription.nullish() }).nullish() }).nullish(),
    })
    .optional(),
});

export const clientSecret = z.looseObject({ value: z.string().min(1), expires_at: z.int() });

/** Answer of operations 47 and 48. */
export const realtimeSession = z.looseObject({ client_secret: clientSecret });

export const modelObject = z
  .looseObject({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .meta({ id: 'Model' });
export type ModelObject = z.output<typeof modelObject>;

export const modelList = z.object({ object: z.literal('list'), data: z.array(modelObject) });
