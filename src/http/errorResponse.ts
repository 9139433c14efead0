/** The one place where an error becomes an answer. */
import { ConfigError } from '../config';
import { ApiError, errors } from '../errors';
import type { ErrorBody } from '../wire/common';

/** The error as the caller may see it: anything that is not the caller's business becomes a 500 that tells nothing. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ConfigError) return errors.misconfigured(error.message);
  return errors.internal();
}

/** Whether the error is a fault of ours, which belongs in the log. 501 is none: the caller asks for what is not served here. */
export function isFault(error: unknown): boolean {
  const { status } = toApiError(error);
  return status >= 500 && status !== 501;
}

/** `{error:{message,type,param,code}}`, from which the SDKs make their error classes. */
export function errorBody(error: ApiError): ErrorBody {
  const { type = 'invalid_request_error', param = null, code = null } = error.details;
  return { error: { message: error.message, type, param, code } };
}

/** The answer to a failed request. */
export function errorResponse(error: unknown): Response {
  const apiError = toApiError(error);
  return Response.json(errorBody(apiError), { status: apiError.status, headers: apiError.details.headers });
}
