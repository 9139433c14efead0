/** Schedules of runs, an extension beside the contract. */
import { services } from '../app';
import { shownSampling } from '../assistants/shownSampling';
import type { Family } from '../http/family';
import { operation, pathParams } from '../http/operation';
import { listObject } from '../http/paging';
import { deletedObject, listOf, pageQuery } from '../wire/common';
import { createScheduleRequest, scheduleObject } from '../wire/schedules';
import { runObject } from '../wire/threads';
import { withVectorStores } from './newVectorStores';
import { startRun } from './orchestrationStart';
import { endSchedule, startSchedule } from './scheduleActivities';

const params = pathParams('schedule_id');
const schedules = async () => (await services()).schedules;

/** Each tick makes its thread and messages in one write, and writes the record with the body. */
const MAX_BODY_BYTES = 512 * 1024;

export const schedulesFamily: Family = {
  name: 'schedules',
  operations: [
    operation({
      method: 'get',
      path: '/schedules',
      summary: 'List schedules',
      query: pageQuery,
      response: listOf(scheduleObject),
      handle: async ({ scope, query }) => listObject(await (await schedules()).list(scope, query)),
    }),
    operation({
      method: 'post',
      path: '/schedules',
      summary: 'Create a schedule, which starts runs by a cron expression',
      body: createScheduleRequest,
      maxBodyBytes: MAX_BODY_BYTES,
      response: scheduleObject,
      handle: async (call) => {
        const { scope, body, invocation } = call;
        const { thread } = body.run;
        // A store that the body describes is made once, now: all its runs search it.
        const schedule = await withVectorStores(call, thread?.tool_resources, async (tool_resources) =>
          (await schedules()).create(scope, {
            ...body,
            run: { ...body.run, thread: thread && { ...thread, tool_resources } },
          }),
        );
        await startSchedule(invocation, { scope, scheduleId: schedule.id });
        return schedule;
      },
    }),
    operation({
      method: 'get',
      path: '/schedules/{schedule_id}',
      summary: 'Get a schedule',
      params,
      response: scheduleObject,
      handle: async ({ scope, params }) => (await schedules()).get(scope, params.schedule_id),
    }),
    operation({
      method: 'delete',
      path: '/schedules/{schedule_id}',
      summary: 'Delete a schedule',
      params,
      response: deletedObject('schedule.deleted'),
      handle: async ({ scope, params, invocation }) => {
        const deleted = await (await schedules()).remove(scope, params.schedule_id);
        await endSchedule(invocation, params.schedule_id);
        return deleted;
      },
    }),
    operation({
      method: 'post',
      path: '/schedules/{schedule_id}/run',
      summary: 'Start a run of a schedule now',
      params,
      response: runObject,
      handle: async ({ scope, params, invocation }) => {
        const run = await (await schedules()).runNow(scope, params.schedule_id);
        await startRun(invocation, { scope, threadId: run.thread_id, runId: run.id });
        return shownSampling(run);
      },
    }),
  ],
};
