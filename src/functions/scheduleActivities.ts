/** Registers the orchestration of schedules and its activity, starts and ends it. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import { inLogScope } from '../log';
import {
  SCHEDULE,
  schedule,
  SCHEDULE_CHANGED,
  TICK_SCHEDULE,
  type ScheduleInput,
  type ScheduleTick,
} from '../orchestrations/schedule';
import type { ScheduleReference } from '../schedules/scheduleRecords';
import { raiseEvent, startOrchestration, startRun } from './orchestrationStart';

export function registerScheduleActivities(): void {
  df.app.orchestration(SCHEDULE, schedule);
  df.app.activity(TICK_SCHEDULE, {
    extraInputs: [df.input.durableClient()],
    handler: async (input: ScheduleInput, invocation: InvocationContext) =>
      inLogScope(invocation, { tenant: input.tenant }, async () => tick(input, invocation)),
  });
}

async function tick(
  { tenant, project, scheduleId }: ScheduleInput,
  invocation: InvocationContext,
): Promise<ScheduleTick> {
  const scope = { tenant, project };
  const ticked = await (await services()).schedules.tick({ scope, scheduleId });
  if (!ticked) return { isGone: true };
  if (ticked.started) await startRun(invocation, { scope, ...ticked.started });
  return { isGone: false, nextRunAt: ticked.nextRunAt * 1000 };
}

/** Starts the orchestration of a schedule; should that fail, the sweep finds it by its due record. */
export async function startSchedule(
  invocation: InvocationContext,
  { scope, scheduleId }: ScheduleReference,
): Promise<void> {
  const input: ScheduleInput = { ...scope, scheduleId };
  await startOrchestration(invocation, SCHEDULE, scheduleId, input);
}

/** Wakes the orchestration of a schedule that was deleted, which ends it. Without the event it ends when it looks at the record next. */
export async function endSchedule(invocation: InvocationContext, scheduleId: string): Promise<void> {
  await raiseEvent(invocation, scheduleId, SCHEDULE_CHANGED);
}
