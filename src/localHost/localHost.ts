/** A development host: loads a functions app into this process and runs its functions as the real host does. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { loadApp } from './appLoader';
import { blobContainers } from './blobContainers';
import { BlobTrigger } from './blobTrigger';
import { answerBuffered } from './bufferedHttp';
import type { ProgrammingModel } from './coreTypes';
import type { AllowedOrigins } from './cors';
import type { Durable } from './durable/engine';
import { FunctionRuntime } from './functionRuntime';
import { FunctionsCore, installFunctionsCore } from './functionsCore';
import { buildFunctionTable, HostStartError, type FunctionTable } from './functionTable';
import { readHostJson, type HostJson } from './hostJson';
import { HostLog } from './hostLog';
import { hostUrl } from './hostSettings';
import { HostStore } from './hostStore';
import { HttpListener, type HttpFront } from './httpListener';
import { findLibraryServer } from './libraryServer';
import { secretMask } from './maskSecrets';
import { Router } from './router';
import { StreamingProxy } from './streamingProxy';
import { TimerTrigger } from './timerTrigger';
import { readTlsFiles, type TlsFiles } from './tlsFiles';

/** Version that the host tells the library. */
const WORKER_VERSION = '3.12.0';
/** Milliseconds that running work gets to end when the host stops. */
const STOP_MS = 10_000;
/** Milliseconds that answers get which the app ended as it terminated. */
const LAST_WORDS_MS = 1_000;

export interface LocalHostOptions {
  /** Folder of the app's package.json and host.json. */
  root: string;
  /** Settings beside those of the process's environment, which go first. */
  env?: Record<string, string>;
  /** 0: any free port. */
  port: number;
  host: string;
  /** Where triggers and durable functions keep their state, and where the blobs are. */
  dataDir: string;
  tls?: TlsFiles;
  /** Of web pages that may call it from a browser; absent: preflights reach the functions. */
  allowedOrigins?: AllowedOrigins;
  /** No line per request. */
  quiet: boolean;
  /** Blob triggers watch `dataDir/blobs` although their connection is set. */
  blobsInFolder?: boolean;
  /** Milliseconds between looks at the containers of blob triggers; 1000 for folders, 5000 in an account. */
  blobIntervalMs?: number;
  /** Milliseconds without a byte after which a streamed exchange is given up; 240 000 as on the real host. */
  idleMs?: number;
}

export interface LocalHost {
  /** Scheme, address and port, without a trailing slash. */
  url: string;
  log: HostLog;
  /**
   * Takes no new work, gives running requests and invocations about ten seconds, runs the app's terminate hooks, and releases everything.
   */
  close(): Promise<void>;
}

/**
 * Starts the host; resolves when the app serves. An app that fails to load serves nothing but 404 and is told in the log, as on the
 * real host. Rejects with {@link HostStartError} when the app needs something that the local host does not have, or the
 * address can't be used, and with ConfigError when the TLS files can't. One host to a process, for good: the library keeps hold of it.
 */
export async function startLocalHost(given: LocalHostOptions): Promise<LocalHost> {
  const options = { ...given, dataDir: resolve(given.root, given.dataDir) };
  const env = process.env;
  for (const [name, value] of Object.entries(options.env ?? {})) env[name] ??= value;
  const log = new HostLog(options.quiet, secretMask(env));
  const core = new FunctionsCore((entry) => log.core(entry));
  installFunctionsCore(core, WORKER_VERSION);
  process.chdir(options.root);
  const hostJson = await readHostJson(options.root).catch(refuse('host.json cannot be read'));
  const listener = await listen(options, log);
  prepareEnvironment(options.root, listener.port, env);
  const host = new Host(options, hostJson, log, core, listener, env);
  try {
    await host.start();
  } catch (error) {
    await host.close();
    throw error;
  }
  return host;
}

async function listen(options: LocalHostOptions, log: HostLog): Promise<HttpListener> {
  const { host, port, allowedOrigins } = options;
  const tls = options.tls && (await readTlsFiles(options.tls));
  return HttpListener.listen({ host, port, tls, log, allowedOrigins }).catch((error: unknown) => {
    const refused = refuse(`Cannot serve on ${host}:${port}`);
    if (!isTaken(error)) return refused(error);
    return refused(
      new Error(`${error.message}. Stop what serves there, or set PORT to another port`, { cause: error }),
    );
  });
}

const isTaken = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';

/** Turns an error into one line for the user. */
function refuse(what: string): (error: unknown) => never {
  return (error) => {
    throw new HostStartError(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  };
}

function prepareEnvironment(root: string, port: number, env: NodeJS.ProcessEnv): void {
  env.WEBSITE_HOSTNAME = `localhost:${port}`;
  env.AzureFunctionsWebHost__hostid ??= `local-${createHash('sha256').update(resolve(root)).digest('hex').slice(0, 16)}`;
  // Files of up to 512 MB are uploaded; the real host needs the same setting.
  env.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT ??= '576716800';
  const noProxy = env.NO_PROXY ?? env.no_proxy ?? '';
  const missing = ['127.0.0.1', 'localhost'].filter((name) => !noProxy.split(',').includes(name));
  env.NO_PROXY = env.no_proxy = [noProxy, ...missing].filter(Boolean).join(',');
}

class Host implements LocalHost {
  readonly url: string;
  private readonly protocol: 'http' | 'https';
  private readonly store: HostStore;
  private readonly triggers: (BlobTrigger | TimerTrigger)[] = [];
  private runtime: FunctionRuntime | undefined;
  private durable: Durable | undefined;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly options: LocalHostOptions,
    private readonly hostJson: HostJson,
    readonly log: HostLog,
    private readonly core: FunctionsCore,
    private readonly listener: HttpListener,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    this.protocol = options.tls ? 'https' : 'http';
    this.url = hostUrl({ ...options, port: listener.port });
    this.store = new HostStore(join(options.dataDir, 'host.sqlite'));
  }

  async start(): Promise<void> {
    const model = await this.loadModel();
    if (!model) {
      this.serve(new Router([], '', () => undefined), () => undefined);
      return;
    }
    const inError = (name: string, message: string) => this.log.error(`The '${name}' function is in error: ${message}`);
    const table = buildFunctionTable(this.core.functions.values(), this.env, inError);
    const router = new Router(table.http, this.hostJson.routePrefix, inError);
    const runtime = new FunctionRuntime(this.core, model, table, () => this.durable?.clientBinding() ?? '');
    this.runtime = runtime;
    const capabilities = await model.getCapabilities(workerCapabilities());
    await this.startDurable(table, runtime);
    this.serve(router, await this.httpHandler(runtime, capabilities.HttpUri));
    await this.startTriggers(table, runtime);
    this.durable?.start();
  }

  close(): Promise<void> {
    this.closing ??= this.stop();
    return this.closing;
  }

  /** Loads the app; the library's programming model, or undefined when the app does not load or registers nothing. */
  private async loadModel(): Promise<ProgrammingModel | undefined> {
    try {
      await loadApp(this.options.root);
      await this.core.runHooks('appStart', {
        hookData: this.core.appHookData,
        functionAppDirectory: this.options.root,
      });
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      this.log.error(
        `THE APP DID NOT LOAD. As on Azure, no function is there and every request gets 404: ` +
          `${error instanceof Error ? error.message : String(error)}\n${cause instanceof Error ? cause.stack : ''}`,
      );
      return undefined;
    }
    const model = this.core.lock();
    if (!model) this.log.error('The app registers no function: every request gets 404.');
    return model;
  }

  private serve(router: Router, handle: HttpFront['handle']): void {
    this.listener.serve({
      router,
      handle,
      maxBodyBytes: this.maxBodyBytes(),
      handleWebhook: (request, response, path) =>
        /^\/runtime\/webhooks\/durabletask(\/|$)/i.test(path) &&
        (this.durable?.handleWebhook(request, response, path) ?? false),
    });
  }

  private async httpHandler(runtime: FunctionRuntime, httpUri: string | undefined): Promise<HttpFront['handle']> {
    const options = { protocol: this.protocol, maxBodyBytes: this.maxBodyBytes() };
    if (httpUri === undefined) return (exchange) => void answerBuffered(exchange, runtime, this.log, options);
    const idleMs = this.options.idleMs ?? 240_000;
    const port = Number(new URL(httpUri).port);
    const server = await findLibraryServer(port).catch(refuse("The library's HTTP server cannot be reached"));
    const proxy = new StreamingProxy(runtime, this.log, { ...options, server, port, idleMs });
    return (exchange) => proxy.handle(exchange);
  }

  private maxBodyBytes(): number {
    return Number(this.env.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT) || 104_857_600;
  }

  private async startDurable(table: FunctionTable, invoker: FunctionRuntime): Promise<void> {
    const uses = [...table.all.values()].some(({ durableClients }) => durableClients.length > 0);
    if (!uses && table.orchestrators.size === 0 && table.activities.size === 0) return;
    const { startDurable } = await import('./durable/engine.js');
    this.durable = await startDurable({
      invoker,
      databaseFile: join(this.options.dataDir, 'durable.sqlite'),
      hubName: this.hostJson.hubName,
      hostPort: this.listener.port,
      publicOrigin: `${this.protocol}://localhost:${this.listener.port}`,
      settings: this.hostJson,
      log: (level, message) => this.log[level](message),
    }).catch(refuse('Durable functions cannot start'));
  }

  private async startTriggers({ blob, timer }: FunctionTable, runtime: FunctionRuntime): Promise<void> {
    const folder = join(this.options.dataDir, 'blobs');
    const openContainer = blobContainers({ folder, onlyFolder: this.options.blobsInFolder ?? false, env: this.env });
    const blobOptions = { openContainer, intervalMs: this.options.blobIntervalMs, env: this.env };
    try {
      for (const entry of blob)
        this.triggers.push(await BlobTrigger.create(entry, runtime, this.store, this.log, blobOptions));
      for (const entry of timer) this.triggers.push(new TimerTrigger(entry, runtime, this.store, this.log, this.env));
    } catch (error) {
      refuse('A trigger cannot start')(error);
    }
    for (const trigger of this.triggers) await trigger.start();
  }

  private async stop(): Promise<void> {
    const deadline = Date.now() + STOP_MS;
    const inTime = (work: Promise<unknown> | undefined) => within(Math.max(0, deadline - Date.now()), work);
    const triggersStopped = inTime(Promise.all(this.triggers.map((trigger) => trigger.stop())));
    // Requests first: they may still need the durable client.
    await this.listener.drain(deadline);
    await inTime(this.durable?.stop());
    await triggersStopped;
    await inTime(this.runtime?.idle());
    await within(STOP_MS, this.core.runHooks('appTerminate', { hookData: this.core.appHookData }));
    await this.listener.drain(Date.now() + LAST_WORDS_MS);
    this.listener.close();
    this.store.close();
    this.log.flush();
  }
}

/** Waits for the work, at most so many milliseconds. */
async function within(milliseconds: number, work: Promise<unknown> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, milliseconds);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** What the real worker says it can. */
function workerCapabilities(): Record<string, string> {
  const names = [
    'RawHttpBodyBytes',
    'RpcHttpTriggerMetadataRemoved',
    'RpcHttpBodyOnly',
    'IgnoreEmptyValuedRpcHttpHeaders',
    'UseNullableValueDictionaryForHttp',
    'WorkerStatus',
    'TypedDataCollection',
    'HandlesWorkerTerminateMessage',
  ];
  return Object.fromEntries(names.map((name) => [name, 'true']));
}
