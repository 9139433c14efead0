/** An HTTP server on loopback that speaks JSON, keeps what it was asked, and fails when it is told to. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RestRequest {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined where there is none. */
  body: unknown;
}

export interface RestAnswer {
  status: number;
  headers?: Record<string, string>;
  /** Text as it is, all else as JSON. */
  body?: unknown;
}

export interface RestServer {
  url: string;
  requests: RestRequest[];
  /** Answers the next requests instead of the service, in order; `hang` never answers. */
  faults: (RestAnswer | 'hang')[];
  /** Milliseconds from requests that were read to answers that were written, so far. */
  ownMilliseconds(): number;
  close(): Promise<void>;
}

/** Thrown by a service to refuse. */
export class Refusal extends Error {
  constructor(readonly answer: RestAnswer) {
    super(`refused with ${answer.status}`);
  }
}

export async function startRestServer(
  answerTo: (request: RestRequest, url: string) => RestAnswer,
  port = 0,
): Promise<RestServer> {
  const requests: RestRequest[] = [];
  const faults: RestServer['faults'] = [];
  let ownMilliseconds = 0;
  const server = createServer((incoming, outgoing) => {
    const pieces: Buffer[] = [];
    incoming.on('data', (piece: Buffer) => pieces.push(piece));
    incoming.on('end', () => {
      const began = performance.now();
      const { pathname, searchParams } = new URL(incoming.url ?? '/', url);
      const text = Buffer.concat(pieces).toString('utf8');
      const request: RestRequest = {
        method: incoming.method ?? '',
        path: decodeURIComponent(pathname),
        query: searchParams,
        headers: incoming.headers,
        body: text ? JSON.parse(text) : undefined,
      };
      requests.push(request);
      const fault = faults.shift();
      if (fault === 'hang') return;
      const { status, headers = {}, body } = fault ?? answered(() => answerTo(request, url));
      const isText = typeof body === 'string';
      outgoing.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json', ...headers });
      outgoing.end(body === undefined || isText ? body : JSON.stringify(body));
      ownMilliseconds += performance.now() - began;
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${addressOf(server.address()).port}`;
  return {
    url,
    requests,
    faults,
    ownMilliseconds: () => ownMilliseconds,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answered(answer: () => RestAnswer): RestAnswer {
  try {
    return answer();
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === 'string') throw new Error('The server has no address.');
  return address;
}
