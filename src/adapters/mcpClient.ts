/** MCP servers of responses: which connections there are, and when they end. */
import { isDeepStrictEqual } from 'node:util';
import type { AllowedHost } from '../allowedHosts';
import { McpError, type McpClient, type McpClients, type McpServer } from '../responses/mcpPort';
import { addressOf, openMcpConnection, type McpConnection, type McpLimits } from './mcpConnection';
import { createOutgoingGuard, type OutgoingGuardOptions } from './outgoingGuard';

export interface McpClientOptions {
  /** `MCP_ALLOWED_HOSTS`: may be reached although private. */
  allowedHosts: readonly AllowedHost[];
  /** All addresses of a name; default: the system's resolver. */
  resolve?: OutgoingGuardOptions['resolve'];
  /** Other limits than the usual ones. */
  limits?: Partial<McpPoolLimits>;
}

export interface McpPoolLimits extends McpLimits {
  /** Milliseconds until a connection that nobody uses is closed; 60,000. */
  idleTime: number;
  /** Connections of all responses at the same time; 200. */
  connections: number;
}

const usualLimits: McpPoolLimits = {
  connectTime: 15_000,
  listTime: 15_000,
  callTime: 120_000,
  endTime: 2_000,
  tools: 200,
  answerBytes: 8 * 1024 * 1024,
  outputBytes: 512 * 1024,
  idleTime: 60_000,
  connections: 200,
};

/** A connection of one response, from the moment that it is begun. */
interface Entry {
  server: McpServer;
  opened: Promise<McpConnection>;
  /** Set with `opened`. */
  connection?: McpConnection;
  /** Ends the opening. */
  stop: AbortController;
  users: number;
  idle?: NodeJS.Timeout;
  /** Takes it out of its client. */
  forget(): void;
}

/** Makes the MCP clients of this process; they reach servers only through a guard of their own. */
export function createMcpClients({ allowedHosts, resolve, limits: given }: McpClientOptions): McpClients {
  const limits = { ...usualLimits, ...given };
  const guard = createOutgoingGuard({
    allowedHosts,
    allowedHostsSetting: 'MCP_ALLOWED_HOSTS',
    resolve,
    // Streams are silent while tools work; operations have limits of their own.
    callTimeout: limits.callTime + 30_000,
    maxAnswerBytes: Number.MAX_SAFE_INTEGER,
  });
  const clients = new Set<McpClient>();
  /** Of all clients; the one that is unused the longest is the first of the unused. */
  const entries = new Set<Entry>();

  async function end(entry: Entry): Promise<void> {
    clearTimeout(entry.idle);
    entry.forget();
    entries.delete(entry);
    entry.stop.abort(closed());
    const connection = await entry.opened.catch(() => undefined);
    await connection?.close();
  }

  function makeRoom(): void {
    if (entries.size < limits.connections) return;
    const unused = [...entries].find(({ users }) => users === 0);
    if (!unused)
      throw new McpError('unavailable', 'Too many MCP servers are in use at the same time; try again later.');
    void end(unused);
  }

  async function use<T>(entry: Entry, work: (connection: McpConnection) => Promise<T>): Promise<T> {
    entry.users++;
    clearTimeout(entry.idle);
    try {
      return await work(await entry.opened);
    } finally {
      entry.users--;
      if (entries.delete(entry)) {
        entries.add(entry);
        if (entry.users === 0) entry.idle = setTimeout(() => void end(entry), limits.idleTime).unref();
      }
    }
  }

  function open(): McpClient {
    let isClosed = false;
    const own = new Set<Entry>();

    function entryOf(server: McpServer, signal: AbortSignal): Entry {
      if (isClosed) throw closed();
      const known = [...own].find((entry) => isSameServer(entry.server, server) && !entry.connection?.isOver());
      if (known) return known;
      makeRoom();
      const stop = new AbortController();
      const entry: Entry = {
        server,
        opened: openMcpConnection(guard, server, limits, AbortSignal.any([signal, stop.signal])),
        stop,
        users: 0,
        forget: () => own.delete(entry),
      };
      own.add(entry);
      entries.add(entry);
      entry.opened.then(
        (connection) => {
          entry.connection = connection;
        },
        () => void end(entry),
      );
      return entry;
    }

    async function withSession<T>(
      server: McpServer,
      signal: AbortSignal,
      work: (connection: McpConnection) => Promise<T>,
    ): Promise<T> {
      signal.throwIfAborted();
      addressOf(server);
      const entry = entryOf(server, signal);
      try {
        return await use(entry, work);
      } catch (error) {
        // The server has forgotten the session, so it has not begun the work either.
        if (!(error instanceof McpError && error.kind === 'http' && error.code === 404 && entry.connection))
          throw error;
        await end(entry);
        return use(entryOf(server, signal), work);
      }
    }

    const client: McpClient = {
      listTools: (server, signal) => withSession(server, signal, (connection) => connection.listTools(signal)),
      callTool: (server, name, args, signal) =>
        withSession(server, signal, (connection) => connection.callTool(name, args, signal)),
      async close() {
        isClosed = true;
        clients.delete(client);
        await Promise.all([...own].map(end));
      },
    };
    clients.add(client);
    return client;
  }

  return {
    open,
    async close() {
      await Promise.all([...clients].map((client) => client.close()));
      await guard.close();
    },
  };
}

const closed = (): McpError => new McpError('unavailable', 'The connections to MCP servers are closed.');

const isSameServer = (one: McpServer, other: McpServer): boolean =>
  one.url === other.url &&
  one.authorization === other.authorization &&
  isDeepStrictEqual(one.headers ?? {}, other.headers ?? {});
