/** The local host's own settings and what it puts into the environment before the app reads its settings there. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigError } from '../config';
import { isJsonText, withoutMark } from '../jsonSetting';
import { readAllowedOrigins, type AllowedOrigins } from './cors';
import type { TlsFiles } from './tlsFiles';

export interface HostSettings {
  /** 0: any free port. */
  port: number;
  host: string;
  dataDir: string;
  tls: TlsFiles | undefined;
  /** Of web pages that may call it; absent: preflights reach the functions. */
  allowedOrigins: AllowedOrigins | undefined;
  /** No line per request. */
  quiet: boolean;
}

/** Checks and reads PORT, HOST, DATA_DIR, TLS_CERT_FILE, TLS_KEY_FILE, CORS and LOCAL_HOST_QUIET. Throws {@link ConfigError}. */
export function readHostSettings(env: NodeJS.ProcessEnv): HostSettings {
  const text = env.PORT?.trim() || '7071';
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new ConfigError('PORT', 'must be a port number, or 0 for any free port.');
  const host = env.HOST?.trim() || '127.0.0.1';
  if (!/^[\w.:-]+$/.test(host))
    throw new ConfigError('HOST', 'must be an address or a name of this machine, such as 127.0.0.1 or 0.0.0.0.');
  return {
    port: Number(text),
    host,
    dataDir: env.DATA_DIR?.trim() || '.data',
    tls: tlsFiles(env),
    allowedOrigins: readAllowedOrigins(env),
    quiet: isQuiet(env.LOCAL_HOST_QUIET?.trim() || '0'),
  };
}

function isQuiet(value: string): boolean {
  if (value !== '0' && value !== '1')
    throw new ConfigError('LOCAL_HOST_QUIET', 'must be 1 (no line per request) or 0.');
  return value === '1';
}

function tlsFiles(env: NodeJS.ProcessEnv): TlsFiles | undefined {
  const [certFile, keyFile] = [env.TLS_CERT_FILE?.trim(), env.TLS_KEY_FILE?.trim()];
  if (certFile && keyFile) return { certFile, keyFile };
  if (certFile || keyFile)
    throw new ConfigError(
      certFile ? 'TLS_KEY_FILE' : 'TLS_CERT_FILE',
      'TLS needs both files, the certificate and its key.',
    );
  return undefined;
}

/** Where this machine reaches a host that listens there, without a slash at the end. */
export function hostUrl({ host, port, tls }: Pick<HostSettings, 'host' | 'port'> & { tls?: TlsFiles }): string {
  const isAnywhere = host === '0.0.0.0' || host === '::';
  const name = isAnywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `${tls ? 'https' : 'http'}://${name}:${port}`;
}

/**
 * Puts the `Values` of local.settings.json, if there is such a file, and its `Host.CORS` into `env` where it has no value yet. Throws {@link ConfigError} if the
 * file can't be read, and for a value that is no text, which the real tools leave out.
 */
export async function applyLocalSettings(root: string, env: NodeJS.ProcessEnv): Promise<void> {
  const file = join(root, 'local.settings.json');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw new ConfigError('local.settings.json', error.message);
  });
  const json = Object(parseJson(text)) as { IsEncrypted?: unknown; Values?: unknown; Host?: unknown };
  if (json.IsEncrypted === true)
    throw new ConfigError('local.settings.json', 'is encrypted; the local host reads plain values only.');
  const { CORS } = Object(json.Host) as { CORS?: unknown };
  for (const [name, value] of Object.entries({ CORS, ...Object(json.Values) })) {
    if (value === null || value === undefined) continue;
    if (typeof value !== 'string')
      throw new ConfigError(
        'local.settings.json',
        `${name} must be a text; the Functions tools leave out what is none.`,
      );
    env[name] ??= value;
  }
}

/** Settings that name files or folders. */
const PATHS = ['DATA_DIR', 'PYODIDE_PACKAGE_DIR', 'TLS_CERT_FILE', 'TLS_KEY_FILE'];
/** Settings that are JSON, or name a file that holds it. */
const JSON_OR_PATHS = ['MODEL_BACKENDS', 'DATA_SOURCES', 'ENTRA_PRINCIPALS'];

/** Lets paths in settings count from that folder, and the state lie there by default, for a host whose app is elsewhere. */
export function pathsFrom(folder: string, env: NodeJS.ProcessEnv): void {
  for (const name of PATHS) {
    const path = env[name]?.trim() || (name === 'DATA_DIR' ? '.data' : '');
    if (path) env[name] = resolve(folder, path);
  }
  for (const name of JSON_OR_PATHS) {
    const path = env[name]?.trim();
    if (path && !isJsonText(path)) env[name] = resolve(folder, path);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(withoutMark(text));
  } catch {
    // Without the parser's message: it quotes the text, and the text holds secrets.
    throw new ConfigError('local.settings.json', 'is not valid JSON.');
  }
}

/** Made by another user of the machine, mostly. */
function refuseKey(file: string, { message }: Error): never {
  throw new ConfigError('API_KEYS', `is not set, and the file ${file} cannot be read (${message}).`);
}

/**
 * When API_KEYS is not set, sets it to a key for the tenant `local` that is made once and kept in `dataDir/api-key`, readable by its owner
 * only. The key, or undefined if API_KEYS was set. Throws {@link ConfigError} if the file does not hold a key.
 */
export async function ensureApiKey(dataDir: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (env.API_KEYS?.trim()) return undefined;
  const file = join(dataDir, 'api-key');
  await mkdir(dataDir, { recursive: true });
  const made = `${randomBytes(24).toString('base64url')}\n`;
  const isNew = await writeFile(file, made, { mode: 0o600, flag: 'wx' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw new ConfigError('DATA_DIR', `cannot be written: ${error.message}`);
    },
  );
  const kept = isNew
    ? made
    : await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => refuseKey(file, error));
  const key = kept.trim();
  if (!/^[\w-]{16,}$/.test(key))
    throw new ConfigError(
      'API_KEYS',
      `is not set, and the file ${file} does not hold a key; delete that file or set API_KEYS.`,
    );
  env.API_KEYS = `local:${key}`;
  return key;
}
