/** Addresses of MongoDB deployments, as callers give them. Only options that cannot make the server open its files or tokens are taken. */
import { SourceError } from '../../dataSources/ports';

export interface MongoHost {
  host: string;
  port: number;
}

/** A deployment's address, with user and password apart, so that no text that the driver could quote holds them. */
export interface MongoAddress {
  /** For the driver. */
  uri: string;
  /** Servers to begin with, or the one name whose SRV records name them. */
  seeds: MongoHost[];
  isSrv: boolean;
  username?: string;
  password?: string;
}

/** Most members of a replica set: MongoDB's own limit (manual, reference/limits). */
export const MAX_MEMBERS = 50;

const DEFAULT_PORT = 27_017;

/**
 * Options of connection strings that are taken. Left out on purpose: those that read files of this machine (`tlsCAFile`), go through
 * proxies (`proxyHost`), or sign in with this machine's identity (`authMechanismProperties`).
 */
const TAKEN = new Set(
  `appname authsource directconnection loadbalanced localthresholdms maxstalenessseconds readconcernlevel readpreference
  readpreferencetags replicaset retryreads retrywrites ssl tls tlsallowinvalidcertificates tlsallowinvalidhostnames w`.split(
    /\s+/,
  ),
);
/** Password-based mechanisms that never send the password. */
const MECHANISMS = ['DEFAULT', 'SCRAM-SHA-1', 'SCRAM-SHA-256'];
/** Options in milliseconds or connections, as they are set; connection strings may only lower them. */
const AT_MOST = new Map([
  ['connecttimeoutms', 5_000],
  ['maxidletimems', 120_000],
  ['maxpoolsize', 10],
  ['serverselectiontimeoutms', 5_000],
  ['sockettimeoutms', 20_000],
]);

/**
 * Reads a `mongodb://` or `mongodb+srv://` connection string. Throws {@link SourceError} `invalid`, whose message quotes nothing but
 * option names, since the rest may hold credentials.
 */
export function parseMongoUri(text: string, param: string): MongoAddress {
  const parts = /^mongodb(\+srv)?:\/\/(?:([^/?@]*)@)?([^/?@]+)(?:\/([^/?]*))?(?:\?(.*))?$/s.exec(text.trim());
  if (!parts) {
    throw invalid(
      'The connection string is not valid: write mongodb+srv://USER:PASSWORD@HOST/?OPTIONS, with special characters of user and password percent-encoded.',
      param,
    );
  }
  const [, srv, credential, hosts = '', database = '', query = ''] = parts;
  const isSrv = srv !== undefined;
  const seeds = hosts.split(',').map((host) => parseMongoHost(host));
  if (!seeds.every((seed) => seed !== undefined)) {
    throw invalid('The connection string holds a host that is not valid: write HOST or HOST:PORT.', param);
  }
  if (seeds.length > MAX_MEMBERS) throw invalid(`The connection string names more than ${MAX_MEMBERS} hosts.`, param);
  if (isSrv && !/^(?![\d.]+$)[\w-]+(\.[\w-]+)+\.?$/.test(hosts)) {
    throw invalid('A mongodb+srv:// connection string must hold one host name, without a port.', param);
  }
  const [username, password] = decoded(credential, param);
  const scheme = isSrv ? 'mongodb+srv' : 'mongodb';
  return { uri: `${scheme}://${hosts}/${database}?${takenOptions(query, param)}`, seeds, isSrv, username, password };
}

/** `HOST`, `HOST:PORT` or `[IPv6]:PORT`, undefined for anything else, such as the path of a Unix socket. */
export function parseMongoHost(text: string): MongoHost | undefined {
  const parts = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text);
  const host = (parts?.[1] ?? parts?.[2])?.toLowerCase();
  const port = Number(parts?.[3] ?? DEFAULT_PORT);
  // The driver takes a name that ends so for the path of a Unix socket.
  if (host === undefined || host.endsWith('.sock') || text.endsWith('.sock') || port < 1 || port > 65_535)
    return undefined;
  return { host, port };
}

function decoded(credential: string | undefined, param: string): (string | undefined)[] {
  if (!credential) return [];
  const colon = credential.indexOf(':');
  const both = colon < 0 ? [credential] : [credential.slice(0, colon), credential.slice(colon + 1)];
  try {
    return both.map((part) => decodeURIComponent(part));
  } catch {
    // The reason would quote the credential.
    throw invalid('User or password of the connection string is not percent-encoded as it must be.', param);
  }
}

function takenOptions(query: string, param: string): string {
  const taken = new URLSearchParams();
  for (const [name, most] of AT_MOST) taken.set(name, String(most));
  for (const [name, value] of new URLSearchParams(query)) {
    const key = name.toLowerCase();
    const most = AT_MOST.get(key);
    if (TAKEN.has(key)) taken.append(name, value);
    else if (key === 'authmechanism') {
      if (!MECHANISMS.includes(value.toUpperCase())) {
        throw invalid(`The connection string's authMechanism must be one of ${MECHANISMS.join(', ')}.`, param);
      }
      if (value.toUpperCase() !== 'DEFAULT') taken.append(name, value.toUpperCase());
    } else if (most !== undefined) {
      if (!/^\d{1,9}$/.test(value)) throw invalid(`The connection string's ${key} must be a whole number.`, param);
      // Zero means no limit to the driver.
      taken.set(key, String(Math.min(Number(value) || most, most)));
    } else {
      throw invalid(`The connection string's option '${name.slice(0, 64)}' is not supported; leave it out.`, param);
    }
  }
  return taken.toString();
}

const invalid = (message: string, param: string): SourceError => new SourceError('invalid', message, param);
