/** What the host says of an error. */
import type { APIError } from 'openai';

/** The service's own message, without the status that the SDK puts before it. */
export function serviceMessage(error: APIError): string {
  const message: unknown = Object(error.error).message;
  return typeof message === 'string' ? message : error.message;
}
