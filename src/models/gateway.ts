/** The gateway: every call to a model service goes through it. It chooses the backend, repeats what may be repeated, and keeps the limits of tenants. */
import type { Readable } from 'node:stream';
import { ApiError, errors } from '../errors';
import type { ModelBackend, TenantLimits } from '../modelBackends';
import type { Records } from '../storage/ports';
import { isUsableName, routesOf, type Route } from './backendChoice';
import type { ObserveCall } from './callObserver';
import { createCircuitBreaker } from './circuitBreaker';
import { GatewayCall, type CallContext } from './gatewayCall';
import { ModelError } from './ports';
import { defaultRetryPolicy, retryDelay, systemClock, type Clock, type RetryPolicy } from './retry';
import { createKeyMask, createScrub } from './scrub';
import type { TokenUsage } from '../tokenUsage';
import { createTenantLimiter, TenantLimitError, type Reservation } from './tenantLimits';
import { UpstreamError, type Upstream } from './upstream';

/** Where a call goes: what a body of its own making must know. */
export interface GatewayTarget {
  /** The backend's name of the model. */
  model: string;
  /** Whether the service reads the model from the body (a `model` member or form field) and not from the path. */
  modelInBody: boolean;
}

export type GatewayBody =
  /** The top-level `model` is set or replaced for the backend by a splice; everything else stays byte for byte. */
  | { kind: 'json'; bytes: Uint8Array }
  | {
      kind: 'stream';
      contentType: string;
      /** Bytes of what `open` gives for the target; undefined where that is not known: the body then goes in chunks. */
      length?: (target: GatewayTarget) => number | undefined;
      /** Called when the connection stands, not before. A form's `model` field has to hold the target's name where that reads it. */
      open: (target: GatewayTarget) => Readable;
      /** Whether `open` may be called again for a repetition. */
      reopenable: boolean;
    };

export interface GatewayRequest {
  /** Path below the deployment or base: `chat/completions`, `audio/speech`, `images/edits`, `realtimeapi/sessions`, `models`, `models/{model}` … */
  operation: string;
  method: 'POST' | 'GET' | 'DELETE';
  /** Of the address, behind the operation. */
  query?: URLSearchParams;
  /** Deployment or model as the caller named it; any text for operations that have none, such as `models` and `fine_tuning/jobs/…`, which every backend serves. */
  model: string;
  /** Name of the only backend that may be called: it has what the call is about. */
  backend?: string;
  /** The caller's headers; only an allow-list is passed on (`headers.ts`), never a credential. */
  headers: Headers;
  body?: GatewayBody;
  /** Whose limits count the call; absent: nobody's. */
  tenant?: string;
  /** false: images and audio, which may have been billed: repeated only on 429, or when the backend was never reached. */
  repeatable: boolean;
  /** For the limit of tokens: see `estimatedTokens.ts`. `settleUsage` corrects it. */
  estimatedTokens: number;
  signal?: AbortSignal;
}

export interface GatewayAnswer {
  status: number;
  /** Those that callers read, see `headers.ts`. The upstream's `x-request-id` is `x-upstream-request-id`. */
  headers: Headers;
  /** Must be read or destroyed. Of an error answer: whole, at most 1 MB, without credentials. */
  body: Readable;
  /** Name of the backend that answered. */
  backend: string;
  /** The setting that gives its address, for error texts. */
  setting: string;
  /** Calls that were made in all. */
  attempts: number;
  /** Tells how many tokens the answer really took, for the tenant's limit, where the estimate stays without it, and for its usage. Only the first call counts. */
  settleUsage(usage: TokenUsage): void;
}

export interface Gateway {
  /** Whether a backend serves this name; cheap, makes no call. */
  serves(model: string): boolean;
  /** Names that callers may use: keys of the backends' maps, without `*`. */
  names(): string[];
  /**
   * A success, or the upstream's own error answer once retries and failover are exhausted (its status and JSON body, keys scrubbed). Nothing is
   * repeated after it resolved. Throws ApiError: 400 for what is no name of a model, 404 `DeploymentNotFound` naming the setting, 429 for the tenant's limits, 502, 503 or
   * 504; rejects with the signal's
   * reason as soon as that is aborted.
   */
  forward(request: GatewayRequest): Promise<GatewayAnswer>;
  /**
   * As `forward`, with the reading of the answer as part of the attempt: an UpstreamError with `retry` that `read` throws is repeated like a failed call. A tenant's limit is
   * waited for as long as a service's would be. Throws ModelError in place of ApiError; its code is {@link REQUEST_TOO_LARGE} where no wait would help.
   */
  exchange<T>(request: GatewayRequest, read: (answer: GatewayAnswer) => Promise<T>): Promise<T>;
  /** By the backend's name, whether one of its deployments failed so often that it is left alone (`failing`); makes no call. */
  health(): Record<string, 'ok' | 'failing'>;
  /** The text without the backends' keys, and whatever else looks like a credential. */
  scrub(text: string): string;
  /** Writes stars over the backends' keys in an answer's bytes, in place. */
  maskKeys(bytes: Buffer): void;
}

/** Counts what tenants use. */
export interface UsageMeter {
  /** A call of the tenant that a model service has answered. `deployment`: as the caller named it. */
  call(tenant: string, deployment: string): void;
  /** How many tokens such a call took, once for each that says so. */
  tokens(tenant: string, deployment: string, usage: TokenUsage): void;
}

export interface GatewayPorts {
  backends: readonly ModelBackend[];
  tenantLimits: TenantLimits;
  upstream: Upstream;
  /** Where instances share the counts of their tenants. */
  records: Records;
  clock?: Clock;
  /** What differs from `defaultRetryPolicy`. */
  retry?: Partial<RetryPolicy>;
  /** Absent: no usage is counted. */
  meter?: UsageMeter;
  /** Absent: nobody is told of calls. */
  observe?: ObserveCall;
  logFault: (message: string, error: unknown) => void;
  /** Told when a backend is left alone for its failures, and when it is well again. */
  logState: (message: string) => void;
}

/** A gateway over the backends. */
export function createGateway(ports: GatewayPorts): Gateway {
  const { clock = systemClock, records, tenantLimits, logFault } = ports;
  const policy = { ...defaultRetryPolicy, ...ports.retry };
  const backends = ports.backends.toSorted((a, b) => a.priority - b.priority);
  const breaker = createCircuitBreaker({
    now: () => clock.now(),
    maxRestMs: policy.maxRetryAfterMs,
    changed: (id, isOpen) => ports.logState(stateLine(id, isOpen)),
  });
  const limiter = createTenantLimiter({ limits: tenantLimits, records, now: () => clock.now(), logFault });
  const scrub = createScrub(backends);
  const context: CallContext = { upstream: ports.upstream, clock, policy, breaker, underWay: new Map(), scrub };
  const everyBackend = backends.map((backend) => ({ backend, name: '', id: `${backend.name}/` }));
  const routesFor = ({ operation, model, backend }: GatewayRequest): Route[] => {
    const routes = hasNoModel(operation) ? everyBackend : routesOf(backends, model);
    return backend === undefined ? routes : routes.filter((route) => route.backend.name === backend);
  };

  async function call<T>(
    request: GatewayRequest,
    routes: Route[],
    reservation: Reservation,
    read: (answer: GatewayAnswer) => Promise<T>,
  ): Promise<T> {
    const observer = request.method === 'POST' ? ports.observe?.(request) : undefined;
    const { tenant, model } = request;
    const meter = tenant !== undefined && isModelCall(request) ? ports.meter : undefined;
    let isSuccess = false;
    const reading = async (answer: GatewayAnswer): Promise<T> => {
      isSuccess = answer.status < 300;
      return read(answer);
    };
    const settle = (usage: TokenUsage): void => {
      reservation.settle(usage.total);
      if (tenant !== undefined) meter?.tokens(tenant, model, usage);
    };
    try {
      const value = await new GatewayCall(context, request, routes, { reservation, settle }, reading, observer).run();
      if (tenant !== undefined && isSuccess) meter?.call(tenant, model);
      observer?.settled();
      return value;
    } catch (error) {
      observer?.settled(error);
      reservation.settle(0);
      throw error;
    }
  }

  /** Counts the call for its tenant as soon as the limits let it. Throws ModelError: `rate_limited` where that takes too long, `invalid_request` where it is never. */
  async function reserveInTime({ tenant, estimatedTokens, signal }: GatewayRequest): Promise<Reservation> {
    const began = clock.now();
    for (let tries = 1; ; tries += 1) {
      try {
        return await limiter.reserve(tenant, estimatedTokens);
      } catch (error) {
        if (!(error instanceof TenantLimitError)) throw error;
        const { message, retryAfterSeconds } = error;
        if (retryAfterSeconds === undefined)
          throw new ModelError('invalid_request', message, { code: REQUEST_TOO_LARGE, cause: error });
        const wait = retryDelay(policy, tries, clock.now() - began, { afterMs: retryAfterSeconds * 1000 }, 0);
        if (wait === undefined) throw new ModelError('rate_limited', message, { retryAfterSeconds, cause: error });
        await clock.sleep(wait, signal);
      }
    }
  }

  return {
    serves: (model) => routesOf(backends, model).length > 0,
    names: () =>
      [...new Set(backends.flatMap(({ deployments }) => [...deployments.keys()]))].filter((name) => name !== '*'),
    health() {
      const failing = new Set(breaker.open().map((id) => id.slice(0, id.indexOf('/'))));
      return Object.fromEntries(backends.map(({ name }) => [name, failing.has(name) ? 'failing' : 'ok']));
    },
    scrub,
    maskKeys: createKeyMask(backends),
    async exchange(request, read) {
      const routes = routesFor(request);
      if (routes.length === 0)
        throw new ModelError('not_found', `Nothing serves the model '${request.model}'. ${advice(backends)}`);
      return call(request, routes, await reserveInTime(request), read);
    },
    async forward(request) {
      const routes = routesFor(request);
      if (routes.length === 0) {
        if (!isUsableName(request.model)) throw errors.invalidModelName(request.model);
        throw errors.deploymentNotFound(request.model, advice(backends));
      }
      const reserved = limiter.reserve(request.tenant, request.estimatedTokens);
      const reservation = reserved instanceof Promise ? await reserved : reserved;
      try {
        return await call(request, routes, reservation, asItIs);
      } catch (error) {
        throw error instanceof UpstreamError && !request.signal?.aborted ? apiErrorOf(error) : error;
      }
    },
  };
}

/** Code of an `exchange` that counts more tokens than its tenant may use in a minute. */
export const REQUEST_TOO_LARGE = 'request_too_large';

/** Objects of a service, which no model stands for. */
const hasNoModel = (operation: string): boolean =>
  /^(?:models$|fine_tuning\/jobs\/|(?:conversations|containers)(?:\/|$)|responses\/(?!(?:input_tokens|compact)$))/.test(
    operation,
  );

/** `id`: of a route. A caller may have chosen the deployment's name. */
function stateLine(id: string, isOpen: boolean): string {
  const name = JSON.stringify(id.slice(0, 200));
  return isOpen
    ? `The model service ${name} has failed several times in a row. It is left alone, but for single calls that try it.`
    : `The model service ${name} is well again.`;
}

/** Jobs of fine-tuning and counts of tokens use no model, nor does what concerns an answer that is there. */
const isModelCall = ({ method, operation, model }: GatewayRequest): boolean =>
  method === 'POST' && model !== '' && !/^fine_tuning\/|\/input_tokens$/.test(operation);

const asItIs = async (answer: GatewayAnswer): Promise<GatewayAnswer> => answer;

/** Which setting would serve a name that nothing serves. */
const advice = (backends: ModelBackend[]): string =>
  backends.length === 0
    ? 'Set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS to a service that has it.'
    : 'Add it to the deployments of a backend in MODEL_BACKENDS.';

const codes = { 502: 'upstream_error', 503: 'service_unavailable', 504: 'upstream_timeout' };

function apiErrorOf(error: UpstreamError): ApiError {
  const { kind, message, status, retryAfterSeconds } = error;
  if (kind !== 'unavailable') return errors.modelFailed(error, error);
  const headers = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(Math.ceil(retryAfterSeconds)) };
  return new ApiError(status, message, { type: 'server_error', code: codes[status], headers }, { cause: error });
}
