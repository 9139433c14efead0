/**
 * HTTP functions in streaming mode: the request goes, body and all, to the HTTP server that the library runs for this, while the invocation
 * tells the library which function it is for; the library writes the answer. The real host is another process and sends both over a connection. Here they are
 * handed over as they are. The hot path: nothing is parsed or copied twice.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FunctionRuntime } from './functionRuntime';
import type { HostLog } from './hostLog';
import { answerEmpty, answerTooLarge, type HttpExchange } from './httpExchange';
import { handOver } from './libraryServer';
import type { TypedData } from './typedData';
import { isUpload, separateBody } from './uploadBody';

export interface StreamingProxyOptions {
  /** The library's. */
  server: Server;
  /** Port of the library's server on this machine. */
  port: number;
  protocol: 'http' | 'https';
  /** Largest request body in bytes. */
  maxBodyBytes: number;
  /** Milliseconds without a byte after which the real host gives an exchange up. */
  idleMs: number;
}

export class StreamingProxy {
  constructor(
    private readonly runtime: FunctionRuntime,
    private readonly log: HostLog,
    private readonly options: StreamingProxyOptions,
  ) {}

  /** Runs the function for the exchange; everything that happens afterwards is answered or logged here. */
  handle(exchange: HttpExchange): void {
    const { request, response } = exchange;
    // Before the headers for the library are added.
    const metadata = triggerMetadata(exchange);
    this.addHeaders(exchange);
    const idle = setTimeout(() => this.giveUp(exchange), this.options.idleMs);
    watchAnswer(exchange, idle);
    // Writing to a client that has left: the library does not listen for it.
    response.on('error', () => undefined);
    const input = isUpload(request) ? this.separate(exchange, idle) : request;
    response.once('close', () => {
      clearTimeout(idle);
      // An answer given before the upload was over: the rest is read and dropped.
      if (input !== request && !request.complete) input.destroy(new Error('aborted'));
    });
    handOver(this.options.server, input, response);
    void this.invoke(exchange, metadata);
  }

  private async invoke(exchange: HttpExchange, metadata: Record<string, TypedData>): Promise<void> {
    const { entry, invocationId, response } = exchange;
    try {
      const inputData = [{ name: entry.trigger.name, data: { http: {} } }];
      const { result } = await this.runtime.run(entry, invocationId, inputData, metadata);
      if (result === undefined || result === null) this.logTrap(exchange, 'returned no response');
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      if (response.destroyed) this.log.warn(`Function '${entry.name}' failed after its client had left: ${message}`);
      // The host has answered in its place.
      else if (!response.writableEnded && !exchange.isTooLarge) this.logTrap(exchange, `failed: ${message}`);
    }
  }

  /** The real host leaves the client hanging here; so does this one, but says it. */
  private logTrap({ entry, request, invocationId }: HttpExchange, what: string): void {
    this.log.error(
      `TRAP: function '${entry.name}' (${request.method} ${pathOf(request.url)}, invocation ${invocationId}) in streaming mode ${what}\n` +
        `    Its client now hangs, as on Azure, until an empty 500 after ${this.options.idleMs / 1000} s. ` +
        'Catch everything in the handler, always return a response, and end every stream.',
    );
  }

  /** What the real host adds, and the library and the edge read. */
  private addHeaders({ request, invocationId, target }: HttpExchange): void {
    const { headers } = request;
    headers['x-forwarded-for'] = request.socket.remoteAddress ?? '';
    headers['x-forwarded-host'] = headers.host ?? 'localhost';
    headers['x-forwarded-proto'] = this.options.protocol;
    headers['x-ms-invocation-id'] = invocationId;
    headers.host = `localhost:${this.options.port}`;
    request.url = target;
  }

  private separate(exchange: HttpExchange, idle: NodeJS.Timeout): IncomingMessage {
    const { request, response } = exchange;
    let received = 0;
    return separateBody(request, (length) => {
      idle.refresh();
      received += length;
      if (received <= this.options.maxBodyBytes) return true;
      if (exchange.isTooLarge) return false;
      exchange.isTooLarge = true;
      answerTooLarge(request, response);
      return false;
    });
  }

  private giveUp({ entry, request, response }: HttpExchange): void {
    if (response.destroyed || response.writableEnded) return;
    this.log.error(`Function '${entry.name}' was given up: no byte for ${this.options.idleMs / 1000} s`);
    if (response.headersSent) response.destroy();
    else answerEmpty(response, 500);
    request.resume();
  }
}

/** Counts the bytes of the answer, and takes each as a sign of life. */
function watchAnswer(exchange: HttpExchange, idle: NodeJS.Timeout): void {
  const { response } = exchange;
  const write = response.write as (chunk: Uint8Array, ...rest: unknown[]) => boolean;
  response.write = function (this: ServerResponse, chunk: Uint8Array, ...rest: unknown[]) {
    exchange.sentBytes += chunk.length;
    idle.refresh();
    return write.call(this, chunk, ...rest);
  } as ServerResponse['write'];
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
