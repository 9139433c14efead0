/** How a response asks its model to answer, in the words of chat completions. Pure. */
import type { ChatRequest } from '../models/ports';
import type { Logprob } from '../wire/responseItems';
import { chatResponseFormat, type Settings } from './newResponse';

/** Sent only where the caller or the agent set them: models differ in what they take. */
export function sampling({ body }: Settings): Partial<ChatRequest> {
  const format = chatResponseFormat(body.text?.format);
  const wantsLogprobs = body.include?.includes('message.output_text.logprobs');
  return {
    ...(body.temperature != null && { temperature: body.temperature }),
    ...(body.top_p != null && { top_p: body.top_p }),
    ...(format !== undefined && { response_format: format }),
    ...(body.reasoning?.effort && { reasoning_effort: body.reasoning.effort }),
    ...(body.text?.verbosity && { verbosity: body.text.verbosity }),
    ...(wantsLogprobs && { logprobs: true, ...(body.top_logprobs != null && { top_logprobs: body.top_logprobs }) }),
    ...(body.service_tier && { service_tier: body.service_tier }),
    ...(body.user && { user: body.user }),
    ...(body.safety_identifier && { safety_identifier: body.safety_identifier }),
    ...(body.prompt_cache_key && { prompt_cache_key: body.prompt_cache_key }),
    ...(body.prompt_cache_retention && { prompt_cache_retention: body.prompt_cache_retention }),
  };
}

/** Those of the service that have the form of the API. */
export function logprobsOf(given: unknown[] = []): Logprob[] {
  return given.filter(
    (one): one is Logprob => typeof one === 'object' && one !== null && 'token' in one && 'logprob' in one,
  );
}
