/** A gateway over scripted upstreams, without HTTP before it. */
import type { TokenCredential } from '@azure/identity';
import { openAiUpstream } from '../../src/adapters/openAiUpstream';
import { ApiError } from '../../src/errors';
import type { ModelBackend, TenantLimits } from '../../src/modelBackends';
import type { ObserveCall } from '../../src/models/callObserver';
import { createGateway, type Gateway, type GatewayAnswer, type GatewayRequest } from '../../src/models/gateway';
import type { Clock, RetryPolicy } from '../../src/models/retry';
import type { Records } from '../../src/storage/ports';
import type { ScriptedUpstream } from './scriptedUpstream';

export const KEY = 'test-key-0123456789';

const common = {
  apiKey: KEY,
  deployments: new Map([['*', '*']]),
  priority: 0,
  weight: 1,
  headersTimeoutMs: 600_000,
  idleTimeoutMs: 60_000,
};

export const openAiBackend = (
  { url }: Pick<ScriptedUpstream, 'url'>,
  more: Partial<ModelBackend> = {},
): ModelBackend => ({
  ...common,
  name: 'openai',
  kind: 'openai',
  baseUrl: url,
  apiVersion: '',
  settings: { address: 'OPENAI_BASE_URL', key: 'OPENAI_API_KEY' },
  ...more,
});

export const azureBackend = ({ azureEndpoint }: ScriptedUpstream, more: Partial<ModelBackend> = {}): ModelBackend => ({
  ...common,
  name: 'azure',
  kind: 'azure',
  baseUrl: azureEndpoint,
  apiVersion: '2025-04-01-preview',
  settings: { address: 'AZURE_OPENAI_ENDPOINT', key: 'AZURE_OPENAI_API_KEY' },
  ...more,
});

export interface GatewayOptions {
  clock?: Clock;
  retry?: Partial<RetryPolicy>;
  credential?: TokenCredential;
  records?: Records;
  tenantLimits?: TenantLimits;
  observe?: ObserveCall;
  logFault?: (message: string, error: unknown) => void;
  logState?: (message: string) => void;
}

/** Without records, no tenant may have a limit. */
export function gatewayOver(backends: ModelBackend[], options: GatewayOptions = {}): Gateway {
  const { clock, credential, retry } = options;
  return createGateway({
    backends,
    tenantLimits: options.tenantLimits ?? new Map(),
    upstream: openAiUpstream({ now: clock && (() => clock.now()), credential }),
    records:
      options.records ??
      new Proxy({} as Records, { get: () => () => Promise.reject(new Error('There are no records here.')) }),
    clock,
    retry,
    observe: options.observe,
    logFault: options.logFault ?? ((message, error) => console.error(message, error)),
    logState: options.logState ?? (() => undefined),
  });
}

/** A chat call, with what differs from one. */
export function chatCall(body: object | string, more: Partial<GatewayRequest> = {}): GatewayRequest {
  return {
    operation: 'chat/completions',
    method: 'POST',
    model: 'gpt-4o',
    headers: new Headers({ 'content-type': 'application/json' }),
    body: { kind: 'json', bytes: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) },
    repeatable: true,
    estimatedTokens: 0,
    ...more,
  };
}

export async function textOf(answer: GatewayAnswer): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of answer.body as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

/** The error of ours that the promise rejects with; throws if it does not. */
export async function apiError(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('It did not fail.');
}
