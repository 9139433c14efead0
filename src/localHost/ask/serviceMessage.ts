/** What the host says of an error. */
import type { APIError } from 'openai';

/** The service's own message, without the status that the SDK puts before it. */
export function serviceMessage(error: APIError): string {
  // The service gives a reason with each of its own 404s; the functions host around it gives none.
  if (error.status === 404 && !error.error)
    return 'The host serves nothing at that address: --host-url takes it without a path, such as http://127.0.0.1:7071.';
  const message: unknown = Object(error.error).message;
  return typeof message === 'string' ? message : error.message;
}
