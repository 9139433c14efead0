/**
 * Answers of a model service on their way to the caller: the bytes as they come, at the caller's pace. Small ones are looked at whole before the first
 * byte goes, so that a broken one becomes an error that says so.
 */
import type { Readable } from 'node:stream';
import { errors } from '../errors';
import type { Connection } from './connection';
import { passBytes } from './relay';
import { passEvents } from './relayedEvents';
import type { TokenUsage } from '../tokenUsage';
import { usageAtEnds, usageOf } from './usage';

/** An answer that has begun. */
export interface PassedAnswer {
  status: number;
  headers: Headers;
  body: Readable;
  /** Told how many tokens the answer took, if it says so. */
  settleUsage(usage: TokenUsage): void;
}

/** All in milliseconds. */
export interface PassThroughTimes {
  /** A call that is not streamed ends by then: Azure's front end cuts it off after 230 s, and tells nothing. */
  wholeAnswerMs: number;
  /** A stream begins by then with comments, whether or not the model service has answered: proxies cut what is silent for a minute. */
  streamBeginsMs: number;
  /** Silence between events after which a comment goes. */
  keepAliveMs: number;
}

export const defaultTimes: PassThroughTimes = { wholeAnswerMs: 225_000, streamBeginsMs: 50_000, keepAliveMs: 15_000 };

export interface PassThroughOptions {
  connection: Connection;
  /** Makes the call. */
  ask: (signal: AbortSignal) => Promise<PassedAnswer>;
  /** The caller asked for a stream of events. */
  streamed: boolean;
  /**
   * Hides the credentials of model services in the bytes of an answer, in place. It gets whole events and, of other bodies, all that is sent at once, or the pieces as
   * they come: what is cut over two pieces of a large body is not found.
   */
  maskKeys?: (bytes: Buffer) => void;
  /** An answer that does not say what it is must be JSON: no sound, and no stream. */
  expectsJson?: boolean;
  /** The event that tells of an error, whole; `last` is the end of what went before it. Absent: `{"error": …}` without a name. */
  errorEvent?: (error: object, last: string) => string;
  /** Told of faults that came after the answer had begun. */
  onFault: (error: unknown) => void;
  /** Resolves when the caller has sent all of its upload: the time for the answer counts from then. */
  uploaded?: Promise<void>;
  times?: PassThroughTimes;
}

/** Bytes of an answer that are looked at before the first goes. */
const MAX_WHOLE_BYTES = 1024 * 1024;
/** Up to here a whole JSON answer is parsed to see whether it is one; beyond, only its ends are looked at. */
const MAX_PARSED_BYTES = 64 * 1024;

/** Makes the call and answers with what comes. Throws ApiError where nothing has gone to the caller yet. */
export async function passThrough(options: PassThroughOptions): Promise<Response> {
  const { connection, ask, streamed, uploaded, times = defaultTimes } = options;
  const abort = new AbortController();
  const leave = (): void => abort.abort(connection.signal.reason);
  if (connection.signal.aborted) leave();
  connection.signal.addEventListener('abort', leave, { once: true });
  try {
    if (streamed) return await begunInTime(ask(abort.signal), options, times);
    const call = async (): Promise<Response> => begin(await ask(abort.signal), options, times);
    return await wholeInTime(call, abort, times.wholeAnswerMs, uploaded);
  } catch (error) {
    // Nobody reads this answer, and nothing is wrong.
    if (connection.signal.aborted) throw errors.callerLeft();
    throw error;
  }
}

async function wholeInTime(
  call: () => Promise<Response>,
  abort: AbortController,
  limitMs: number,
  uploaded?: Promise<void>,
): Promise<Response> {
  let timer: NodeJS.Timeout | undefined;
  let late: Error | undefined;
  let isOver = false;
  const startTimer = (): void => {
    if (isOver) return;
    timer = setTimeout(() => {
      late = errors.tooLongForOneAnswer(Math.round(limitMs / 1000));
      abort.abort(late);
    }, limitMs);
  };
  if (uploaded) void uploaded.then(startTimer);
  else startTimer();
  try {
    return await call();
  } catch (error) {
    throw late ?? error;
  } finally {
    isOver = true;
    clearTimeout(timer);
  }
}

/** The stream of events; begun with comments alone where the model service takes its time. */
async function begunInTime(
  asked: Promise<PassedAnswer>,
  options: PassThroughOptions,
  times: PassThroughTimes,
): Promise<Response> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), times.streamBeginsMs);
  });
  const answer = await Promise.race([asked, late]).finally(() => clearTimeout(timer));
  return answer ? begin(answer, options, times) : passEvents(asked, options, times.keepAliveMs);
}

async function begin(answer: PassedAnswer, options: PassThroughOptions, times: PassThroughTimes): Promise<Response> {
  const type = answer.headers.get('content-type') ?? '';
  const encoded = answer.headers.has('content-encoding');
  if (/^text\/event-stream\b/i.test(type) && !encoded) return passEvents(answer, options, times.keepAliveMs);
  const isUntold = type === '' && options.expectsJson === true;
  const isJson = (isUntold || /^application\/(?:[\w.+-]*\+)?json\b/i.test(type)) && !encoded;
  const { pieces, complete } = await readHead(answer.body, isJson ? MAX_WHOLE_BYTES : 1);
  if (/^text\/html\b/i.test(type) && /^\s*</.test(String(pieces[0] ?? ''))) {
    answer.body.destroy();
    throw errors.answerIsPage();
  }
  const tellsUsage = isJson && answer.status < 300;
  if (!complete) return passBytes(answer, pieces, isJson ? options : { ...options, maskKeys: undefined }, tellsUsage);
  const bytes = Buffer.concat(pieces);
  if (isJson) options.maskKeys?.(bytes);
  if (tellsUsage) {
    const usage = checkedUsage(bytes);
    if (usage) answer.settleUsage(usage);
  }
  const headers = new Headers(answer.headers);
  if (isUntold) headers.set('content-type', 'application/json');
  headers.set('content-length', String(bytes.length));
  return new Response(bytes.length > 0 ? bytes : null, { status: answer.status, headers });
}

/** Reads until there are `enough` bytes, or all. Throws 502 or 504 for a body that breaks before. */
async function readHead(body: Readable, enough: number): Promise<{ pieces: Buffer[]; complete: boolean }> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const settle = (complete: boolean): void => {
      body.off('data', take).off('end', end).off('close', closed).pause();
      resolve({ pieces, complete });
    };
    const take = (piece: Buffer): void => {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes >= enough) settle(false);
    };
    const end = (): void => settle(true);
    const closed = (): void => reject(errors.answerBroken(body.errored));
    if (body.destroyed && !body.readableEnded) return closed();
    // The listener stays: an error that comes between two readers must not end the process.
    body.on('error', (error) => reject(errors.answerBroken(error)));
    body.on('data', take).once('end', end).once('close', closed);
  });
}

/** Tokens that the JSON answer says it took. Throws 502 for what is no JSON. */
function checkedUsage(bytes: Buffer): TokenUsage | undefined {
  const broken = (cause?: unknown) => errors.answerNotJson(cause);
  if (bytes.length <= MAX_PARSED_BYTES) {
    try {
      const value: unknown = JSON.parse(bytes.toString('utf8'));
      return usageOf(value);
    } catch (error) {
      throw broken(error);
    }
  }
  const ends = `${bytes.subarray(0, 64).toString('latin1').trimStart().charAt(0)}${bytes.subarray(-64).toString('latin1').trimEnd().at(-1)}`;
  if (ends !== '{}' && ends !== '[]') throw broken();
  return usageAtEnds(bytes);
}
