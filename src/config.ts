/**
 * All settings of the package: the only reader of process.env. Names and meanings are those of the table in README.md.
 */
import { statSync } from 'node:fs';
import { z } from 'zod';
import { readAllowedHosts, type AllowedHost } from './allowedHosts';
import { checked } from './checkedSettings';
import { ConfigError } from './configError';
import { readBot, type BotSettings } from './botSettings';
import { readEntra, type EntraSettings } from './entraSettings';
import { readDataSources, type NamedDataSources } from './dataSourceSettings';
import { nameAt, readModelBackends, serviceUrl, type ModelBackend, type TenantLimits } from './modelBackends';
import { TENANT_NAME } from './principal';
import { readRetentionDays, type RetentionDays } from './retentionSettings';
import { FAILED_UPLOADS, UPLOADS } from './retrieval/uploadFailures';
import { TENANT_CONTAINERS } from './storage/blobContainers';
import { readStorage, type StorageSettings } from './storageAccount';
import { readTelemetrySettings, type TelemetrySettings } from './telemetry/settings';
import { readVectorIndex, vectorIndexSettings, type VectorIndexSettings } from './vectorIndexSettings';

export { ConfigError };

export interface Config {
  dataDir: string;
  /** Where records, files and vectors are. */
  storage: StorageSettings;
  /** Key → tenant. */
  apiKeys: ReadonlyMap<string, string>;
  /** Whose access tokens are accepted; absent: nobody's. */
  entra?: EntraSettings;
  /** The bot whose channels' tokens are accepted with activities; absent: none. */
  bot?: BotSettings;
  /** None: the built-in local model answers. */
  backends: ModelBackend[];
  /** Keys that are set without the address that they are for, each with the setting that is missing. */
  unusedKeys: { key: string; missing: string }[];
  /** Addresses on this machine where a model server may answer; it is used where there is no backend. */
  localModelServers: string[];
  /** What tenants may use of the backends. */
  tenantLimits: TenantLimits;
  /** Deployment that embeds; absent: the built-in embeddings. */
  embeddingDeployment?: string;
  /** Weight of full text beside that deployment's vectors (1) in searches. */
  embeddingTextWeight: number;
  /** Chat deployment that rewrites search queries; absent: none does. */
  queryRewriteDeployment?: string;
  /** How the host learns of new blobs: Flex Consumption only knows Event Grid. */
  blobTriggerSource: 'polling' | 'EventGrid';
  /** Containers that syncs may mirror: of one tenant, or of all. */
  syncContainers: { container: string; tenant?: string }[];
  /** Life of a run in seconds. */
  runExpiresSeconds: number;
  /** Between two looks for due work. */
  maintenanceSeconds: number;
  /** Where vectors are beside files and records: in LanceDB's files there, or in an index of Azure AI Search. */
  vectorIndex: VectorIndexSettings;
  /** What runs the code of code_interpreter. */
  codeInterpreter: 'pyodide' | 'session_pool' | 'off';
  /** Management endpoint of the session pool, where that is what runs code. */
  sessionPoolEndpoint?: string;
  /** Folder with the wheels that code may import from; absent: the standard library alone. */
  pyodidePackageDir?: string;
  /** Hosts that data sources may reach although private, and the only ones that get tokens of managed identities. */
  dataSourceAllowedHosts: AllowedHost[];
  /** Hosts of MCP servers that tools of responses may reach although private. */
  mcpAllowedHosts: AllowedHost[];
  /** Who answers responses and keeps conversations: this server, over chat completions, or an upstream that has them. */
  responsesMode: 'native' | 'upstream';
  /** Address of Pinecone's control plane; absent: Pinecone's own. */
  pineconeControllerHost?: string;
  /** Data sources that requests name. */
  dataSources: NamedDataSources;
  /** Where operations that change something are noted. */
  audit: 'log' | 'storage' | 'off';
  /** How long what tenants have is kept after it was last used. */
  retentionDays: RetentionDays;
  telemetry: TelemetrySettings;
  /** Largest request body that is not a file upload, in bytes. */
  maxBodyBytes: number;
  /** Largest uploaded file, in bytes. */
  maxFileBytes: number;
}

const text = z.string().trim().min(1);
const settings = z.object({
  DATA_DIR: text.default('.data'),
  API_KEYS: text.optional(),
  AZURE_OPENAI_ENDPOINT: serviceUrl.optional(),
  AZURE_OPENAI_API_KEY: text.optional(),
  AZURE_OPENAI_API_VERSION: text.default('2025-04-01-preview'),
  OPENAI_BASE_URL: serviceUrl.optional(),
  OPENAI_API_KEY: text.optional(),
  MODEL_BACKENDS: text.optional(),
  LOCAL_MODEL_SERVERS: text.optional(),
  EMBEDDING_DEPLOYMENT: text.optional(),
  DATA_SOURCES: text.optional(),
  EMBEDDING_TEXT_WEIGHT: z.coerce
    .number({ error: 'must be a number from 0 to 1000, such as 0.5' })
    .min(0)
    .max(1000)
    .default(1),
  QUERY_REWRITE_DEPLOYMENT: text.optional(),
  SYNC_CONTAINERS: text.optional(),
  BLOB_TRIGGER_SOURCE: z.enum(['polling', 'EventGrid'], { error: 'must be polling or EventGrid' }).default('polling'),
  RUN_EXPIRES_SECONDS: z.coerce
    .number({ error: 'must be a whole number of seconds from 1 to 86400' })
    .int()
    .min(1)
    .max(86_400)
    .default(600),
  // Those that divide a minute, as the schedule of a timer wants them.
  MAINTENANCE_SECONDS: z
    .enum(['5', '10', '15', '20', '30', '60'], { error: 'must be 5, 10, 15, 20, 30 or 60' })
    .default('5'),
  CODE_INTERPRETER: z
    .enum(['pyodide', 'session_pool', 'off'], { error: 'must be pyodide, session_pool or off' })
    .default('pyodide'),
  SESSION_POOL_ENDPOINT: serviceUrl.optional(),
  PYODIDE_PACKAGE_DIR: text
    .refine((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory(), {
      error: 'must be a folder that exists, with the wheels (.whl) in it',
    })
    .optional(),
  DATA_SOURCE_ALLOWED_HOSTS: text.optional(),
  MCP_ALLOWED_HOSTS: text.optional(),
  RESPONSES_MODE: z.enum(['native', 'upstream'], { error: "must be 'native' or 'upstream'" }).default('native'),
  PINECONE_CONTROLLER_HOST: serviceUrl.optional(),
  AUDIT: z.enum(['log', 'storage', 'off'], { error: 'must be log, storage or off' }).default('log'),
  RETENTION_DAYS: text.optional(),
});

/** An empty variable counts as absent: shells and app settings cannot always remove one. */
const withoutEmpty = (env: NodeJS.ProcessEnv): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));

/** Where the state is. */
export type StateConfig = Pick<Config, 'dataDir' | 'storage' | 'vectorIndex'>;

/** Where the state is, for tools that need no other setting. Throws {@link ConfigError}. */
export function readStateSettings(env: NodeJS.ProcessEnv = process.env): StateConfig {
  const given = withoutEmpty(env);
  return {
    dataDir: settings.shape.DATA_DIR.parse(given.DATA_DIR),
    storage: readStorage(given),
    vectorIndex: readVectorIndex(given),
  };
}

/** Names of the settings that are read here, beside those of the connection `AzureWebJobsStorage` and of telemetry. */
export const settingNames: readonly string[] = [
  ...Object.keys(settings.shape),
  ...Object.keys(vectorIndexSettings.shape),
  'STORAGE',
  'STORAGE_PREFIX',
  'ENTRA_TENANT_ID',
  'ENTRA_AUDIENCE',
  'ENTRA_PRINCIPALS',
  'ENTRA_AUTHORITY',
  'BOT_APP_ID',
  'BOT_TENANT',
  'BOT_PROJECT',
  'BOT_METADATA_URL',
];

/** Reads and checks every setting. Throws {@link ConfigError} for the first that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = withoutEmpty(env);
  const unresolved = settingNames.find((name) => given[name]?.startsWith('@Microsoft.KeyVault('));
  if (unresolved) {
    throw new ConfigError(
      unresolved,
      "is a Key Vault reference that the platform could not resolve; check the secret's address, and that the app's identity has the role Key Vault Secrets User on the vault.",
    );
  }
  const values = checked(settings, given);
  const { backends, tenantLimits } = readModelBackends(values.MODEL_BACKENDS, values, env);
  checkEmbeddings(values.EMBEDDING_DEPLOYMENT, backends);
  const storage = readStorage(given);
  return {
    dataDir: values.DATA_DIR,
    storage,
    apiKeys: readKeys(values.API_KEYS, given.ENTRA_TENANT_ID !== undefined),
    entra: readEntra(given),
    bot: readBot(given),
    backends,
    unusedKeys: unusedKeys(values),
    localModelServers: readLocalModelServers(values.LOCAL_MODEL_SERVERS, env),
    tenantLimits,
    embeddingDeployment: values.EMBEDDING_DEPLOYMENT,
    embeddingTextWeight: values.EMBEDDING_TEXT_WEIGHT,
    queryRewriteDeployment: values.QUERY_REWRITE_DEPLOYMENT,
    blobTriggerSource: values.BLOB_TRIGGER_SOURCE,
    syncContainers: readSyncContainers(values.SYNC_CONTAINERS, storage),
    runExpiresSeconds: values.RUN_EXPIRES_SECONDS,
    maintenanceSeconds: Number(values.MAINTENANCE_SECONDS),
    vectorIndex: readVectorIndex(given),
    codeInterpreter: values.CODE_INTERPRETER,
    sessionPoolEndpoint: sessionPool(values),
    pyodidePackageDir: values.PYODIDE_PACKAGE_DIR,
    dataSourceAllowedHosts: readAllowedHosts(values.DATA_SOURCE_ALLOWED_HOSTS),
    mcpAllowedHosts: readAllowedHosts(values.MCP_ALLOWED_HOSTS, 'MCP_ALLOWED_HOSTS'),
    responsesMode: values.RESPONSES_MODE,
    pineconeControllerHost: values.PINECONE_CONTROLLER_HOST,
    dataSources: readDataSources(values.DATA_SOURCES, env),
    audit: values.AUDIT,
    retentionDays: readRetentionDays(values.RETENTION_DAYS),
    telemetry: readTelemetrySettings(env),
    maxBodyBytes: 16 * 1024 * 1024,
    maxFileBytes: 512 * 1024 * 1024,
  };
}

function sessionPool({ CODE_INTERPRETER, SESSION_POOL_ENDPOINT }: z.output<typeof settings>): string | undefined {
  if (CODE_INTERPRETER !== 'session_pool') return undefined;
  if (SESSION_POOL_ENDPOINT === undefined) {
    throw new ConfigError(
      'SESSION_POOL_ENDPOINT',
      "must be the session pool's management endpoint, such as https://swedencentral.dynamicsessions.io/subscriptions/…/sessionPools/…, where CODE_INTERPRETER is session_pool.",
    );
  }
  return SESSION_POOL_ENDPOINT;
}

function unusedKeys(values: z.output<typeof settings>): Config['unusedKeys'] {
  const pairs = [
    { key: 'AZURE_OPENAI_API_KEY', missing: 'AZURE_OPENAI_ENDPOINT' },
    { key: 'OPENAI_API_KEY', missing: 'OPENAI_BASE_URL' },
  ] as const;
  return pairs.filter(({ key, missing }) => values[key] && !values[missing]);
}

function checkEmbeddings(deployment: string | undefined, backends: ModelBackend[]): void {
  if (deployment === undefined) return;
  if (backends.length === 0) {
    throw new ConfigError(
      'EMBEDDING_DEPLOYMENT',
      'needs AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS beside it.',
    );
  }
  if (!backends.some((backend) => nameAt(backend, deployment))) {
    throw new ConfigError('EMBEDDING_DEPLOYMENT', `no backend of MODEL_BACKENDS serves '${deployment}'.`);
  }
}

/** Where Ollama and LM Studio listen unless they are told otherwise. */
const usualModelServers = ['http://127.0.0.1:11434/v1', 'http://127.0.0.1:1234/v1'];

/** `off`, or addresses joined by commas; by default the usual ones, where this is somebody's own machine. */
function readLocalModelServers(value: string | undefined, env: NodeJS.ProcessEnv): string[] {
  if (value === 'off') return [];
  if (value === undefined)
    return /^(localhost|127\.0\.0\.1)(:|$)/.test(env.WEBSITE_HOSTNAME ?? '') ? usualModelServers : [];
  return value.split(',').map((address) => {
    const parsed = serviceUrl.safeParse(address.trim());
    if (!parsed.success)
      throw new ConfigError(
        'LOCAL_MODEL_SERVERS',
        "must be 'off', or http addresses joined by commas, such as http://127.0.0.1:11434/v1.",
      );
    return parsed.data;
  });
}

/** Containers of the package itself, which hold what all tenants have. */
const blobContainers = [...TENANT_CONTAINERS, UPLOADS, FAILED_UPLOADS];

/** In an account there are those of records and vectors too, and those of the Functions host, with its keys. */
function isOwnContainer(container: string, storage: StorageSettings): boolean {
  if (blobContainers.includes(container)) return true;
  if (storage.kind === 'embedded') return false;
  const own = [...blobContainers, 'records', 'vectors'].map((name) => storage.prefix + name);
  return own.includes(container) || container.startsWith('azure-webjobs-');
}

/** `container,tenant:container` */
function readSyncContainers(value = '', storage: StorageSettings): Config['syncContainers'] {
  return value
    .split(',')
    .map((given) => given.trim())
    .filter(Boolean)
    .map((given) => {
      const [, tenant, container = ''] = /^(?:([\w-]{1,64}):)?([a-z0-9](?:-?[a-z0-9]){2,62})$/.exec(given) ?? [];
      if (container === '') {
        throw new ConfigError(
          'SYNC_CONTAINERS',
          'must be names of containers joined by commas, such as documents,team-a:manuals.',
        );
      }
      if (isOwnContainer(container, storage)) {
        throw new ConfigError(
          'SYNC_CONTAINERS',
          `cannot name '${container}', where the server or its host keeps what all tenants have.`,
        );
      }
      return { container, tenant };
    });
}

/** `tenant:key,tenant:key` → key → tenant. `off`: none; nor are there any where tokens let callers in and nothing is set. */
function readKeys(value: string | undefined, hasTokens: boolean): Map<string, string> {
  if (value === 'off' || (hasTokens && !value)) return new Map();
  const example = 'must be tenant:key pairs joined by commas, such as team-a:secret1,team-b:secret2';
  if (!value) throw new ConfigError('API_KEYS', `${example}.`);
  const keys = new Map<string, string>();
  for (const pair of value.split(',')) {
    const colon = pair.indexOf(':');
    const tenant = pair.slice(0, colon).trim();
    const key = pair.slice(colon + 1).trim();
    if (colon < 0 || !TENANT_NAME.test(tenant) || !key) throw new ConfigError('API_KEYS', `${example}.`);
    if (keys.has(key)) throw new ConfigError('API_KEYS', 'gives the same key twice.');
    keys.set(key, tenant);
  }
  return keys;
}
