/** Calls to Azure OpenAI and OpenAI-compatible services: addresses, credentials, pooled connections and timeouts. */
import type { TokenCredential } from '@azure/identity';
// The built-in fetch gives up after 300 s without headers and cannot be told otherwise; undici's `request` takes both timeouts per call.
import { Agent } from 'undici';
import type { ModelBackend } from '../modelBackends';
import { UpstreamError, type Upstream, type UpstreamCall } from '../models/upstream';
import { unlessAborted } from '../unlessAborted';
import { azureToken } from './azureToken';
import { connectionFailure } from './openAiErrors';

export interface OpenAiUpstreamOptions {
  /** Unix milliseconds. */
  now?: () => number;
  /** Signs in where an `azure` backend has no key; default `DefaultAzureCredential`. */
  credential?: TokenCredential;
}

/** Connections to one service at most; further calls wait for a free one. */
const MAX_CONNECTIONS = 1_024;

// Shared by all backends; idle connections do not keep the process alive.
const connections = new Agent({ connections: MAX_CONNECTIONS, keepAliveTimeout: 30_000, connect: { timeout: 10_000 } });

/** A backend as it is called. */
interface Target {
  origin: string;
  /** Path of the base, without a trailing slash. */
  path: string;
  credentials: Record<string, string> | (() => Promise<Record<string, string>>);
}

/** The services behind configured backends. */
export function openAiUpstream(options: OpenAiUpstreamOptions = {}): Upstream {
  const token = azureToken({ credential: options.credential, now: options.now ?? Date.now });
  const targets = new WeakMap<ModelBackend, Target>();
  const targetOf = (backend: ModelBackend): Target => {
    let target = targets.get(backend);
    if (!target) {
      const { origin, pathname } = new URL(backend.baseUrl);
      target = { origin, path: pathname.replace(/\/+$/, ''), credentials: credentialsOf(backend, token) };
      targets.set(backend, target);
    }
    return target;
  };

  return {
    modelInBody,
    async send({ backend, operation, method, query, model, headers, body, signal }) {
      try {
        signal?.throwIfAborted();
        const { origin, path, credentials } = targetOf(backend);
        const credential = typeof credentials === 'function' ? await unlessAborted(credentials(), signal) : credentials;
        const sent = connections.request({
          origin,
          path: withQuery(path + pathOf(backend, operation, model), query),
          method,
          headers: { 'user-agent': 'azure-openai-functions', ...lengthOf(body), ...headers, ...credential },
          // Undici takes any iterable, though its types name only Node's streams.
          body: (isLarge(body) ? takenOnce(body) : body) as Uint8Array | undefined,
          headersTimeout: backend.headersTimeoutMs,
          bodyTimeout: backend.idleTimeoutMs,
          signal,
        });
        // Undici alone would wait for the connection before it gives up.
        const answer = await unlessAborted(sent, signal);
        return { status: answer.statusCode, headers: answer.headers, body: answer.body };
      } catch (error) {
        throw signal?.aborted ? signal.reason : connectionFailure(error, backend.settings.address);
      }
    },
  };
}

/** Undici holds bytes that it is given until the answer has ended, which may take minutes; of an iterable it lets go as it sends. */
const MAX_HELD_BYTES = 16 * 1024;

type Body = UpstreamCall['body'];
const isLarge = (body: Body): body is Uint8Array => body instanceof Uint8Array && body.length > MAX_HELD_BYTES;
const lengthOf = (body: Body): Record<string, string> =>
  isLarge(body) ? { 'content-length': String(body.length) } : {};

function takenOnce(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  let rest: Uint8Array | undefined = bytes;
  const take = (): Uint8Array => {
    const taken = rest ?? new Uint8Array();
    rest = undefined;
    return taken;
  };
  return (async function* () {
    yield take();
  })();
}

const usesV1 = ({ kind, apiVersion }: ModelBackend): boolean =>
  kind === 'azure' && (apiVersion === 'v1' || apiVersion === 'preview');

const modelInBody = (backend: ModelBackend, operation: string): boolean =>
  !/^(?:conversations|containers)(?:\/|$)/.test(operation) &&
  (backend.kind === 'openai' || usesV1(backend) || /^(?:realtimeapi\/|fine_tuning\/|responses)/.test(operation));

/** Only Azure's `/openai/v1` has it, whatever dated version is set. */
const isV1Alone = (operation: string): boolean =>
  /^(?:realtime\/client_secrets$|(?:conversations|containers)(?:\/|$)|responses\/(?:input_tokens|compact)$)/.test(
    operation,
  );

const withQuery = (path: string, query: URLSearchParams | undefined): string =>
  query ? `${path}${path.includes('?') ? '&' : '?'}${query.toString()}` : path;

/** Path and query below the backend's base. */
function pathOf(backend: ModelBackend, operation: string, model: string): string {
  const named = operation.startsWith('models/') ? `models/${encodeURIComponent(model)}` : operation;
  const current = named.replace(/^realtimeapi\//, 'realtime/');
  if (backend.kind === 'openai') return `/${current}`;
  const version = `?api-version=${encodeURIComponent(backend.apiVersion)}`;
  if (isV1Alone(operation) && !usesV1(backend)) return `/openai/v1/${operation}`;
  if (usesV1(backend)) return `/openai/v1/${current}${backend.apiVersion === 'preview' ? version : ''}`;
  const isOfResource = /^(?:(?:models|responses)(?:\/|$)|realtimeapi\/|fine_tuning\/)/.test(named);
  return `/openai/${isOfResource ? '' : `deployments/${encodeURIComponent(model)}/`}${named}${version}`;
}

function credentialsOf(backend: ModelBackend, token: () => Promise<string>): Target['credentials'] {
  const { kind, apiKey, settings } = backend;
  if (kind === 'openai') return apiKey ? { authorization: `Bearer ${apiKey}` } : {};
  if (apiKey) return { 'api-key': apiKey };
  return async () => {
    try {
      return { authorization: `Bearer ${await token()}` };
    } catch (cause) {
      const message = `${settings.key} is not set, and neither a managed identity nor an Azure sign-in gave a token.`;
      throw new UpstreamError('unavailable', message, undefined, { cause, status: 503, reached: false });
    }
  };
}
