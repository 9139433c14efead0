/** Runs and run steps: operations 22 to 30. */
import { services } from '../app';
import { errors, RunHandedOverError } from '../errors';
import { isOf } from '../assistants/objectKind';
import { driveRun } from '../assistants/driveRun';
import { shownStep } from '../assistants/runs';
import type { RunSink, StepDelta } from '../assistants/runSink';
import type { RunReference } from '../assistants/threadRecords';
import { faultLogger } from '../log';
import { asksForOlderForm } from '../http/assistantsVersion';
import { isFault } from '../http/errorResponse';
import type { Call, Operation } from '../http/operation';
import { aboutObject, operation, pathParams, polled } from '../http/operation';
import { listObject } from '../http/paging';
import { eventStream } from '../http/serverSentEvents';
import { isTerminal } from '../assistants/runStatus';
import type { Scope } from '../scope';
import { listOf, pageQuery } from '../wire/common';
import { flowRunRequest, flowThreadAndRunRequest } from '../wire/connector';
import { withoutRepeatedResources } from '../wire/repeatedResources';
import {
  createRunRequest,
  createThreadAndRunRequest,
  includeQuery,
  includesContent,
  listRunStepsQuery,
  modifyMetadataRequest,
  runObject,
  runStepObject,
  submitToolOutputsRequest,
  type RunObject,
  type RunStepObject,
} from '../wire/threads';
import { shownRun, shownStepDelta } from './projectAnswers';
import { withNamedTools } from './namedTools';
import { beginIngestion, withThreadVectorStores } from './newVectorStores';
import { inFormOf, inOlderForm } from './olderForm';
import { startRun, wakeRun } from './orchestrationStart';

const threadParams = pathParams('thread_id');
const runParams = pathParams('thread_id', 'run_id');
const stepParams = pathParams('thread_id', 'run_id', 'step_id');
const runs = async () => (await services()).runs;

const referenceOf = (scope: Scope, { thread_id, run_id }: { thread_id: string; run_id: string }): RunReference => ({
  scope,
  threadId: thread_id,
  runId: run_id,
});

interface StreamOptions {
  /** Events before those of driving the run. */
  opening: [event: string, data: unknown][];
  includeContent?: boolean;
  /** Who has the run's lease already. */
  owner?: string;
}

/**
 * Drives the run within this invocation and streams its events, begun by `opening`. The caller's leaving stops neither: the run goes on to its end. Should
 * this process die, the lease lapses and the sweep starts the run's orchestration.
 */
function streamRun(
  call: Call,
  reference: RunReference,
  { opening, includeContent = false, owner }: StreamOptions,
): Response {
  const { connection, invocation, scope } = call;
  const isOlder = asksForOlderForm(call);
  const logFault = faultLogger();
  const stream = eventStream(
    connection,
    async (send) => {
      let last = '';
      const sink: RunSink = async (event, data) => {
        last = event;
        const given = shown(call, data, includeContent);
        await send(event, isOlder ? await inOlderForm(scope, given) : given);
      };
      for (const [event, data] of opening) await sink(event, data);
      const { advance, assistantsPorts } = await services();
      const run = await driveRun(advance, reference, { sink, owner, ending: assistantsPorts.ending });
      if (!run) throw errors.noRun(reference.runId);
      // Where another owner ended the run, its end was not told yet.
      if (last !== `thread.run.${run.status}`) await sink(`thread.run.${run.status}`, run);
      if (!isTerminal(run.status)) await wakeRun(invocation, reference);
      await send('done', '[DONE]');
    },
    (error) => {
      if (isFault(error) && !(error instanceof RunHandedOverError)) logFault('The stream of a run failed.', error);
    },
  );
  return aboutObject(stream, reference.runId);
}

/** The data of an event as callers of today's form see it. */
function shown(call: Call, data: unknown, includeContent: boolean): unknown {
  if (isOf<RunStepObject>(data, 'thread.run.step')) return shownStep(data, includeContent);
  if (isOf<StepDelta>(data, 'thread.run.step.delta')) return shownStepDelta(call, data);
  return isOf<RunObject>(data, 'thread.run') ? shownRun(call, data) : data;
}

const created = (run: RunObject): [string, unknown][] => [
  ['thread.run.created', run],
  ['thread.run.queued', run],
];

/** The answer to a created run: its stream, or the object with its orchestration under way. */
async function begun(call: Call, run: RunObject, stream: Partial<StreamOptions> | null): Promise<unknown> {
  const reference = referenceOf(call.scope, { thread_id: run.thread_id, run_id: run.id });
  if (stream) return streamRun(call, reference, { ...stream, opening: [...(stream.opening ?? []), ...created(run)] });
  await startRun(call.invocation, reference);
  return shownRun(call, run);
}

export const runOperations: Operation[] = [
  operation({
    method: 'post',
    path: '/threads/runs',
    summary: 'Create a thread and run it',
    number: 22,
    query: includeQuery,
    body: withoutRepeatedResources(createThreadAndRunRequest),
    projectBody: withoutRepeatedResources(flowThreadAndRunRequest),
    response: runObject,
    handle: async (call) => {
      const body = await withNamedTools(call.scope, call.body);
      const { thread } = body;
      const run = await withThreadVectorStores(call, thread?.tool_resources, async (tool_resources) =>
        (await runs()).createWithThread(
          call.scope,
          { ...body, thread: thread && { ...thread, tool_resources } },
          { begin: beginIngestion(call) },
        ),
      );
      if (!call.body.stream) return begun(call, run, null);
      const made = await (await services()).threads.get(call.scope, run.thread_id);
      return begun(call, run, { opening: [['thread.created', made]], includeContent: includesContent(call.query) });
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
    handle: async (call) => {
      const { data, hasMore } = await (await runs()).list(call.scope, call.params.thread_id, call.query);
      return listObject({ data: data.map((run) => shownRun(call, run)), hasMore });
    },
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/runs',
    summary: 'Create a run',
    number: 24,
    params: threadParams,
    query: includeQuery,
    body: createRunRequest,
    projectBody: flowRunRequest,
    response: runObject,
    handle: async (call) => {
      const body = await withNamedTools(call.scope, call.body);
      const run = await (await runs()).create(call.scope, call.params.thread_id, body, { begin: beginIngestion(call) });
      return begun(call, run, call.body.stream ? { includeContent: includesContent(call.query) } : null);
    },
  }),
  operation({
    method: 'get',
    path: '/threads/{thread_id}/runs/{run_id}',
    summary: 'Get a run',
    number: 25,
    params: runParams,
    response: runObject,
    handle: async (call) =>
      polled(await inFormOf(call, shownRun(call, await (await runs()).get(referenceOf(call.scope, call.params))))),
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/runs/{run_id}',
    summary: 'Modify a run',
    number: 26,
    params: runParams,
    body: modifyMetadataRequest,
    response: runObject,
    // Without a body, as the Foundry connector gets a run, it is answered as it is.
    handle: async (call) =>
      shownRun(call, await (await runs()).modify(referenceOf(call.scope, call.params), call.body.metadata)),
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/runs/{run_id}/submit_tool_outputs',
    summary: 'Submit tool outputs to a run',
    number: 27,
    params: runParams,
    query: includeQuery,
    body: submitToolOutputsRequest,
    response: runObject,
    handle: async (call) => {
      const reference = referenceOf(call.scope, call.params);
      // Leased in the same write: the run's orchestration, which may look at it just now, must leave it to the stream.
      const owner = call.body.stream ? call.requestId : undefined;
      const { run, step } = await (await runs()).submitToolOutputs(reference, call.body.tool_outputs, owner);
      if (owner !== undefined) {
        const opening: StreamOptions['opening'] = [
          ['thread.run.step.completed', step],
          ['thread.run.queued', run],
        ];
        return streamRun(call, reference, { opening, includeContent: includesContent(call.query), owner });
      }
      await wakeRun(call.invocation, reference);
      return shownRun(call, run);
    },
  }),
  operation({
    method: 'post',
    path: '/threads/{thread_id}/runs/{run_id}/cancel',
    summary: 'Cancel a run',
    number: 28,
    params: runParams,
    response: runObject,
    handle: async (call) => {
      const reference = referenceOf(call.scope, call.params);
      const run = await (await runs()).cancel(reference);
      await wakeRun(call.invocation, reference);
      return shownRun(call, run);
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
      listObject(await (await runs()).listSteps(referenceOf(scope, params), query, includesContent(query))),
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
      (await runs()).getStep(referenceOf(scope, params), params.step_id, includesContent(query)),
  }),
];
