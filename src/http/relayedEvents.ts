/** Streams of server-sent events on their way from a model service to the caller: the same bytes, whole events, and comments in silence. */
import type { Readable } from 'node:stream';
import { errors } from '../errors';
import { errorBody, toApiError } from './errorResponse';
import { WholeEvents } from './eventBoundary';
import type { PassedAnswer, PassThroughOptions } from './passThrough';
import { relay, type Emit, type RelayHandlers } from './relay';
import { lastUsage } from './usage';

/** Longer events, such as images, go on in parts. */
const MAX_HELD_BYTES = 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const COMMENT = Buffer.from(': keep-alive\n\n');
/** The last event of a stream that is whole, with the end of the line before it where there is one. */
const DONE = /(?:^|[\r\n])data: ?\[DONE\]\s*$/;
const DONE_BYTES = 32;
/** Bytes at the end of a stream in which its usage is looked for. */
const USAGE_BYTES = 4096;

type EventOptions = Pick<PassThroughOptions, 'onFault' | 'maskKeys' | 'errorEvent'>;

const unnamedError = (error: object): string => `data: ${JSON.stringify({ error })}\n\n`;

/** The stream of an answer that has begun, or, where a promise is given, of one that is still waited for. */
export function passEvents(
  answer: PassedAnswer | Promise<PassedAnswer>,
  options: EventOptions & Pick<PassThroughOptions, 'connection'>,
  keepAliveMs: number,
): Response {
  const { connection } = options;
  const handlers = new EventHandlers(keepAliveMs, options);
  const begin = (emit: Emit): Readable | Promise<Readable> => {
    handlers.begin(emit);
    return answer instanceof Promise ? answer.then((begun) => handlers.opened(begun)) : handlers.accept(answer);
  };
  const body = relay(connection, begin, handlers);
  const headers = new Headers(answer instanceof Promise ? undefined : answer.headers);
  if (!headers.has('content-type')) headers.set('content-type', 'text/event-stream; charset=utf-8');
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-cache');
  headers.set('x-accel-buffering', 'no');
  // Comments would make it longer.
  headers.delete('content-length');
  return new Response(body, { status: answer instanceof Promise ? 200 : answer.status, headers });
}

class EventHandlers implements RelayHandlers {
  private readonly events = new WholeEvents(MAX_HELD_BYTES);
  private keepAlive: NodeJS.Timeout | undefined;
  private answer: PassedAnswer | undefined;
  private isEmpty = true;
  /** At least two, and as many bytes as may tell of the usage. */
  private readonly lastPieces: Buffer[] = [];
  private lastBytes = 0;

  constructor(
    private readonly keepAliveMs: number,
    private readonly options: EventOptions,
  ) {}

  begin(emit: Emit): void {
    this.keepAlive = setInterval(() => {
      if (this.events.atBoundary) emit(COMMENT);
    }, this.keepAliveMs);
  }

  accept(answer: PassedAnswer): Readable {
    this.answer = answer;
    return answer.body;
  }

  /** The body of an answer to a stream that was begun without it. Throws where that is no stream of events: its status can't be told any more. */
  async opened(answer: PassedAnswer): Promise<Readable> {
    const isEvents = /^text\/event-stream\b/i.test(answer.headers.get('content-type') ?? '');
    if (answer.status < 300 && isEvents && !answer.headers.has('content-encoding')) return this.accept(answer);
    throw new LateRefusal(await errorObjectOf(answer, this.options.maskKeys));
  }

  data(piece: Buffer, emit: Emit): void {
    this.isEmpty = false;
    const whole = this.events.take(piece);
    if (!whole) return;
    this.keepAlive?.refresh();
    this.pass(whole, emit);
  }

  private pass(piece: Buffer, emit: Emit): void {
    this.options.maskKeys?.(piece);
    emit(piece);
    this.lastPieces.push(piece);
    this.lastBytes += piece.length;
    const isEnough = (first: Buffer): boolean =>
      this.lastPieces.length > 2 && this.lastBytes - first.length >= USAGE_BYTES;
    for (let first = this.lastPieces[0]; first && isEnough(first); first = this.lastPieces[0]) {
      this.lastPieces.shift();
      this.lastBytes -= first.length;
    }
  }

  end(emit: Emit): void {
    const rest = this.events.rest();
    if (rest.length === 0 && this.events.atBoundary && !this.isEmpty) return;
    if (this.isEmpty || !isWholeEvent(rest)) return this.broken(errors.answerBroken(), emit);
    this.pass(rest, emit);
  }

  broken(error: unknown, emit: Emit): void {
    const rest = this.events.rest();
    if (isDone(Buffer.concat([...this.lastPieces, rest]))) return this.pass(rest, emit);
    const isLate = error instanceof LateRefusal;
    const refusal = isLate ? error.errorObject : errorBody(toApiError(errors.answerBroken(error))).error;
    this.options.onFault(error);
    const isFresh = this.events.atBoundary;
    const { errorEvent = unnamedError } = this.options;
    const told = errorEvent(refusal, Buffer.concat(this.lastPieces).toString('latin1'));
    emit(Buffer.from(`${isFresh ? '' : '\n\n'}${told}`));
  }

  closed(): void {
    clearInterval(this.keepAlive);
    // Whatever the end was: many callers leave as soon as they have read the last event.
    const usage = lastUsage(Buffer.concat(this.lastPieces).subarray(-USAGE_BYTES).toString('latin1'));
    if (usage) this.answer?.settleUsage(usage);
  }
}

/** A refusal of the model service that came when the caller's stream had begun. */
class LateRefusal extends Error {
  constructor(readonly errorObject: object) {
    super(`The model service refused a stream that had begun: ${JSON.stringify(errorObject).slice(0, 500)}`);
  }
}

/** Whether nothing is missing: what comes behind the stream's last event says nothing of the answer. */
const isDone = (end: Buffer): boolean => DONE.test(end.subarray(-DONE_BYTES).toString('latin1'));

/** Not every server ends its last event with an empty line: what is left is whole if its data is. */
function isWholeEvent(rest: Buffer): boolean {
  const lines = rest.toString('utf8').split(/\r\n|\r|\n/);
  const data = lines.flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []));
  const text = data.join('\n').trim();
  if (text === '' || text === '[DONE]') return lines.every((line) => /^(data:|event:|id:|retry:|:|$)/.test(line));
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function errorObjectOf({ body }: PassedAnswer, maskKeys: PassThroughOptions['maskKeys']): Promise<object> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > MAX_ERROR_BYTES) break;
  }
  try {
    const bytes = Buffer.concat(pieces);
    maskKeys?.(bytes);
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    const error: unknown = typeof value === 'object' && value !== null && 'error' in value ? value.error : undefined;
    if (typeof error === 'object' && error !== null) return error;
  } catch {
    // No JSON: nothing of it is fit to be shown.
  }
  return errorBody(errors.answerNotJson()).error;
}
