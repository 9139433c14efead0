/** The package under its local host, in a process of its own: what the tests over HTTP drive. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import OpenAI, { AzureOpenAI } from 'openai';
import { storageSettings } from './storage';

const ROOT = join(__dirname, '..', '..').replace(/[\\/]dist$/, '');
/** Tests run under Node 24, as npm scripts do. */
const MAIN = join(ROOT, 'dist', 'src', 'localHost', 'main.js');

const APP = resolve(ROOT, process.env.TEST_APP ?? '.');

export interface HostOptions {
  /** Kept by `kill`, removed by `stop`; a new one by default. */
  dataDir?: string;
  env?: Record<string, string>;
  /** Started instead of the local host's own entry. */
  script?: string;
  /** Folder of the functions app; by default that of the variable TEST_APP, such as `out/app` after `npm run package`, or else the compiled sources. */
  app?: string;
}

export interface Host {
  /** `http://127.0.0.1:port` */
  url: string;
  dataDir: string;
  pid: number;
  /** What the host has printed so far, bounded. */
  output: () => string;
  /** Clients of a tenant, `alpha` (default) or `beta`, without retries of their own. */
  openai: (tenant?: Tenant) => OpenAI;
  azure: (tenant?: Tenant) => AzureOpenAI;
  key: (tenant?: Tenant) => string;
  /** Ends the process as a crash would and keeps its data. */
  kill: () => Promise<void>;
  /** Ends the process gracefully and removes its data. */
  stop: () => Promise<void>;
}

export type Tenant = 'alpha' | 'beta';
const KEYS: Record<Tenant, string> = { alpha: 'test-key-alpha', beta: 'test-key-beta' };
const MAX_OUTPUT = 1_000_000;

/** Starts a host on a free port; resolves when it listens. */
export async function startHost({ dataDir, env = {}, script = MAIN, app = APP }: HostOptions = {}): Promise<Host> {
  const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'host-')));
  const child = spawn(process.execPath, [script], {
    cwd: app,
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      // Whatever runs on this machine.
      LOCAL_MODEL_SERVERS: 'off',
      HOST: '127.0.0.1',
      DATA_DIR: directory,
      API_KEYS: `alpha:${KEYS.alpha},beta:${KEYS.beta}`,
      ...storageSettings(directory),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { text: '' };
  const url = await listening(child, printed);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  return {
    url,
    dataDir: directory,
    pid: child.pid ?? 0,
    output: () => printed.text,
    key: (tenant = 'alpha') => KEYS[tenant],
    openai: (tenant = 'alpha') => new OpenAI({ baseURL: `${url}/v1`, apiKey: KEYS[tenant], maxRetries: 0 }),
    azure: (tenant = 'alpha') =>
      new AzureOpenAI({ endpoint: url, apiKey: KEYS[tenant], apiVersion: '2025-04-01-preview', maxRetries: 0 }),
    kill: async () => end('SIGKILL'),
    stop: async () => {
      await end('SIGTERM');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function listening(child: ChildProcess, printed: { text: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const take = (line: string): void => {
      if (printed.text.length < MAX_OUTPUT) printed.text += `${line}\n`;
      const address = /^Listening on (\S+)$/.exec(line)?.[1];
      if (address) resolve(address);
    };
    if (child.stdout) createInterface({ input: child.stdout }).on('line', take);
    if (child.stderr) createInterface({ input: child.stderr }).on('line', take);
    child.once('exit', (code) => reject(new Error(`The host ended with ${code} before it listened:\n${printed.text}`)));
  });
}
