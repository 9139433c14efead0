/** What becomes of answers of the gateway that are no success, and of those that break off. */
import type { GatewayAnswer } from '../models/gateway';
import type { UpstreamError } from '../models/upstream';
import { readText } from './answerBody';
import { connectionFailure, refusalOf } from './openAiErrors';

const MAX_ERROR_BYTES = 64 * 1024;

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
