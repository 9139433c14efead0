/** Registers the orchestration of syncs and its activity, starts and wakes it. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import { inLogScope } from '../log';
import { SYNC, sync, SYNC_CHANGED, TICK_SYNC, type SyncInput } from '../orchestrations/sync';
import type { Tick } from '../orchestrations/ticking';
import type { SyncReference } from '../retrieval/syncRecords';
import { startFileBatch } from './ingestion';
import { raiseEvent, startOrchestration } from './orchestrationStart';

export function registerSyncActivities(): void {
  df.app.orchestration(SYNC, sync);
  df.app.activity(TICK_SYNC, {
    extraInputs: [df.input.durableClient()],
    handler: async (input: SyncInput, invocation: InvocationContext) =>
      inLogScope(invocation, { tenant: input.tenant }, async () => tick(input, invocation)),
  });
}

async function tick({ tenant, project, syncId }: SyncInput, invocation: InvocationContext): Promise<Tick> {
  const ticked = await (await services()).retrieval.syncs.tick({ scope: { tenant, project }, syncId });
  if (!ticked) return { isGone: true };
  if (ticked.job) await startFileBatch(invocation, ticked.job);
  return { isGone: false, nextRunAt: ticked.nextAt * 1000 };
}

/** Starts the orchestration of a sync; should that fail, the sweep finds it by its due record. */
export async function startSync(invocation: InvocationContext, { scope, syncId }: SyncReference): Promise<void> {
  const input: SyncInput = { ...scope, syncId };
  await startOrchestration(invocation, SYNC, syncId, input);
}

/** Wakes the orchestration of a sync that is due at once or was deleted. Without the event it sees that when it looks at the record next. */
export async function wakeSync(invocation: InvocationContext, { syncId }: SyncReference): Promise<void> {
  await raiseEvent(invocation, syncId, SYNC_CHANGED);
}
