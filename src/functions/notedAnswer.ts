/** Answers of an upstream's Responses on their way to the caller: what they tell of is noted before the caller hears of it. The bytes stay as they are. */
import { pipeline, Readable, Transform } from 'node:stream';
import { errors } from '../errors';
import { WholeEvents } from '../http/eventBoundary';
import type { GatewayAnswer } from '../models/gateway';
import { firstTold, toldByEvents, toldByResponse, type ToldObjects } from '../responses/toldObjects';
import { bytesWithin, jsonOf } from './readAnswers';

/** Of a whole answer, and of one event: pictures that tools made are in them. */
const MAX_BYTES = 64 * 1024 * 1024;

export type Note = (told: ToldObjects) => Promise<void>;

/** The answer as it may go on. `shown`: what goes out in place of a whole answer's bytes, where that differs. Throws 502 for one that cannot be read. */
export async function notedAnswer(
  answer: GatewayAnswer,
  note: Note,
  shown?: (value: unknown) => unknown,
): Promise<GatewayAnswer> {
  if (/^text\/event-stream\b/i.test(answer.headers.get('content-type') ?? ''))
    return { ...answer, body: notedEvents(answer.body, note) };
  const bytes = await bytesOf(answer);
  const value = jsonOf(bytes);
  await note(toldByResponse(value));
  return withBytes(answer, shown ? Buffer.from(JSON.stringify(shown(value))) : bytes);
}

/** The answer's bytes, whole. Throws 502 for more than can be held. */
export async function bytesOf({ body }: GatewayAnswer): Promise<Buffer> {
  try {
    return await bytesWithin(body, MAX_BYTES);
  } catch (error) {
    throw errors.answerBroken(error);
  }
}

/** The answer with a body that was read. */
export function withBytes(answer: GatewayAnswer, bytes: Buffer): GatewayAnswer {
  const headers = new Headers(answer.headers);
  headers.delete('content-length');
  return { ...answer, headers, body: Readable.from([bytes], { objectMode: false }) };
}

/** The events, each handed on when what it tells of is noted. */
function notedEvents(body: Readable, note: Note): Readable {
  const events = new WholeEvents(MAX_BYTES);
  const first = firstTold();
  const pass = async (bytes: Buffer | undefined): Promise<Buffer | undefined> => {
    if (!events.atBoundary) throw errors.answerTooLarge(MAX_BYTES);
    if (bytes) for (const told of toldByEvents(bytes)) await note(first(told));
    return bytes;
  };
  const tap = new Transform({
    transform(piece: Buffer, _encoding, done) {
      pass(events.take(piece)).then((bytes) => done(null, bytes), done);
    },
    flush(done) {
      pass(events.rest()).then((bytes) => done(null, bytes), done);
    },
  });
  // The reader learns of an error from the stream's state, even if it comes before it listens.
  tap.on('error', () => undefined);
  pipeline(body, tap, () => undefined);
  return tap;
}
