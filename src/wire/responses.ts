/** The response and its requests (operations 49 to 52, components.md 11, `CreateResponse` and `Response` of openai-2026-08). */
import { z } from '@hono/zod-openapi';
import { metadata, objectId, storedMetadata, timestamp } from './common';
import { includable, inputItem, outputItem } from './responseItems';
import { responseReasoning, responseText } from './responseSettings';
import { responseTool, responseToolChoice, responseTools } from './responseTools';
import { unsupported, unsupportedField } from './unsupported';

const prompt = z.strictObject({
  id: z.string().nullish(),
  version: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
});

/** Which of Foundry's agents answers: its version decides model, instructions and tools. */
const agentReference = z.strictObject({
  type: z.enum(['agent_reference', 'agent_id']).default('agent_reference'),
  name: z.string().min(1).max(128),
  version: z.string().min(1).max(64).nullish(),
});
export type AgentReference = z.infer<typeof agentReference>;

/** How the model service keeps prompts (of current SDKs). */
const promptCacheOptions = z.strictObject({
  mode: z
    .enum(['implicit', 'explicit'])
    .refine((mode) => mode === 'implicit', unsupported('Breakpoints are not passed on to the model service.'))
    .optional(),
  ttl: z.string().max(16).optional(),
});

const serviceTier = z.enum(['auto', 'default', 'flex', 'priority', 'scale']);

const notPadded = unsupported('Events are not padded.');

/** `CreateResponse`. */
export const createResponseRequest = z
  .strictObject({
    model: z.string().min(1).max(512).nullish(),
    input: z.union([z.string(), z.array(inputItem).max(10_000)]).nullish(),
    instructions: z.string().nullish(),
    previous_response_id: objectId.nullish(),
    conversation: z.union([objectId, z.strictObject({ id: objectId })]).nullish(),
    agent: agentReference.nullish(),
    /** Where the SDK of Foundry's agents puts it. */
    agent_reference: agentReference.nullish(),
    background: z.boolean().nullish(),
    store: z.boolean().nullish(),
    stream: z.boolean().nullish(),
    stream_options: z
      .strictObject({
        include_obfuscation: z
          .boolean()
          .refine((isWanted) => !isWanted, notPadded)
          .nullish(),
      })
      .nullish(),
    include: z.array(includable).nullish(),
    tools: responseTools.nullish(),
    tool_choice: responseToolChoice.nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    max_tool_calls: z.int().min(1).nullish(),
    max_output_tokens: z.int().min(1).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    reasoning: responseReasoning.nullish(),
    text: responseText.nullish(),
    truncation: z.enum(['auto', 'disabled']).nullish(),
    metadata: metadata.nullish(),
    prompt: prompt.nullish(),
    service_tier: serviceTier.nullish(),
    user: z.string().nullish(),
    safety_identifier: z.string().max(64).nullish(),
    prompt_cache_key: z.string().nullish(),
    prompt_cache_retention: z.enum(['in_memory', 'in-memory', '24h']).nullish(),
    prompt_cache_options: promptCacheOptions.nullish(),
    structured_inputs: z.record(z.string(), z.unknown()).nullish(),
    moderation: unsupportedField('Call moderations.'),
    context_management: unsupportedField("Use 'truncation'."),
    modalities: unsupportedField('Responses are text.'),
  })
  .meta({ id: 'createResponse' });
export type CreateResponseRequest = z.infer<typeof createResponseRequest>;

/** `TokenCountsBody`: what of a request says what the model reads. */
export const inputTokensRequest = createResponseRequest
  .pick({
    model: true,
    input: true,
    instructions: true,
    previous_response_id: true,
    conversation: true,
    tools: true,
    tool_choice: true,
    parallel_tool_calls: true,
    reasoning: true,
    text: true,
    truncation: true,
  })
  .extend({ personality: unsupportedField("Use 'instructions'.") })
  .meta({ id: 'inputTokensRequest' });

/** `TokenCountsResource`. */
export const inputTokensObject = z.object({ object: z.literal('response.input_tokens'), input_tokens: z.int() });

const responseError = z.object({ code: z.string(), message: z.string() });

const responseUsage = z.object({
  input_tokens: z.int(),
  input_tokens_details: z.object({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.object({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
});
export type ResponseUsage = z.infer<typeof responseUsage>;

/** `Response`, with the fields of the Azure version and of Foundry's agents. */
export const responseObject = z
  .object({
    id: z.string(),
    object: z.literal('response'),
    created_at: timestamp,
    completed_at: timestamp.nullable(),
    status: z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
    background: z.boolean(),
    error: responseError.nullable(),
    incomplete_details: z.object({ reason: z.enum(['max_output_tokens', 'content_filter']) }).nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: z.int().nullable(),
    max_tool_calls: z.int().nullable(),
    model: z.string(),
    output: z.array(outputItem),
    output_text: z.string().optional(),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.string().nullable(),
    conversation: z.object({ id: z.string() }).nullable(),
    agent: z.object({ type: z.literal('agent_id'), name: z.string(), version: z.string() }).optional(),
    agent_reference: z.object({ type: z.literal('agent_reference'), name: z.string(), version: z.string() }).optional(),
    prompt: z
      .object({ id: z.string(), version: z.string().nullish(), variables: z.record(z.string(), z.unknown()).nullish() })
      .nullable(),
    reasoning: z.object({ effort: z.string().nullable(), summary: z.string().nullable() }),
    safety_identifier: z.string().nullable(),
    prompt_cache_key: z.string().nullable(),
    service_tier: z.string(),
    store: z.boolean(),
    temperature: z.number(),
    top_p: z.number(),
    top_logprobs: z.int(),
    text: z.object({ format: z.looseObject({ type: z.string() }), verbosity: z.string() }),
    tool_choice: responseToolChoice,
    tools: z.array(responseTool),
    truncation: z.enum(['auto', 'disabled']),
    usage: responseUsage.nullable(),
    user: z.string().nullable(),
    metadata: storedMetadata,
  })
  .meta({ id: 'response' });
export type ResponseObject = z.infer<typeof responseObject>;

const includeList = z.union([includable.transform((one) => [one]), z.array(includable)]);

/** `include` of queries: with and without brackets, once or several times. */
export const includeQuery = z.object({ include: includeList.optional(), 'include[]': includeList.optional() });

/** The .NET SDK of Azure writes `True`. */
const flag = z.enum(['true', 'false', 'True', 'False']).transform((value) => value.toLowerCase() === 'true');

/** Of a response that is read: its stream, from any event on. Events are not padded. */
export const retrieveResponseQuery = includeQuery.extend({
  stream: flag.optional(),
  starting_after: z.coerce.number().int().min(0).optional(),
  include_obfuscation: flag.refine((isWanted) => !isWanted, notPadded).optional(),
});
