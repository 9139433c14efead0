/** The host that a question goes to: the one that runs, or one that is started for it. */
import { applyLocalSettings, ensureApiKey, hostUrl, readHostSettings, type HostSettings } from '../hostSettings';
import packageJson from '../../../package.json';
import { HostFailure, startHost } from './startHost';

/** Milliseconds that a host which runs has to say what it is. */
const ANSWER_MS = 5_000;

export interface Host {
  /** Without a trailing slash. */
  url: string;
  apiKey: string;
  /** The last lines of its console if it was started here and has ended by itself, or undefined. */
  endedWith(): string | undefined;
  /** Ends it if it was started here. */
  stop(): Promise<void>;
}

export interface HostChoice {
  hostUrl: string | undefined;
  apiKey: string | undefined;
}

/**
 * Uses the host that the choice names, or the one at PORT, or starts one with the same settings. `env` is completed from
 * local.settings.json, and with the key in DATA_DIR. `onStart` is called before one is started. Throws ConfigError for a wrong setting,
 * and HostFailure when no host starts, or the one at PORT is not trusted.
 */
export async function findHost(
  choice: HostChoice,
  root: string,
  env: NodeJS.ProcessEnv,
  onStart: () => void,
  signal?: AbortSignal,
): Promise<Host> {
  await applyLocalSettings(root, env);
  const settings = readHostSettings(env);
  const apiKey = choice.apiKey ?? (await ownKey(settings.dataDir, env));
  const url = choice.hostUrl ?? (await runningHost(settings));
  if (url) return { url, apiKey, endedWith: () => undefined, stop: () => Promise.resolve() };
  onStart();
  return { ...(await startHost(root, env, signal)), apiKey: await ownKey(settings.dataDir, env) };
}

/** The first of API_KEYS, or the key in DATA_DIR, which is made if there is none. */
async function ownKey(dataDir: string, env: NodeJS.ProcessEnv): Promise<string> {
  await ensureApiKey(dataDir, env);
  const [first = ''] = env.API_KEYS?.split(',') ?? [];
  return first.slice(first.indexOf(':') + 1).trim();
}

async function runningHost(settings: HostSettings): Promise<string | undefined> {
  if (settings.port === 0) return undefined;
  const url = hostUrl(settings);
  return (await isThisProduct(url)) ? url : undefined;
}

/** Whether the server is this package; not so if it does not answer, or something else does. Throws HostFailure when its certificate is not trusted. */
async function isThisProduct(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/openapi.json`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const document: unknown = await response.json();
    return Object(Object(document).info).title === packageJson.name;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (isDistrust(cause))
      throw new HostFailure(
        `The certificate of the host at ${url} is not trusted here (${cause.message}). Name the file of its authority in NODE_EXTRA_CA_CERTS.`,
        { cause: error },
      );
    // Nothing listens there, or nothing that speaks JSON: a host will be started.
    return false;
  }
}

/** Whether TLS failed over the server's certificate: Node's codes for it come from OpenSSL, and are its own for a wrong name. */
const isDistrust = (cause: unknown): cause is Error & { code: string } =>
  cause instanceof Error &&
  'code' in cause &&
  /^(ERR_TLS_CERT_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY))/.test(String(cause.code));
