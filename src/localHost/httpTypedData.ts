/** HTTP requests and responses as values on the wire between host and library (functions without streaming). */
import type { IncomingHttpHeaders } from 'node:http';
import type { RouteParams } from './routeTemplate';

type NullableMap = Record<string, { value: string }>;

/** A request as the library takes it. */
export interface HttpRequestData {
  url: string;
  method: string;
  nullableHeaders: NullableMap;
  nullableParams: NullableMap;
  nullableQuery: NullableMap;
  body: { bytes: Buffer } | undefined;
}

/** The request's value. As on the real host repeated headers and repeated query keys are joined by commas; an empty body is left out. */
export function toHttpData(
  method: string,
  url: string,
  headers: IncomingHttpHeaders,
  params: RouteParams,
  body: Buffer,
): HttpRequestData {
  const query = new Map<string, string>();
  for (const [name, value] of new URL(url).searchParams) {
    query.set(name, query.has(name) ? `${query.get(name)},${value}` : value);
  }
  const joined = Object.entries(headers).map(
    ([name, value]) => [name, Array.isArray(value) ? value.join(',') : (value ?? '')] as const,
  );
  return {
    url,
    method,
    nullableHeaders: nullable(joined),
    nullableParams: nullable(Object.entries(params)),
    nullableQuery: nullable(query),
    body: body.length > 0 ? { bytes: body } : undefined,
  };
}

function nullable(entries: Iterable<readonly [string, string]>): NullableMap {
  return Object.fromEntries([...entries].map(([name, value]) => [name, { value }]));
}

/** What to answer: headers are names and values in turn. */
export interface HttpAnswer {
  status: number;
  headers: string[];
  body: Buffer;
}

interface Cookie {
  name: string;
  value: string;
  domain?: { value: string };
  path?: { value: string };
  /** Seconds since 1970. */
  expires?: { value: { seconds: number } };
  secure?: { value: boolean };
  httpOnly?: { value: boolean };
  sameSite?: string;
  maxAge?: { value: number };
}

/** Reads the library's response value: status (text), headers, cookies, body. */
export function fromHttpData(http: object): HttpAnswer {
  const data = http as {
    statusCode?: string;
    headers?: Record<string, string>;
    cookies?: Cookie[];
    body?: { bytes?: Uint8Array; string?: string };
  };
  const headers = Object.entries(data.headers ?? {}).filter(
    ([name]) => !/^(content-length|transfer-encoding)$/i.test(name),
  );
  return {
    status: Number(data.statusCode ?? 200),
    headers: [...headers.flat(), ...(data.cookies ?? []).flatMap((cookie) => ['set-cookie', cookieText(cookie)])],
    body: Buffer.from(data.body?.bytes ?? data.body?.string ?? ''),
  };
}

function cookieText(cookie: Cookie): string {
  const sameSite: Record<string, string> = { lax: 'lax', strict: 'strict', explicitNone: 'none' };
  const site = sameSite[cookie.sameSite ?? ''];
  return [
    // The real host URL-escapes a cookie's value.
    `${cookie.name}=${encodeURIComponent(cookie.value)}`,
    cookie.expires && `expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`,
    cookie.maxAge && `max-age=${cookie.maxAge.value}`,
    cookie.domain && `domain=${cookie.domain.value}`,
    cookie.path && `path=${cookie.path.value}`,
    cookie.secure?.value && 'secure',
    site && `samesite=${site}`,
    cookie.httpOnly?.value && 'httponly',
  ]
    .filter(Boolean)
    .join('; ');
}
