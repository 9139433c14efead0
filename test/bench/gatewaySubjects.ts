/** What the gateway benchmark compares: the upstream itself, this package, and `@portkey-ai/gateway`. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DIST, startProcess, type StartedProcess } from './processes';

export const PEER = '@portkey-ai/gateway@1.15.2';
const KEY = 'bench-key';

export interface Subject {
  name: 'direct' | 'this package' | 'portkey';
  origin: string;
  headers: Record<string, string>;
  pid: number;
  stop: () => Promise<void>;
}

/** The scripted upstream. */
export const startUpstream = (): Promise<StartedProcess> =>
  startProcess({ script: join(DIST, 'test', 'bench', 'leanUpstream.js'), pattern: /(http:\S+)/ });

export const direct = (upstream: StartedProcess): Subject => ({
  name: 'direct',
  origin: upstream.found,
  headers: { authorization: 'Bearer upstream-key' },
  pid: upstream.pid,
  stop: async () => {},
});

/** This package under its local host. */
export async function thisPackage(upstream: StartedProcess, execArgv: string[] = []): Promise<Subject> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-gateway-'));
  const host = await startProcess({
    script: join(DIST, 'src', 'localHost', 'main.js'),
    pattern: /^Listening on (\S+)$/,
    execArgv,
    env: {
      PORT: '0',
      DATA_DIR: dataDir,
      API_KEYS: `bench:${KEY}`,
      LOCAL_HOST_QUIET: '1',
      OPENAI_BASE_URL: `${upstream.found}/v1`,
      OPENAI_API_KEY: 'upstream-key',
    },
  });
  const stop = async () => {
    await host.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { name: 'this package', origin: host.found, headers: { authorization: `Bearer ${KEY}` }, pid: host.pid, stop };
}

/** Installs the peer into a folder outside the project; `BENCH_PEER_DIR` keeps it for the next time. */
export async function installPeer(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const kept = process.env.BENCH_PEER_DIR;
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'bench-peer-')));
  await mkdir(folder, { recursive: true });
  // With newer ones the peer answers streams, or everything, with 500 (its issue 1389).
  const overrides = { '@hono/node-server': '1.14.1' };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, overrides }));
  await promisify(execFile)('npm', ['install', PEER, '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
  return { folder, remove: async () => (kept ? undefined : rm(folder, { recursive: true, force: true })) };
}

export async function portkey(upstream: StartedProcess, folder: string): Promise<Subject> {
  const port = await freePort();
  const peer = await startProcess({
    script: join(folder, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js'),
    pattern: /(Ready|http:\S+)/i,
    args: [`--port=${port}`, '--headless'],
    cwd: folder,
    env: { NODE_ENV: 'production' },
  });
  return {
    name: 'portkey',
    origin: `http://127.0.0.1:${port}`,
    headers: {
      authorization: 'Bearer upstream-key',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${upstream.found}/v1`,
    },
    pid: peer.pid,
    stop: peer.stop,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
