/** Starts orchestrations from an invocation. A start that fails loses nothing: the sweep finds what is due. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type { RunReference } from '../assistants/threadRecords';
import { ASSISTANT_RUN, RUN_CHANGED, type RunInput } from '../orchestrations/assistantRun';

const inputOf = ({ scope, threadId, runId }: RunReference): RunInput => ({ ...scope, threadId, runId });

/** Starts an orchestration under an id of its own. That it runs already is as good; any other failure is logged and left to the sweep. */
export async function startOrchestration(
  invocation: InvocationContext,
  name: string,
  instanceId: string,
  input: unknown,
): Promise<void> {
  try {
    await df.getClient(invocation).startNew(name, { instanceId, input });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (/already has the id/i.test(reason)) return;
    invocation.warn(`Orchestration ${name} ${instanceId} was not started and is left to the sweep: ${reason}`);
  }
}

/** Starts the orchestration of a new run. */
export async function startRun(invocation: InvocationContext, reference: RunReference): Promise<void> {
  await startOrchestration(invocation, ASSISTANT_RUN, reference.runId, inputOf(reference));
}

const { Completed, Failed, Terminated, Canceled } = df.OrchestrationRuntimeStatus;
const ENDED: readonly df.OrchestrationRuntimeStatus[] = [Completed, Failed, Terminated, Canceled];

/** Wakes the orchestration of a run that changed, or starts it where there is none at work: for a streamed run, and where it failed. */
export async function wakeRun(invocation: InvocationContext, reference: RunReference): Promise<void> {
  const client = df.getClient(invocation);
  try {
    // Asked first: the client takes an event for one that has ended without a word.
    const { runtimeStatus } = await client.getStatus(reference.runId);
    if (!ENDED.includes(runtimeStatus)) return await client.raiseEvent(reference.runId, RUN_CHANGED, {});
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!/\b404\b|no instance/i.test(reason)) invocation.warn(`Run ${reference.runId} was not woken: ${reason}`);
  }
  await startRun(invocation, reference);
}
