/** The host's HTTP server: routes requests to functions, webhooks and the home page. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { answerBrowser, type AllowedOrigins } from './cors';
import type { HostLog } from './hostLog';
import { answerEmpty, answerTooLarge, declaredLength, type HttpExchange } from './httpExchange';
import { decodePath, type Router } from './router';
import type { TlsIdentity } from './tlsFiles';

/** What the listener serves once the app is loaded. */
export interface HttpFront {
  router: Router;
  maxBodyBytes: number;
  /** Answers the exchange, now or later. */
  handle(exchange: HttpExchange): void;
  /** Answers `/runtime/webhooks/*`; false if it has no such path. */
  handleWebhook(request: IncomingMessage, response: ServerResponse, path: string): boolean;
}

/** Where it listens, and for whom. */
interface ListenerOptions {
  host: string;
  port: number;
  tls: TlsIdentity | undefined;
  log: HostLog;
  /** Absent: preflights reach the functions. */
  allowedOrigins: AllowedOrigins | undefined;
}

const homePage =
  '<!doctype html><html lang="en"><title>Functions</title><p>Your functions app is up and running on the local host.</p></html>';

export class HttpListener {
  private readonly running = new Set<ServerResponse>();
  private front: HttpFront | undefined;
  private stopping = false;

  private constructor(
    private readonly server: Server,
    private readonly log: HostLog,
    private readonly allowedOrigins: AllowedOrigins | undefined,
  ) {
    server.on('request', (request, response) => this.onRequest(request, response));
    // The real host's web server: 130 s for an idle connection, 30 s for the headers, no limit for a body's time.
    server.keepAliveTimeout = 130_000;
    server.headersTimeout = 30_000;
    server.requestTimeout = 0;
    server.maxConnections = 4096;
  }

  /** Listens; answers 503 until {@link serve}. Rejects when the address is taken. */
  static async listen({ host, port, tls, log, allowedOrigins }: ListenerOptions): Promise<HttpListener> {
    const limits = { maxHeaderSize: 32 * 1024 };
    const server = tls ? createTlsServer({ ...limits, ...tls }) : createServer(limits);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return new HttpListener(server, log, allowedOrigins);
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  serve(front: HttpFront): void {
    this.front = front;
  }

  /** Takes no new connections and lets running exchanges end, at most until `deadline` (milliseconds since 1970). */
  async drain(deadline: number): Promise<void> {
    this.stopping = true;
    this.server.close();
    this.server.closeIdleConnections();
    const ended = [...this.running].map((response) => new Promise<void>((resolve) => response.once('close', resolve)));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, deadline - Date.now()));
    });
    await Promise.race([Promise.all(ended), late]);
    clearTimeout(timer);
  }

  /** Cuts what is left. */
  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    const started = performance.now();
    const { path, query } = splitTarget(request.url ?? '/');
    if (this.stopping) response.setHeader('connection', 'close');
    this.running.add(response);
    const exchange = this.tryDispatch(request, response, path, query);
    response.once('close', () => {
      this.running.delete(response);
      const status = response.writableFinished ? response.statusCode : 'aborted';
      const method = request.method ?? '';
      this.log.request(method, path, status, performance.now() - started, exchange?.sentBytes ?? 0);
    });
  }

  /** A request that the parser lets through and the forwarding can't express must not end the host. */
  private tryDispatch(...args: Parameters<HttpListener['dispatch']>): HttpExchange | undefined {
    try {
      return this.dispatch(...args);
    } catch (error) {
      this.log.error(`A request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      if (!args[1].headersSent) answerEmpty(args[1], 500);
      return undefined;
    }
  }

  /** Hands the request to whom it is for; the exchange if that is a function. */
  private dispatch(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: string,
  ): HttpExchange | undefined {
    const host = request.headers.host;
    if (host !== undefined && !/^[\w.:[\]-]+$/.test(host)) return void answerEmpty(response, 400);
    if (this.allowedOrigins && answerBrowser(request, response, this.allowedOrigins)) return;
    if (!this.front) return void answerEmpty(response, 503);
    if (/^\/(admin|runtime)(\/|$)/i.test(path)) {
      if (!this.front.handleWebhook(request, response, path)) answerEmpty(response, 404);
      return;
    }
    const found = this.front.router.match(request.method ?? '', decodePath(path));
    if (!found) return void this.answerUnrouted(request, response, path);
    if (declaredLength(request) > this.front.maxBodyBytes) return void answerTooLarge(request, response);
    const target = forwardedPath(path) + (query && `?${query}`);
    const exchange = {
      request,
      response,
      invocationId: randomUUID(),
      ...found,
      target,
      query,
      sentBytes: 0,
      isTooLarge: false,
    };
    this.front.handle(exchange);
    return exchange;
  }

  private answerUnrouted(request: IncomingMessage, response: ServerResponse, path: string): void {
    // The service took it so, but no route of the real host matches an empty segment.
    if (path.startsWith('//'))
      this.log.warn(`${path} begins with two slashes: write the endpoint in your program without a slash at its end.`);
    else if (this.isRouted(request, `/v1${path}`))
      this.log.warn(`${path} is served below /v1: let the base_url in your program end in /v1.`);
    if (request.method !== 'GET' || path !== '/') answerEmpty(response, 404);
    else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(homePage);
  }

  /** Whether a function is for it, and not one of those that answer every other path. */
  private isRouted({ method = '' }: IncomingMessage, path: string): boolean {
    const found = this.front?.router.match(method, decodePath(path));
    return found !== undefined && !found.entry.name.startsWith('zz-');
  }
}

/** Path and query of a request target. */
function splitTarget(url: string): { path: string; query: string } {
  const relative = url.startsWith('/') ? url : url.replace(/^\w+:\/\/[^/?]*/, '');
  const mark = relative.indexOf('?');
  const path = mark < 0 ? relative : relative.slice(0, mark);
  return { path: path || '/', query: mark < 0 ? '' : relative.slice(mark + 1) };
}

/** The real host decodes a path except `%2F` and encodes it again, so that a function sees `%252F` there. */
function forwardedPath(path: string): string {
  return path.includes('%2') ? path.replace(/%(2f)/gi, '%25$1') : path;
}
