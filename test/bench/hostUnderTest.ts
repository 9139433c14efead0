/** A host and a test upstream, each in a process of its own, and a client without the SDK's overhead. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Pool } from 'undici';

const DIST = join(__dirname, '..', '..');
const ROOT = join(DIST, '..');
const KEY = 'bench-key';

export interface HostUnderTest {
  /** JSON in, JSON out; throws on anything but 200. */
  call: <T>(method: 'GET' | 'POST', path: string, body?: object) => Promise<T>;
  /** The answer's text, for streams. */
  text: (path: string, body: object) => Promise<string>;
  upload: (name: string, content: string) => Promise<{ id: string }>;
  /** Milliseconds from spawning the process to its first answer. */
  firstAnswer: number;
  /** Largest resident memory of the host so far, in MB. */
  peakMemory: () => number;
  /** Seconds of processor time of the host so far. */
  processorSeconds: () => number;
  stop: () => Promise<void>;
}

/** Starts both; `latency` is the upstream's, in milliseconds. */
export async function openHost(latency: number): Promise<HostUnderTest> {
  const upstream = await startProcess(
    join(DIST, 'test', 'support', 'scriptedUpstream.js'),
    /(http:\S+)/,
    {},
    '--port',
    '0',
    '--latency',
    String(latency),
  );
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-'));
  const started = performance.now();
  const host = await startProcess(join(DIST, 'src', 'localHost', 'main.js'), /^Listening on (\S+)$/, {
    PORT: '0',
    DATA_DIR: dataDir,
    API_KEYS: `bench:${KEY}`,
    LOCAL_HOST_QUIET: '1',
    OPENAI_BASE_URL: upstream.found.endsWith('/v1') ? upstream.found : `${upstream.found}/v1`,
    EMBEDDING_DEPLOYMENT: 'embed',
  });
  const pool = new Pool(host.found, { connections: 64, pipelining: 1 });
  const headers = { 'api-key': KEY };
  const request = async (
    method: 'GET' | 'POST',
    path: string,
    contentType?: string,
    body?: string | Buffer,
  ): Promise<string> => {
    const answer = await pool.request({
      method,
      path: `/v1${path}`,
      headers: { ...headers, ...(contentType && { 'content-type': contentType }) },
      body,
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return text;
  };
  const call = async <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> =>
    JSON.parse(await request(method, path, body && 'application/json', body && JSON.stringify(body))) as T;
  await call('GET', '/assistants');
  const firstAnswer = performance.now() - started;
  return {
    call,
    firstAnswer,
    text: async (path, body) => request('POST', path, 'application/json', JSON.stringify(body)),
    upload: async (name, content) => {
      const form =
        `--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n` +
        `--b\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: text/plain\r\n\r\n${content}\r\n--b--\r\n`;
      return JSON.parse(await request('POST', '/files', 'multipart/form-data; boundary=b', Buffer.from(form))) as {
        id: string;
      };
    },
    peakMemory: () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${host.pid}/status`, 'utf8'))?.[1]) / 1024,
    processorSeconds: () => {
      const fields = readFileSync(`/proc/${host.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    stop: async () => {
      await pool.close();
      await host.stop();
      await upstream.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function startProcess(script: string, pattern: RegExp, env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const found = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = pattern.exec(line)?.[1];
      if (match) resolve(match);
    });
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}.`)));
  });
  return {
    found,
    pid: child.pid ?? 0,
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}
