/** One episode: replays an orchestrator over its history and new messages, and says what follows. Changes nothing itself. */
import { randomBytes } from 'node:crypto';
import type { FunctionInvoker } from '../functionInvoker';
import type { TypedData } from '../typedData';
import { walkActions, type Decision, type WalkResult } from './actionsWalk';
import { historyEvent, type HistoryEvent } from './historyEvent';
import type { Instance, InstanceRecord } from './instance';
import { OrchestratorAnswerError, readAnswer, readFailure, type OrchestratorAnswer } from './orchestratorAnswer';

/** How an instance ended. `output` is JSON text. */
export interface InstanceEnd {
  status: 'Completed' | 'Failed' | 'Terminated';
  output: string;
  /** What a parent is told of a failure. */
  failure?: { reason: string; details: string };
}

/** What follows from an episode. */
export interface EpisodeOutcome {
  /** All events that the episode adds to the history. */
  events: HistoryEvent[];
  decisions: Decision[];
  /** Ids of cancelled timers. */
  cancelled: number[];
  /** JSON text, or null. */
  customStatus: string | null;
  end?: InstanceEnd;
  /** The instance begins anew; `input` is JSON text. */
  continueAsNew?: { executionId: string; input: string; carried: HistoryEvent[] };
  warnings: { level: 'warn' | 'error'; text: string }[];
}

/** A new id of a generation. */
export function newExecutionId(): string {
  return randomBytes(16).toString('hex');
}

/** Replays `record`'s orchestrator. `messages` begin with ExecutionStarted in a first episode; `at` is the episode's time. */
export async function runEpisode(
  instance: Pick<Instance, 'history'>,
  record: InstanceRecord,
  messages: readonly HistoryEvent[],
  at: number,
  invoker: FunctionInvoker,
): Promise<EpisodeOutcome> {
  const fresh = [historyEvent('OrchestratorStarted', at), ...messages];
  const history = [...instance.history, ...fresh];
  try {
    const answer = await replay(record, history, invoker);
    const walk = walkActions(answer.actions, {
      instanceId: record.id,
      executionId: record.executionId,
      parentInstanceId: record.parent?.OrchestrationInstance.InstanceId,
      history,
      knows: (kind, name) => (kind === 'activity' ? invoker.activities : invoker.orchestrators).has(name.toLowerCase()),
    });
    return conclude(record, fresh, answer, walk, at);
  } catch (error) {
    return failed(record, fresh, error instanceof Error ? error.message : String(error), at);
  }
}

/** The episode of an instance that a newer release began, which this host's must not go on with. */
export function refusedVersion(
  record: InstanceRecord,
  version: string,
  messages: readonly HistoryEvent[],
  at: number,
): EpisodeOutcome {
  const error = `Its version '${record.version}' is newer than '${version}', the defaultVersion of this host.`;
  return failed(record, [historyEvent('OrchestratorStarted', at), ...messages], error, at);
}

/** Runs the orchestrator function. Throws an Error whose message is the instance's failure. */
async function replay(
  record: InstanceRecord,
  history: readonly HistoryEvent[],
  invoker: FunctionInvoker,
): Promise<OrchestratorAnswer> {
  const target = invoker.orchestrators.get(record.name.toLowerCase());
  if (!target) throw new OrchestratorAnswerError('there is no such orchestrator function.');
  const input: TypedData = { string: triggerInput(record, history) };
  let returned: TypedData | null | undefined;
  try {
    returned = await invoker.invoke(target.name, [{ name: target.bindingName, data: input }], {
      [target.bindingName]: input,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const answer = readFailure(message);
    if (!answer) throw error;
    return answer;
  }
  if (returned && 'json' in returned && returned.json !== undefined) return readAnswer(returned.json);
  if (returned && 'string' in returned && returned.string !== undefined) return readAnswer(returned.string);
  throw new OrchestratorAnswerError('the function returned nothing. Is it registered with df.app.orchestration?');
}

/** What the orchestration trigger receives. The record's input is JSON text already. */
function triggerInput(record: InstanceRecord, history: readonly HistoryEvent[]): string {
  const rest = JSON.stringify({
    instanceId: record.id,
    isReplaying: history[1]?.IsPlayed ?? false,
    parentInstanceId: record.parent?.OrchestrationInstance.InstanceId ?? null,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: 2,
    longRunningTimerIntervalDuration: '3.00:00:00',
    maximumShortTimerDuration: '6.00:00:00',
    // The library's spelling.
    defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
  });
  return `{"history":${JSON.stringify(history)},"input":${record.input ?? 'null'},${rest.slice(1)}`;
}

function conclude(
  record: InstanceRecord,
  fresh: HistoryEvent[],
  answer: OrchestratorAnswer,
  walk: WalkResult,
  at: number,
): EpisodeOutcome {
  const outcome: EpisodeOutcome = {
    events: [...fresh, ...walk.decisions.map((decision) => decisionEvent(decision, at))],
    decisions: walk.decisions,
    cancelled: walk.cancelled,
    customStatus: answer.customStatus,
    warnings: warnings(record, answer, walk),
  };
  if (walk.finished && answer.error) outcome.end = failure(record.name, answer.error);
  else if (walk.finished && answer.isDone && walk.continueAsNew) {
    const input = JSON.stringify(walk.continueAsNew.input ?? null);
    outcome.continueAsNew = { executionId: newExecutionId(), input, carried: walk.carried };
  } else if (walk.finished && answer.isDone) outcome.end = { status: 'Completed', output: answer.output };
  close(outcome, at);
  return outcome;
}

function failed(record: InstanceRecord, fresh: HistoryEvent[], error: string, at: number): EpisodeOutcome {
  const outcome: EpisodeOutcome = {
    events: fresh,
    decisions: [],
    cancelled: [],
    customStatus: record.customStatus,
    end: failure(record.name, error),
    warnings: [],
  };
  close(outcome, at);
  return outcome;
}

function failure(name: string, error: string): InstanceEnd {
  const reason = `Orchestrator function '${name}' failed: ${error}`;
  const details = `Message: ${error}, StackTrace: `;
  return { status: 'Failed', output: JSON.stringify(reason), failure: { reason, details } };
}

function close({ events, end }: EpisodeOutcome, at: number): void {
  if (end) events.push(endEvent(end, at));
  events.push(historyEvent('OrchestratorCompleted', at));
}

/** The last event of an instance that ended. */
export function endEvent(end: InstanceEnd, at: number): HistoryEvent {
  return historyEvent('ExecutionCompleted', at, { OrchestrationStatus: end.status, Result: end.output });
}

function decisionEvent(decision: Decision, at: number): HistoryEvent {
  const { id } = decision;
  switch (decision.kind) {
    case 'activity':
      return historyEvent('TaskScheduled', at, { EventId: id, Name: decision.name, Version: null, Input: null });
    case 'timer':
      return historyEvent('TimerCreated', at, { EventId: id, FireAt: new Date(decision.fireAt).toISOString() });
    case 'subOrchestration':
      return historyEvent('SubOrchestrationInstanceCreated', at, {
        EventId: id,
        Name: decision.name,
        Version: decision.version,
        InstanceId: decision.instanceId,
        Input: null,
      });
  }
}

/** Mistakes that the real host passes over in silence; see ARCHITECTURE.md. */
function warnings(record: InstanceRecord, answer: OrchestratorAnswer, walk: WalkResult): EpisodeOutcome['warnings'] {
  const who = `Orchestration '${record.id}' (${record.name})`;
  const found: EpisodeOutcome['warnings'] = walk.unknown.map(({ kind, name }) => ({
    level: 'error',
    text: `${who} calls the ${kind} '${name}', which does not exist: it will wait for it for ever.`,
  }));
  if (answer.error === '') {
    const text = `${who} threw an error without a message: it will neither complete nor fail, as on the real host.`;
    found.push({ level: 'error', text });
  }
  if ((answer.isDone || answer.error) && walk.open > 0) {
    const text = `${who} has ended, but stays Running until its open tasks complete. Cancel timers that are no longer needed.`;
    found.push({ level: 'warn', text });
  }
  if (walk.continueAsNew && walk.unclaimed.length > 0) {
    const text = `${who} continues as new and loses events that it has not awaited: ${walk.unclaimed.join(', ')}.`;
    found.push({ level: 'warn', text });
  }
  return found;
}
