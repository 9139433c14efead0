/** Runs and their steps as callers see them (operations 22 to 30); what moves a run is advanceRun. */
import { ApiError, errors } from '../errors';
import type { Scope } from '../scope';
import { orderKey } from '../storage/keys';
import { LEASE_MILLISECONDS } from '../storage/leasedRecord';
import { withRetries } from '../storage/optimistic';
import { pageOf } from '../storage/pages';
import type { Change, PageRequest, StoredRecord } from '../storage/ports';
import type { AssistantObject } from '../wire/assistants';
import type { Metadata } from '../wire/common';
import type {
  CreateRunRequest,
  CreateThreadAndRunRequest,
  CreateThreadRequest,
  RunObject,
  RunStepObject,
  ToolOutputs,
} from '../wire/threads';
import { searches } from './assistantFiles';
import type { Assistants } from './assistants';
import { askedMessages, asRunsHave, checkMessages, withMessageFiles, type JoinThread } from './messageFiles';
import { creationOf, newMessage } from './messages';
import type { AssistantsPorts, BeginIngestion } from './ports';
import { checkRunSupport, newRun } from './newRun';
import { isTerminal } from './runStatus';
import { checkToolResources, withToolResources } from './toolResources';
import {
  runDue,
  runKey,
  stepsList,
  threadKey,
  threadPartition,
  RUNS,
  type RunRecord,
  type RunReference,
  type StepRecord,
  type ThreadRecord,
} from './threadRecords';
import type { Threads } from './threads';

/** Seconds after which the sweep looks whether a run that should be driven is. */
export const DRIVE_GRACE_SECONDS = 10;

/** `begin` starts the ingestion of attached files, which otherwise the sweep does; `runId` is one that the caller chose. */
interface CreateRunOptions {
  begin?: BeginIngestion;
  runId?: string;
}

type NewRun = CreateRunRequest & Pick<CreateThreadAndRunRequest, 'tool_resources'>;

export type Runs = ReturnType<typeof createRuns>;

/** The runs of a scope. Methods throw 404 for an id that is not there. */
export function createRuns(ports: AssistantsPorts, assistants: Assistants, threads: Threads) {
  const { records, now } = ports;

  async function read(reference: RunReference): Promise<StoredRecord<RunRecord>> {
    await threads.get(reference.scope, reference.threadId);
    const found = await records.get<RunRecord>(runKey(reference));
    if (!found) throw errors.noRun(reference.runId);
    return found;
  }

  const get = async (reference: RunReference): Promise<RunObject> => (await read(reference)).value.run;

  /** Throws what `create` on the thread, or without one `createWithThread`, would throw for the body; makes nothing. */
  async function check(
    scope: Scope,
    body: CreateThreadAndRunRequest & CreateRunRequest,
    threadId?: string,
  ): Promise<void> {
    if (threadId === undefined) {
      await threads.check(scope, threadOf(body), 'thread.');
      await checkToolResources(ports, scope, body.tool_resources);
    } else await threads.get(scope, threadId);
    checkRunSupport(ports, await assistants.get(scope, body.assistant_id), body);
    await checkMessages(ports, scope, askedMessages('additional_messages', body.additional_messages));
  }

  /** The run of an id that its creator chose, if it is there already. */
  async function created(scope: Scope, threadId: string, runId?: string): Promise<RunObject | undefined> {
    if (runId === undefined) return undefined;
    return (await records.get<RunRecord>(runKey({ scope, threadId, runId })))?.value.run;
  }

  /** The assistant as the run will have it. Throws for a run that cannot be. */
  async function assistantFor(scope: Scope, body: NewRun, begin?: BeginIngestion): Promise<AssistantObject> {
    const assistant = await assistants.forRun(scope, body.assistant_id, body.tools, begin);
    checkRunSupport(ports, assistant, body);
    await checkToolResources(ports, scope, body.tool_resources);
    return assistant;
  }

  /**
   * Creates the run and locks its thread in one write. Nothing drives it yet: the caller starts its orchestration, or the sweep will. With an id of
   * its own, creating it again gives the run that is there.
   */
  async function create(
    scope: Scope,
    threadId: string,
    body: NewRun,
    options: CreateRunOptions = {},
  ): Promise<RunObject> {
    const there = await created(scope, threadId, options.runId);
    return there ?? createWith(await assistantFor(scope, body, options.begin), scope, threadId, body, options);
  }

  async function createWith(
    assistant: AssistantObject,
    scope: Scope,
    threadId: string,
    body: NewRun,
    { begin, runId }: CreateRunOptions,
  ): Promise<RunObject> {
    const ownResources = body.tool_resources ? withToolResources({}, body.tool_resources) : undefined;
    const asked = askedMessages('additional_messages', body.additional_messages);
    const messages = asked.map((message) => newMessage(message.body, threadId, now(), message.path));
    const attempt = async (join: JoinThread) => {
      const thread = await records.get<ThreadRecord>(threadKey(scope, threadId));
      if (!thread) throw errors.noThread(threadId);
      // Another attempt may have been faster; the write below fails if it comes between.
      const other = await created(scope, threadId, runId);
      if (other) return other;
      if (thread.value.active_run_id) throw errors.threadHasActiveRun(threadId, thread.value.active_run_id);
      const joined = await join(thread.value, searches(body.tools ?? assistant.tools));
      const run = { ...newRun(ports, assistant, asRunsHave(joined), body, ownResources), ...(runId && { id: runId }) };
      const reference: RunReference = { scope, threadId, runId: run.id };
      const due = runDue(reference, run.created_at + DRIVE_GRACE_SECONDS);
      const order = orderKey(now(), thread.value.last_order);
      let last_order = order;
      const creations = messages.map((message) => {
        const creation = creationOf(message, now(), last_order);
        last_order = creation.order;
        return creation;
      });
      const record: RunRecord = {
        run,
        additional_instructions: body.additional_instructions ?? null,
        lease: null,
        due_at: due.at,
        last_order,
      };
      const changes: Change[] = [
        {
          op: 'replace',
          list: 'thread',
          id: threadId,
          value: { ...joined, active_run_id: run.id, last_order },
          ifMatch: thread.etag,
        },
        { op: 'create', list: RUNS, id: run.id, order, value: record },
        ...creations,
      ];
      await records.write(threadPartition(scope, threadId), changes, { add: [due] });
      return run;
    };
    return withMessageFiles(ports, scope, asked, begin, async (join) => withRetries(async () => attempt(join)));
  }

  /** With ids of their own, creating them again gives the run that is there. */
  async function createWithThread(
    scope: Scope,
    body: CreateThreadAndRunRequest,
    { begin, threadId, runId }: CreateRunOptions & { threadId?: string } = {},
  ): Promise<RunObject> {
    const there = threadId === undefined ? undefined : await created(scope, threadId, runId);
    if (there) return there;
    const threadBody = threadOf(body);
    // Before the thread is made: a run that cannot be should leave none behind.
    const assistant = await assistantFor(scope, body, begin);
    const thread = await threads.create(scope, threadBody, { begin, path: 'thread.', ownId: threadId });
    try {
      return await createWith(assistant, scope, thread.id, body, { begin, runId });
    } catch (error) {
      await threads.remove(scope, thread.id);
      throw error;
    }
  }

  async function modify(reference: RunReference, metadata: Metadata | null | undefined): Promise<RunObject> {
    return withRetries(async () => {
      const { value, etag } = await read(reference);
      if (metadata === undefined) return value.run;
      const run = { ...value.run, metadata: metadata ?? {} };
      await replace(reference, { ...value, run }, etag);
      return run;
    });
  }

  /** Asks the run to stop; whoever drives it, or the orchestration that is told next, ends it as cancelled. */
  async function cancel(reference: RunReference): Promise<RunObject> {
    return withRetries(async () => {
      const { value, etag } = await read(reference);
      if (value.run.status === 'cancelling') return value.run;
      if (isTerminal(value.run.status)) throw errors.runNotCancellable(value.run.status);
      const run: RunObject = { ...value.run, status: 'cancelling', required_action: null };
      await replaceAndWatch(reference, { ...value, run }, etag);
      return run;
    });
  }

  /**
   * Puts the outputs into the run's open step and queues the run again, leased to `owner` if there is one. Throws 400 unless the run waits for
   * exactly these calls.
   */
  async function submitToolOutputs(
    reference: RunReference,
    outputs: ToolOutputs,
    owner?: string,
  ): Promise<{ run: RunObject; step: RunStepObject }> {
    return withRetries(async () => {
      const { value, etag } = await read(reference);
      const { run } = value;
      if (run.status !== 'requires_action' || !run.required_action) throw errors.runDoesNotTakeOutputs(run.status);
      // Its time is over, even if nobody ended it yet.
      if (run.expires_at !== null && now() >= run.expires_at * 1000) throw errors.runDoesNotTakeOutputs('expired');
      const expected = run.required_action.submit_tool_outputs.tool_calls.map(({ id }) => id);
      const given = outputs.map((output) => output.tool_call_id);
      if (expected.length !== given.length || !expected.every((id) => given.includes(id)))
        throw errors.toolOutputsMismatch(expected, given);
      const steps = await records.list<StepRecord>(
        threadPartition(reference.scope, reference.threadId),
        stepsList(run.id),
        {
          order: 'desc',
          limit: 1,
        },
      );
      const open = steps.records[0];
      if (!open) throw new Error(`Run ${run.id} requires action without a step.`);
      const step = withOutputs(open.value.step, outputs, Math.floor(now() / 1000));
      const queued: RunObject = { ...run, status: 'queued', required_action: null };
      const lease = owner === undefined ? null : { owner, until: now() + LEASE_MILLISECONDS };
      await replaceAndWatch(reference, { ...value, run: queued, lease }, etag, [
        { op: 'replace', list: stepsList(run.id), id: step.id, value: { ...open.value, step }, ifMatch: open.etag },
      ]);
      return { run: queued, step };
    });
  }

  async function replace(reference: RunReference, record: RunRecord, etag: string): Promise<void> {
    await records.write(threadPartition(reference.scope, reference.threadId), [
      { op: 'replace', list: RUNS, id: reference.runId, value: record, ifMatch: etag },
    ]);
  }

  /** Replaces the run and sees to it that the sweep finds it soon if nobody drives it on. */
  async function replaceAndWatch(
    reference: RunReference,
    record: RunRecord,
    etag: string,
    others: Change[] = [],
  ): Promise<void> {
    const due = runDue(reference, Math.floor(now() / 1000) + DRIVE_GRACE_SECONDS);
    await records.write(
      threadPartition(reference.scope, reference.threadId),
      [
        { op: 'replace', list: RUNS, id: reference.runId, value: { ...record, due_at: due.at }, ifMatch: etag },
        ...others,
      ],
      { add: [due], remove: [runDue(reference, record.due_at)] },
    );
  }

  async function list(scope: Scope, threadId: string, page: PageRequest) {
    await threads.get(scope, threadId);
    const found = await pageOf<RunRecord>(records, threadPartition(scope, threadId), RUNS, page);
    return { data: found.data.map(({ run }) => run), hasMore: found.hasMore };
  }

  async function listSteps(reference: RunReference, page: PageRequest, includeContent: boolean) {
    await read(reference);
    const partition = threadPartition(reference.scope, reference.threadId);
    const found = await pageOf<StepRecord>(records, partition, stepsList(reference.runId), page);
    return { data: found.data.map(({ step }) => shownStep(step, includeContent)), hasMore: found.hasMore };
  }

  async function getStep(reference: RunReference, stepId: string, includeContent: boolean): Promise<RunStepObject> {
    await read(reference);
    const partition = threadPartition(reference.scope, reference.threadId);
    const found = await records.get<StepRecord>({ partition, list: stepsList(reference.runId), id: stepId });
    if (!found) throw errors.noRunStep(stepId);
    return shownStep(found.value.step, includeContent);
  }

  return { get, check, create, createWithThread, modify, cancel, submitToolOutputs, list, listSteps, getStep };
}

/** The thread that create-thread-and-run makes. Throws 400 for options that do not go together. */
function threadOf({ thread, stream, stream_options }: CreateThreadAndRunRequest): CreateThreadRequest {
  if (stream_options && !stream) {
    throw errors.invalidParameter(
      "'stream_options' is only taken with 'stream': true.",
      'invalid_value',
      'stream_options',
    );
  }
  return thread ?? {};
}

/**
 * The step as callers see it: without the contents of its search results, unless they asked for them by `include[]`, and without usage while it is in progress,
 * as the contract has it.
 */
export function shownStep(stored: RunStepObject, includeContent: boolean): RunStepObject {
  const step = stored.status === 'in_progress' ? { ...stored, usage: null } : stored;
  if (includeContent || step.step_details.type !== 'tool_calls') return step;
  const calls = step.step_details.tool_calls.map((call) => {
    if (call.type !== 'file_search') return call;
    const results = call.file_search.results.map(({ content: _content, ...result }) => result);
    return { ...call, file_search: { ...call.file_search, results } };
  });
  return { ...step, step_details: { type: 'tool_calls', tool_calls: calls } };
}

function withOutputs(step: RunStepObject, outputs: ToolOutputs, at: number): RunStepObject {
  if (step.step_details.type !== 'tool_calls') throw new ApiError(500, `Step ${step.id} takes no tool outputs.`);
  const byId = new Map(outputs.map(({ tool_call_id, output }) => [tool_call_id, output]));
  const calls = step.step_details.tool_calls.map((call) =>
    call.type === 'function' ? { ...call, function: { ...call.function, output: byId.get(call.id) ?? null } } : call,
  );
  return { ...step, status: 'completed', completed_at: at, step_details: { type: 'tool_calls', tool_calls: calls } };
}
