/** Starts and wakes orchestrations from an invocation. What fails of that loses nothing: the sweep finds what is due. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type { RunReference } from '../assistants/threadRecords';
import { addLogFields } from '../log';
import type { ResponseReference } from '../responses/backgroundRecords';
import { responseIdOf } from '../responses/responseIds';
import { ASSISTANT_RUN, RUN_CHANGED, type RunInput } from '../orchestrations/assistantRun';
import { BACKGROUND_RESPONSE, RESPONSE_CHANGED, type ResponseInput } from '../orchestrations/backgroundResponse';

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
    const reason = messageOf(error);
    if (/already has the id/i.test(reason)) return;
    invocation.warn(`Orchestration ${name} ${instanceId} was not started and is left to the sweep: ${reason}`);
  }
}

/** Starts the orchestration of a new run. */
export async function startRun(invocation: InvocationContext, reference: RunReference): Promise<void> {
  addLogFields({ run: reference.runId, thread: reference.threadId });
  await startOrchestration(invocation, ASSISTANT_RUN, reference.runId, inputOf(reference));
}

/** Raises an event that an orchestration waits for, which finds out without it too, only later. That there is none of that id is as good; any other failure is logged. */
export async function raiseEvent(invocation: InvocationContext, instanceId: string, event: string): Promise<void> {
  try {
    await df.getClient(invocation).raiseEvent(instanceId, event, {});
  } catch (error) {
    warnUnlessAbsent(invocation, instanceId, error);
  }
}

/** Whether the task hub answered that there is no such instance. The client tells it by its message alone. */
export const isAbsent = (error: unknown): boolean => /\b404\b|no instance/i.test(messageOf(error));

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function warnUnlessAbsent(invocation: InvocationContext, instanceId: string, error: unknown): void {
  if (!isAbsent(error)) invocation.warn(`Orchestration ${instanceId} was not woken: ${messageOf(error)}`);
}

/** Wakes the orchestration of a run that changed, or starts it where there is none, as for a streamed run. */
export async function wakeRun(invocation: InvocationContext, reference: RunReference): Promise<void> {
  await wake(invocation, reference.runId, RUN_CHANGED, async () => startRun(invocation, reference));
}

/** Starts the orchestration of a new response in the background. */
export async function startResponse(invocation: InvocationContext, { scope, key }: ResponseReference): Promise<void> {
  const input: ResponseInput = { ...scope, responseId: responseIdOf(key) };
  await startOrchestration(invocation, BACKGROUND_RESPONSE, input.responseId, input);
}

/** Wakes the orchestration of a response that nobody drives, or starts it where there is none. */
export async function wakeResponse(invocation: InvocationContext, reference: ResponseReference): Promise<void> {
  const start = async () => startResponse(invocation, reference);
  await wake(invocation, responseIdOf(reference.key), RESPONSE_CHANGED, start);
}

const { Completed, Failed, Terminated, Canceled } = df.OrchestrationRuntimeStatus;
const ENDED: readonly df.OrchestrationRuntimeStatus[] = [Completed, Failed, Terminated, Canceled];

/** Wakes an orchestration, or starts it where there is none at work: where none was yet, and where it failed. */
async function wake(
  invocation: InvocationContext,
  instanceId: string,
  event: string,
  start: () => Promise<void>,
): Promise<void> {
  const client = df.getClient(invocation);
  try {
    // Asked first: the client takes an event for an instance that has ended without a word.
    const { runtimeStatus } = await client.getStatus(instanceId);
    if (!ENDED.includes(runtimeStatus)) return await client.raiseEvent(instanceId, event, {});
  } catch (error) {
    warnUnlessAbsent(invocation, instanceId, error);
  }
  await start();
}
