/** One POST to an OpenAI-compatible service: address, credentials, pooled connections, timeouts, and what its failures mean. */
import type { TokenCredential } from '@azure/identity';
import type { Dispatcher } from 'undici';
// The built-in fetch gives up after 300 s without headers and cannot be told otherwise; undici's `request` takes both timeouts per call.
import { Agent, request } from 'undici';
import type { ModelBackend } from '../config';
import type { Clock, RetryPolicy } from '../models/retry';
import { defaultRetryPolicy, systemClock, withRetries } from '../models/retry';
import { readText } from './answerBody';
import { azureToken } from './azureToken';
import { backendSettings, connectionFailure, refusalInside, refusalOf, UpstreamError } from './openAiErrors';

export interface OpenAiHttpOptions {
  /** Milliseconds until the headers of an answer; 600,000. */
  headersTimeoutMs?: number;
  /** Milliseconds between two pieces of an answer; 60,000. Not counted while the reader holds back. */
  bytesTimeoutMs?: number;
  /** What differs from {@link defaultRetryPolicy}. */
  retry?: Partial<RetryPolicy>;
  clock?: Clock;
  /** Signs in where an `azure` backend has no key; default `DefaultAzureCredential`. */
  credential?: TokenCredential;
}

export type AnswerBody = Dispatcher.ResponseData['body'];

/** A service with its retries. */
export interface OpenAiUpstream {
  /** Sends the request and resolves with an answer that is a success. Throws {@link UpstreamError}, or the signal's reason. */
  post(
    operation: 'chat/completions' | 'embeddings',
    model: string,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<Answer>;
  /** Tries again what failed with an {@link UpstreamError} that allows it. */
  retrying<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** What an error from reading an answer's body means: the signal's reason, an {@link UpstreamError}, or the error itself. */
  failure(error: unknown, signal?: AbortSignal): unknown;
  /** The error that an answer which began as a success holds. */
  refusal(errorBody: string, model: string): UpstreamError;
}

export interface Answer {
  contentType: string;
  body: AnswerBody;
}

const MAX_ERROR_BYTES = 64 * 1024;

// Shared by all backends; idle connections do not keep the process alive.
const connections = new Agent({ connections: 256, keepAliveTimeout: 30_000, connect: { timeout: 10_000 } });

/** The service behind a configured backend. */
export function openAiUpstream(backend: ModelBackend, options: OpenAiHttpOptions): OpenAiUpstream {
  const { clock = systemClock, headersTimeoutMs = 600_000, bytesTimeoutMs = 60_000 } = options;
  const policy = { ...defaultRetryPolicy, ...options.retry };
  const credentials = credentialHeaders(backend, azureToken({ credential: options.credential, now: clock.now }));

  const failure = (error: unknown, signal?: AbortSignal) =>
    signal?.aborted ? signal.reason : connectionFailure(error, backend);

  async function send(url: string, body: unknown, signal?: AbortSignal): Promise<Dispatcher.ResponseData> {
    const headers = await orAborted(credentials(), signal);
    const sent = request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'azure-openai-functions', ...headers },
      body: JSON.stringify(body),
      dispatcher: connections,
      headersTimeout: headersTimeoutMs,
      bodyTimeout: bytesTimeoutMs,
      signal,
    });
    // Undici alone would wait for the connection before it gives up.
    return orAborted(sent, signal);
  }

  return {
    failure,
    refusal: (errorBody, model) => refusalInside(errorBody, backend, model, clock.now()),
    retrying: (attempt, signal) =>
      withRetries(attempt, {
        policy,
        clock,
        signal,
        hintOf: (error) => (error instanceof UpstreamError ? error.retry : undefined),
      }),
    async post(operation, model, body, signal) {
      try {
        const {
          statusCode: status,
          headers,
          body: answer,
        } = await send(addressOf(backend, operation, model), body, signal);
        if (status >= 200 && status < 300) return { contentType: String(headers['content-type'] ?? ''), body: answer };
        const text = (await readText(answer, MAX_ERROR_BYTES)).text;
        throw refusalOf({ status, headers, body: text }, backend, model, clock.now());
      } catch (error) {
        throw failure(error, signal);
      }
    },
  };
}

function addressOf(backend: ModelBackend, operation: string, model: string): string {
  if (backend.kind === 'openai') return `${backend.baseUrl}/${operation}`;
  const version = encodeURIComponent(backend.apiVersion);
  return `${backend.baseUrl}/openai/deployments/${encodeURIComponent(model)}/${operation}?api-version=${version}`;
}

function credentialHeaders(backend: ModelBackend, token: () => Promise<string>): () => Promise<Record<string, string>> {
  const { kind, apiKey } = backend;
  return async (): Promise<Record<string, string>> => {
    if (kind === 'openai') return apiKey ? { authorization: `Bearer ${apiKey}` } : {};
    if (apiKey) return { 'api-key': apiKey };
    try {
      return { authorization: `Bearer ${await token()}` };
    } catch (cause) {
      const message = `${backendSettings.azure.key} is not set, and neither a managed identity nor an Azure sign-in gave a token.`;
      throw new UpstreamError('unavailable', message, undefined, { cause });
    }
  };
}

/** The promise, or the signal's reason as soon as it is aborted. */
async function orAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
