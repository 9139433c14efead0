/** The HTTP server that the Functions library runs for requests in streaming mode, found so that requests can be handed to it without a connection. */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** What Node publishes when its server takes a request; the edge reads it too. */
const STARTED = 'http.server.request.start';
const PROBE = 'local-host-probe';
const started = channel(STARTED);

/**
 * Finds the server by one request to its port, which it keeps unanswered as it belongs to no invocation. Rejects when nothing answers there.
 *
 * @param port On this machine.
 */
export async function findLibraryServer(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const probe = httpRequest({ host: '127.0.0.1', port, agent: false, headers: { 'x-ms-invocation-id': PROBE } });
    const onStart = (message: unknown) => {
      const { request, server } = message as { request: IncomingMessage; server: Server };
      if (request.socket.localPort !== port || request.headers['x-ms-invocation-id'] !== PROBE) return;
      unsubscribe(STARTED, onStart);
      probe.destroy();
      resolve(server);
    };
    subscribe(STARTED, onStart);
    probe.on('error', (error) => {
      unsubscribe(STARTED, onStart);
      reject(error);
    });
    probe.end();
  });
}

/** Hands a request to the server as if it had come by a connection of its own. */
export function handOver(server: Server, request: IncomingMessage, response: ServerResponse): void {
  if (started.hasSubscribers) started.publish({ request, response, socket: request.socket, server });
  server.emit('request', request, response);
}
