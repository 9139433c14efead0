/**
 * The one place that moves a run. It goes on from the last finished step, writes each finished step before the next begins, and returns when the
 * run is terminal or needs the caller's tool outputs. Called again, after a crash or twice, it does no harm: a run has one owner at a time, and a
 * step's result is never applied twice.
 */
import { InvalidToolCallError } from '../agentLoop/serverTools';
import { ApiError, TooLargeError } from '../errors';
import { ModelError } from '../models/ports';
import { LeaseLostError } from '../storage/leasedRecord';
import type { RunObject } from '../wire/threads';
import { DrivenRun, RunCancelledError, RunExpiredError } from './drivenRun';
import { stepChange } from './messageWriter';
import type { AssistantsPorts } from './ports';
import { ended, endedStep, type Ending } from './runStatus';
import { silentSink, type RunSink } from './runSink';
import { RunIncompleteError, RunWork } from './runWork';
import type { RunReference } from './threadRecords';

/** When to look again after the lease was lost. */
const LOST_MILLISECONDS = 1000;

/** Where the run stands after the call. */
export interface RunState {
  run: RunObject;
  /** Another owner drives the run; its lease ends then, in milliseconds. */
  busyUntil?: number;
}

/** Moves the run as far as it goes; undefined if it is gone. Events go to `sink`. `owner` is who may have the run's lease already. */
export async function advanceRun(
  ports: AssistantsPorts,
  reference: RunReference,
  sink: RunSink = silentSink,
  owner?: string,
): Promise<RunState | undefined> {
  const opened = await DrivenRun.open(ports, reference, owner);
  if (!opened || !('driven' in opened)) return opened;
  const { driven } = opened;
  const work = new RunWork(ports, driven, sink);
  try {
    return { run: await work.go().catch(async (error: unknown) => endFor(error, ports, driven, work, sink)) };
  } catch (error) {
    // Another owner has the run: it moves on there.
    if (!(error instanceof LeaseLostError)) throw error;
    if (ports.ending?.aborted) await driven.letGo();
    return { run: driven.run, busyUntil: ports.now() + LOST_MILLISECONDS };
  } finally {
    driven.close();
  }
}

/** Ends the run, and what it was at, for the error that stopped it; finished steps stay. */
async function endFor(
  error: unknown,
  ports: AssistantsPorts,
  driven: DrivenRun,
  work: RunWork,
  sink: RunSink,
): Promise<RunObject> {
  const ending = endingFor(driven.signal.aborted ? driven.signal.reason : error, driven.run, ports);
  const at = Math.floor(ports.now() / 1000);
  if (ending.status === 'cancelled')
    await sink('thread.run.cancelling', { ...driven.run, status: 'cancelling', required_action: null });
  const message = work.openMessage();
  message?.end(ending);
  const { openTools } = work;
  openTools?.end(ending);
  const steps = work.steps
    .filter(({ step }) => step.status === 'in_progress')
    .map((record) => ({ ...record, step: endedStep(record.step, ending, at) }));
  const changes = [
    ...(message?.changes() ?? []),
    ...(openTools ? [openTools.change()] : []),
    ...steps.map((record) => stepChange(record, true, ports.now())),
  ];
  const usage = work.usage();
  const end = (same: RunObject): RunObject => ended({ ...same, usage }, ending, at);
  const run = await driven.write(end, changes).catch(async (failure: unknown) => {
    // What cannot be stored must not keep the run from its end.
    if (!(failure instanceof TooLargeError)) throw failure;
    return driven.write(end);
  });
  await message?.announceEnd();
  for (const { step } of openTools ? [...steps, openTools.record] : steps)
    await sink(`thread.run.step.${step.status}`, step);
  await sink(`thread.run.${run.status}`, run);
  return run;
}

function endingFor(error: unknown, run: RunObject, ports: AssistantsPorts): Ending {
  if (error instanceof LeaseLostError) throw error;
  if (error instanceof RunCancelledError) return { status: 'cancelled' };
  if (error instanceof RunExpiredError) return { status: 'expired' };
  if (error instanceof RunIncompleteError) return { status: 'incomplete', reason: error.reason };
  // 503 is about what the caller may wait for, such as a place in the sandbox.
  const isTold =
    error instanceof InvalidToolCallError ||
    (error instanceof ApiError && (error.status < 500 || error.status === 503));
  if (isTold) return { status: 'failed', error: { code: 'server_error', message: error.message } };
  if (error instanceof ModelError) {
    const code = { rate_limited: 'rate_limit_exceeded', content_filter: 'invalid_prompt' } as const;
    const kind = error.kind === 'rate_limited' || error.kind === 'content_filter' ? code[error.kind] : 'server_error';
    return { status: 'failed', error: { code: kind, message: error.message } };
  }
  ports.logFault(`Run ${run.id} failed:`, error);
  return {
    status: 'failed',
    error: { code: 'server_error', message: 'The server had an error while driving the run.' },
  };
}
