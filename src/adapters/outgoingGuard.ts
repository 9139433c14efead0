/**
 * Calls to addresses that a caller names. Only public addresses are reached, unless the operator allows the host. What is checked is the
 * address that is connected to, after name resolution, so a name that changes its address in between gains nothing; redirects are refused.
 */
import { lookup as resolveName } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, errors, type Dispatcher } from 'undici';
import { canonicalHost, isAllowedHost, type AllowedHost } from '../allowedHosts';
import { SourceError } from '../dataSources/ports';
import { isPublicAddress } from './publicAddress';

export interface OutgoingGuardOptions {
  /** May be reached although private, and are the only ones that get tokens of managed identities. */
  allowedHosts: readonly AllowedHost[];
  /** The setting that lists them, for what callers are told; default `DATA_SOURCE_ALLOWED_HOSTS`. */
  allowedHostsSetting?: string;
  /** All addresses of a name; default: the system's resolver. */
  resolve?: (host: string) => Promise<LookupAddress[]>;
  /** Milliseconds until a connection stands; default 10,000. */
  connectTimeout?: number;
  /** Milliseconds of a whole call; default 30,000. */
  callTimeout?: number;
  /** Bytes of an answer at most; default 16 MiB. */
  maxAnswerBytes?: number;
}

export interface OutgoingRequest {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body?: string | Uint8Array;
  signal?: AbortSignal | null;
}

export interface OutgoingAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** An answer whose body is still to come. */
export interface OutgoingStream {
  status: number;
  headers: Record<string, string>;
  /** Ends the connection where reading it is given up. Throws as {@link OutgoingGuard.send} does. */
  body: AsyncIterable<Uint8Array>;
}

export interface OutgoingGuard {
  /**
   * For drivers with connections of their own: call before each connection, and give the driver {@link OutgoingGuard.lookup} too.
   * Throws {@link SourceError} `refused_address` for a host that is not public, by its name or by any of its addresses, and `unavailable`
   * for a name that has none.
   */
  checkHost(host: string, port: number): Promise<void>;
  /** Of `net.connect`: gives the addresses of a name and fails as `checkHost` does. It is told no port, so `checkHost` must check that; nor is it asked for IP addresses. */
  lookup: LookupFunction;
  /** Whether the token of a managed identity may be sent to that address: hosts of the allow list alone, encrypted unless it is this machine. */
  takesIdentityTokens(url: URL): boolean;
  /**
   * Sends a request and reads its answer whole. Statuses are the caller's business, except redirects. Throws the signal's reason, or
   * {@link SourceError} `refused_address`, `timeout`, `unavailable`, or `invalid` for an address that is no plain http(s) one.
   */
  send(request: OutgoingRequest): Promise<OutgoingAnswer>;
  /**
   * {@link OutgoingGuard.send} for answers that come over a long time: it returns with the head of the answer, its `callTimeout` is that of
   * the head and of each pause, and redirects are answers as others are. Who follows one asks here again.
   */
  stream(request: OutgoingRequest): Promise<OutgoingStream>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Hosts that connections are kept to at the same time. */
const MAX_HOSTS = 500;
/** Connections to one host; further calls wait for a free one. */
const MAX_CONNECTIONS = 64;

export function createOutgoingGuard(options: OutgoingGuardOptions): OutgoingGuard {
  const { allowedHosts, allowedHostsSetting = 'DATA_SOURCE_ALLOWED_HOSTS' } = options;
  const { connectTimeout = 10_000, callTimeout = 30_000, maxAnswerBytes = 16 * 1024 * 1024 } = options;
  const resolve = options.resolve ?? ((host) => resolveName(host, { all: true }));

  async function addressesOf(host: string): Promise<LookupAddress[]> {
    const addresses = await resolve(host).catch((cause: unknown) => {
      throw new SourceError('unavailable', `The host ${host} has no address; check its name.`, undefined, { cause });
    });
    if (addresses.length === 0)
      throw new SourceError('unavailable', `The host ${host} has no address; check its name.`);
    return addresses;
  }

  /** One private address refuses the name: which one a connection would take is not ours to say. */
  async function publicAddressesOf(host: string): Promise<LookupAddress[]> {
    const addresses = await addressesOf(host);
    if (!addresses.every(({ address }) => isPublicAddress(address))) throw refusedAddress(host, allowedHostsSetting);
    return addresses;
  }

  const lookupBy =
    (addresses: (host: string) => Promise<LookupAddress[]>): LookupFunction =>
    (host, { all, family }, callback) => {
      addresses(host).then(
        (found) => {
          const wanted = found.filter((each) => !family || `IPv${each.family}` === familyName(family));
          const [first] = wanted;
          if (!first)
            callback(new SourceError('unavailable', `The host ${host} has no ${familyName(family)} address.`), '');
          else if (all) callback(null, wanted);
          else callback(null, first.address, first.family);
        },
        (error: Error) => callback(error, ''),
      );
    };
  const checkedLookup = lookupBy((host) =>
    isAllowedHost(allowedHosts, host) ? addressesOf(host) : publicAddressesOf(host),
  );

  const toAllowed = buildConnector({ timeout: connectTimeout, lookup: lookupBy(addressesOf) });
  const toPublic = buildConnector({ timeout: connectTimeout, lookup: lookupBy(publicAddressesOf) });
  const connections = new Agent({
    connections: MAX_CONNECTIONS,
    maxOrigins: MAX_HOSTS,
    keepAliveTimeout: 30_000,
    headersTimeout: callTimeout,
    bodyTimeout: callTimeout,
    maxResponseSize: maxAnswerBytes,
    connect(target, callback) {
      const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
      if (isAllowedHost(allowedHosts, host, portOf(target))) toAllowed(target, callback);
      // Sockets ask `lookup` for names alone.
      else if (isIP(host) && !isPublicAddress(host)) callback(refusedAddress(host, allowedHostsSetting), null);
      else toPublic(target, callback);
    },
  });

  async function ask({ url, method, headers, body, signal }: OutgoingRequest): Promise<Dispatcher.ResponseData> {
    signal?.throwIfAborted();
    if (!/^https?:$/.test(url.protocol))
      throw new SourceError('invalid', 'The address must begin with http:// or https://.');
    if (url.username || url.password) {
      throw new SourceError('invalid', 'The address must hold no user name or password; use authentication.');
    }
    return connections.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: methodOf(method),
      // The limit of bytes is of what arrives; nothing is unpacked.
      headers: { ...headers, 'accept-encoding': 'identity' },
      body,
      signal,
    });
  }

  async function send(request: OutgoingRequest): Promise<OutgoingAnswer> {
    const { url, signal } = request;
    const expired = AbortSignal.timeout(callTimeout);
    try {
      const answer = await ask({ ...request, signal: signal ? AbortSignal.any([signal, expired]) : expired });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      if (answer.statusCode >= 300 && answer.statusCode < 400) {
        throw new SourceError(
          'refused_address',
          `The host ${url.host} redirects, and redirects are not followed; give the final address.`,
        );
      }
      return { status: answer.statusCode, headers: plainHeaders(answer.headers), body: bytes };
    } catch (error) {
      signal?.throwIfAborted();
      throw failure(error, url.host, maxAnswerBytes, expired.aborted);
    }
  }

  async function stream(request: OutgoingRequest): Promise<OutgoingStream> {
    const { url, signal } = request;
    const thrown = (error: unknown): unknown =>
      signal?.aborted ? signal.reason : failure(error, url.host, maxAnswerBytes, false);
    async function* pieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      try {
        yield* body;
      } catch (error) {
        throw thrown(error);
      }
    }
    try {
      const answer = await ask(request);
      return { status: answer.statusCode, headers: plainHeaders(answer.headers), body: pieces(answer.body) };
    } catch (error) {
      throw thrown(error);
    }
  }

  return {
    send,
    stream,
    lookup: checkedLookup,
    async checkHost(host, port) {
      const name = canonicalHost(host);
      if (name === undefined) throw new SourceError('invalid', 'The address holds a host name that is not valid.');
      if (isAllowedHost(allowedHosts, name, port)) return;
      if (isIP(name)) {
        if (!isPublicAddress(name)) throw refusedAddress(name, allowedHostsSetting);
      } else await publicAddressesOf(name);
    },
    takesIdentityTokens: (url) =>
      isAllowedHost(allowedHosts, url.hostname, portOf(url)) &&
      (url.protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)),
    close: () => connections.destroy(),
  };
}

const portOf = ({ port, protocol }: { port: string; protocol: string }): number =>
  Number(port) || (protocol === 'https:' ? 443 : 80);

const familyName = (family: number | string | undefined): string =>
  family === 4 || family === 6 ? `IPv${family}` : String(family ?? 'IP');

function refusedAddress(host: string, setting: string): SourceError {
  return new SourceError(
    'refused_address',
    `The host ${host} is not of the open Internet. Use a public address, or have the operator add the host to ${setting}.`,
  );
}

function methodOf(name: string): Dispatcher.HttpMethod {
  const known = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'] as const;
  const method = known.find((each) => each === name.toUpperCase());
  if (!method) throw new SourceError('invalid', `The method ${name} is not one of HTTP.`);
  return method;
}

const plainHeaders = (headers: Record<string, string | string[] | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, [value].flat().join(', ')]],
    ),
  );

function failure(error: unknown, host: string, maxAnswerBytes: number, isOver: boolean): SourceError {
  if (error instanceof SourceError) return error;
  if (error instanceof errors.ResponseExceededMaxSizeError) {
    const message = `The answer of ${host} is larger than ${maxAnswerBytes} bytes; ask for fewer or shorter documents.`;
    return new SourceError('invalid', message, undefined, { cause: error });
  }
  if (error instanceof errors.InvalidArgumentError) {
    const message = 'The address or a credential holds characters that HTTP does not carry.';
    // Without the cause: libraries repeat what was wrong.
    return new SourceError('invalid', message);
  }
  if (error instanceof errors.MaxOriginsReachedError) {
    const message = `More than ${MAX_HOSTS} hosts are connected to at the same time; try again later.`;
    return new SourceError('rate_limited', message, undefined, { cause: error });
  }
  const isLate =
    isOver ||
    error instanceof errors.ConnectTimeoutError ||
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError;
  if (isLate) {
    return new SourceError('timeout', `The host ${host} did not answer in time; try again.`, undefined, {
      cause: error,
    });
  }
  const message = `The connection to ${host} failed; check the address and that the service runs.`;
  return new SourceError('unavailable', message, undefined, { cause: error });
}
