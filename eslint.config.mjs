import tseslint from 'typescript-eslint';

// Which folder may import which: the arrows of docs/architecture.md. Everything not named may be imported.
const outside = (...folders) => folders.map((folder) => `**/${folder}/**`);
const capabilities = [
  ...[
    'agentLoop',
    'assistants',
    'responses',
    'agents',
    'activities',
    'retrieval',
    'schedules',
    'tools',
    'models',
    'dataSources',
  ],
  ...['identity', 'tenants'],
];
const layers = {
  wire: outside('http', 'functions', 'adapters', 'orchestrations', 'storage', 'localHost', ...capabilities),
  storage: outside('http', 'functions', 'adapters', 'orchestrations', 'localHost', ...capabilities),
  http: outside('functions', 'adapters', 'orchestrations', 'storage', 'localHost', ...capabilities),
  adapters: outside('http', 'functions', 'orchestrations', 'localHost'),
  orchestrations: outside('http', 'functions', 'adapters', 'storage', 'localHost'),
  localHost: outside('http', 'functions', 'adapters', 'orchestrations', 'storage', 'wire', ...capabilities),
  ...Object.fromEntries(
    capabilities.map((name) => [name, outside('http', 'functions', 'adapters', 'orchestrations', 'localHost')]),
  ),
  functions: outside('adapters', 'localHost'),
};

export default tseslint.config(
  { ignores: ['dist/', 'out/', 'node_modules/', '**/*.mjs', '**/*.js', '**/*.cjs', '.data/'] },
  ...tseslint.configs.recommended,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/return-await': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
    },
  },
  ...Object.entries(layers).map(([folder, patterns]) => ({
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: patterns, message: 'See the arrows in docs/architecture.md.' }] },
      ],
    },
  })),
);
