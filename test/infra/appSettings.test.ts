import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readConfig, settingNames } from '../../src/config';
import { argumentsOf } from './bicepFile';
import { membersOf } from './syntaxTree';
import { deployments } from './evaluate';

const infra = join(__dirname, '../../infra');
const paths = readdirSync(infra, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.bicep'))
  .map((path) => join(infra, path));
const deploy = deployments(paths);
const textRecord = z.record(z.string(), z.string());

const required = { environmentName: 'test', location: 'swedencentral', apiKeys: 'team-a:secret' };

/** The settings of the function app. */
function settingsOf(parameters: Record<string, unknown> = {}): Record<string, string> {
  const app = deploy(join(infra, 'main.bicep'), { ...required, ...parameters }).module('functionApp');
  const properties = membersOf(app?.file.resources.get('appSettings')?.body).get('properties');
  return textRecord.parse(app?.value(properties));
}

const cosmos = 'mongodb+srv://u:p@mongo-x.global.mongocluster.cosmos.azure.com/?tls=true';
const secrets: Record<string, string> = { 'API-KEYS': 'team-a:secret', 'COSMOS-CONNECTION-STRING': cosmos };

/** What the package finds in its environment: the platform puts secrets in the place of references to them. */
function environmentOf(parameters: Record<string, unknown> = {}): Record<string, string> {
  const resolved = (value: string) => {
    const secret = /^@Microsoft\.KeyVault\(SecretUri=https:\/\/.+\/secrets\/([\w-]+)\)$/.exec(value)?.[1];
    return secret === undefined ? value : (secrets[secret] ?? `value of ${secret}`);
  };
  return Object.fromEntries(Object.entries(settingsOf(parameters)).map(([name, value]) => [name, resolved(value)]));
}

/** Settings of the host and the platform: https://learn.microsoft.com/azure/azure-functions/functions-app-settings. */
const hostSettings = [
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'AZURE_CLIENT_ID',
  'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT',
];
/** The connection of the host and the package: the queues are the host's alone. */
const connection = ['blobServiceUri', 'queueServiceUri', 'tableServiceUri', 'credential', 'clientId'].map(
  (name) => `AzureWebJobsStorage__${name}`,
);
const telemetry = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'];
/** What DATA_SOURCES refers to. */
const sourceSecrets = ['COSMOS_CONNECTION_STRING', 'ELASTICSEARCH_KEY', 'MONGODB_PASSWORD', 'PINECONE_KEY'];
const known = [...settingNames, ...hostSettings, ...connection, ...telemetry, ...sourceSecrets];

/** Parameters that add settings, with those that they add. */
const features: { parameters: Record<string, unknown>; adds: string[] }[] = [
  { parameters: { entraTenantId: 't' }, adds: ['ENTRA_TENANT_ID'] },
  { parameters: { entraAudience: 'api://a' }, adds: ['ENTRA_AUDIENCE'] },
  { parameters: { entraPrincipals: '{}' }, adds: ['ENTRA_PRINCIPALS'] },
  { parameters: { entraAuthority: 'https://login.microsoftonline.us' }, adds: ['ENTRA_AUTHORITY'] },
  { parameters: { codeInterpreter: 'session_pool' }, adds: ['SESSION_POOL_ENDPOINT'] },
  {
    parameters: { vectorIndex: 'azure_search' },
    adds: ['AZURE_SEARCH_ENDPOINT', 'AZURE_SEARCH_INDEX', 'AZURE_SEARCH_SEMANTIC_RANKER'],
  },
  { parameters: { searchDataSourceIndexName: 'docs' }, adds: ['DATA_SOURCES', 'DATA_SOURCE_ALLOWED_HOSTS'] },
  {
    parameters: { useMongoCluster: true, mongoAdministratorPassword: 'p' },
    adds: ['DATA_SOURCES', 'COSMOS_CONNECTION_STRING'],
  },
  { parameters: { elasticsearchKey: 'k' }, adds: ['ELASTICSEARCH_KEY'] },
  { parameters: { mongoDbPassword: 'k' }, adds: ['MONGODB_PASSWORD'] },
  { parameters: { pineconeKey: 'k' }, adds: ['PINECONE_KEY'] },
  { parameters: { dataSourceAllowedHosts: '10.0.0.5:9200' }, adds: ['DATA_SOURCE_ALLOWED_HOSTS'] },
  { parameters: { syncContainers: 'documents' }, adds: ['SYNC_CONTAINERS'] },
  {
    parameters: { existingOpenAiEndpoint: 'https://x.openai.azure.com/', existingOpenAiKey: 'k' },
    adds: ['AZURE_OPENAI_API_KEY'],
  },
  { parameters: { otlpEndpoint: 'https://collector.example' }, adds: ['OTEL_EXPORTER_OTLP_ENDPOINT'] },
  { parameters: { captureMessageContent: true }, adds: ['OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'] },
  { parameters: { useVirtualNetwork: true }, adds: [] },
  { parameters: { moreSettings: { RUN_EXPIRES_SECONDS: '900' } }, adds: ['RUN_EXPIRES_SECONDS'] },
];

test('the settings of a deployment with nothing but the required parameters are a valid configuration for Azure', () => {
  const config = readConfig(environmentOf());
  expect(config.storage).toMatchObject({
    kind: 'azure',
    account: { credential: { kind: 'identity', isManaged: true }, blobUrl: expect.stringMatching(/^https:/) },
  });
  expect(config.backends).toMatchObject([{ kind: 'azure', apiKey: undefined }]);
  expect(config.embeddingDeployment).toBe('text-embedding-3-small');
  expect(config.blobTriggerSource).toBe('EventGrid');
  expect(config.maintenanceSeconds).toBe(30);
  expect([...config.apiKeys.values()]).toEqual(['team-a']);
});

test('no secret stands in a setting by itself: each is a reference to the vault', () => {
  const settings = settingsOf(Object.assign({}, ...features.map(({ parameters }) => parameters)));
  for (const name of ['API_KEYS', 'AZURE_OPENAI_API_KEY', ...sourceSecrets]) {
    expect(settings[name]).toMatch(/^@Microsoft\.KeyVault\(SecretUri=/);
  }
});

test.each(features)('$parameters adds the settings $adds and no others, and they are known', ({ parameters, adds }) => {
  const names = Object.keys(settingsOf());
  const withFeature = Object.keys(settingsOf(parameters));
  expect(withFeature.filter((name) => !names.includes(name)).sort()).toEqual([...adds].sort());
  expect(withFeature.filter((name) => !known.includes(name))).toEqual([]);
  expect(names.filter((name) => !withFeature.includes(name))).toEqual([]);
});

test('a setting that nothing reads would be found', () => {
  const names = Object.keys(settingsOf({ moreSettings: { CODE_INTERPRETR: 'off' } }));
  expect(names.filter((name) => !known.includes(name))).toEqual(['CODE_INTERPRETR']);
});

test('the search service and the cluster become data sources that the package takes, reached by the hosts that it may reach', () => {
  const { dataSources, dataSourceAllowedHosts } = readConfig(
    environmentOf({ searchDataSourceIndexName: 'docs', useMongoCluster: true, useVirtualNetwork: true }),
  );
  expect(dataSources.get('search')).toMatchObject({ type: 'azure_search', parameters: { index_name: 'docs' } });
  expect(dataSources.get('cosmos')).toMatchObject({
    type: 'azure_cosmos_db',
    parameters: { authentication: { connection_string: cosmos } },
  });
  const { hostname } = new URL(String(dataSources.get('search')?.parameters.endpoint));
  expect(dataSourceAllowedHosts).toEqual([
    { name: hostname, subdomains: false },
    { name: 'mongocluster.cosmos.azure.com', subdomains: true },
  ]);
});

test('the host takes bodies as large as the largest file of the package with a form around it', () => {
  const settings = environmentOf();
  const { maxFileBytes, maxBodyBytes } = readConfig(settings);
  expect(Number(settings.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT)).toBeGreaterThanOrEqual(maxFileBytes + maxBodyBytes);
});

test('no setting is one that Flex Consumption refuses', () => {
  // https://learn.microsoft.com/azure/azure-functions/functions-app-settings, Flex Consumption plan deprecations.
  const refused =
    /^(FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_|SCM_DO_BUILD|ENABLE_ORYX_BUILD|TZ$|AzureWebJobsStorage$)/;
  const settings = settingsOf(Object.assign({}, ...features.map(({ parameters }) => parameters)));
  expect(Object.keys(settings).filter((name) => refused.test(name))).toEqual([]);
});

test('with a virtual network every service that holds data is private and has an endpoint, and the app is joined to it', () => {
  const everything = {
    useVirtualNetwork: true,
    vectorIndex: 'azure_search',
    useMongoCluster: true,
    mongoAdministratorPassword: 'p',
  };
  const main = deploy(join(infra, 'main.bicep'), { ...required, ...everything });
  const argument = (module: string, name: string) => {
    const block = main.file.modules.get(module);
    return block && main.value(argumentsOf(block).get(name));
  };
  for (const module of ['storage', 'models', 'search', 'mongo']) expect(argument(module, 'isPrivate')).toBe(true);
  expect(argument('functionApp', 'subnetId')).toEqual(expect.stringMatching(/subnets/));
  const services = z.array(z.object({ name: z.string(), id: z.string(), group: z.string(), zone: z.string() }));
  const endpoints = services.parse(argument('privateEndpoints', 'services'));
  expect(endpoints.map(({ name }) => name)).toEqual(['blob', 'queue', 'table', 'models', 'search', 'mongo']);
  expect(new Set(endpoints.map(({ zone }) => zone)).size).toBe(endpoints.length);
});

test.each([
  { searchSemanticRanker: 'standard', ranksByMeaning: true },
  { searchSemanticRanker: 'free', ranksByMeaning: false },
  { searchSemanticRanker: 'disabled', ranksByMeaning: false },
])('vector stores are ranked by meaning where the ranker has no monthly limit: $searchSemanticRanker', (each) => {
  const { searchSemanticRanker, ranksByMeaning } = each;
  const { vectorIndex } = readConfig(environmentOf({ vectorIndex: 'azure_search', searchSemanticRanker }));
  expect(vectorIndex).toMatchObject({ kind: 'azure_search', ranksByMeaning });
});

test('a resource of Azure OpenAI that is there already is used, and no other made', () => {
  const existingOpenAiEndpoint = 'https://mine.openai.azure.com/';
  const main = deploy(join(infra, 'main.bicep'), { ...required, existingOpenAiEndpoint });
  expect(main.module('models')).toBeUndefined();
  expect(readConfig(environmentOf({ existingOpenAiEndpoint })).backends).toMatchObject([
    { kind: 'azure', baseUrl: 'https://mine.openai.azure.com' },
  ]);
});
