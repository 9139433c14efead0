import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { readDataSources } from '../../src/dataSourceSettings';

const root = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const workflow = z.object({
  name: z.string(),
  on: z.unknown(),
  permissions: z.record(z.string(), z.enum(['read', 'write'])),
  jobs: z.record(
    z.string(),
    z.object({
      'runs-on': z.string(),
      'timeout-minutes': z.number(),
      steps: z.array(z.object({ uses: z.string().optional(), run: z.string().optional() })),
    }),
  ),
});
const workflows = readdirSync(join(root, '.github/workflows')).map((name) => ({
  ...workflow.parse(parse(read(`.github/workflows/${name}`))),
  name,
}));

test.each(workflows)('$name takes actions by version, and ends in time', ({ jobs }) => {
  const uses = Object.values(jobs).flatMap(({ steps }) => steps.flatMap((step) => step.uses ?? []));
  expect(uses.length).toBeGreaterThan(0);
  for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
});

test('only the deployment may ask for tokens of Azure, and no workflow may write to the repository', () => {
  for (const { name, permissions } of workflows) {
    const writes = Object.entries(permissions).flatMap(([scope, access]) => (access === 'write' ? [scope] : []));
    expect(writes).toEqual(name === 'deploy.yml' ? ['id-token'] : []);
  }
});

/** Variables of main.parameters.json, by whether their parameter is a secret. */
function templateVariables(): { plain: string[]; secret: string[] } {
  const secure = new Set([...read('infra/main.bicep').matchAll(/@secure\(\)\s+param (\w+)/g)].map(([, name]) => name));
  const { parameters } = z
    .object({ parameters: z.record(z.string(), z.object({ value: z.string() })) })
    .parse(JSON.parse(read('infra/main.parameters.json')));
  const all = Object.entries(parameters).map(([name, { value }]) => ({
    variable: /^\$\{(\w+)/.exec(value)?.[1] ?? '',
    isSecret: secure.has(name),
  }));
  const named = (isSecret: boolean) => all.filter((each) => each.isSecret === isSecret).map(({ variable }) => variable);
  return { plain: named(false), secret: named(true) };
}

test('a deployment by the workflow takes every parameter of the templates, so that none goes back to its default', () => {
  const { plain, secret } = templateVariables();
  expect(secret).toContain('API_KEYS');
  const environment = z.record(z.string(), z.string());
  const { deploy } = z
    .object({
      jobs: z.object({
        deploy: z.object({
          env: environment,
          steps: z.array(z.object({ run: z.string().optional(), env: environment.optional() })),
        }),
      }),
    })
    .parse(parse(read('.github/workflows/deploy.yml'))).jobs;
  const provision = deploy.steps.find(({ run }) => run?.startsWith('azd provision'));
  // azd finds out by itself who deploys.
  const fixed = ['AZURE_PRINCIPAL_ID', 'AZURE_PRINCIPAL_TYPE'];
  for (const name of plain.filter((each) => !fixed.includes(each)))
    expect(deploy.env[name]).toBe(`\${{ vars.${name} }}`);
  expect(provision?.env).toEqual(Object.fromEntries(secret.map((name) => [name, `\${{ secrets.${name} }}`])));
  expect(Object.values(deploy.env).filter((value) => value.includes('secrets.'))).toEqual([]);

  const { pipeline } = z
    .object({ pipeline: z.object({ variables: z.array(z.string()), secrets: z.array(z.string()) }) })
    .parse(parse(read('azure.yaml')));
  const byItself = [...fixed, 'AZURE_ENV_NAME', 'AZURE_LOCATION'];
  expect(pipeline.variables).toEqual(plain.filter((name) => !byItself.includes(name)));
  expect(pipeline.secrets).toEqual(secret);
});

test('the credential that docs/deploy.md makes is that of the environment in which the workflow deploys', () => {
  const { environment } = z
    .object({ jobs: z.object({ deploy: z.object({ environment: z.string() }) }) })
    .parse(parse(read('.github/workflows/deploy.yml'))).jobs.deploy;
  expect(read('docs/deploy.md')).toContain(`:environment:${environment}"`);
});

test('the scripts that workflows, azure.yaml and the image run are those of package.json', () => {
  const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read('package.json')));
  const texts = [
    ...workflows.map(({ name }) => read(`.github/workflows/${name}`)),
    read('azure.yaml'),
    read('Dockerfile'),
  ];
  const used = texts.flatMap((text) => [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name));
  expect(used).toContain('package');
  expect(used.filter((name) => !(name in scripts))).toEqual([]);
});

test('the image, azure.yaml and the workflow take the package from where it is made', () => {
  expect(parse(read('azure.yaml')).services.api.dist).toBe('out/app');
  expect(read('Dockerfile')).toContain('COPY --from=build /src/out/app /home/site/wwwroot');
  expect(read('.gitignore').split(/\r?\n/)).toContain('/out/');
});

test('the image has the settings of the templates that are no choice', () => {
  const bicep = read('infra/main.bicep');
  const [, limit] = /FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '(\d+)'/.exec(bicep) ?? [];
  expect(limit).toBeDefined();
  expect(read('Dockerfile')).toContain(`FUNCTIONS_REQUEST_BODY_SIZE_LIMIT=${limit}`);
  expect(read('Dockerfile')).toContain('STORAGE=azure');
});

test('the image is of the version of Node that the templates take by default', () => {
  const [, version] = /param nodeVersion string = '(\d+)'/.exec(read('infra/main.bicep')) ?? [];
  expect(read('Dockerfile')).toContain(`azure-functions/node:4-node${version}`);
});

test('the data sources that docs/deploy.md shows are taken by the package, with the secrets that the templates bring', () => {
  const [, example = ''] = /```json\n([\s\S]*?)```/.exec(read('docs/deploy.md')) ?? [];
  const secrets = { ELASTICSEARCH_KEY: 'a', MONGODB_PASSWORD: 'b', PINECONE_KEY: 'c' };
  const sources = readDataSources(example, secrets);
  expect([...sources.values()].map(({ type }) => type)).toEqual(['elasticsearch', 'mongo_db', 'pinecone']);
  expect(read('infra/main.bicep')).toEqual(
    expect.stringMatching(/ELASTICSEARCH_KEY[\s\S]*MONGODB_PASSWORD[\s\S]*PINECONE_KEY/),
  );
});

test('dependabot looks after npm, the actions and the image', () => {
  const { updates } = z
    .object({ version: z.literal(2), updates: z.array(z.object({ 'package-ecosystem': z.string() })) })
    .parse(parse(read('.github/dependabot.yml')));
  expect(updates.map((update) => update['package-ecosystem'])).toEqual(['npm', 'github-actions', 'docker']);
});
