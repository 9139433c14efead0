/** An answer other than success: read whole, without credentials, and what it means for further calls. */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { z } from 'zod';
import type { ModelBackend } from '../modelBackends';
import { readRetryAfter, type RetryHint } from './retry';
import type { UpstreamAnswer } from './upstream';

/** Largest error body that is passed on; of a larger one only the status is. */
const MAX_BYTES = 1024 * 1024;

export interface RefusedAnswer {
  status: number;
  headers: UpstreamAnswer['headers'];
  /** JSON, whatever the service sent. */
  body: Buffer;
  /** Present where the same service may do better. */
  retry?: RetryHint;
  /** Whether another service may do better. */
  elsewhere: boolean;
}

const errorCode = z.object({ error: z.object({ code: z.unknown() }) }).transform(({ error }) => error.code);

/** Reads the answer. What cannot be read of it is put in other words; never throws. */
export async function readRefusal(
  answer: UpstreamAnswer,
  scrub: (text: string) => string,
  now: number,
  { kind, settings }: ModelBackend,
): Promise<RefusedAnswer> {
  const { status } = answer;
  const text = unpacked(scrub(await textOf(answer)));
  const value = parsed(text);
  const headers: UpstreamAnswer['headers'] = {
    ...scrubbed(answer.headers, scrub),
    'content-length': undefined,
    'content-encoding': undefined,
  };
  // Some servers call the refusal of a stream one.
  const isSaidToBeJson = /json/i.test([headers['content-type']].flat()[0] ?? '');
  if (value === undefined || !isSaidToBeJson) headers['content-type'] = 'application/json';
  const body = Buffer.from(
    value === undefined ? JSON.stringify(inOurWords(status, text, adviceOn(kind, settings.address))) : text,
  );
  return { status, headers, body, ...meaning(answer, value, now) };
}

function scrubbed(given: UpstreamAnswer['headers'], scrub: (text: string) => string): UpstreamAnswer['headers'] {
  const headers: UpstreamAnswer['headers'] = {};
  for (const [name, value] of Object.entries(given))
    headers[name] = Array.isArray(value) ? value.map(scrub) : value && scrub(value);
  return headers;
}

function meaning(
  { status, headers }: UpstreamAnswer,
  value: unknown,
  now: number,
): Pick<RefusedAnswer, 'retry' | 'elsewhere'> {
  if (status === 404) return { elsewhere: true };
  const mayPass = status === 408 || status === 409 || status === 429 || status >= 500;
  if (!mayPass || headers['x-should-retry'] === 'false') return { elsewhere: false };
  // No patience helps against a quota that is used up.
  if (errorCode.safeParse(value).data === 'insufficient_quota') return { elsewhere: true };
  return { retry: { afterMs: readRetryAfter(headers, now) }, elsewhere: true };
}

/** How answers come that something on the way compresses, though nobody asks for it. */
const decompress: Record<string, (bytes: Buffer, limits: { maxOutputLength: number }) => Buffer> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

async function textOf({ headers, body }: UpstreamAnswer): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > MAX_BYTES) return '';
    }
    const encoding = [headers['content-encoding']].flat()[0]?.trim().toLowerCase() ?? 'identity';
    const whole = Buffer.concat(pieces);
    if (encoding === 'identity') return whole.toString('utf8');
    return decompress[encoding]?.(whole, { maxOutputLength: MAX_BYTES }).toString('utf8') ?? '';
  } catch {
    return ''; // It broke off, or is not what it says; the status alone says what there is to say.
  }
}

/** The data of the first event, where the text is events. */
const unpacked = (text: string): string => /^(?:event:.*\r?\n)?data:(.*)/.exec(text)?.[1]?.trim() ?? text;

/** The JSON value, or undefined for a page of HTML, plain text, or nothing. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** For a 404 that no model service gives: it would say what is not there. */
const adviceOn = (kind: ModelBackend['kind'], address: string): string =>
  kind === 'azure'
    ? `Check ${address}: it is the address of the resource alone.`
    : `Check ${address}: of most services it ends in /v1.`;

function inOurWords(status: number, text: string, advice: string): object {
  const isPage = /^\s*</.test(text);
  const own = isPage ? '' : text.trim().slice(0, 500);
  const said = own || `The model service answered with status ${status}.`;
  const message = status === 404 ? `${said.replace(/\.?$/, '.')} ${advice}` : said;
  return {
    error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code: null },
  };
}
