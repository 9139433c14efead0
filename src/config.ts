/**
 * All settings of the package: the only reader of process.env. Names and meanings are those of the table in README.md.
 */
import { z } from 'zod';
import { isOwnAddress } from './ownAddress';

/** A setting is missing or wrong. The message is one line that names the setting and says what it takes. */
export class ConfigError extends Error {
  constructor(
    readonly setting: string,
    message: string,
  ) {
    super(`${setting}: ${message}`);
    this.name = 'ConfigError';
  }
}

/** A service that answers chat completions and embeddings. */
export interface ModelBackend {
  kind: 'azure' | 'openai';
  /** Without a trailing slash. `azure`: the resource's endpoint; `openai`: the base below which `/chat/completions` lies. */
  baseUrl: string;
  /** Absent for `azure`: a token of the managed identity. */
  apiKey?: string;
  /** `azure` only. */
  apiVersion: string;
}

export interface Config {
  dataDir: string;
  /** Key → tenant. */
  apiKeys: ReadonlyMap<string, string>;
  /** Absent: the built-in local model answers. */
  backend?: ModelBackend;
  /** Deployment that embeds; absent: the built-in embeddings. */
  embeddingDeployment?: string;
  /** Life of a run in seconds. */
  runExpiresSeconds: number;
  /** Largest request body that is not a file upload, in bytes. */
  maxBodyBytes: number;
  /** Largest uploaded file, in bytes. */
  maxFileBytes: number;
}

/** Settings of the design that this version does not have yet, with the values that are no different from not setting them. */
const notYet: Record<string, string[]> = {
  MODEL_BACKENDS: [],
  ENTRA_TENANT_ID: [],
  ENTRA_AUDIENCE: [],
  STORAGE: ['embedded'],
  VECTOR_INDEX: ['lancedb'],
  BLOB_TRIGGER_SOURCE: ['polling'],
  CODE_INTERPRETER: ['off'],
  DATA_SOURCES: [],
  DATA_SOURCE_ALLOWED_HOSTS: [],
  PINECONE_CONTROLLER_HOST: [],
  PYODIDE_PACKAGE_DIR: [],
  RESPONSES_MODE: [],
};

const text = z.string().trim().min(1);
const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .refine((value) => /^https?:\/\/[^?#@]+$/i.test(value), 'must be a URL without user, query and fragment')
  .transform((value) => value.replace(/\/+$/, ''));

const settings = z.object({
  DATA_DIR: text.default('.data'),
  API_KEYS: text.optional(),
  AZURE_OPENAI_ENDPOINT: url.optional(),
  AZURE_OPENAI_API_KEY: text.optional(),
  AZURE_OPENAI_API_VERSION: text.default('2025-04-01-preview'),
  OPENAI_BASE_URL: url.optional(),
  OPENAI_API_KEY: text.optional(),
  EMBEDDING_DEPLOYMENT: text.optional(),
  RUN_EXPIRES_SECONDS: z.coerce
    .number({ error: 'must be a whole number of seconds' })
    .int()
    .min(1)
    .max(86_400)
    .default(600),
});

/** Reads and checks every setting. Throws {@link ConfigError} for the first that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  // An empty variable counts as absent: shells and app settings cannot always remove one.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  for (const [name, same] of Object.entries(notYet)) {
    const value = given[name];
    if (value && !same.includes(value))
      throw new ConfigError(name, `'${value}' is not available in this version; remove the setting.`);
  }
  if (!given.STORAGE && Object.keys(given).some((name) => /^AzureWebJobsStorage(__|$)/.test(name))) {
    throw new ConfigError(
      'STORAGE',
      "would be 'azure', since AzureWebJobsStorage is set, and that is not available in this version; set it to embedded.",
    );
  }
  const parsed = settings.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ConfigError(String(issue?.path[0]), `${issue?.message ?? 'is not valid'}.`);
  }
  const values = parsed.data;
  const backend = readBackend(values);
  if (backend) refuseSelf(backend, env);
  if (values.EMBEDDING_DEPLOYMENT && !backend) {
    throw new ConfigError('EMBEDDING_DEPLOYMENT', 'needs AZURE_OPENAI_ENDPOINT or OPENAI_BASE_URL beside it.');
  }
  return {
    dataDir: values.DATA_DIR,
    apiKeys: readKeys(values.API_KEYS),
    backend,
    embeddingDeployment: values.EMBEDDING_DEPLOYMENT,
    runExpiresSeconds: values.RUN_EXPIRES_SECONDS,
    maxBodyBytes: 16 * 1024 * 1024,
    maxFileBytes: 512 * 1024 * 1024,
  };
}

function readBackend(values: z.infer<typeof settings>): ModelBackend | undefined {
  if (values.AZURE_OPENAI_ENDPOINT && values.OPENAI_BASE_URL) {
    throw new ConfigError('OPENAI_BASE_URL', 'set either AZURE_OPENAI_ENDPOINT or OPENAI_BASE_URL, not both.');
  }
  if (values.AZURE_OPENAI_ENDPOINT) {
    return {
      kind: 'azure',
      baseUrl: values.AZURE_OPENAI_ENDPOINT.replace(/\/openai(\/v1)?$/, ''),
      apiKey: values.AZURE_OPENAI_API_KEY,
      apiVersion: values.AZURE_OPENAI_API_VERSION,
    };
  }
  if (!values.OPENAI_BASE_URL) return undefined;
  return {
    kind: 'openai',
    baseUrl: values.OPENAI_BASE_URL,
    apiKey: values.OPENAI_API_KEY,
    apiVersion: values.AZURE_OPENAI_API_VERSION,
  };
}

/** `tenant:key,tenant:key` → key → tenant. */
function readKeys(value: string | undefined): Map<string, string> {
  const example = 'must be tenant:key pairs joined by commas, such as team-a:secret1,team-b:secret2';
  if (!value) throw new ConfigError('API_KEYS', `${example}.`);
  const keys = new Map<string, string>();
  for (const pair of value.split(',')) {
    const colon = pair.indexOf(':');
    const tenant = pair.slice(0, colon).trim();
    const key = pair.slice(colon + 1).trim();
    if (colon < 0 || !/^[\w-]{1,64}$/.test(tenant) || !key) throw new ConfigError('API_KEYS', `${example}.`);
    if (keys.has(key)) throw new ConfigError('API_KEYS', 'gives the same key twice.');
    keys.set(key, tenant);
  }
  return keys;
}

function refuseSelf(backend: ModelBackend, env: NodeJS.ProcessEnv): void {
  const setting = backend.kind === 'azure' ? 'AZURE_OPENAI_ENDPOINT' : 'OPENAI_BASE_URL';
  if (isOwnAddress(backend.baseUrl, env)) throw new ConfigError(setting, 'is the address of this server itself.');
}
