/** Errors of responses as callers are told them. */
import { InvalidToolCallError } from '../agentLoop/serverTools';
import { ApiError, TooLargeError } from '../errors';
import { ModelError } from '../models/ports';
import type { ResponseObject } from '../wire/responses';
import type { ResponsesPorts } from './ports';

/** What of `ResponseErrorCode` there is for faults of models. A request that can never be answered must not look like one to be tried again. */
const CODES: Partial<Record<ModelError['kind'], string>> = {
  rate_limited: 'rate_limit_exceeded',
  content_filter: 'invalid_prompt',
  invalid_request: 'invalid_prompt',
};

/** What a response that failed says of it. */
export function failureOf(
  error: unknown,
  { logFault }: Pick<ResponsesPorts, 'logFault'>,
  id: string,
): NonNullable<ResponseObject['error']> {
  if (error instanceof ModelError) {
    return { code: CODES[error.kind] ?? 'server_error', message: error.message };
  }
  if (error instanceof ApiError && error.details.code === 'context_length_exceeded')
    return { code: 'invalid_prompt', message: error.message };
  // 503 is about what the caller may wait for, such as a place in the sandbox.
  const isTold =
    error instanceof InvalidToolCallError ||
    error instanceof TooLargeError ||
    (error instanceof ApiError && (error.status < 500 || error.status === 503));
  if (isTold) return { code: 'server_error', message: error.message };
  logFault(`Response ${id} failed:`, error);
  return { code: 'server_error', message: 'The server had an error while processing your request.' };
}
