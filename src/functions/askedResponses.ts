/**
 * Responses that questions began, and whom they are waited for.
 *
 * BACKGROUND: this file is the one place where `ask` meets responses in the background. Until they are there, a response goes on in this process after its
 * question was answered 202, and is lost with it; other instances do not know of it. With them, `begin` creates a background response and starts
 * its orchestration, `within` looks at its record, and `underWay` is not needed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { services } from '../app';
import { errors } from '../errors';
import { silent } from '../responses/responseEvents';
import type { Scope } from '../scope';
import type { CreateResponseRequest, ResponseObject } from '../wire/responses';
import { orModelError } from './modelCall';

const MAX_UNDER_WAY = 1_000;
/** How long it is remembered why a response was not made. */
const KEEP_FAILURE_MILLISECONDS = 10 * 60_000;

const underWay = new Map<string, Promise<ResponseObject>>();

const nameOf = ({ tenant, project }: Scope, id: string): string => JSON.stringify([tenant, project, id]);

/** Begins to answer, and gives the response's id. Throws 400 and 404 for what cannot be, and 503 where too much is under way. The signal ends it. */
export async function begin(scope: Scope, body: CreateResponseRequest, signal: AbortSignal): Promise<string> {
  if (underWay.size >= MAX_UNDER_WAY) throw errors.tooManyQuestions();
  const { responses } = await services();
  const prepared = await responses.prepare(scope, body);
  const { id } = prepared.response;
  const name = nameOf(scope, id);
  const work = orModelError(responses.answer(prepared, silent, signal));
  underWay.set(name, work);
  work.then(
    () => underWay.delete(name),
    () => setTimeout(() => underWay.delete(name), KEEP_FAILURE_MILLISECONDS).unref(),
  );
  return id;
}

/** The response if it ends within that time, else undefined. Throws 404 for an id that is not there, and what kept it from being made. */
export async function within(scope: Scope, id: string, seconds: number): Promise<ResponseObject | undefined> {
  const work = underWay.get(nameOf(scope, id));
  if (work) {
    const waiting = new AbortController();
    const timeout = sleep(seconds * 1000, undefined, { signal: waiting.signal }).catch(() => undefined);
    try {
      return (await Promise.race([work, timeout])) ?? undefined;
    } finally {
      waiting.abort();
    }
  }
  return (await services()).responses.get(scope, id);
}
