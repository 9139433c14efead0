/** The tarball of `npm pack`, installed in a folder with nothing beside it but the libraries that it names. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { z } from 'zod';

const ROOT = join(__dirname, '..', '..');
const run = promisify(execFile);
const manifest = z.object({
  dependencies: z.record(z.string(), z.string()),
  bin: z.record(z.string(), z.string()),
});

let folder: string;
let script: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'installed-')));
  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'azure-openai-functions');
  await mkdir(installed, { recursive: true });
  const shell = process.platform === 'win32';
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT, shell });
  await run('tar', ['-xzf', '../../azure-openai-functions-0.1.0.tgz', '--strip-components=1'], { cwd: installed });
  const { dependencies, bin } = manifest.parse(JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')));
  for (const name of Object.keys(dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(modules, name), 'junction');
  }
  script = join(installed, bin['azure-openai-functions'] ?? '');
}, 60_000);
afterAll(async () => rm(folder, { recursive: true, force: true }));

it('serves from any folder, and keeps its state and its key there', async () => {
  const host = spawn(process.execPath, [script], {
    cwd: folder,
    env: { PATH: process.env.PATH, PORT: '0', LOCAL_MODEL_SERVERS: 'off' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: host.stdout }).on('line', (line) => {
        const address = /^Listening on (\S+)$/.exec(line)?.[1];
        if (address) resolve(address);
      });
      host.once('exit', (code) => reject(new Error(`The host ended with ${code}.`)));
    });
    const apiKey = (await readFile(join(folder, '.data', 'api-key'), 'utf8')).trim();
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
    const assistant = await client.beta.assistants.create({ model: 'local-extractive' });
    expect((await client.beta.assistants.retrieve(assistant.id)).id).toBe(assistant.id);
    expect(existsSync(join(folder, '.data', 'records.sqlite'))).toBe(true);
  } finally {
    const exited = once(host, 'exit');
    host.kill('SIGTERM');
    await exited;
  }
}, 60_000);
