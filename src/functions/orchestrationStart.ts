/** Starts orchestrations from an invocation. A start that fails loses nothing: the sweep finds what is due. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type { RunReference } from '../assistants/threadRecords';
import { RUN_CHANGED, type RunInput } from '../orchestrations/assistantRun';

const inputOf = ({ scope, threadId, runId }: RunReference): RunInput => ({ ...scope, threadId, runId });

/** Starts the orchestration of a new run. */
export async function startRun(invocation: InvocationContext, reference: RunReference): Promise<void> {
  try {
    await df.getClient(invocation).startNew('assistantRun', { instanceId: reference.runId, input: inputOf(reference) });
  } catch (error) {
    invocation.warn(`Run ${reference.runId}: its orchestration was not started and is left to the sweep.`, messageOf(error));
  }
}

/** Wakes the orchestration of a run that changed, or starts it where there is none, as for a streamed run. */
export async function wakeRun(invocation: InvocationContext, reference: RunReference): Promise<void> {
  try {
    await df.getClient(invocation).raiseEvent(reference.runId, RUN_CHANGED, {});
  } catch {
    // No such instance.
    await startRun(invocation, reference);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
