/** What went wrong at a model service, as a {@link UpstreamError} that is fit to be shown and says whether to try again. */
import { errors as undiciErrors } from 'undici';
import { z } from 'zod';
import { ModelError } from '../models/ports';
import { readRetryAfter } from '../models/retry';
import { UpstreamError } from '../models/upstream';

/** An answer other than success; `status` is guessed from the error object when that came inside of a stream. */
export interface RefusedAnswer {
  status: number;
  headers: Headers;
  /** The body, or the part of it that was read, without credentials. */
  body: string;
}

const MAX_MESSAGE = 500;

const innerError = z.object({ code: z.string() }).nullish().catch(null);
const errorObject = z.object({
  message: z.string().nullish().catch(null),
  type: z.string().nullish().catch(null),
  code: z.union([z.string(), z.number()]).nullish().catch(null),
  param: z.string().nullish().catch(null),
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

const presentable = (message: string): string =>
  message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;

/** The error of an answer that the gateway passes on because repeating it is useless, or has been of no use. */
export function refusalOf(answer: RefusedAnswer, setting: string, model: string, now: number): UpstreamError {
  const { status, headers } = answer;
  const error = readErrorObject(answer.body);
  const own = error.message ? presentable(error.message) : undefined;
  const detail = own ? `: ${own}` : '.';
  const inner = error.innererror?.code ?? error.inner_error?.code;
  const named = { code: error.code == null ? undefined : String(error.code), param: error.param ?? undefined };

  if (error.code === 'content_filter' || inner === 'ResponsibleAIPolicyViolation') {
    return new UpstreamError('content_filter', own ?? 'The request was refused by the content filter.', undefined);
  }
  if (status === 404 || error.code === 'model_not_found' || error.code === 'DeploymentNotFound') {
    const message = `The service that ${setting} names has no model or deployment '${model}' (${status}${detail === '.' ? '' : detail}).`;
    return new UpstreamError('not_found', message, undefined);
  }
  const afterMs = readRetryAfter(
    {
      'retry-after': headers.get('retry-after') ?? undefined,
      'retry-after-ms': headers.get('retry-after-ms') ?? undefined,
    },
    now,
  );
  const retryAfterSeconds = afterMs === undefined ? undefined : Math.ceil(afterMs / 1000);
  if (status === 429) {
    const retry = error.code === 'insufficient_quota' ? undefined : { afterMs };
    return new UpstreamError('rate_limited', `The model service limits the rate of calls${detail}`, retry, {
      retryAfterSeconds,
      ...named,
    });
  }
  if (status === 408 || status === 409 || status >= 500) {
    return new UpstreamError('unavailable', `The model service failed (${status})${detail}`, undefined);
  }
  const message = own ?? `The model service refused the request (${status}).`;
  return new UpstreamError('invalid_request', message, undefined, named);
}

/** The error of an error object that came in an answer that had begun as a success; the service may do better the next time if it was at fault. */
export function refusalInside(body: string, setting: string, model: string, now: number): UpstreamError {
  const { kind, message, code, param } = refusalOf(
    { status: statusOf(readErrorObject(body)), headers: new Headers(), body },
    setting,
    model,
    now,
  );
  const isItsFault = kind === 'unavailable' || kind === 'rate_limited';
  const isHopeless = readErrorObject(body).code === 'insufficient_quota';
  return new UpstreamError(kind, message, isItsFault && !isHopeless ? {} : undefined, { code, param });
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

/** What the service sent is not HTTP; the parser's errors have codes of their own, or none. */
const NOT_HTTP = 'UND_ERR_NOT_HTTP';

const connectionError = z.object({ code: z.string(), syscall: z.string().optional(), message: z.string().optional() });

/** The error of a connection that failed, timed out or broke off; any other error as it is. */
export function connectionFailure(error: unknown, setting: string): unknown {
  if (error instanceof ModelError) return error;
  const failure =
    error instanceof undiciErrors.HTTPParserError ? { code: NOT_HTTP } : connectionError.safeParse(error).data;
  if (!failure) return error;
  const status = /TIMEOUT|ETIMEDOUT/.test(failure.code) ? 504 : 502;
  return new UpstreamError(
    'unavailable',
    connectionMessage(failure.code, setting),
    {},
    { cause: error, status, reached: !wasNotReached(failure) },
  );
}

/** The connection was never made: its address is unknown, nobody listens there, or there was no agreement on TLS. */
function wasNotReached({ code, syscall, message = '' }: z.infer<typeof connectionError>): boolean {
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  if (/^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) return true;
  // Node's and OpenSSL's codes of certificates and handshakes.
  return (
    /^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code) ||
    message.includes('before secure TLS connection')
  );
}

function connectionMessage(code: string, setting: string): string {
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return 'The model service did not answer in time.';
    case 'UND_ERR_BODY_TIMEOUT':
      return 'The model service fell silent in the middle of its answer.';
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return 'The model service closed the connection before its answer was complete.';
    case NOT_HTTP:
      return `What ${setting} names answered, but not with valid HTTP.`;
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'The model service answered with more bytes of headers than are read.';
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return 'The model service sent more or fewer bytes than the content-length of its answer says.';
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return 'The request was not of the length that was announced to the model service.';
    default:
      return `The model service that ${setting} names cannot be reached (${code}).`;
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
