import { hostname } from 'node:os';
import { join } from 'node:path';
import { ConfigError, readConfig } from '../src/config';

const keys = { API_KEYS: 'a:key-a' };
const account = 'UseDevelopmentStorage=true';
const refused = (env: Record<string, string>) => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return { setting: error.setting, message: error.message };
    throw error;
  }
  return undefined;
};

describe('readConfig', () => {
  it('has a default for everything but the keys', () => {
    expect(readConfig(keys)).toEqual({
      dataDir: '.data',
      storage: { kind: 'embedded' },
      apiKeys: new Map([['key-a', 'a']]),
      backends: [],
      unusedKeys: [],
      localModelServers: [],
      tenantLimits: expect.anything(),
      dataSources: new Map(),
      telemetry: expect.anything(),
      embeddingDeployment: undefined,
      embeddingTextWeight: 1,
      blobTriggerSource: 'polling',
      syncContainers: [],
      queryRewriteDeployment: undefined,
      audit: 'log',
      retentionDays: new Map(),
      runExpiresSeconds: 600,
      maintenanceSeconds: 5,
      vectorIndex: { kind: 'lancedb' },
      codeInterpreter: 'pyodide',
      sessionPoolEndpoint: undefined,
      pyodidePackageDir: undefined,
      dataSourceAllowedHosts: [],
      mcpAllowedHosts: [],
      responsesMode: 'native',
      pineconeControllerHost: undefined,
      maxBodyBytes: 16 * 1024 * 1024,
      maxFileBytes: 512 * 1024 * 1024,
    });
    expect(refused({})).toMatchObject({ setting: 'API_KEYS' });
  });

  it('reads the search service and the session pool', () => {
    const search = { VECTOR_INDEX: 'azure_search', AZURE_SEARCH_ENDPOINT: 'https://s.search.windows.net/' };
    const pool = { CODE_INTERPRETER: 'session_pool', SESSION_POOL_ENDPOINT: 'https://pool.example/sessionPools/p/' };
    expect(readConfig({ ...keys, ...search, ...pool })).toMatchObject({
      vectorIndex: {
        kind: 'azure_search',
        endpoint: 'https://s.search.windows.net',
        indexName: 'vector-stores',
        apiKey: undefined,
        ranksByMeaning: false,
      },
      codeInterpreter: 'session_pool',
      sessionPoolEndpoint: 'https://pool.example/sessionPools/p',
    });
  });

  it('names a Key Vault reference that the platform left as it is', () => {
    const reference = '@Microsoft.KeyVault(SecretUri=https://vault.vault.azure.net/secrets/keys)';
    expect(refused({ API_KEYS: reference })?.message).toContain('API_KEYS: is a Key Vault reference');
    expect(refused({ ...keys, OPENAI_API_KEY: reference })?.setting).toBe('OPENAI_API_KEY');
    expect(refused({ ...keys, ENTRA_PRINCIPALS: reference })?.message).toContain('is a Key Vault reference');
  });

  it('needs no keys where there are others, or tokens', () => {
    const entra = { ENTRA_TENANT_ID: '11111111-2222-3333-4444-555555555555', ENTRA_AUDIENCE: 'client' };
    expect(readConfig({ API_KEYS: 'off' })).toMatchObject({ apiKeys: new Map(), entra: undefined });
    expect(readConfig(entra)).toMatchObject({ apiKeys: new Map(), entra: { audiences: ['client'] } });
    expect(readConfig({ ...keys, ...entra }).apiKeys.get('key-a')).toBe('a');
  });

  it('counts an empty setting as absent', () => {
    expect(readConfig({ ...keys, RUN_EXPIRES_SECONDS: ' ', OPENAI_BASE_URL: '', MODEL_BACKENDS: '' })).toEqual(
      readConfig(keys),
    );
  });

  it('reads keys of several tenants, a tenant having several, and colons within keys', () => {
    expect([...readConfig({ API_KEYS: 'a:one, a:two ,b:x:y' }).apiKeys]).toEqual([
      ['one', 'a'],
      ['two', 'a'],
      ['x:y', 'b'],
    ]);
  });

  it.each(['a', ':key', 'a:', 'a b:key', 'a:one,', `${'t'.repeat(65)}:key`, 'a/b:key'])(
    'refuses the keys %j',
    (API_KEYS) => {
      expect(refused({ API_KEYS })).toMatchObject({
        setting: 'API_KEYS',
        message: expect.stringContaining('tenant:key pairs'),
      });
    },
  );

  it('refuses a key that two tenants would share, without telling it', () => {
    expect(refused({ API_KEYS: 'a:secret,b:secret' })).toEqual({
      setting: 'API_KEYS',
      message: 'API_KEYS: gives the same key twice.',
    });
  });

  it.each([
    'https://models.example.com/v1',
    'https://models.example.com/v1/',
    'https://models.example.com/v1/chat/completions',
  ])('reads the OpenAI-compatible upstream %s', (OPENAI_BASE_URL) => {
    const { backends } = readConfig({ ...keys, OPENAI_BASE_URL, OPENAI_API_KEY: 'k' });
    expect(backends).toMatchObject([{ kind: 'openai', baseUrl: 'https://models.example.com/v1', apiKey: 'k' }]);
  });

  it.each([
    'https://a.openai.azure.com',
    'https://a.openai.azure.com/',
    'https://a.openai.azure.com/openai',
    'https://a.openai.azure.com/openai/v1/',
    'https://a.openai.azure.com/openai/deployments/gpt-4o/chat/completions',
    'https://a.openai.azure.com/openai/v1/chat/completions',
  ])('reads the Azure endpoint %s', (AZURE_OPENAI_ENDPOINT) => {
    expect(readConfig({ ...keys, AZURE_OPENAI_ENDPOINT }).backends).toMatchObject([
      { kind: 'azure', baseUrl: 'https://a.openai.azure.com', apiVersion: '2025-04-01-preview' },
    ]);
  });

  it.each([
    ['RUN_EXPIRES_SECONDS', { RUN_EXPIRES_SECONDS: '0' }],
    ['RUN_EXPIRES_SECONDS', { RUN_EXPIRES_SECONDS: '1.5' }],
    ['RUN_EXPIRES_SECONDS', { RUN_EXPIRES_SECONDS: '86401' }],
    ['MAINTENANCE_SECONDS', { MAINTENANCE_SECONDS: '7' }],
    ['OPENAI_BASE_URL', { OPENAI_BASE_URL: 'models.example.com' }],
    ['OPENAI_BASE_URL', { OPENAI_BASE_URL: 'https://x/v1', AZURE_OPENAI_ENDPOINT: 'https://y' }],
    ['AZURE_OPENAI_ENDPOINT', { AZURE_OPENAI_ENDPOINT: 'file:///etc/passwd' }],
    ['EMBEDDING_DEPLOYMENT', { EMBEDDING_DEPLOYMENT: 'e' }],
    ['MODEL_BACKENDS', { MODEL_BACKENDS: '[]' }],
    ['VECTOR_INDEX', { VECTOR_INDEX: 'pinecone' }],
    ['AZURE_SEARCH_ENDPOINT', { VECTOR_INDEX: 'azure_search' }],
    ['AZURE_SEARCH_INDEX', { AZURE_SEARCH_INDEX: 'Vector_Stores' }],
    ['AZURE_SEARCH_SEMANTIC_RANKER', { AZURE_SEARCH_SEMANTIC_RANKER: 'yes' }],
    ['RESPONSES_MODE', { RESPONSES_MODE: 'both' }],
    ['SYNC_CONTAINERS', { SYNC_CONTAINERS: 'documents,Other' }],
    ['SYNC_CONTAINERS', { SYNC_CONTAINERS: 'files' }],
    ['SYNC_CONTAINERS', { SYNC_CONTAINERS: 'conversations' }],
    ['SYNC_CONTAINERS', { SYNC_CONTAINERS: 'a:testresponses', STORAGE_PREFIX: 'test', AzureWebJobsStorage: account }],
    ['SYNC_CONTAINERS', { SYNC_CONTAINERS: 'records', AzureWebJobsStorage: account }],
    ['SYNC_CONTAINERS', { SYNC_CONTAINERS: 'azure-webjobs-secrets', AzureWebJobsStorage: account }],
    ['BLOB_TRIGGER_SOURCE', { BLOB_TRIGGER_SOURCE: 'eventgrid' }],
    ['CODE_INTERPRETER', { CODE_INTERPRETER: 'docker' }],
    ['SESSION_POOL_ENDPOINT', { CODE_INTERPRETER: 'session_pool' }],
    ['CODE_INTERPRETER', { CODE_INTERPRETER: 'docker' }],
    ['PYODIDE_PACKAGE_DIR', { PYODIDE_PACKAGE_DIR: join(__dirname, 'no-such-folder') }],
    ['PYODIDE_PACKAGE_DIR', { PYODIDE_PACKAGE_DIR: __filename }],
    ['PINECONE_CONTROLLER_HOST', { PINECONE_CONTROLLER_HOST: 'api.pinecone.io' }],
    ['DATA_SOURCE_ALLOWED_HOSTS', { DATA_SOURCE_ALLOWED_HOSTS: 'a.example,,b.example' }],
    ['DATA_SOURCE_ALLOWED_HOSTS', { DATA_SOURCE_ALLOWED_HOSTS: 'https://a.example' }],
    ['DATA_SOURCE_ALLOWED_HOSTS', { DATA_SOURCE_ALLOWED_HOSTS: '*' }],
    ['DATA_SOURCE_ALLOWED_HOSTS', { DATA_SOURCE_ALLOWED_HOSTS: 'a.*.example' }],
    ['DATA_SOURCE_ALLOWED_HOSTS', { DATA_SOURCE_ALLOWED_HOSTS: 'a.example:70000' }],
    ['DATA_SOURCE_ALLOWED_HOSTS', { DATA_SOURCE_ALLOWED_HOSTS: 'user@a.example' }],
    ['MCP_ALLOWED_HOSTS', { MCP_ALLOWED_HOSTS: 'https://a.example/mcp' }],
  ] as [string, Record<string, string>][])('refuses a wrong %s in one line: %j', (setting, env) => {
    const error = refused({ ...keys, ...env });
    expect(error?.setting).toBe(setting);
    expect(error?.message).toMatch(new RegExp(`^${setting}: [^\\n]+\\.$`));
  });

  it.each([
    { STORAGE: 'embedded' },
    { VECTOR_INDEX: 'lancedb' },
    { RESPONSES_MODE: 'native' },
    { CODE_INTERPRETER: 'pyodide' },
    { BLOB_TRIGGER_SOURCE: 'polling' },
  ] as Record<string, string>[])('takes %j, which is how it is anyway', (env) => {
    expect(readConfig({ ...keys, ...env })).toEqual(readConfig(keys));
  });

  it('takes the code interpreter off, and a folder of packages for it', () => {
    expect(readConfig({ ...keys, CODE_INTERPRETER: 'off' }).codeInterpreter).toBe('off');
    expect(readConfig({ ...keys, PYODIDE_PACKAGE_DIR: __dirname }).pyodidePackageDir).toBe(__dirname);
  });

  it('reads the hosts that data sources may reach, and another control plane of Pinecone', () => {
    const config = readConfig({
      ...keys,
      DATA_SOURCE_ALLOWED_HOSTS: 'Search.Example.com., *.search.windows.net:443,10.0.0.5:9200,[::1]:27017,::1',
      PINECONE_CONTROLLER_HOST: 'http://127.0.0.1:5080/',
    });
    expect(config.dataSourceAllowedHosts).toEqual([
      { name: 'search.example.com', subdomains: false },
      { name: 'search.windows.net', subdomains: true, port: 443 },
      { name: '10.0.0.5', subdomains: false, port: 9200 },
      { name: '::1', subdomains: false, port: 27017 },
      { name: '::1', subdomains: false },
    ]);
    expect(config.pineconeControllerHost).toBe('http://127.0.0.1:5080');
  });

  it.each([
    ['localhost:7071', '127.0.0.1', '7071'],
    ['127.0.0.1:7071', '0.0.0.0', '7071'],
    ['127.1.2.3:7071', 'localhost', '7071'],
    ['[::1]:7071', '127.0.0.1', '7071'],
    ['10.0.0.5:8080', '10.0.0.5', '8080'],
    ['[::1]:7071', '::', '7071'],
    ['localhost.:7071', '127.0.0.1', '7071'],
    [`${hostname()}:7071`, '0.0.0.0', '7071'],
  ])('refuses the upstream http://%s for a server at %s:%s', (upstream, HOST, PORT) => {
    const error = refused({ ...keys, HOST, PORT, OPENAI_BASE_URL: `http://${upstream}/v1` });
    expect(error).toEqual({
      setting: 'OPENAI_BASE_URL',
      message: 'OPENAI_BASE_URL: is the address of this server itself.',
    });
  });

  it('refuses a URL that holds a password, without repeating it', () => {
    const error = refused({ ...keys, OPENAI_BASE_URL: 'http://user:hidden@host/v1' });
    expect(error).toMatchObject({ setting: 'OPENAI_BASE_URL' });
    expect(JSON.stringify(error)).not.toContain('hidden');
  });

  it('refuses the function app’s own host name as the upstream, and takes any other', () => {
    const app = { ...keys, WEBSITE_HOSTNAME: 'mine.azurewebsites.net' };
    expect(refused({ ...app, AZURE_OPENAI_ENDPOINT: 'https://mine.azurewebsites.net/openai' })).toMatchObject({
      setting: 'AZURE_OPENAI_ENDPOINT',
    });
    expect(refused({ ...app, AZURE_OPENAI_ENDPOINT: 'https://other.azurewebsites.net' })).toBeUndefined();
    expect(refused({ ...keys, PORT: '7071', OPENAI_BASE_URL: 'http://localhost:11434/v1' })).toBeUndefined();
  });
});
