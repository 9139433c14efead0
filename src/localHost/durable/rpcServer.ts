/** The loopback server that the durable client inside the functions talks to, as on the real host without a key. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DurableRoutes } from './routes';

const basePath = '/durabletask/';
const host = '127.0.0.1';
/** Longer than clients let a connection rest, so that none is closed under their hands. */
const keepAliveMilliseconds = 120_000;

export interface RpcServer {
  /** Ends with a slash. */
  baseUrl: string;
  /** Takes no more connections; closes those that are there once they are idle, or at once when `force` is set. */
  close(force: boolean): void;
}

/** Serves the routes on `preferredPort`, or on a free port when it is taken. */
export async function startRpcServer(routes: DurableRoutes, preferredPort: number): Promise<RpcServer> {
  const server = createServer({ keepAliveTimeout: keepAliveMilliseconds, requestTimeout: 0 }, (request, response) => {
    const [path = '', search = ''] = (request.url ?? '').split('?', 2);
    if (path.startsWith(basePath)) {
      void routes.handle(request, response, path.slice(basePath.length), new URLSearchParams(search));
    } else response.writeHead(404, { 'Content-Length': '0' }).end();
  });
  await listen(server, preferredPort).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
    await listen(server, 0);
  });
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://${host}:${port}${basePath}`,
    close(force) {
      if (server.listening) server.close();
      if (force) server.closeAllConnections();
      else server.closeIdleConnections();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
