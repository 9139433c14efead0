/**
 * What the edge must know of the bodies of completions, chat completions and embeddings (operations 1 to 3). They go on as the caller's own bytes, so
 * only what is wrong whoever answers is refused here; every other field is open.
 */
import { z } from 'zod';

export const modelName = z.string().min(1);

/** Named by every body of the OpenAI paths; in deployment paths the path names the deployment, and the body's name, null or empty too, counts for nothing. */
export const modelBesidePath = z.string().nullish();

const stream = z.boolean().nullish();
const streamOptions = z.looseObject({ include_usage: z.boolean().nullish() }).nullish();

interface Streamed {
  stream?: boolean | null;
  stream_options?: unknown;
}
const optionsNeedStream = ({ stream, stream_options }: Streamed): boolean => stream === true || stream_options == null;
const streamOptionsRule = {
  path: ['stream_options'],
  error: "The 'stream_options' parameter is only allowed when 'stream' is true",
};

const message = z.looseObject({
  role: z.string().min(1),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).nullish(),
});

const chatFields = z.looseObject({
  model: modelBesidePath,
  messages: z.array(message).min(1),
  stream,
  stream_options: streamOptions,
  modalities: z.array(z.string()).nullish(),
  audio: z.looseObject({}).nullish(),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .max(128)
    .nullish(),
  data_sources: z.array(z.unknown()).nullish(),
});

/** `audio` needs a format and a voice once audio is asked for (oddity O39). */
function checkAudio({ modalities, audio }: z.output<typeof chatFields>, context: z.RefinementCtx): void {
  if (!modalities?.includes('audio')) return;
  for (const field of ['format', 'voice']) {
    if (audio?.[field] == null) {
      context.addIssue({
        code: 'custom',
        path: ['audio', field],
        message: "it is required when 'modalities' has 'audio'",
      });
    }
  }
}

/** Body of operation 3. */
export const chatRequest = chatFields.refine(optionsNeedStream, streamOptionsRule).superRefine(checkAudio);
export type ChatCompletionRequest = z.output<typeof chatRequest>;

const token = z.int().min(0);
const texts = z.array(z.string());

/** Body of operation 1. */
export const completionRequest = z
  .looseObject({
    model: modelBesidePath,
    // Null begins a document.
    prompt: z.union([z.string(), texts, z.array(token), z.array(z.array(token)), z.null()]),
    stream,
    stream_options: streamOptions,
    n: z.int().min(1).max(128).nullish(),
    best_of: z.int().min(0).max(20).nullish(),
  })
  .refine(optionsNeedStream, streamOptionsRule)
  .superRefine(({ n, best_of, stream }, context) => {
    // Oddity O9.
    const path = ['best_of'];
    if (best_of != null && best_of < (n ?? 1))
      context.addIssue({ code: 'custom', path, message: "it must not be less than 'n'" });
    if (best_of != null && best_of > 1 && stream)
      context.addIssue({ code: 'custom', path, message: 'a stream takes no more than 1' });
  });

/** How many tokens one input may have is for the model to say: the documentation's 2,048 for every array is less than the 8,191 that clients send. */
const tokens = z.array(token).min(1, { abort: true });
const MAX_INPUTS = 2048;

/** Body of operation 2. */
export const embeddingsRequest = z.looseObject({
  model: modelBesidePath,
  input: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1), tokens, z.array(tokens).min(1)])
    .superRefine((input, { addIssue }) => {
      if (typeof input === 'string' || typeof input[0] === 'number' || input.length <= MAX_INPUTS) return;
      addIssue({ code: 'too_big', origin: 'array', maximum: MAX_INPUTS, inclusive: true, input });
    }),
  dimensions: z.int().min(1).nullish(),
  encoding_format: z.enum(['float', 'base64']).nullish(),
});
export type EmbeddingsRequest = z.output<typeof embeddingsRequest>;

/** `{prompt_tokens, completion_tokens, total_tokens}` and details. */
const usage = z.looseObject({ prompt_tokens: z.int(), total_tokens: z.int() });

/** Answer of operation 3 when it is not streamed. */
export const chatCompletion = z
  .looseObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(z.looseObject({ index: z.int(), finish_reason: z.string().nullable() })),
    usage: usage.optional(),
  })
  .meta({ id: 'createChatCompletionResponse' });

/** Answer of operation 1. */
export const completion = z
  .looseObject({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(z.looseObject({ text: z.string(), index: z.int(), finish_reason: z.string().nullable() })),
    usage: usage.optional(),
  })
  .meta({ id: 'createCompletionResponse' });

/** Answer of operation 2. */
export const embeddingList = z.looseObject({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(
    z.looseObject({
      object: z.literal('embedding'),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  usage,
});
