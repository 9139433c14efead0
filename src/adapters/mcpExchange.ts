/** One operation on an MCP server: its time, the bytes of its answers, and what its failure means for the caller. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { SourceError } from '../dataSources/ports';
import { McpError, type McpServer } from '../responses/mcpPort';
import { unlessAborted } from '../unlessAborted';
import type { OutgoingGuard } from './outgoingGuard';

/** An operation that is under way. The library does not hand its requests what they belong to, so they find it in their asynchronous context. */
export interface McpExchange {
  host: string;
  /** Of the caller and of the limits. */
  signal: AbortSignal;
  /** Of all its answers; more are refused. */
  bytesLeft: number;
  /** Of the last answer. */
  status?: number;
  /** Why a request failed, which the library tells in words alone, if at all. */
  failure?: McpError;
  stop(reason: unknown): void;
}

const exchanges = new AsyncLocalStorage<McpExchange>();

/** The operation that the caller runs in. */
export const currentExchange = (): McpExchange | undefined => exchanges.getStore();

/** What an operation is allowed. */
export interface ExchangeLimits {
  milliseconds: number;
  answerBytes: number;
}

/** Runs `work`, and ends its requests with it. Throws {@link McpError}, or the reason of `signal`. */
export async function runExchange<T>(
  server: McpServer,
  { milliseconds, answerBytes }: ExchangeLimits,
  signal: AbortSignal,
  work: (exchange: McpExchange) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const { host } = new URL(server.url);
  const exchange: McpExchange = {
    host,
    signal: stop.signal,
    bytesLeft: answerBytes,
    stop: (reason) => stop.abort(reason),
  };
  const late = setTimeout(
    () => stop.abort(new McpError('timeout', `The MCP server ${host} did not answer in ${milliseconds / 1_000} s.`)),
    milliseconds,
  );
  const leave = () => stop.abort(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await exchanges.run(exchange, () => unlessAborted(work(exchange), stop.signal));
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    throw await failureOf(error, exchange, server);
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', leave);
    // A stream that the server left open behind its answer.
    stop.abort();
  }
}

/** What a request is answered whose stream ended before the server had answered it. */
export const brokenOffAnswer = { code: -32000, message: 'The stream ended without an answer.', data: 'broken off' };

const brokenOff = (host: string): McpError =>
  new McpError('unavailable', `The connection to the MCP server ${host} broke off before the answer was there.`);

/** The `fetch` of the library: through the guard, and within the limits of the operation it belongs to. */
export function exchangeFetch(guard: OutgoingGuard): typeof fetch {
  return async (input, init) => {
    const exchange = currentExchange();
    const request = new Request(input, init);
    try {
      const { status, headers, body } = await guard.stream({
        url: new URL(request.url),
        method: request.method,
        headers: Object.fromEntries(request.headers),
        body: typeof init?.body === 'string' ? init.body : undefined,
        signal: init?.signal,
      });
      if (exchange) exchange.status = status;
      const isEmpty = status === 204 || status === 205 || status === 304;
      return new Response(isEmpty ? null : ReadableStream.from(bounded(body, exchange)), { status, headers });
    } catch (error) {
      throw noted(error, exchange);
    }
  };
}

async function* bounded(
  body: AsyncIterable<Uint8Array>,
  exchange: McpExchange | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) {
      if (exchange && (exchange.bytesLeft -= piece.length) < 0) {
        const tooLarge = new McpError('protocol', `The MCP server ${exchange.host} answers with more than is read.`);
        exchange.stop(tooLarge);
        throw tooLarge;
      }
      yield piece;
    }
  } catch (error) {
    throw noted(error, exchange);
  }
}

function noted(error: unknown, exchange: McpExchange | undefined): unknown {
  if (exchange && error instanceof SourceError) exchange.failure = new McpError(kindOf(error), error.message);
  return error;
}

function kindOf({ kind }: SourceError): McpError['kind'] {
  if (kind === 'refused_address' || kind === 'timeout') return kind;
  return kind === 'invalid' ? 'http' : 'unavailable';
}

async function failureOf(
  error: unknown,
  { host, status = 0, failure }: McpExchange,
  server: McpServer,
): Promise<McpError> {
  if (failure) return failure;
  const { ProtocolError, SdkError, SdkErrorCode } = await import('@modelcontextprotocol/client');
  if (error instanceof ProtocolError && error.data === brokenOffAnswer.data) return brokenOff(host);
  if (error instanceof ProtocolError) {
    const said = withoutSecrets(error.message, server).replace(/\s+/g, ' ').slice(0, 500);
    return new McpError('protocol', `The MCP server ${host} refused the request (${error.code}): ${said}`, error.code);
  }
  if (status === 401 || status === 403) {
    const message = `The MCP server ${host} refused the credentials (${status}); check authorization and headers.`;
    return new McpError('authentication', message, status);
  }
  if (status >= 400) return new McpError('http', `The MCP server ${host} answered with status ${status}.`, status);
  if (status >= 300) {
    const message = `The MCP server ${host} redirects to elsewhere, which is not followed; give the final address.`;
    return new McpError('refused_address', message);
  }
  if (error instanceof SdkError && error.code === SdkErrorCode.ConnectionClosed) return brokenOff(host);
  return new McpError('protocol', `The answer of ${host} is not one of an MCP server; check the address.`);
}

/** Servers may repeat what they were sent. */
function withoutSecrets(text: string, { headers = {}, authorization }: McpServer): string {
  const sent = [authorization, ...Object.values(headers)].flatMap((value) =>
    value ? [value, ...value.split(/\s+/)] : [],
  );
  // Whole values before their words, and no words that any text has.
  const secrets = sent.filter(({ length }) => length >= 4).sort((a, b) => b.length - a.length);
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
}
