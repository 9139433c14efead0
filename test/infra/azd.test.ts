import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { bicepFile } from './bicepFile';
import { parseBicep, plainText } from './syntaxTree';

const root = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const bicep = (path: string) => {
  const [tree] = parseBicep([join(root, path)]).values();
  if (!tree) throw new Error(`${path} was not parsed.`);
  return bicepFile(join(root, path), tree);
};
const main = bicep('infra/main.bicep');

const script = z.object({
  shell: z.string(),
  run: z.string(),
  windows: z.object({ shell: z.string(), run: z.string() }),
});
const azureYaml = z
  .object({
    name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
    requiredVersions: z.object({ azd: z.string() }),
    hooks: z.record(z.enum(['preprovision', 'postdeploy']), script),
    services: z.record(
      z.string(),
      z.object({
        project: z.string(),
        language: z.literal('ts'),
        host: z.literal('function'),
        dist: z.string(),
        remoteBuild: z.literal(false),
        hooks: z.object({ prepackage: script }),
      }),
    ),
  })
  .parse(parse(read('azure.yaml')));

describe('azure.yaml', () => {
  test('names the service by which the function app is tagged', () => {
    const tag = /serviceName: '(\w+)'/.exec(read('infra/main.bicep'))?.[1];
    expect(Object.keys(azureYaml.services)).toEqual([tag]);
    expect(read('infra/app/functionApp.bicep')).toContain(`'azd-service-name': serviceName`);
  });

  test('asks for an azd that deploys node_modules as they are, as docs/deploy.md does', () => {
    const [, version = ''] = /^>= (\d+\.\d+\.\d+)$/.exec(azureYaml.requiredVersions.azd) ?? [];
    // The first that goes by both `remoteBuild` and .funcignore, and takes the folder along: Azure/azure-dev #6748, #7223.
    expect(version).toBe('1.23.12');
    expect(read('docs/deploy.md')).toContain(`${version} or later`);
    // With node_modules in it azd would refuse to deploy without a build in Azure.
    expect(read('.funcignore').split('\n')).not.toContain('node_modules');
  });

  test('runs scripts that exist, the same on Windows', () => {
    for (const { run, windows } of Object.values(azureYaml.hooks)) {
      const path = /^node (\S+)$/.exec(run)?.[1] ?? '';
      expect(existsSync(join(root, path))).toBe(true);
      expect(windows.run).toBe(run);
    }
  });
});

describe('main.parameters.json', () => {
  const { parameters } = z
    .object({ parameters: z.record(z.string(), z.object({ value: z.string() })) })
    .parse(JSON.parse(read('infra/main.parameters.json')));
  const variables = Object.entries(parameters).map(([name, { value }]) => {
    const [, variable = '', preset] = /^\$\{([A-Z][A-Z0-9_]*)(?:=([^}]*))?\}$/.exec(value) ?? [];
    return { name, variable, preset };
  });

  test('gives every parameter of main.bicep that is no list or object, and no other', () => {
    const scalar = [...main.parameters].filter(([, { type }]) => ['string', 'int', 'bool'].includes(type));
    expect(Object.keys(parameters).sort()).toEqual(scalar.map(([name]) => name).sort());
    const others = [...main.parameters.values()].filter(({ type }) => !['string', 'int', 'bool'].includes(type));
    expect(others.every((parameter) => parameter.default !== undefined)).toBe(true);
  });

  test.each(variables)(
    '$name has the default of main.bicep where $variable is not set',
    ({ name, variable, preset }) => {
      expect(variable).not.toBe('');
      const parameter = main.parameters.get(name);
      const value = parameter?.default;
      // azd takes an empty text for no value only where the default of the parameter is empty too.
      expect(preset).toBe((plainText(value) ?? value?.text) || undefined);
      if (parameter?.allowed && parameter.type === 'string') expect(parameter.allowed).toContain(preset);
    },
  );

  test('reads no variable that azd sets from an output, so that the second deployment is like the first', () => {
    const outputs = [...main.outputs.keys()].filter((name) => name !== 'AZURE_LOCATION');
    expect(variables.filter(({ variable }) => outputs.includes(variable))).toEqual([]);
    expect(new Set(variables.map(({ variable }) => variable)).size).toBe(variables.length);
  });

  test('has its variables explained in docs/deploy.md', () => {
    const docs = read('docs/deploy.md');
    expect(
      variables.filter(({ variable }) => !docs.includes(`\`${variable}\``)).map(({ variable }) => variable),
    ).toEqual([]);
  });
});

test('the subscription leads to the blob trigger of the package and its container', () => {
  const source = read('src/functions/blobUploads.ts');
  const { parameters } = bicep('infra/app/blobSubscription.bicep');
  expect(plainText(parameters.get('functionName')?.default)).toBe(/app\.storageBlob\('(\w+)'/.exec(source)?.[1]);
  const container = plainText(parameters.get('containerName')?.default);
  expect(container).toBe(/const UPLOADS = '(\w+)'/.exec(read('src/retrieval/uploadFailures.ts'))?.[1]);
  expect(read('infra/app/storage.bicep')).toContain(`'${container}'`);
});

// The stand-ins for azd and az are scripts that only POSIX systems run by their first line.
const onPosix = process.platform === 'win32' ? describe.skip : describe;

onPosix('hooks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hooks-'));
  const log = join(folder, 'log');
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A command that notes its arguments, and answers as the JavaScript says. */
  function standIn(name: string, body: string): void {
    const path = join(folder, name);
    writeFileSync(
      path,
      `#!${process.execPath}\nconst { appendFileSync, readFileSync, existsSync } = require('node:fs');\n` +
        `const log = ${JSON.stringify(log)};\nappendFileSync(log, JSON.stringify(process.argv.slice(2)) + '\\n');\n${body}`,
    );
    chmodSync(path, 0o755);
  }

  function run(hook: string, env: Record<string, string>) {
    rmSync(log, { force: true });
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'infra/hooks', hook)], {
      encoding: 'utf8',
      env: { PATH: `${folder}${delimiter}${dirname(process.execPath)}`, ...env },
    });
    const calls = existsSync(log)
      ? readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map((line) => z.array(z.string()).parse(JSON.parse(line)))
      : [];
    return { status, output: stdout + stderr, calls };
  }

  const deployed = {
    AZURE_SUBSCRIPTION_ID: 'sub',
    AZURE_RESOURCE_GROUP: 'group',
    AZURE_FUNCTION_NAME: 'func',
    BLOB_EVENTS_TOPIC_NAME: 'topic',
    AZURE_STORAGE_ACCOUNT_NAME: 'account',
    SUBSCRIPTION_PAUSE_SECONDS: '0',
  };

  test('makeSecrets makes keys that the package takes, shows none, and makes none that is set', () => {
    standIn('azd', '');
    const { status, output, calls } = run('makeSecrets.mjs', { USE_MONGO_CLUSTER: 'true' });
    expect(status).toBe(0);
    expect(calls.map((call) => call.slice(0, 3))).toEqual([
      ['env', 'set', 'API_KEYS'],
      ['env', 'set', 'MONGO_ADMINISTRATOR_PASSWORD'],
    ]);
    expect(calls[0]?.[3]).toMatch(/^default:[0-9a-f]{64}$/);
    for (const call of calls) expect(output).not.toContain(call[3]);
    expect(run('makeSecrets.mjs', { API_KEYS: 'a:b' }).calls).toEqual([]);
  });

  test('makeSecrets fails where azd does', () => {
    standIn('azd', 'process.exit(3)');
    expect(run('makeSecrets.mjs', {})).toMatchObject({ status: 1, output: expect.stringContaining('API_KEYS') });
  });

  test('subscribeToUploads tries again until the webhook is there, with every parameter of the template', () => {
    standIn('az', `process.exit(readFileSync(log, 'utf8').trim().split('\\n').length < 3 ? 1 : 0)`);
    const { status, calls } = run('subscribeToUploads.mjs', deployed);
    expect(status).toBe(0);
    expect(calls).toHaveLength(3);
    const call = calls[0] ?? [];
    const template = call[call.indexOf('--template-file') + 1] ?? '';
    const { parameters } = bicep(template);
    const given = call.slice(call.indexOf('--parameters') + 1).map((each) => each.split('=')[0] ?? '');
    const needed = [...parameters].filter(([, each]) => !each.default).map(([name]) => name);
    expect(given.sort()).toEqual(needed.sort());
  });

  test('subscribeToUploads gives up at once where nobody is signed in, and says how to go on', () => {
    standIn('az', `console.error("Please run 'az login' to setup account."); process.exit(1)`);
    const { status, output, calls } = run('subscribeToUploads.mjs', deployed);
    expect(status).toBe(1);
    expect(calls).toHaveLength(1);
    expect(output).toContain('azd hooks run postdeploy');
  });

  test('the variables that subscribeToUploads reads are outputs of main.bicep, or azd sets them', () => {
    const names = [...read('infra/hooks/subscribeToUploads.mjs').matchAll(/setting\('(\w+)'\)/g)].map(
      ([, name]) => name,
    );
    expect(names.length).toBeGreaterThan(3);
    expect(names.filter((name) => name !== 'AZURE_SUBSCRIPTION_ID' && !main.outputs.has(name ?? ''))).toEqual([]);
  });
});
