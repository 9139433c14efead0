/** Which web pages may call the host from a browser: locally what the platform does before a deployed app. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ConfigError } from '../config';

/** Origins, such as `http://localhost:3000`, or `*` alone for all. */
export type AllowedOrigins = ReadonlySet<string>;

/**
 * Reads CORS: origins joined by commas, or `*`. Undefined where it is not set: preflights then reach the functions, as on the platform without origins. Throws {@link ConfigError}.
 */
export function readAllowedOrigins(env: NodeJS.ProcessEnv): AllowedOrigins | undefined {
  const given = (env.CORS ?? '')
    .split(',')
    .map((origin) => origin.trim().replace(/\/$/, ''))
    .filter(Boolean);
  if (given.length === 0) return undefined;
  if (given.includes('*') ? given.length > 1 : !given.every(isOrigin))
    throw new ConfigError('CORS', 'must be origins joined by commas, such as http://localhost:3000, or * alone.');
  return new Set(given);
}

const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text;

/** Adds to the answer what a browser needs of it, and gives the answer itself to a preflight; whether it did that. */
export function answerBrowser(request: IncomingMessage, response: ServerResponse, allowed: AllowedOrigins): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return false;
  const { 'access-control-request-method': method, 'access-control-request-headers': headers } = request.headers;
  const isAllowed = allowed.has('*') || allowed.has(origin);
  const isPreflight = request.method === 'OPTIONS' && method !== undefined;
  if (isAllowed) {
    response.setHeader('access-control-allow-origin', allowed.has('*') ? '*' : origin);
    if (!allowed.has('*')) response.setHeader('vary', 'Origin');
    if (isPreflight) response.setHeader('access-control-allow-methods', method);
    if (isPreflight && headers !== undefined) response.setHeader('access-control-allow-headers', headers);
  }
  if (isPreflight) response.writeHead(204).end();
  return isPreflight;
}
