/** What went wrong at a model service, as a {@link ModelError} that is fit to be shown and says whether to try again. */
import { z } from 'zod';
import type { ModelBackend } from '../config';
import { ModelError } from '../models/ports';
import type { RetryHint } from '../models/retry';
import { readRetryAfter } from '../models/retry';

/** A failure of the model service. `retry` is absent where the same request would fail again. */
export class UpstreamError extends ModelError {
  constructor(
    kind: ModelError['kind'],
    message: string,
    readonly retry: RetryHint | undefined,
    options?: { cause?: unknown; retryAfterSeconds?: number },
  ) {
    super(kind, message, options);
  }
}

/** The settings that an operator would have to look at, by kind of backend. */
export const backendSettings = {
  azure: { address: 'AZURE_OPENAI_ENDPOINT', key: 'AZURE_OPENAI_API_KEY' },
  openai: { address: 'OPENAI_BASE_URL', key: 'OPENAI_API_KEY' },
} as const;

/** An answer other than success; `status` is guessed from the error object when that came inside of a stream. */
export interface RefusedAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** The body, or the part of it that was read. */
  body: string;
}

const MAX_MESSAGE = 500;

const innerError = z.object({ code: z.string() }).nullish().catch(null);
const errorObject = z.object({
  message: z.string().nullish().catch(null),
  type: z.string().nullish().catch(null),
  code: z.union([z.string(), z.number()]).nullish().catch(null),
  status: z.number().nullish().catch(null),
  innererror: innerError,
  inner_error: innerError,
});
type ErrorObject = z.infer<typeof errorObject>;

const nothing: ErrorObject = {};

/** Reads `{error: {…}}`, `{error: "…"}`, the bare object that gateways answer with, or plain text. */
function readErrorObject(body: string): ErrorObject {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // A page of HTML says nothing to the caller.
    return /^\s*</.test(body) ? nothing : { message: body.trim() };
  }
  const wrapped = z.object({ error: z.unknown().refine((error) => error != null) }).safeParse(value);
  const error = wrapped.success ? wrapped.data.error : value;
  if (typeof error === 'string') return { message: error };
  return errorObject.safeParse(error).data ?? nothing;
}

/** Removes what may be a credential, then cuts to a length that fits into an error. */
function presentable(message: string, backend: ModelBackend): string {
  const scrubbed = (backend.apiKey ? message.replaceAll(backend.apiKey, '***') : message)
    .replace(/\b(sk|sess|pk)-[\w*.-]{6,}/g, '***')
    .replace(/\beyJ[\w-]{8,}(\.[\w-]*){0,2}/g, '***')
    .replace(/\bBearer\s+[\w.~+/=-]{8,}/gi, 'Bearer ***')
    .replace(/((?:api|subscription|access)[-_ ]?key["']?\s*[:=]\s*["']?)[\w*.-]{8,}/gi, '$1***');
  return scrubbed.length > MAX_MESSAGE ? `${scrubbed.slice(0, MAX_MESSAGE)}…` : scrubbed;
}

/** The error of an answer other than 2xx. */
export function refusalOf(answer: RefusedAnswer, backend: ModelBackend, model: string, now: number): UpstreamError {
  const { status, headers } = answer;
  const error = readErrorObject(answer.body);
  const own = error.message ? presentable(error.message, backend) : undefined;
  const detail = own ? `: ${own}` : '.';
  const { address, key } = backendSettings[backend.kind];
  const inner = error.innererror?.code ?? error.inner_error?.code;

  if (error.code === 'content_filter' || inner === 'ResponsibleAIPolicyViolation') {
    return new UpstreamError('content_filter', own ?? 'The request was refused by the content filter.', undefined);
  }
  if (status === 401 || status === 403) {
    return new UpstreamError(
      'unavailable',
      `The model service refused the credentials (${status}). ${advice(backend)}`,
      undefined,
    );
  }
  if (status === 404 || error.code === 'model_not_found' || error.code === 'DeploymentNotFound') {
    const message = `The service that ${address} names has no model or deployment '${model}' (${status}${detail === '.' ? '' : detail}).`;
    return new UpstreamError('not_found', message, undefined);
  }
  const afterMs = readRetryAfter(headers, now);
  const hopeless = headers['x-should-retry'] === 'false' || error.code === 'insufficient_quota';
  const retry = hopeless ? undefined : { afterMs };
  if (status === 429) {
    const retryAfterSeconds = afterMs === undefined ? undefined : Math.ceil(afterMs / 1000);
    return new UpstreamError('rate_limited', `The model service limits the rate of calls${detail}`, retry, {
      retryAfterSeconds,
    });
  }
  if (status === 408 || status === 409 || status >= 500) {
    return new UpstreamError('unavailable', `The model service failed (${status})${detail}`, retry);
  }
  if (status < 400) {
    return new UpstreamError(
      'unavailable',
      `The model service answered ${status}; check ${address} and ${key}.`,
      undefined,
    );
  }
  return new UpstreamError('invalid_request', own ?? `The model service refused the request (${status}).`, undefined);
}

function advice(backend: ModelBackend): string {
  const { key } = backendSettings[backend.kind];
  if (backend.kind === 'openai' || backend.apiKey) return `Check ${key}.`;
  return `Set ${key}, or give the identity the role 'Cognitive Services OpenAI User'.`;
}

/** The error of an error object that came in an answer that had begun as a success. */
export function refusalInside(body: string, backend: ModelBackend, model: string, now: number): UpstreamError {
  return refusalOf({ status: statusOf(readErrorObject(body)), headers: {}, body }, backend, model, now);
}

function statusOf(error: ErrorObject): number {
  for (const status of [error.status, Number(error.code)]) {
    if (status && status >= 400 && status < 600) return status;
  }
  const words = `${error.type} ${error.code}`;
  if (/rate_limit|insufficient_quota|too_many_requests/i.test(words)) return 429;
  if (/invalid_request|context_length_exceeded|invalid_prompt/i.test(words)) return 400;
  return 500;
}

const connectionError = z.object({ code: z.string() });

/** The error of a connection that failed, timed out or broke off; any other error as it is. */
export function connectionFailure(error: unknown, backend: ModelBackend): unknown {
  if (error instanceof ModelError) return error;
  const code = connectionError.safeParse(error).data?.code;
  if (!code) return error;
  return new UpstreamError('unavailable', connectionMessage(code, backend), {}, { cause: error });
}

function connectionMessage(code: string, backend: ModelBackend): string {
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return 'The model service did not answer in time.';
    case 'UND_ERR_BODY_TIMEOUT':
      return 'The model service fell silent in the middle of its answer.';
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return 'The model service closed the connection before its answer was complete.';
    default:
      return `The model service that ${backendSettings[backend.kind].address} names cannot be reached (${code}).`;
  }
}

/** The answer is not one. Asked again, the service may do better. */
export function malformed(what: string, cause?: unknown): UpstreamError {
  return new UpstreamError(
    'unavailable',
    `The model service gave an answer that cannot be read: ${what}.`,
    {},
    { cause },
  );
}
