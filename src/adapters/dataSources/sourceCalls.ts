/** HTTP calls to sources, with what their refusals mean for the caller. */
import { SourceError } from '../../dataSources/ports';
import type { OutgoingAnswer, OutgoingGuard, OutgoingRequest } from '../outgoingGuard';

const PARAMETERS = 'data_sources[0].parameters';

/** The name of a parameter as errors give it. */
export const paramOf = (name: string): string => `${PARAMETERS}.${name}`;

/** The service that is called. */
export interface CalledService {
  /** As callers know it, such as `Elasticsearch`. */
  name: string;
  /** What its messages must not repeat. */
  secrets: readonly string[];
  /** The parameter to mend after an address that cannot be reached; default `endpoint`. */
  addressParam?: string;
  /** The parameter to mend after a 404; default `index_name`. */
  nameParam?: string;
  /** The parameter to mend after a 401 or 403; default `authentication`. */
  authenticationParam?: string;
}

/** {@link OutgoingGuard.send}, where statuses from 400 on are {@link SourceError}s too, and all of them name the service. */
export async function callService(
  guard: OutgoingGuard,
  service: CalledService,
  request: OutgoingRequest,
): Promise<OutgoingAnswer> {
  let answer: OutgoingAnswer;
  try {
    answer = await guard.send(request);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const param = paramOf(service.addressParam ?? 'endpoint');
    throw new SourceError(error.kind, `${service.name}: ${error.message}`, param, { cause: error });
  }
  if (answer.status >= 400) throw refusal(service, answer, [...service.secrets, ...sentSecrets(request.headers)]);
  return answer;
}

/** {@link callService} for libraries that take a `fetch`, ended by the signal that is current. */
export function fetchFrom(
  guard: OutgoingGuard,
  service: CalledService,
  signal: () => AbortSignal | undefined,
): typeof fetch {
  return async (input, init) => {
    const request = requestOf(service, input, init);
    const { status, headers, body } = await callService(guard, service, {
      url: new URL(request.url),
      method: request.method,
      headers: Object.fromEntries(request.headers),
      body: request.body ? new Uint8Array(await request.arrayBuffer()) : undefined,
      signal: signal() ?? request.signal,
    });
    return new Response(body.length > 0 ? new Uint8Array(body) : null, { status, headers });
  };
}

function requestOf(service: CalledService, ...of: Parameters<typeof fetch>): Request {
  try {
    return new Request(...of);
  } catch {
    // Without the cause, which repeats the credential.
    const message = `${service.name}: the credential holds characters that HTTP does not carry.`;
    throw new SourceError('invalid', message, paramOf(service.authenticationParam ?? 'authentication'));
  }
}

/**
 * What a library threw, as the caller gets it: the signal's reason, the {@link SourceError} inside, or a {@link SourceError} of an answer that
 * the library could not read.
 */
export function sourceFailure(error: unknown, service: CalledService, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  for (let inner = error, depth = 0; inner instanceof Error && depth < 10; inner = inner.cause, depth++) {
    if (inner instanceof SourceError) return inner;
  }
  const message = `${service.name} gave an answer that cannot be read; check that the address is that of the service.`;
  return new SourceError('unavailable', message, paramOf(service.addressParam ?? 'endpoint'), { cause: error });
}

/** Credentials as they were sent: encoded, or a token of this server's own identity. */
const sentSecrets = (headers: Record<string, string>): string[] =>
  Object.entries(headers).flatMap(([name, value]) =>
    /^(?:authorization|api-key)$/i.test(name) ? [value.replace(/^(?:ApiKey|Bearer|Basic)\s+/i, '')] : [],
  );

function refusal(service: CalledService, { status, body }: OutgoingAnswer, secrets: readonly string[]): SourceError {
  const { name, nameParam = 'index_name', authenticationParam = 'authentication' } = service;
  // Refused credentials are the one thing that services may repeat on purpose.
  if (status === 401 || status === 403) {
    const message = `${name} refused the credentials (${status}); check them and what they may do.`;
    return new SourceError('authentication', message, paramOf(authenticationParam));
  }
  const said = saidBy(body, secrets);
  if (status === 404)
    return new SourceError('not_found', `${name} does not have what the query names (404).${said}`, paramOf(nameParam));
  if (status === 429) return new SourceError('rate_limited', `${name} has too many requests (429); try again later.`);
  if (status === 408 || status === 504) {
    return new SourceError('timeout', `${name} did not answer in time (${status}); try again later.`);
  }
  if (status >= 500) return new SourceError('unavailable', `${name} is not available (${status}); try again later.`);
  return new SourceError('invalid', `${name} refused the query (${status}); check the parameters.${said}`);
}

const MAX_SAID = 500;

/** The service's own words, since they tell which field or dimension is wrong. */
function saidBy(body: Buffer, secrets: readonly string[]): string {
  let text = messageIn(body.toString('utf8', 0, 64 * 1024));
  for (const secret of secrets) if (secret) text = text.replaceAll(secret, '***');
  const line = text.replace(/\s+/g, ' ').trim().slice(0, MAX_SAID);
  return line ? ` It says: ${line}` : '';
}

function messageIn(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Whatever else lives at an address is not for callers to read.
    return '';
  }
  const words = new Set<string>();
  const collect = (value: unknown, depth: number) => {
    if (typeof value !== 'object' || value === null || depth > 8) return;
    for (const [key, inner] of Object.entries(value)) {
      if (typeof inner === 'string' && /^(message|reason)$/.test(key)) words.add(inner);
      else collect(inner, depth + 1);
    }
  };
  collect(parsed, 0);
  return [...words].join(' ');
}
