/** What becomes of answers of the gateway that are no success, and of those that break off. */
import type { Readable } from 'node:stream';
import type { GatewayAnswer } from '../models/gateway';
import type { UpstreamError } from '../models/upstream';
import { tokenUsage } from '../tokenUsage';
import { readText } from './answerBody';
import { connectionFailure, refusalOf } from './openAiErrors';

const MAX_ERROR_BYTES = 64 * 1024;
/** What may follow the end of an answer before its connection is closed instead of kept. */
const REST = { bytes: 64 * 1024, ms: 1_000 };

/** The error of an answer other than success. */
export async function refusal(
  { status, headers, body, setting }: GatewayAnswer,
  model: string,
): Promise<UpstreamError> {
  const { text } = await readText(body, MAX_ERROR_BYTES);
  return refusalOf({ status, headers, body: text }, setting, model, Date.now());
}

/** What an error from reading an answer's body means: the signal's reason, an UpstreamError, or the error itself. */
export function answerFailure(error: unknown, setting: string, signal?: AbortSignal): unknown {
  return signal?.aborted ? signal.reason : connectionFailure(error, setting);
}

/** Tells the gateway what the answer took, where it says so in its `usage`. */
export function settleUsage(answer: GatewayAnswer, given: unknown): void {
  const usage = tokenUsage(given);
  if (usage) answer.settleUsage(usage);
}

/** After a whole answer the connection goes back to the pool, given that the end comes soon; otherwise it is closed. */
export function release(body: Readable, isFinished: boolean): void {
  // What fails from here on closes the connection, and the answer is complete, or given up, all the same.
  body.on('error', () => undefined);
  if (!isFinished) return void body.destroy();
  let bytes = 0;
  const giveUp = setTimeout(() => body.destroy(), REST.ms).unref();
  body
    .on('close', () => clearTimeout(giveUp))
    .on('data', (piece: Uint8Array) => {
      bytes += piece.length;
      if (bytes > REST.bytes) body.destroy();
    });
  body.resume();
}
