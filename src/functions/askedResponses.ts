/** Responses that questions began: in the background, so that they outlive the question and the host. */
import { setTimeout as sleep } from 'node:timers/promises';
import { services } from '../app';
import type { Call } from '../http/operation';
import { isOver } from '../responses/responseEvents';
import type { Scope } from '../scope';
import type { CreateResponseRequest, ResponseObject } from '../wire/responses';
import { startResponse } from './orchestrationStart';

/** How often it is looked whether a response has ended. */
const POLL_MILLISECONDS = 100;

/** Begins to answer, and gives the response's id. Throws 400 and 404 for what cannot be. */
export async function begin({ scope, invocation }: Call, body: CreateResponseRequest): Promise<string> {
  const { responses } = await services();
  const prepared = await responses.prepare(scope, { ...body, background: true });
  const { id } = await responses.begin(prepared);
  await startResponse(invocation, prepared);
  return id;
}

/** The response if it ends within that time, else undefined. Throws 404 for an id that is not there, and the signal's reason where the caller leaves. */
export async function within(
  scope: Scope,
  id: string,
  seconds: number,
  signal: AbortSignal,
): Promise<ResponseObject | undefined> {
  const { responses } = await services();
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const response = await responses.get(scope, id);
    if (isOver(response.status)) return response;
    const left = end - Date.now();
    if (left <= 0) return undefined;
    await sleep(Math.min(left, POLL_MILLISECONDS), undefined, { signal });
  }
}
