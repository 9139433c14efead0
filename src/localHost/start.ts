/** The local host as a program: its settings, its start and its stop. */
import { access, constants, mkdir } from 'node:fs/promises';
import { ConfigError, readConfig, type Config } from '../config';
import { HostStartError } from './functionTable';
import { applyLocalSettings, ensureApiKey, pathsFrom, readHostSettings } from './hostSettings';
import { startLocalHost, type LocalHost } from './localHost';

/**
 * Runs the functions app of the folder `root` until a signal ends the process. Settings are those of the environment and of local.settings.json where the process
 * was started, and paths in them count from there.
 */
export function start(root: string): void {
  const [argument] = process.argv.slice(2);
  if (argument === undefined) run(root).catch(fail);
  else refuseArgument(argument);
}

const HELP =
  'The host takes no arguments: its settings are environment variables, such as PORT=8080, or `Values` in local.settings.json where it is started. README.md lists them.\n';
const WRONG_USAGE = 2;

/** A host that went on with its defaults would look as if it had understood. */
function refuseArgument(argument: string): void {
  if (argument === '--help' || argument === '-h') {
    process.stdout.write(HELP);
    return;
  }
  process.stderr.write(`'${argument}' is not expected. ${HELP}`);
  process.exitCode = WRONG_USAGE;
}

async function run(root: string): Promise<void> {
  const folder = process.cwd();
  await applyLocalSettings(folder, process.env);
  // The host goes to the app's folder, as the real one does.
  if (root !== folder) pathsFrom(folder, process.env);
  const settings = readHostSettings(process.env);
  await checkDataDir(settings.dataDir);
  const key = await ensureApiKey(settings.dataDir, process.env);
  // An upstream that is this server is recognised by these two.
  if (settings.port > 0) process.env.PORT = String(settings.port);
  process.env.HOST = settings.host;
  const config = readConfig(process.env);
  const host = await startLocalHost({ root, ...settings, blobsInFolder: config.storage.kind === 'embedded' });
  stopOnSignals(host);
  for (const line of startLines(host.url, key, config)) host.log.plain(line);
  host.log.plain(`Listening on ${host.url}`);
  host.log.flush();
}

/** Everything is kept there: a folder that cannot be used should be told in one line. */
async function checkDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK);
  } catch (error) {
    throw new ConfigError('DATA_DIR', `'${dataDir}' cannot be used as a folder (${String(error)}).`);
  }
}

/** What a newcomer needs: where to point the SDKs, with which key, and who answers. */
function startLines(url: string, key: string | undefined, config: Config): string[] {
  const kinds = { azure: 'Azure OpenAI', openai: 'OpenAI-compatible' };
  const services = config.backends.map(({ kind, baseUrl }) => `${kinds[kind]} at ${baseUrl}`).join(', ');
  const embeddings = config.embeddingDeployment ?? 'the built-in embeddings';
  return [
    '',
    `OpenAI SDK       base_url ${url}/v1`,
    `Azure OpenAI SDK azure_endpoint ${url}`,
    `Key              ${key ?? (config.apiKeys.size > 0 ? 'one of API_KEYS' : 'one of npm run keys')}`,
    services
      ? `Models           ${services}; embeddings: ${embeddings}`
      : 'Models           those named above; local-extractive answers with sentences of your documents',
    `State            ${stateOf(config)}`,
    '',
  ];
}

/** The histories of orchestrations stay on this machine. */
const stateOf = ({ storage, dataDir }: Config): string =>
  storage.kind === 'azure' ? `the storage account ${storage.account.name}; orchestrations: ${dataDir}` : dataDir;

function stopOnSignals(host: LocalHost): void {
  const stop = () => {
    host.log.plain('Stopping …');
    host.log.flush();
    host.close().then(
      // The Functions library's HTTP server stays open: nobody outside of it can close it.
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  // As the real worker: what nobody caught ends the process.
  process.on('uncaughtException', (error) => {
    host.log.error(`Uncaught: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    host.log.flush();
    process.exit(1);
  });
}

/** One line for what the user can mend, a stack for what they can't. */
function fail(error: unknown): never {
  const isPlain = error instanceof ConfigError || error instanceof HostStartError;
  const text = error instanceof Error ? (isPlain ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${text}\n`);
  // What was opened before the fault, the library's server above all, would keep the process.
  process.exit(1);
}
