/**
 * HTTP functions in streaming mode: the request goes on, body and all, to the HTTP server that the library runs for this, while the
 * invocation tells the library which function it is for; the answer streams back. The hot path: nothing is parsed or copied twice.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import type { FunctionRuntime } from './functionRuntime';
import type { HostLog } from './hostLog';
import { answerEmpty, answerTooLarge, type HttpExchange } from './httpExchange';
import type { TypedData } from './typedData';

export interface StreamingProxyOptions {
  /** Port of the library's server on this machine. */
  port: number;
  protocol: 'http' | 'https';
  /** Largest request body in bytes. */
  maxBodyBytes: number;
  /** Milliseconds without a byte after which the real host gives an exchange up. */
  idleMs: number;
}

/** Headers that belong to one connection, and those that the proxy sets itself. */
const notForwarded = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-ms-invocation-id',
]);
const notReturned = new Set(['connection', 'keep-alive', 'transfer-encoding', 'trailer', 'upgrade']);

export class StreamingProxy {
  // Each exchange of the listener uses one socket, so the listener's limit of connections bounds this pool.
  private readonly agent = new Agent({ keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo' });

  constructor(
    private readonly runtime: FunctionRuntime,
    private readonly log: HostLog,
    private readonly options: StreamingProxyOptions,
  ) {
    keepConnectionsOpen(options.port);
  }

  /** Runs the function for the exchange; everything that happens afterwards is answered or logged here. */
  handle(exchange: HttpExchange): void {
    const proxied = httpRequest({
      agent: this.agent,
      host: '127.0.0.1',
      port: this.options.port,
      method: exchange.request.method,
      path: exchange.target,
      headers: this.forwardedHeaders(exchange),
    });
    proxied.on('response', (answer) => this.returnAnswer(exchange, answer));
    proxied.on('error', (error) => this.onProxyError(exchange, error));
    proxied.setTimeout(this.options.idleMs, () => {
      proxied.destroy(new Error(`no byte for ${this.options.idleMs / 1000} s`));
    });
    exchange.response.once('close', () => this.onAnswerClosed(exchange, proxied));
    this.forwardBody(exchange, proxied);
    void this.invoke(exchange);
  }

  /** Ends the pooled connections. */
  close(): void {
    this.agent.destroy();
  }

  private async invoke(exchange: HttpExchange): Promise<void> {
    const { entry, invocationId } = exchange;
    try {
      const inputData = [{ name: entry.trigger.name, data: { http: {} } }];
      const { result } = await this.runtime.run(entry, invocationId, inputData, triggerMetadata(exchange));
      if (result === undefined || result === null) this.logTrap(exchange, 'returned no response');
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      if (!exchange.response.destroyed) this.logTrap(exchange, `failed: ${message}`);
      else this.log.warn(`Function '${entry.name}' failed after its client had left: ${message}`);
    }
  }

  /** A client that left, or an answer given before the upload was over, ends the forwarding; the rest of the upload is read and dropped. */
  private onAnswerClosed({ request, response }: HttpExchange, proxied: ClientRequest): void {
    if (response.writableFinished && request.complete) return;
    proxied.destroy();
    request.resume();
  }

  /** The real host leaves the client hanging here; so does this one, but says it. */
  private logTrap({ entry, request, invocationId }: HttpExchange, what: string): void {
    this.log.error(
      `TRAP: function '${entry.name}' (${request.method} ${pathOf(request.url)}, invocation ${invocationId}) in streaming mode ${what}\n` +
        `    Its client now hangs, as on Azure, until an empty 500 after ${this.options.idleMs / 1000} s. ` +
        'Catch everything in the handler, always return a response, and end every stream.',
    );
  }

  private forwardedHeaders({ request, invocationId }: HttpExchange): string[] {
    const host = request.headers.host ?? 'localhost';
    const headers = [
      ...['Host', `localhost:${this.options.port}`],
      ...['X-Forwarded-For', request.socket.remoteAddress ?? ''],
      ...['X-Forwarded-Proto', this.options.protocol],
      ...['X-Forwarded-Host', host],
      ...['x-ms-invocation-id', invocationId],
    ];
    copyHeaders(request, headers, notForwarded);
    if (request.headers['transfer-encoding']) headers.push('Transfer-Encoding', 'chunked');
    return headers;
  }

  private forwardBody(exchange: HttpExchange, proxied: ClientRequest): void {
    const { request, response } = exchange;
    const { headers } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
      proxied.end();
      return;
    }
    let received = 0;
    pump(request, proxied, (length) => {
      received += length;
      if (received <= this.options.maxBodyBytes) return true;
      exchange.isTooLarge = true;
      proxied.destroy();
      answerTooLarge(request, response);
      return false;
    });
  }

  private returnAnswer(exchange: HttpExchange, answer: IncomingMessage): void {
    const { response } = exchange;
    if (response.headersSent) {
      answer.destroy();
      return;
    }
    const headers: string[] = [];
    copyHeaders(answer, headers, notReturned);
    response.writeHead(answer.statusCode ?? 500, headers);
    // Whoever flushes the head of an event stream wants it seen before the first event.
    if (answer.headers['content-type']?.startsWith('text/event-stream')) response.flushHeaders();
    answer.once('error', () => response.destroy());
    pump(answer, response, (length) => {
      exchange.sentBytes += length;
      return true;
    });
  }

  private onProxyError({ request, response, entry, isTooLarge }: HttpExchange, error: Error): void {
    // The client left, or was answered already: only the rest of its upload failed.
    if (response.destroyed || response.writableEnded || isTooLarge) return;
    this.log.error(`Forwarding to function '${entry.name}' failed: ${error.message}`);
    if (response.headersSent) response.destroy();
    else answerEmpty(response, 500);
    request.resume();
  }
}

/**
 * Lets only the pool close idle connections to the library's server: when both ends do, a request now and then meets a connection
 * that is just being closed.
 */
function keepConnectionsOpen(port: number): void {
  const channel = 'http.server.request.start';
  const onStart = (message: unknown) => {
    const { request, server } = message as { request: IncomingMessage; server: Server };
    if (request.socket.localPort !== port) return;
    server.keepAliveTimeout = 0;
    unsubscribe(channel, onStart);
  };
  subscribe(channel, onStart);
}

/** Copies raw headers less those named, and less those that `Connection` names. */
function copyHeaders(from: IncomingMessage, to: string[], without: Set<string>): void {
  const raw = from.rawHeaders;
  const connection = from.headers.connection;
  const named =
    connection && !/^(keep-alive|close)$/i.test(connection) ? connection.toLowerCase().split(/\s*,\s*/) : [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const lower = name.toLowerCase();
    if (!without.has(lower) && !named.includes(lower)) to.push(name, raw[at + 1] ?? '');
  }
}

/** Passes chunks on at the pace of the slower side. `onChunk` hears each one's length, and ends the passing by returning false. */
function pump(source: Readable, target: Writable, onChunk: (length: number) => boolean): void {
  let stopped = false;
  source.on('data', (chunk: Buffer) => {
    if (stopped || target.destroyed) return;
    stopped = !onChunk(chunk.length);
    if (stopped || target.write(chunk)) return;
    source.pause();
    target.once('drain', () => source.resume());
  });
  source.once('end', () => {
    if (!stopped) target.end();
  });
}

/** The library takes the request's headers, and nothing else, from here; query values and route parameters become `request.params`. */
function triggerMetadata({ request, query, params }: HttpExchange): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = { Headers: { json: JSON.stringify(request.headers) } };
  if (query) for (const [name, value] of new URLSearchParams(query)) metadata[name] = { string: value };
  for (const name in params) metadata[name] = { string: params[name] ?? '' };
  return metadata;
}

function pathOf(url: string | undefined): string {
  return url?.split('?', 1)[0] ?? '/';
}
