/**
 * Connections to MongoDB deployments that callers name: one client for each address and credential, kept while it is used. Every server
 * is checked by the outgoing guard before the driver may connect to it, also those that a deployment itself names.
 */
import { promises as dns } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { MongoClient, type Document } from 'mongodb';
import { SourceError } from '../../dataSources/ports';
import { hashedKey } from '../recentlyUsed';
import { MAX_MEMBERS, parseMongoHost, type MongoAddress, type MongoHost } from './mongoAddress';

/** Of the outgoing guard, what a driver with connections of its own needs. */
export interface AddressGuard {
  /** Throws {@link SourceError} `refused_address`, or `unavailable` for a name without addresses. */
  checkHost(host: string, port: number): Promise<void>;
  /** Of `net.connect`; fails as `checkHost` does. */
  lookup: LookupFunction;
}

export interface MongoClientsOptions {
  guard: AddressGuard;
  /** Told when connections cannot be ended. */
  logFault: (message: string, error: unknown) => void;
  /** Clients at the same time; default 64. */
  maxClients?: number;
  /** Milliseconds until an unused client is closed; default 120,000. */
  idleMs?: number;
  /** Milliseconds of one call, with connecting; default 20,000. */
  callTimeoutMs?: number;
  /** Milliseconds to find a server that answers; default: what the connection string says, 5,000 at most. */
  serverSelectionTimeoutMs?: number;
}

export interface MongoCredential {
  username: string;
  password: string;
}

export interface MongoTarget {
  address: MongoAddress;
  /** None where the deployment wants none. */
  credential?: MongoCredential;
  appName?: string;
}

export interface MongoClients {
  /**
   * Calls `work` with a connected client and a signal that fires with the caller's or when the time is over. Throws the caller's reason,
   * {@link SourceError} `refused_address`, `unavailable` or `timeout`, and what `work` and the driver throw.
   */
  use<Result>(
    target: MongoTarget,
    signal: AbortSignal,
    work: (client: MongoClient, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result>;
  /** Clients that are open. */
  size(): number;
  /** Ends all connections. */
  close(): Promise<void>;
}

interface Entry {
  client: MongoClient;
  connected: Promise<void>;
  /** Rejects when a server that the deployment names is refused. */
  refused: Promise<never>;
  users: number;
  idleTimer?: NodeJS.Timeout;
}

export function createMongoClients(options: MongoClientsOptions): MongoClients {
  const { guard, logFault, maxClients = 64, idleMs = 120_000, callTimeoutMs = 20_000 } = options;
  /** Least recently used first. */
  const entries = new Map<string, Entry>();

  async function drop(key: string, entry: Entry): Promise<void> {
    clearTimeout(entry.idleTimer);
    if (entries.get(key) === entry) entries.delete(key);
    await entry.client.close();
  }

  const dropLater = (key: string, entry: Entry): void => {
    drop(key, entry).catch((error: unknown) => logFault('A client of MongoDB cannot be closed', error));
  };

  function makeRoom(): void {
    if (entries.size < maxClients) return;
    for (const [key, entry] of entries) {
      if (entry.users === 0) return dropLater(key, entry);
    }
    throw new SourceError('unavailable', `The server already talks to ${maxClients} MongoDB deployments; try again.`);
  }

  function open(key: string, { address, credential, appName }: MongoTarget): Entry {
    const refusal: { reject?: (error: SourceError) => void } = {};
    const refused = new Promise<never>((_, reject) => (refusal.reject = reject));
    const refuse = (error: SourceError): void => refusal.reject?.(error);
    const client = new MongoClient(address.uri, {
      ...(credential && { auth: credential }),
      ...(appName && { appName }),
      lookup: toldLookup(guard, refuse),
      heartbeatFrequencyMS: 30_000,
      minHeartbeatFrequencyMS: 250,
      // Polling needs one connection to a server less than streaming does.
      serverMonitoringMode: 'poll',
      ...(options.serverSelectionTimeoutMs && { serverSelectionTimeoutMS: options.serverSelectionTimeoutMs }),
      waitQueueTimeoutMS: callTimeoutMs,
    });
    const checked = new Set<string>();
    holdUncheckedMembers(client, guard, checked, refuse);
    const entry: Entry = { client, connected: connect(client, address, guard, checked), refused, users: 0 };
    // Whoever uses the client is told; here it only makes way.
    for (const failure of [entry.connected, entry.refused]) failure.catch(() => dropLater(key, entry));
    return entry;
  }

  function acquire(target: MongoTarget): [string, Entry] {
    const { address, credential, appName } = target;
    const key = hashedKey(address.uri, credential, appName);
    let entry = entries.get(key);
    if (!entry) {
      makeRoom();
      entry = open(key, target);
    }
    entries.delete(key);
    entries.set(key, entry);
    clearTimeout(entry.idleTimer);
    entry.users += 1;
    return [key, entry];
  }

  function release(key: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0 || entries.get(key) !== entry) return;
    entry.idleTimer = setTimeout(() => dropLater(key, entry), idleMs).unref();
  }

  return {
    async use(target, signal, work) {
      signal.throwIfAborted();
      const [key, entry] = acquire(target);
      const expired = AbortSignal.timeout(callTimeoutMs);
      const stop = AbortSignal.any([signal, expired]);
      const stopped = new Promise<never>((_, reject) => {
        stop.addEventListener('abort', () => reject(new Error('The call was stopped.')), { once: true });
      });
      try {
        const done = entry.connected.then(() => work(entry.client, stop));
        return await Promise.race([entry.refused, stopped, done]);
      } catch (error) {
        signal.throwIfAborted();
        if (expired.aborted) throw new SourceError('timeout', 'The deployment did not answer in time; try again.');
        throw error;
      } finally {
        release(key, entry);
      }
    },
    size: () => entries.size,
    async close() {
      await Promise.all([...entries].map(([key, entry]) => drop(key, entry)));
    },
  };
}

/** Checks the servers to begin with, and lets the driver connect to them. */
async function connect(
  client: MongoClient,
  address: MongoAddress,
  guard: AddressGuard,
  checked: Set<string>,
): Promise<void> {
  const seeds = address.isSrv ? await srvHosts(address) : address.seeds;
  for (const { host, port } of seeds) {
    await guard.checkHost(host, port);
    checked.add(keyOf(host, port));
  }
  await client.connect();
}

/** The guard's `lookup`, whose refusals are also told at once: the driver would try until its time is over. */
function toldLookup(guard: AddressGuard, refuse: (error: SourceError) => void): LookupFunction {
  return (host, options, done) =>
    guard.lookup(host, options, (error, ...found) => {
      if (error instanceof SourceError && error.kind === 'refused_address') refuse(error);
      done(error, ...found);
    });
}

/** The servers behind an SRV name. The driver asks again for itself; here they are asked for to be checked with their ports. */
async function srvHosts({ seeds }: MongoAddress): Promise<MongoHost[]> {
  const name = seeds[0]?.host ?? '';
  try {
    const records = await dns.resolveSrv(`_mongodb._tcp.${name}`);
    return records.slice(0, MAX_MEMBERS).map(({ name: host, port }) => ({ host: host.toLowerCase(), port }));
  } catch (cause) {
    const message = `The name ${name} has no SRV record of a MongoDB deployment; check the address of the cluster.`;
    throw new SourceError('unavailable', message, undefined, { cause });
  }
}

/**
 * Keeps the driver from connecting to servers that a deployment names and nobody has checked. Sockets ask `lookup` for names alone, not
 * for IP addresses, and without the port. A reply that names unchecked servers is therefore turned into that of a server that has not
 * joined its replica set yet, which the driver soon asks again.
 */
function holdUncheckedMembers(
  client: MongoClient,
  guard: AddressGuard,
  checked: Set<string>,
  refuse: (error: SourceError) => void,
): void {
  const pending = new Set<string>();
  const settle = (key: string): void => {
    pending.delete(key);
    checked.add(key);
  };

  const isChecked = (name: unknown): boolean => {
    const member = typeof name === 'string' ? parseMongoHost(name) : undefined;
    if (!member) {
      refuse(
        new SourceError(
          'refused_address',
          'The deployment names a member by something that is neither a host name nor an address.',
        ),
      );
      return false;
    }
    const key = keyOf(member.host, member.port);
    if (checked.has(key)) return true;
    if (pending.has(key)) return false;
    if (checked.size + pending.size >= MAX_MEMBERS) {
      refuse(new SourceError('refused_address', `The deployment names more than ${MAX_MEMBERS} members.`));
      return false;
    }
    pending.add(key);
    guard.checkHost(member.host, member.port).then(
      () => settle(key),
      (error: unknown) => {
        if (error instanceof SourceError && error.kind === 'refused_address') refuse(error);
        // A name without an address leads nowhere; other members may serve.
        else settle(key);
      },
    );
    return false;
  };

  client.on('serverHeartbeatSucceeded', ({ reply }) => {
    const members = ['hosts', 'passives', 'arbiters'].flatMap((list) => listOf(reply, list));
    // All of them, so that all checks begin.
    if (members.filter((member) => !isChecked(member)).length === 0) return;
    for (const list of ['hosts', 'passives', 'arbiters', 'setName', 'primary']) delete reply[list];
    reply.isreplicaset = true;
  });
}

const keyOf = (host: string, port: number): string => `${host}|${port}`;

const listOf = (reply: Document, name: string): unknown[] => (Array.isArray(reply[name]) ? reply[name] : []);
