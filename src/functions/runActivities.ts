/** Registers the orchestration of runs and its activity. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import { isTerminal } from '../assistants/runStatus';
import { inLogScope } from '../log';
import { ADVANCE_RUN, ASSISTANT_RUN, assistantRun, type RunInput } from '../orchestrations/assistantRun';
import type { Advanced } from '../orchestrations/driving';

export function registerRunActivities(): void {
  df.app.orchestration(ASSISTANT_RUN, assistantRun);
  df.app.activity(ADVANCE_RUN, {
    handler: async (input: RunInput, invocation: InvocationContext) =>
      inLogScope(invocation, { tenant: input.tenant }, async () => advance(input)),
  });
}

async function advance({ tenant, project, threadId, runId }: RunInput): Promise<Advanced> {
  const state = await (await services()).advance({ scope: { tenant, project }, threadId, runId });
  if (!state || isTerminal(state.run.status)) return { state: 'done' };
  if (state.busyUntil !== undefined) return { state: 'busy', until: state.busyUntil };
  return { state: 'waiting', until: (state.run.expires_at ?? 0) * 1000 };
}
