/** How a response asks its model to answer, in the words of chat completions, and what it is told beside the answer. Pure. */
import type { ChatRequest, Usage, UsageDetails } from '../models/ports';
import { logprob, type Logprob } from '../wire/responseItems';
import type { ResponseUsage } from '../wire/responses';
import type { ResponseTextFormat } from '../wire/responseSettings';
import { wantsLogprobs, type Settings } from './newResponse';

/** Sent only where the caller or the agent set them: models differ in what they take. */
export function sampling({ body }: Settings): Partial<ChatRequest> {
  const format = chatResponseFormat(body.text?.format);
  return {
    ...(body.temperature != null && { temperature: body.temperature }),
    ...(body.top_p != null && { top_p: body.top_p }),
    ...(format !== undefined && { response_format: format }),
    ...(body.reasoning?.effort && { reasoning_effort: body.reasoning.effort }),
    ...(body.text?.verbosity && { verbosity: body.text.verbosity }),
    ...(wantsLogprobs(body) && {
      logprobs: true,
      ...(body.top_logprobs != null && { top_logprobs: body.top_logprobs }),
    }),
    ...(body.service_tier && { service_tier: body.service_tier }),
    ...(body.user && { user: body.user }),
    ...(body.safety_identifier && { safety_identifier: body.safety_identifier }),
    ...(body.prompt_cache_key && { prompt_cache_key: body.prompt_cache_key }),
    ...(body.prompt_cache_retention && { prompt_cache_retention: body.prompt_cache_retention }),
    ...(body.prompt_cache_options && { prompt_cache_options: body.prompt_cache_options }),
  };
}

/** `text.format` as chat completions have it; undefined for plain text. */
function chatResponseFormat(format: ResponseTextFormat | null | undefined): unknown {
  if (!format || format.type === 'text') return undefined;
  if (format.type !== 'json_schema') return { type: format.type };
  const { type, name = 'response', description, schema, strict } = format;
  return {
    type,
    json_schema: { name, schema, ...(description != null && { description }), ...(strict != null && { strict }) },
  };
}

/** Those of the service that have the form of the API, whole. */
export function logprobsOf(given: unknown[] = []): Logprob[] {
  return given.flatMap((one) => {
    const { success, data } = logprob.safeParse(one);
    return success ? [{ ...data, bytes: data.bytes ?? [], top_logprobs: data.top_logprobs.map(withBytes) }] : [];
  });
}

const withBytes = (one: Logprob['top_logprobs'][number]) => ({ ...one, bytes: one.bytes ?? [] });

/** The usage of a response with one more call of its model. */
export const addedUsage = (before: ResponseUsage | null, usage?: Usage, details?: UsageDetails): ResponseUsage => ({
  input_tokens: (before?.input_tokens ?? 0) + (usage?.prompt_tokens ?? 0),
  input_tokens_details: {
    cached_tokens: (before?.input_tokens_details.cached_tokens ?? 0) + (details?.cachedTokens ?? 0),
    cache_write_tokens: 0,
  },
  output_tokens: (before?.output_tokens ?? 0) + (usage?.completion_tokens ?? 0),
  output_tokens_details: {
    reasoning_tokens: (before?.output_tokens_details.reasoning_tokens ?? 0) + (details?.reasoningTokens ?? 0),
  },
  total_tokens: (before?.total_tokens ?? 0) + (usage?.total_tokens ?? 0),
});
