/** `text` and `reasoning` of responses and of Foundry's agents (components.md section 11). */
import { z } from '@hono/zod-openapi';
import { reasoningEffort } from './assistants';
import { unsupported } from './unsupported';

/** `TextResponseFormatConfiguration`: the JSON schema is flat, other than in chat completions. */
const responseTextFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.enum(['text', 'json_object']) }),
  z.strictObject({
    type: z.literal('json_schema'),
    // Optional in the Azure version.
    name: z
      .string()
      .regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be of characters 'a-z A-Z 0-9 _ -', at most 64")
      .optional(),
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);
export type ResponseTextFormat = z.infer<typeof responseTextFormat>;

/** `ResponseTextParam`. */
export const responseText = z.strictObject({
  format: responseTextFormat.optional(),
  verbosity: z.enum(['low', 'medium', 'high']).nullish(),
});

const summary = z.enum(['auto', 'concise', 'detailed']).nullish();

/** `Reasoning`; `generate_summary` is the older name of `summary`. */
export const responseReasoning = z.strictObject({
  effort: reasoningEffort.nullish(),
  summary,
  generate_summary: summary,
  mode: z
    .string()
    .refine((mode) => mode === 'standard', unsupported("Give 'effort'."))
    .transform(() => undefined)
    .nullish(),
  context: z
    .enum(['auto', 'current_turn', 'all_turns'])
    .refine(
      (context) => context !== 'all_turns',
      unsupported('The model is not told again what it thought in earlier turns.'),
    )
    .transform(() => undefined)
    .nullish(),
});
