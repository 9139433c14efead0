/**
 * A MongoDB deployment for tests and the demo: the wire protocol on loopback with SCRAM-SHA-256, and vector search over a small corpus.
 * It refuses commands before authentication and what the real services refuse; see mongoSearch.ts.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Binary, Long, type Document } from 'mongodb';
import { ScramConversation, scramUser, type ScramUser } from './mongoScram';
import {
  MongoRefusal,
  aggregate,
  describedIndexes,
  isDocument,
  type MongoCollection,
  type MongoDialect,
} from './mongoSearch';
import { MAX_MESSAGE_BYTES, replyTo, requestsIn, type WireRequest } from './mongoWire';

export interface MongoServerOptions {
  dialect: MongoDialect;
  users: { name: string; password: string; mayRead?: boolean }[];
  /** By `database.collection`. */
  collections: Record<string, MongoCollection>;
  /** The members that hello names, of a replica set `rs`; none: a server alone. */
  members?: (own: string) => string[];
  /** 0, the default, for a free one. */
  port?: number;
}

export interface MongoFault {
  code: number;
  codeName: string;
  message: string;
}

export interface MongoServer {
  /** `127.0.0.1:PORT`. */
  host: string;
  port: number;
  /** Names of commands, oldest first; without hello. */
  commands: string[];
  /** The clients' names of themselves. */
  appNames: Set<string>;
  /** Connections that are open. */
  connections(): number;
  /** Connections ever accepted. */
  accepted(): number;
  /** Milliseconds from requests that were read to answers that were written, so far. */
  ownMilliseconds(): number;
  /** Answers `command` with this error; undefined ends that. */
  fail(command: string, fault: MongoFault | undefined): void;
  /** Milliseconds before each answer to `command`. */
  slow(command: string, milliseconds: number): void;
  close(): Promise<void>;
}

interface Session {
  conversation?: ScramConversation;
  user?: string;
}

/** Commands that need no user. */
const OPEN = ['hello', 'ismaster', 'ping', 'saslstart', 'saslcontinue', 'buildinfo', 'endsessions'];

export async function startMongoServer(options: MongoServerOptions): Promise<MongoServer> {
  const { dialect, collections } = options;
  const users = new Map<string, ScramUser>(options.users.map(({ name, password }) => [name, scramUser(password)]));
  const readers = new Set(options.users.filter(({ mayRead = true }) => mayRead).map(({ name }) => name));
  const cursors = new Map<string, { namespace: string; rest: Document[] }>();
  const faults = new Map<string, MongoFault>();
  const delays = new Map<string, number>();
  const sockets = new Set<Socket>();
  const commands: string[] = [];
  const appNames = new Set<string>();
  let accepted = 0;
  let ownMilliseconds = 0;
  let lastCursor = 0;

  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    const session: Session = {};
    let received: Buffer = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      try {
        const { requests, rest } = requestsIn(Buffer.concat([received, bytes]));
        received = rest;
        for (const request of requests) void respond(socket, session, request);
      } catch {
        // As the real one does with what is no message.
        socket.destroy();
      }
    });
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('The server does not listen.');
  const { port } = address;
  const host = `127.0.0.1:${port}`;

  async function respond(socket: Socket, session: Session, request: WireRequest): Promise<void> {
    const began = performance.now();
    const [name = ''] = Object.keys(request.command);
    const wait = delays.get(name);
    if (wait) await delay(wait, undefined, { ref: false });
    if (!/^(hello|ismaster)$/i.test(name)) commands.push(name);
    if (!socket.destroyed) socket.write(replyTo(request, answered(session, name, request.command)));
    ownMilliseconds += performance.now() - began;
  }

  function answered(session: Session, name: string, command: Document): Document {
    try {
      const fault = faults.get(name);
      if (fault) throw new MongoRefusal(fault.code, fault.codeName, fault.message);
      if (!session.user && !OPEN.includes(name.toLowerCase())) {
        throw new MongoRefusal(13, 'Unauthorized', `Command ${name} requires authentication`);
      }
      return { ...answer(session, name, command), ok: 1 };
    } catch (error) {
      if (!(error instanceof MongoRefusal)) throw error;
      return { ok: 0, errmsg: error.message, code: error.code, codeName: error.codeName };
    }
  }

  function answer(session: Session, name: string, command: Document): Document {
    switch (name.toLowerCase()) {
      case 'hello':
      case 'ismaster':
        return hello(session, command);
      case 'ping':
      case 'endsessions':
        return {};
      case 'buildinfo':
        return { version: '8.0.0', versionArray: [8, 0, 0, 0] };
      case 'saslstart':
        return saslStart(session, command);
      case 'saslcontinue':
        return saslContinue(session, command);
      case 'aggregate': {
        checkReader(session, command);
        const namespace = `${command.$db}.${command.aggregate}`;
        const found = aggregate(collections[namespace], command.pipeline, dialect);
        return { cursor: firstBatch(namespace, found, Number(command.cursor?.batchSize ?? 101)) };
      }
      case 'listindexes': {
        checkReader(session, command);
        const namespace = `${command.$db}.${command.listIndexes}`;
        const collection = collections[namespace];
        if (!collection) throw new MongoRefusal(26, 'NamespaceNotFound', `ns does not exist: ${namespace}`);
        return { cursor: firstBatch(namespace, describedIndexes(collection), 101) };
      }
      case 'getmore':
        return { cursor: nextBatch(command) };
      case 'killcursors':
        for (const id of command.cursors ?? []) cursors.delete(String(id));
        return { cursorsKilled: command.cursors };
      default:
        throw new MongoRefusal(59, 'CommandNotFound', `no such command: '${name}'`);
    }
  }

  function hello(session: Session, command: Document): Document {
    const appName: unknown = command.client?.application?.name;
    if (typeof appName === 'string') appNames.add(appName);
    const members = options.members?.(host);
    const started: unknown = command.speculativeAuthenticate;
    // A guess that fails is left out of the answer, and the client begins anew.
    const speculative = isDocument(started) ? saslFirst(session, started) : undefined;
    return {
      helloOk: true,
      isWritablePrimary: true,
      ismaster: true,
      maxBsonObjectSize: 16_777_216,
      maxMessageSizeBytes: MAX_MESSAGE_BYTES,
      maxWriteBatchSize: 100_000,
      localTime: new Date(),
      logicalSessionTimeoutMinutes: 30,
      minWireVersion: 0,
      maxWireVersion: 25,
      readOnly: false,
      ...(members && { setName: 'rs', setVersion: 1, hosts: members, primary: host, me: host }),
      ...(command.saslSupportedMechs && { saslSupportedMechs: ['SCRAM-SHA-256'] }),
      ...(speculative && { speculativeAuthenticate: speculative }),
    };
  }

  function saslFirst(session: Session, command: Document): Document | undefined {
    if (command.mechanism !== 'SCRAM-SHA-256') return undefined;
    session.conversation = new ScramConversation(users);
    const payload = session.conversation.first(textOf(command.payload));
    return payload === undefined ? undefined : { conversationId: 1, done: false, payload: binary(payload) };
  }

  const badLogin = (): MongoRefusal =>
    dialect === 'atlas'
      ? new MongoRefusal(8_000, 'AtlasError', 'bad auth : authentication failed')
      : new MongoRefusal(18, 'AuthenticationFailed', 'Authentication failed.');

  function saslStart(session: Session, command: Document): Document {
    const first = saslFirst(session, command);
    if (!first) throw badLogin();
    return first;
  }

  function saslContinue(session: Session, command: Document): Document {
    const { conversation } = session;
    const payload = conversation?.final(textOf(command.payload));
    if (!conversation || payload === undefined) throw badLogin();
    session.user = conversation.user;
    return { conversationId: 1, done: true, payload: binary(payload) };
  }

  function checkReader({ user }: Session, command: Document): void {
    if (user !== undefined && readers.has(user)) return;
    throw dialect === 'atlas'
      ? new MongoRefusal(8_000, 'AtlasError', `user is not allowed to do action [find] on [${command.$db}]`)
      : new MongoRefusal(13, 'Unauthorized', `not authorized on ${command.$db} to execute command`);
  }

  function firstBatch(namespace: string, found: Document[], size: number): Document {
    const rest = found.slice(size);
    const id = rest.length > 0 ? ++lastCursor : 0;
    if (id) cursors.set(String(id), { namespace, rest });
    return { firstBatch: found.slice(0, size), id: Long.fromNumber(id), ns: namespace };
  }

  function nextBatch(command: Document): Document {
    const id = String(command.getMore);
    const cursor = cursors.get(id);
    if (!cursor) throw new MongoRefusal(43, 'CursorNotFound', `cursor id ${id} not found`);
    const size = Number(command.batchSize ?? cursor.rest.length) || cursor.rest.length;
    const nextBatch = cursor.rest.splice(0, size);
    if (cursor.rest.length === 0) cursors.delete(id);
    return { nextBatch, id: Long.fromNumber(cursors.has(id) ? Number(id) : 0), ns: cursor.namespace };
  }

  return {
    host,
    port,
    commands,
    appNames,
    connections: () => sockets.size,
    accepted: () => accepted,
    ownMilliseconds: () => ownMilliseconds,
    fail: (command, fault) => void (fault ? faults.set(command, fault) : faults.delete(command)),
    slow: (command, milliseconds) => void delays.set(command, milliseconds),
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const binary = (text: string): Binary => new Binary(Buffer.from(text));

function textOf(payload: unknown): string {
  if (payload instanceof Binary) return Buffer.from(payload.value()).toString();
  return payload instanceof Uint8Array ? Buffer.from(payload).toString() : '';
}
