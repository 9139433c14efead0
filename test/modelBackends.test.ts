import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, readConfig, type Config } from '../src/config';
import { embeddingIds } from '../src/models/backendChoice';

const read = (env: Record<string, string>): Config => readConfig({ API_KEYS: 'team-a:key-1', ...env });
const backends = (value: unknown, env: Record<string, string> = {}): Config =>
  read({ MODEL_BACKENDS: JSON.stringify(value), ...env });
const azure = { name: 'main', kind: 'azure', endpoint: 'https://one.openai.azure.com/' };
const openai = { name: 'spare', kind: 'openai', base_url: 'https://two.example.com/v1' };

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('the single settings', () => {
  it('make one backend whose map passes every name', () => {
    const config = read({
      AZURE_OPENAI_ENDPOINT: 'https://one.openai.azure.com/openai/v1/',
      AZURE_OPENAI_API_KEY: 'k',
    });
    expect(config.backends).toEqual([
      {
        name: 'azure',
        kind: 'azure',
        baseUrl: 'https://one.openai.azure.com',
        apiKey: 'k',
        apiVersion: '2025-04-01-preview',
        deployments: new Map([['*', '*']]),
        priority: 0,
        weight: 1,
        headersTimeoutMs: 600_000,
        idleTimeoutMs: 60_000,
        settings: { address: 'AZURE_OPENAI_ENDPOINT', key: 'AZURE_OPENAI_API_KEY' },
      },
    ]);
    expect(read({ OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' }).backends).toMatchObject([
      { kind: 'openai', baseUrl: 'http://127.0.0.1:9/v1' },
    ]);
    expect(read({}).backends).toEqual([]);
  });

  it.each([
    [
      { AZURE_OPENAI_ENDPOINT: 'https://a.example', OPENAI_BASE_URL: 'https://b.example' },
      'OPENAI_BASE_URL: set either',
    ],
    [{ OPENAI_BASE_URL: 'b.example' }, 'OPENAI_BASE_URL: must be an http or https URL.'],
    [
      { OPENAI_BASE_URL: 'http://localhost:7071/v1', PORT: '7071' },
      'OPENAI_BASE_URL: is the address of this server itself.',
    ],
    [{ EMBEDDING_DEPLOYMENT: 'e' }, 'EMBEDDING_DEPLOYMENT: needs'],
    [
      { OPENAI_BASE_URL: 'https://b.example', OPENAI_API_KEY: '“sk-1”' },
      'OPENAI_API_KEY: must be printable characters without blanks.',
    ],
    [
      { AZURE_OPENAI_ENDPOINT: 'https://a.example', AZURE_OPENAI_API_KEY: 'a b' },
      'AZURE_OPENAI_API_KEY: must be printable characters without blanks.',
    ],
  ])('%j are refused: %s', (env, message) => {
    expect(refusal(() => read(env))).toContain(message);
  });
});

describe('MODEL_BACKENDS', () => {
  it('gives backends with everything that was said of them', () => {
    const config = backends(
      {
        backends: [
          {
            ...azure,
            api_key: 'env:MAIN_KEY',
            api_version: 'v1',
            deployments: { 'gpt-4o': 'prod-4o', '*': 'fallback' },
            priority: 2,
            weight: 0.5,
            headers_timeout_seconds: 30,
            idle_timeout_seconds: 1.5,
            limits: { concurrent_requests: 7 },
          },
          openai,
        ],
        tenant_limits: {
          'team-a': { requests_per_minute: 60, tokens_per_minute: 1000 },
          '*': { requests_per_minute: 5 },
        },
      },
      { MAIN_KEY: 'secret-1' },
    );
    expect(config.backends).toEqual([
      {
        name: 'main',
        kind: 'azure',
        baseUrl: 'https://one.openai.azure.com',
        apiKey: 'secret-1',
        apiVersion: 'v1',
        deployments: new Map([
          ['gpt-4o', 'prod-4o'],
          ['*', 'fallback'],
        ]),
        priority: 2,
        weight: 0.5,
        headersTimeoutMs: 30_000,
        idleTimeoutMs: 1500,
        concurrentRequests: 7,
        settings: { address: "MODEL_BACKENDS (backend 'main')", key: "the api_key of 'main' in MODEL_BACKENDS" },
      },
      expect.objectContaining({
        name: 'spare',
        baseUrl: 'https://two.example.com/v1',
        deployments: new Map([['*', '*']]),
      }),
    ]);
    expect(config.tenantLimits).toEqual(
      new Map([
        ['team-a', { requestsPerMinute: 60, tokensPerMinute: 1000 }],
        ['*', { requestsPerMinute: 5, tokensPerMinute: undefined }],
      ]),
    );
  });

  it('may be a list alone, and the path of a file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'config-'));
    try {
      const file = join(directory, 'backends.json');
      await writeFile(file, JSON.stringify([openai]));
      expect(read({ MODEL_BACKENDS: file }).backends).toEqual(backends([openai]).backends);
      expect(refusal(() => read({ MODEL_BACKENDS: join(directory, 'none.json') }))).toContain(
        'which cannot be read (ENOENT)',
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('keeps the id of embeddings that a single setting had, for every backend that serves them', () => {
    const single = read({ AZURE_OPENAI_ENDPOINT: azure.endpoint, EMBEDDING_DEPLOYMENT: 'embed' });
    expect(embeddingIds(single.backends, 'embed')).toEqual(['azure:embed']);
    const several = backends([{ ...openai, deployments: { embed: 'text-embedding-3-small' }, priority: 1 }, azure], {
      EMBEDDING_DEPLOYMENT: 'embed',
    });
    expect(embeddingIds(several.backends, 'embed')).toEqual(['azure:embed', 'openai:text-embedding-3-small']);
  });

  it.each([
    ['{"backends":', 'is not valid JSON'],
    [{ backends: [] }, 'backends must name at least one backend.'],
    [{}, 'backends must be a list.'],
    [{ backends: [azure], tenants: {} }, "has no member 'tenants'."],
    [['x'], 'backends[0] must be an object.'],
    [[{ ...azure, url: 'x' }], "backends[0] has no member 'url'."],
    [[{ ...azure, name: undefined }], 'backends[0].name must be a string.'],
    [[azure, { ...openai, name: 'main' }], "backends[1].name must differ from the others, 'main' is there twice."],
    [[{ ...azure, kind: 'aws' }], "backends[0].kind must be 'azure' or 'openai'."],
    [[{ ...azure, endpoint: undefined }], 'backends[0].endpoint must be given.'],
    [[{ ...openai, base_url: undefined }], 'backends[0].base_url must be given.'],
    [[{ ...azure, base_url: 'https://x.example' }], 'backends[0] must have either endpoint or base_url, not both.'],
    [[azure, { ...openai, base_url: 'two.example.com' }], 'backends[1].base_url must be an http or https URL.'],
    [
      [{ ...openai, base_url: 'https://me:pass@two.example.com' }],
      'backends[0].base_url must be a URL without user, query and fragment.',
    ],
    [[{ ...openai, api_version: 'v1' }], 'backends[0].api_version is only for the kind azure.'],
    [[{ ...azure, weight: 0 }], 'backends[0].weight must be a number above 0'],
    [[{ ...azure, idle_timeout_seconds: '60' }], 'backends[0].idle_timeout_seconds must be a number above 0'],
    [
      [{ ...azure, limits: { concurrent_requests: 1.5 } }],
      'backends[0].limits.concurrent_requests must be a whole number above 0.',
    ],
    [[{ ...azure, deployments: { a: 1 } }], 'backends[0].deployments.a must be a string.'],
    [
      [{ ...azure, api_key: 'env:NOT_SET' }],
      "backends[0].api_key names the environment variable 'NOT_SET', which is not set.",
    ],
    [{ backends: [azure], tenant_limits: { a: { requests: 1 } } }, "tenant_limits.a has no member 'requests'."],
    [
      { backends: [azure], tenant_limits: { a: { tokens_per_minute: -1 } } },
      'tenant_limits.a.tokens_per_minute must be a whole number above 0.',
    ],
  ])('%j is refused: %s', (value, message) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const refused = refusal(() => read({ MODEL_BACKENDS: text }));
    expect(refused).toContain(`MODEL_BACKENDS: ${message}`);
    expect(refused).not.toContain('\n');
  });

  it('is refused beside the settings that it replaces, and with this server as a backend', () => {
    expect(refusal(() => backends([azure], { OPENAI_API_KEY: 'k' }))).toContain(
      'MODEL_BACKENDS: takes the place of OPENAI_API_KEY',
    );
    const self = { ...openai, base_url: 'http://127.0.0.1:7071/v1' };
    expect(refusal(() => backends([azure, self], { PORT: '7071' }))).toContain(
      "(backend 'spare'): is the address of this server itself.",
    );
    const mapped = { ...azure, deployments: { a: 'b' } };
    expect(refusal(() => backends([mapped], { EMBEDDING_DEPLOYMENT: 'e' }))).toContain(
      "EMBEDDING_DEPLOYMENT: no backend of MODEL_BACKENDS serves 'e'.",
    );
  });

  it('never tells a key in what is wrong with it', () => {
    const broken = refusal(() => read({ MODEL_BACKENDS: '[{"api_key":"secret-value" "x"}]' }));
    expect(broken).toContain('is not valid JSON');
    expect(broken).not.toContain('secret');
    expect(refusal(() => backends([{ ...azure, api_key: 'secret value' }]))).not.toContain('secret');
  });
});
