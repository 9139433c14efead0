/**
 * The one place that moves a response in the background. It goes on from what is stored: finished items stay, calls of tools that were not answered are carried out
 * again. Called again, after a crash or twice, it does no harm: a response has one owner at a time.
 */
import { TooLargeError } from '../errors';
import { LeaseLostError } from '../storage/leasedRecord';
import type { ResponseReference } from './backgroundRecords';
import { partReader } from './chatItems';
import { contextBefore, inputOf } from './context';
import { settleTurn } from './conversationTurn';
import { DrivenResponse, ResponseExpiredError, SliceOverError } from './drivenResponse';
import { failureOf } from './responseFailure';
import type { ResponsesPorts } from './ports';
import { readTurn } from './turnRecords';
import { ResponseWork } from './responseWork';

/** When to look again after the lease was lost. */
const LOST_MILLISECONDS = 1000;

/** Moves the response to its end; undefined where it is over or gone, else when to look at it again, in milliseconds since 1970. */
export async function advanceResponse(
  ports: ResponsesPorts,
  reference: ResponseReference,
): Promise<{ busyUntil: number } | undefined> {
  const state = await moved(ports, reference);
  if (!state) await settle(ports, reference);
  return state;
}

/** Adds what was said to the conversation that the response was given in, which others may go on with then. */
async function settle(ports: ResponsesPorts, { scope, key }: ResponseReference): Promise<void> {
  const found = await readTurn(ports.records, scope, key);
  const conversation = found?.value.conversation;
  if (conversation) await settleTurn(ports, { scope, key: conversation.key }, key.turn);
}

async function moved(ports: ResponsesPorts, reference: ResponseReference): Promise<{ busyUntil: number } | undefined> {
  const opened = await DrivenResponse.open(ports, reference);
  if (!opened || !('driven' in opened)) return opened;
  const { driven } = opened;
  try {
    await drive(ports, driven);
    return undefined;
  } catch (error) {
    // Another has ended the response, or drives it.
    if (error instanceof LeaseLostError) return { busyUntil: ports.now() + LOST_MILLISECONDS };
    if (error instanceof SliceOverError) {
      await driven.release();
      return { busyUntil: ports.now() };
    }
    if (!(error instanceof TooLargeError)) throw error;
    // What cannot be stored must not keep the response from its end.
    await driven.fail(failureOf(error, ports, driven.turn.response.id));
    return undefined;
  } finally {
    driven.close();
  }
}

/** Throws LeaseLostError, {@link SliceOverError}, and what keeps the response from being stored. */
async function drive(ports: ResponsesPorts, driven: DrivenResponse): Promise<void> {
  const { reference, settings, turn, signal } = driven;
  const { scope, key } = reference;
  const parts = partReader(ports, scope, signal);
  const { response, files } = turn;
  const before = await contextBefore(ports, scope, turn);
  const items = [...before.items, ...(await inputOf(ports, turn))];
  const earlierFiles = before.files;
  const task = { scope, key, settings, response, items, files, earlierFiles, patientUntil: driven.expiresAt };
  const work = new ResponseWork(ports, task, driven.sink, signal, parts, driven);
  driven.follow(work);
  try {
    if (ports.now() >= driven.expiresAt * 1000) throw new ResponseExpiredError();
    await work.go();
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    const isOthers = reason instanceof LeaseLostError || reason instanceof SliceOverError || driven.isUnstorable;
    if (isOthers) throw reason;
    const failure =
      reason instanceof ResponseExpiredError
        ? { code: 'server_error', message: reason.message }
        : failureOf(reason, ports, response.id);
    await work.end('failed', { error: failure });
  }
  await driven.checkpoint();
}
