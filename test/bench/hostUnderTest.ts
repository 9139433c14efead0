/** A host and a test upstream, each in a process of its own, and a client without the SDK's overhead. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { DIST, ROOT, peakMemory, processorSeconds, startProcess } from './processes';

const KEY = 'bench-key';
export const TENANT = 'bench';

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
  pid: number;
  /** Seconds of processor time of the host so far. */
  processorSeconds: () => number;
  stop: () => Promise<void>;
}

export interface HostSettings {
  /** Kept by the caller when given; otherwise a new one that `stop` removes. */
  dataDir?: string;
  /** Beside what every host gets. */
  env?: Record<string, string>;
  /** Of the client, at most. */
  connections?: number;
  /** Folder of the functions app; default: the compiled sources. */
  app?: string;
}

/** Starts both; `latency` is the upstream's, in milliseconds. */
export async function openHost(
  latency: number,
  { dataDir: given, env = {}, connections = 64, app = ROOT }: HostSettings = {},
): Promise<HostUnderTest> {
  const upstream = await startProcess({
    script: join(DIST, 'test', 'support', 'scriptedUpstream.js'),
    pattern: /(http:\S+)/,
    args: ['--port', '0', '--latency', String(latency)],
  });
  const dataDir = given ?? (await mkdtemp(join(tmpdir(), 'bench-')));
  const started = performance.now();
  const host = await startProcess({
    script: join(DIST, 'src', 'localHost', 'main.js'),
    pattern: /^Listening on (\S+)$/,
    cwd: app,
    env: {
      PORT: '0',
      DATA_DIR: dataDir,
      API_KEYS: `${TENANT}:${KEY}`,
      LOCAL_HOST_QUIET: '1',
      OPENAI_BASE_URL: upstream.found.endsWith('/v1') ? upstream.found : `${upstream.found}/v1`,
      EMBEDDING_DEPLOYMENT: 'embed',
      ...env,
    },
  });
  const pool = new Pool(host.found, { connections, pipelining: 1 });
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
    pid: host.pid,
    text: async (path, body) => request('POST', path, 'application/json', JSON.stringify(body)),
    upload: async (name, content) => {
      const form =
        `--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n` +
        `--b\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: text/plain\r\n\r\n${content}\r\n--b--\r\n`;
      return JSON.parse(await request('POST', '/files', 'multipart/form-data; boundary=b', Buffer.from(form))) as {
        id: string;
      };
    },
    peakMemory: () => peakMemory(host.pid),
    processorSeconds: () => processorSeconds(host.pid),
    stop: async () => {
      await pool.close();
      await host.stop();
      await upstream.stop();
      if (!given) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
