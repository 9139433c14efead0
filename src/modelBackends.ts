/** The setting MODEL_BACKENDS, and the single settings in its place: which services answer for models, and what tenants may use of them. */
import { z } from 'zod';
import { ConfigError } from './configError';
import { readJsonSetting } from './jsonSetting';
import { isOwnAddress } from './ownAddress';

/** A service that answers for models, with everything that has a default filled in. */
export interface ModelBackend {
  /** For logs and error texts. */
  name: string;
  kind: 'azure' | 'openai';
  /** Without a trailing slash. `azure`: the resource's endpoint; `openai`: the base below which `/chat/completions` lies. */
  baseUrl: string;
  /** Absent for `azure`: a token of the managed identity. */
  apiKey?: string;
  /** `azure` only; `v1` and `preview`: the service's own `/openai/v1`. */
  apiVersion: string;
  /** A caller's name → the service's; `*` catches the rest, and as a value passes the name as it is. */
  deployments: ReadonlyMap<string, string>;
  /** Backends of a lower number go first. */
  priority: number;
  /** Share of the calls within a priority, above 0. */
  weight: number;
  headersTimeoutMs: number;
  /** Between two pieces of an answer. */
  idleTimeoutMs: number;
  /** Calls under way at once; absent: no limit. */
  concurrentRequests?: number;
  /** What an operator would have to look at. */
  settings: { address: string; key: string };
}

export interface TenantLimit {
  requestsPerMinute?: number;
  tokensPerMinute?: number;
}

/** By tenant; `*` for those that are not named. */
export type TenantLimits = ReadonlyMap<string, TenantLimit>;

export interface ModelSettings {
  backends: ModelBackend[];
  tenantLimits: TenantLimits;
}

/** The settings that name one backend, as read. */
export interface SingleBackend {
  AZURE_OPENAI_ENDPOINT?: string;
  AZURE_OPENAI_API_KEY?: string;
  AZURE_OPENAI_API_VERSION: string;
  OPENAI_BASE_URL?: string;
  OPENAI_API_KEY?: string;
}

const SETTING = 'MODEL_BACKENDS';
const passEveryName = new Map([['*', '*']]);
const defaults = {
  deployments: passEveryName,
  priority: 0,
  weight: 1,
  headersTimeoutMs: 600_000,
  idleTimeoutMs: 60_000,
};

/** The address of a model service, without slashes at its end. */
export const serviceUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .refine((value) => /^https?:\/\/[^?#@]+$/i.test(value), 'must be a URL without user, query and fragment')
  .transform((value) => value.replace(/\/+$/, ''));

const text = z.string('must be a string').trim().min(1, 'must not be empty');
const above0 = (most: number) => {
  const error = `must be a number above 0 and at most ${most}`;
  return z.number(error).positive(error).max(most, error);
};
const count = z.int('must be a whole number above 0').min(1, 'must be a whole number above 0');
const object = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, { error: wordingOfObject });

const backendSchema = object({
  name: text.regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes and underscores'),
  kind: z.enum(['azure', 'openai'], "must be 'azure' or 'openai'"),
  endpoint: serviceUrl.optional(),
  base_url: serviceUrl.optional(),
  api_key: text.optional(),
  api_version: text.regex(/^[\w.-]+$/, 'must be a version such as 2025-04-01-preview, v1 or preview').optional(),
  deployments: z.record(text, text, 'must be an object of names').optional(),
  priority: z.int('must be a whole number').optional(),
  weight: above0(1_000_000).optional(),
  headers_timeout_seconds: above0(3_600).optional(),
  idle_timeout_seconds: above0(3_600).optional(),
  limits: object({ concurrent_requests: count.optional() }).optional(),
});

const settingSchema = z.preprocess(
  (value) => (Array.isArray(value) ? { backends: value } : value),
  object({
    backends: z.array(backendSchema, 'must be a list').min(1, 'must name at least one backend'),
    tenant_limits: z
      .record(
        text,
        object({ requests_per_minute: count.optional(), tokens_per_minute: count.optional() }),
        'must be an object',
      )
      .optional(),
  }),
);
type GivenBackend = z.infer<typeof backendSchema>;

/**
 * Reads MODEL_BACKENDS (JSON, or the path of a file that holds it), or makes one backend of the single settings; none of them set gives no backend. Throws
 * {@link ConfigError}, whose message never holds a key.
 *
 * @param given The setting's value, if it is set.
 */
export function readModelBackends(
  given: string | undefined,
  single: SingleBackend,
  env: NodeJS.ProcessEnv,
): ModelSettings {
  const { backends, tenantLimits } = given
    ? readSetting(given, single, env)
    : { backends: singleBackend(single), tenantLimits: new Map() };
  for (const backend of backends) refuseSelf(backend, env);
  return { backends, tenantLimits };
}

/** The backend's name of a model that a caller names, or undefined if its map has none. */
export function nameAt({ deployments }: ModelBackend, model: string): string | undefined {
  const name = deployments.get(model) ?? deployments.get('*');
  return name === '*' ? model : name;
}

function readSetting(given: string, single: SingleBackend, env: NodeJS.ProcessEnv): ModelSettings {
  for (const name of ['AZURE_OPENAI_ENDPOINT', 'AZURE_OPENAI_API_KEY', 'OPENAI_BASE_URL', 'OPENAI_API_KEY'] as const) {
    if (single[name]) throw new ConfigError(SETTING, `takes the place of ${name}; remove one of the two.`);
  }
  const parsed = settingSchema.safeParse(readJsonSetting(SETTING, given));
  if (!parsed.success) throw wrong(parsed.error);
  const { backends, tenant_limits = {} } = parsed.data;
  const names = new Set<string>();
  for (const [index, { name }] of backends.entries()) {
    if (names.has(name))
      throw new ConfigError(SETTING, `backends[${index}].name must differ from the others, '${name}' is there twice.`);
    names.add(name);
  }
  const limits = Object.entries(tenant_limits).map(
    ([tenant, limit]) =>
      [tenant, { requestsPerMinute: limit.requests_per_minute, tokensPerMinute: limit.tokens_per_minute }] as const,
  );
  return {
    backends: backends.map((backend, index) =>
      completed(backend, `backends[${index}]`, single.AZURE_OPENAI_API_VERSION, env),
    ),
    tenantLimits: new Map(limits),
  };
}

function completed(given: GivenBackend, place: string, apiVersion: string, env: NodeJS.ProcessEnv): ModelBackend {
  const refuse = (what: string) => new ConfigError(SETTING, `${place}${what}.`);
  const address = given.kind === 'azure' ? 'endpoint' : 'base_url';
  const baseUrl = given.endpoint ?? given.base_url;
  if (given.endpoint && given.base_url) throw refuse(' must have either endpoint or base_url, not both');
  if (!baseUrl) throw refuse(`.${address} must be given`);
  if (given.kind === 'openai' && given.api_version) throw refuse('.api_version is only for the kind azure');
  return {
    ...defaults,
    name: given.name,
    kind: given.kind,
    baseUrl: given.kind === 'azure' ? azureEndpoint(baseUrl) : openAiBase(baseUrl),
    apiKey: keyOf(given.api_key, env, refuse),
    apiVersion: given.api_version ?? apiVersion,
    deployments: given.deployments ? new Map(Object.entries(given.deployments)) : passEveryName,
    priority: given.priority ?? defaults.priority,
    weight: given.weight ?? defaults.weight,
    headersTimeoutMs: (given.headers_timeout_seconds ?? 600) * 1000,
    idleTimeoutMs: (given.idle_timeout_seconds ?? 60) * 1000,
    concurrentRequests: given.limits?.concurrent_requests,
    settings: { address: `${SETTING} (backend '${given.name}')`, key: `the api_key of '${given.name}' in ${SETTING}` },
  };
}

function keyOf(
  given: string | undefined,
  env: NodeJS.ProcessEnv,
  refuse: (what: string) => ConfigError,
): string | undefined {
  const variable = /^env:(.*)$/.exec(given ?? '')?.[1];
  const key = variable === undefined ? given : env[variable]?.trim();
  if (variable !== undefined && !key)
    throw refuse(`.api_key names the environment variable '${variable}', which is not set`);
  if (key && !isSendable(key)) throw refuse(`.api_key ${SENDABLE}`);
  return key;
}

const SENDABLE = 'must be printable characters without blanks';

/** Whether a header can hold the key. */
const isSendable = (key: string): boolean => /^[\x21-\x7e]+$/.test(key);

/** People paste the address of an operation, as portals show it. */
const CHAT = /\/chat\/completions$/;
const azureEndpoint = (url: string): string =>
  url.replace(CHAT, '').replace(/\/openai(\/v1|\/deployments\/[^/]+)?$/, '');
const openAiBase = (url: string): string => url.replace(CHAT, '');

function singleBackend(single: SingleBackend): ModelBackend[] {
  const { AZURE_OPENAI_ENDPOINT: endpoint, OPENAI_BASE_URL: baseUrl, AZURE_OPENAI_API_VERSION: apiVersion } = single;
  const keyIn = (name: 'AZURE_OPENAI_API_KEY' | 'OPENAI_API_KEY'): string | undefined => {
    const key = single[name];
    if (key && !isSendable(key)) throw new ConfigError(name, `${SENDABLE}.`);
    return key;
  };
  if (endpoint && baseUrl)
    throw new ConfigError('OPENAI_BASE_URL', 'set either AZURE_OPENAI_ENDPOINT or OPENAI_BASE_URL, not both.');
  if (endpoint) {
    const settings = { address: 'AZURE_OPENAI_ENDPOINT', key: 'AZURE_OPENAI_API_KEY' };
    const apiKey = keyIn('AZURE_OPENAI_API_KEY');
    return [
      { ...defaults, name: 'azure', kind: 'azure', baseUrl: azureEndpoint(endpoint), apiKey, apiVersion, settings },
    ];
  }
  if (!baseUrl) return [];
  const settings = { address: 'OPENAI_BASE_URL', key: 'OPENAI_API_KEY' };
  const apiKey = keyIn('OPENAI_API_KEY');
  return [{ ...defaults, name: 'openai', kind: 'openai', baseUrl: openAiBase(baseUrl), apiKey, apiVersion, settings }];
}

/** An upstream that is this very server would call itself without end. */
function refuseSelf(backend: ModelBackend, env: NodeJS.ProcessEnv): void {
  if (!isOwnAddress(backend.baseUrl, env)) return;
  throw new ConfigError(backend.settings.address, 'is the address of this server itself.');
}

function wordingOfObject(issue: { code?: string; keys?: readonly string[] }): string {
  if (issue.code === 'unrecognized_keys') return `has no member '${issue.keys?.[0]}'`;
  return 'must be an object';
}

/** The first thing that is wrong, in one line that says where. */
function wrong(error: z.ZodError): ConfigError {
  const issue = error.issues[0];
  const place = (issue?.path ?? [])
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('');
  const what = issue?.message ?? 'is not valid';
  return new ConfigError(SETTING, `${place ? `${place.slice(1)} ` : ''}${what}.`);
}
