/** Answers that no model gives, and which would mislead the caller if they were passed on. */
import type { ModelBackend } from '../modelBackends';
import { UpstreamError, type UpstreamAnswer } from './upstream';

/**
 * A success that cannot be one: a page of a proxy, a portal or a wrong address. Audio comes in many types, but not as a page; its transcripts may be called HTML, as by whisper.cpp,
 * and whether they are a page their first bytes tell (`http/passThrough.ts`).
 */
export function misfitType(
  operation: string,
  { status, headers }: UpstreamAnswer,
  { settings }: ModelBackend,
): UpstreamError | undefined {
  const given = headers['content-type'];
  const type = typeof given === 'string' ? given : given?.[0];
  if (type === undefined || type === 'application/json') return undefined;
  // A file is of any type.
  if (/^containers\/.*\/content$/.test(operation)) return undefined;
  const isTranscript = operation === 'audio/transcriptions' || operation === 'audio/translations';
  const fits = operation.startsWith('audio/')
    ? isTranscript || !/^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(type)
    : /^\s*(?:application\/(?:[\w.+-]*\+)?json(?:-seq)?|application\/(?:x-)?ndjson|text\/event-stream)\b/i.test(type);
  if (fits) return undefined;
  const message = `The model service answered ${status} with '${type.slice(0, 100)}', which is no answer of a model; check ${settings.address}.`;
  // It may be a page for the time of some works.
  return new UpstreamError('unavailable', message, {});
}

/** A status that concerns the operator and not the caller: it would be misunderstood if it were passed on. */
export function misfitStatus(status: number, { kind, apiKey, settings }: ModelBackend): UpstreamError | undefined {
  if (status === 401 || status === 403) {
    const isIdentity = kind === 'azure' && !apiKey;
    const advice = isIdentity
      ? `Set ${settings.key}, or give the identity the role 'Cognitive Services OpenAI User'.`
      : `Check ${settings.key}.`;
    return new UpstreamError(
      'unavailable',
      `The model service refused the credentials (${status}). ${advice}`,
      undefined,
    );
  }
  if (status >= 400 && status < 600) return undefined;
  return new UpstreamError(
    'unavailable',
    `The model service answered ${status}; check ${settings.address} and ${settings.key}.`,
    undefined,
  );
}
