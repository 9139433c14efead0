/** A proxy before a service of Azurite, which counts what goes through and can lose or replace answers. */
import { createServer, request as send, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request with its answer. */
export interface Exchange {
  method: string;
  path: string;
  body: string;
  status: number;
  answer: string;
}

export interface StorageProxy {
  url: string;
  /** What went through since it was last emptied. */
  exchanges: Exchange[];
  /** Called with each answer before it is passed on; `lose` ends the connection in its place. */
  onAnswer: ((exchange: Exchange) => 'lose' | undefined | Promise<'lose' | undefined>) | undefined;
  /** Called with each request; what it returns is the answer, and the service does not see the request. */
  onRequest: ((request: Pick<Exchange, 'method' | 'path' | 'body'>) => Fake | undefined) | undefined;
  close: () => Promise<void>;
}

export interface Fake {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

/** Starts a proxy to `http://host:port`. */
export async function startStorageProxy(target: string): Promise<StorageProxy> {
  const server = createServer((incoming, outgoing) => {
    const work = async () => {
      const { method = '', url: path = '' } = incoming;
      const sent = await buffer(incoming);
      const body = sent.toString('latin1');
      const fake = proxy.onRequest?.({ method, path, body });
      if (fake) {
        proxy.exchanges.push({ method, path, body, status: fake.status, answer: fake.body });
        outgoing.writeHead(fake.status, fake.headers).end(fake.body);
        return;
      }
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const headers = incoming.rawHeaders;
        send(new URL(path, target), { method, headers: pairs(headers) }, resolve)
          .once('error', reject)
          .end(sent);
      });
      const received = await buffer(answer);
      const exchange = { method, path, body, status: answer.statusCode ?? 0, answer: received.toString('latin1') };
      proxy.exchanges.push(exchange);
      if ((await proxy.onAnswer?.(exchange)) === 'lose') {
        incoming.socket.destroy();
        return;
      }
      const kept = Object.entries(answer.headers).filter(([name]) => name !== 'transfer-encoding');
      outgoing.writeHead(exchange.status, Object.fromEntries(kept)).end(received);
    };
    work().catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy: StorageProxy = {
    url: `http://127.0.0.1:${port}`,
    exchanges: [],
    onAnswer: undefined,
    onRequest: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function pairs(raw: string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < raw.length; at += 2) headers[raw[at] ?? ''] = raw[at + 1] ?? '';
  return headers;
}
