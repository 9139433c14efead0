/** HTTP functions without streaming: the body is collected, passed as a value, and the answer comes back as one. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FunctionRuntime } from './functionRuntime';
import type { HostLog } from './hostLog';
import { answerEmpty, answerTooLarge, declaredLength, type HttpExchange } from './httpExchange';
import { fromHttpData, toHttpData } from './httpTypedData';
import type { TypedData } from './typedData';

/** Runs the function and answers; failures become an empty 500 and a log line. */
export async function answerBuffered(
  exchange: HttpExchange,
  runtime: FunctionRuntime,
  log: HostLog,
  options: { protocol: 'http' | 'https'; maxBodyBytes: number },
): Promise<void> {
  const { request, response, entry, invocationId, params, target } = exchange;
  try {
    const body = await readBody(request, response, options.maxBodyBytes, log);
    if (body === undefined) return;
    const url = `${options.protocol}://${request.headers.host ?? 'localhost'}${target}`;
    const http = toHttpData(request.method ?? 'GET', url, request.headers, params, body);
    const inputData = [{ name: entry.trigger.name, data: { http } }];
    const outcome = await runtime.run(entry, invocationId, inputData, {});
    exchange.sentBytes = send(response, outcome.response.returnValue);
  } catch (error) {
    log.error(
      `Function '${entry.name}' failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    if (!response.headersSent) answerEmpty(response, 500);
  }
}

/** The body, or undefined when it was over the limit and has been answered. */
async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  log: HostLog,
): Promise<Buffer | undefined> {
  if (request.headers['transfer-encoding'] !== undefined) {
    log.warn(
      'A chunked request body reaches a function as an empty body, as on Azure, unless enableHttpStream is set.',
    );
    request.resume();
    return Buffer.alloc(0);
  }
  if (declaredLength(request) > maxBytes) {
    answerTooLarge(request, response);
    return undefined;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Sends the function's return value; the number of bytes sent. */
function send(response: ServerResponse, returnValue: TypedData | null | undefined): number {
  if (!returnValue || !('http' in returnValue)) {
    response.writeHead(204).end();
    return 0;
  }
  const { status, headers, body } = fromHttpData(returnValue.http);
  const withoutBody = status === 204 || status === 205 || status === 304;
  response.writeHead(status, withoutBody ? headers : [...headers, 'content-length', String(body.length)]);
  response.end(withoutBody ? undefined : body);
  return withoutBody ? 0 : body.length;
}
