/** Runs and run steps: operations 22 to 30. */
import { services } from '../app';
import { shownStep } from '../assistants/runs';
import type { RunSink } from '../assistants/runSink';
import type { RunReference } from '../assistants/threadRecords';
import type { Call, Operation } from '../http/operation';
import { operation, pathParams } from '../http/operation';
import { listObject } from '../http/paging';
import { eventStream } from '../http/serverSentEvents';
import { isTerminal } from '../assistants/runStatus';
import type { Scope } from '../scope';
import { listOf, pageQuery } from '../wire/common';
import {
  createRunRequest,
  createThreadAndRunRequest,
  includeQuery,
  listRunStepsQuery,
  modifyMetadataRequest,
  runObject,
  runStepObject,
  submitToolOutputsRequest,
  type RunObject,
  type RunStepObject,
} from '../wire/threads';
import { withVectorStores } from './newVectorStores';
import { startRun, wakeRun } from './orchestrationStart';

const threadParams = pathParams('thread_id');
const runParams = pathParams('thread_id', 'run_id');
const stepParams = pathParams('thread_id', 'run_id', 'step_id');
const runs = async () => (await services()).runs;

/** How soon a poller should look again: SDKs read `openai-poll-after-ms`. */
const POLL_AFTER_MILLISECONDS = '200';

const referenceOf = (scope: Scope, { thread_id, run_id }: { thread_id: string; run_id: string }): RunReference => ({
  scope,
  threadId: thread_id,
  runId: run_id,
});

/**
 * Drives the run within this invocation and streams its events, begun by `opening`. The caller's leaving stops neither: the run goes on to its end. Should
 * this process die, the lease lapses and the sweep starts the run's orchestration.
 */
function streamRun(
  { connection, invocation }: Call,
  reference: RunReference,
  opening: [event: string, data: unknown][],
  includeContent = false,
): Response {
  return eventStream(
    connection,
    async (send) => {
      const sink: RunSink = async (event, data) => await send(event, isStep(data) ? shownStep(data, includeContent) : data);
      for (const [event, data] of opening) await sink(event, data);
      const state = await (await services()).advance(reference, sink);
      if (state && !isTerminal(state.run.status)) await wakeRun(invocation, reference);
      await send('done', '[DONE]');
    },
    (error) => invocation.error(`Run ${reference.runId}: its stream failed.`, error),
  );
}

const isStep = (data: unknown): data is RunStepObject =>
  typeof data === 'object' && data !== null && 'object' in data && data.object === 'thread.run.step';

const created = (run: RunObject): [string, unknown][] => [
  ['thread.run.created', run],
  ['thread.run.queued', run],
];

interface StreamOptions {
  /** Events before the run's own. */
  opening?: [event: string, data: unknown][];
  includeContent?: boolean;
}

/** The answer to a created run: its stream, or the object with its orchestration under way. */
async function begun(call: Call, run: RunObject, stream: StreamOptions | null): Promise<RunObject | Response> {
  const reference = referenceOf(call.scope, { thread_id: run.thread_id, run_id: run.id });
  if (stream) return streamRun(call, reference, [...(stream.opening ?? []), ...created(run)], stream.includeContent);
  await startRun(call.invocation, reference);
  return run;
}

export const runOperations: Operation[] = [
  operation({
    method: 'post',
    path: '/threads/runs',
    summary: 'Create a thread and run it',
    number: 22,
    body: createThreadAndRunRequest,
    response: runObject,
    handle: async (call) => {
      const { thread: described } = call.body;
      const newThread = described && { ...described, tool_resources: await withVectorStores(call, described.tool_resources) };
      const run = await (await runs()).createWithThread(call.scope, { ...call.body, thread: newThread });
      if (!call.body.stream) return await begun(call, run, null);
      const thread = await (await services()).threads.get(call.scope, run.thread_id);
      return await begun(call, run, { opening: [['thread.created', thread]] });
    },
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}/runs',
    summary: 'List runs',
    number: 23,
    params: threadParams,
    query: pageQuery,
    response: listOf(runObject),
    handle: async ({ scope, params, query }) => listObject(await (await runs()).list(scope, params.thread_id, query)),
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/runs',
    summary: 'Create a run',
    number: 24,
    params: threadParams,
    query: includeQuery,
    body: createRunRequest,
    response: runObject,
    handle: async (call) => {
      const run = await (await runs()).create(call.scope, call.params.thread_id, call.body);
      return await begun(call, run, call.body.stream ? { includeContent: Boolean(call.query['include[]']) } : null);
    },
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}/runs/{run_id}',
    summary: 'Get a run',
    number: 25,
    params: runParams,
    response: runObject,
    handle: async ({ scope, params }) =>
      Response.json(await (await runs()).get(referenceOf(scope, params)), {
        headers: { 'openai-poll-after-ms': POLL_AFTER_MILLISECONDS },
      }),
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/runs/{run_id}',
    summary: 'Modify a run',
    number: 26,
    params: runParams,
    body: modifyMetadataRequest,
    response: runObject,
    handle: async ({ scope, params, body }) => await (await runs()).modify(referenceOf(scope, params), body.metadata),
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/runs/{run_id}/submit_tool_outputs',
    summary: 'Submit tool outputs to a run',
    number: 27,
    params: runParams,
    body: submitToolOutputsRequest,
    response: runObject,
    handle: async (call) => {
      const reference = referenceOf(call.scope, call.params);
      const { run, step } = await (await runs()).submitToolOutputs(reference, call.body.tool_outputs);
      if (call.body.stream) {
        return streamRun(call, reference, [
          ['thread.run.step.completed', step],
          ['thread.run.queued', run],
        ]);
      }
      await wakeRun(call.invocation, reference);
      return run;
    },
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/runs/{run_id}/cancel',
    summary: 'Cancel a run',
    number: 28,
    params: runParams,
    response: runObject,
    handle: async ({ scope, params, invocation }) => {
      const reference = referenceOf(scope, params);
      const run = await (await runs()).cancel(reference);
      await wakeRun(invocation, reference);
      return run;
    },
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}/runs/{run_id}/steps',
    summary: 'List run steps',
    number: 29,
    params: runParams,
    query: listRunStepsQuery,
    response: listOf(runStepObject),
    handle: async ({ scope, params, query }) =>
      listObject(await (await runs()).listSteps(referenceOf(scope, params), query, Boolean(query['include[]']))),
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}/runs/{run_id}/steps/{step_id}',
    summary: 'Get a run step',
    number: 30,
    params: stepParams,
    query: includeQuery,
    response: runStepObject,
    handle: async ({ scope, params, query }) =>
      await (await runs()).getStep(referenceOf(scope, params), params.step_id, Boolean(query['include[]'])),
  }),
];
