/** Starts orchestrations from an invocation. A start that fails loses nothing: the sweep finds what is due. */
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
    const reason = error instanceof Error ? error.message : String(error);
    if (/already has the id/i.test(reason)) return;
    invocation.warn(`Orchestration ${name} ${instanceId} was not started and is left to the sweep: ${reason}`);
  }
}

/** Starts the orchestration of a new run. */
export async function startRun(invocation: InvocationContext, reference: RunReference): Promise<void> {
  addLogFields({ run: reference.runId, thread: reference.threadId });
  await startOrchestration(invocation, ASSISTANT_RUN, reference.runId, inputOf(reference));
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

async function wake(
  invocation: InvocationContext,
  instanceId: string,
  event: string,
  start: () => Promise<void>,
): Promise<void> {
  try {
    await df.getClient(invocation).raiseEvent(instanceId, event, {});
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!/\b404\b|no instance/i.test(reason)) invocation.warn(`Orchestration ${instanceId} was not woken: ${reason}`);
    await start();
  }
}
