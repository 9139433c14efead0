/**
 * The host's side of a replay: walks the actions that an orchestrator returned along its history and finds what to start. It gives
 * out task ids in exactly the order in which the real host does (see ARCHITECTURE.md beside this file), for the library counts along.
 * A pure function of history and actions.
 */
import { completedTask, EventType, eventName, schedulesTask, type EventName, type HistoryEvent } from './historyEvent';
import { ActionType, type Action, type RetryOptions } from './orchestratorAnswer';

/** Something that the walk found to be started for the first time. */
export type Decision =
  | { kind: 'activity'; id: number; name: string; input: unknown }
  | { kind: 'timer'; id: number; fireAt: number }
  | { kind: 'subOrchestration'; id: number; name: string; version: string | null; instanceId: string; input: unknown };

/** What the walk needs to know besides the actions. */
export interface WalkContext {
  instanceId: string;
  executionId: string;
  parentInstanceId?: string;
  /** Every event of this generation, the new ones included. */
  history: readonly HistoryEvent[];
  /** Whether such a function is registered. */
  knows(kind: 'activity' | 'orchestrator', name: string): boolean;
}

/** What follows from the actions and the history. */
export interface WalkResult {
  decisions: Decision[];
  /** Every action is complete and no task is open: the instance may end. */
  finished: boolean;
  /** Number of tasks that have not completed and were not cancelled. */
  open: number;
  /** Ids of the timers that were cancelled. */
  cancelled: number[];
  /** The orchestration continues as new with this input. */
  continueAsNew?: { input: unknown };
  /** EventRaised events that came after the walk had reached continue-as-new: the next generation gets them. */
  carried: HistoryEvent[];
  /** Names of events that were raised before and never awaited: the next generation does not get them. */
  unclaimed: string[];
  /** Functions that do not exist; their tasks stay open for ever. */
  unknown: { kind: 'activity' | 'orchestrator'; name: string }[];
}

/** The orchestration cannot go on: it contradicts its history, or asks for something impossible. */
export class OrchestrationRuleError extends Error {}

const day = 24 * 60 * 60 * 1000;
/** A timer beyond this is a chain of timers. */
const maxTimer = 6 * day;
const longTimerInterval = 3 * day;

type Done = (failed: boolean) => void;

/** Walks the actions. Throws {@link OrchestrationRuleError}. */
export function walkActions(actions: readonly Action[], context: WalkContext): WalkResult {
  return new ActionsWalk(actions, context).run();
}

class ActionsWalk {
  private nextId = 0;
  private now = 0;
  private sequenceDone = false;
  private readonly open = new Map<number, Done>();
  private readonly given = new Set<number>();
  private readonly past = new Map<number, HistoryEvent>();
  /** Last waiter first, as the host and the library both have it; names ignore case. */
  private readonly waiters = new Map<string, Done[]>();
  /** Events that nobody waited for yet, of which the first `taken` are gone. */
  private readonly raised = new Map<string, { events: HistoryEvent[]; taken: number }>();
  private readonly result: WalkResult = {
    decisions: [],
    finished: false,
    open: 0,
    cancelled: [],
    carried: [],
    unclaimed: [],
    unknown: [],
  };

  constructor(
    private readonly actions: readonly Action[],
    private readonly context: WalkContext,
  ) {
    for (const event of context.history) if (schedulesTask(event)) this.past.set(event.EventId, event);
  }

  run(): WalkResult {
    for (const event of this.context.history) this.process(event);
    this.result.open = this.open.size;
    this.result.finished = this.sequenceDone && this.open.size === 0;
    this.result.unclaimed = [...this.raised.values()].flatMap(({ events, taken }) =>
      events.slice(taken).map((event) => event.Name ?? ''),
    );
    return this.result;
  }

  private process(event: HistoryEvent): void {
    const completed = completedTask(event);
    if (completed !== undefined) {
      const failed =
        event.EventType === EventType.TaskFailed || event.EventType === EventType.SubOrchestrationInstanceFailed;
      const done = this.open.get(completed);
      this.open.delete(completed);
      done?.(failed);
    } else if (schedulesTask(event)) {
      if (!this.given.has(event.EventId)) throw this.contradiction(event, 'nothing');
    } else if (event.EventType === EventType.OrchestratorStarted) {
      this.now = Date.parse(event.Timestamp);
    } else if (event.EventType === EventType.ExecutionStarted) {
      this.runSequence(0);
    } else if (event.EventType === EventType.EventRaised) {
      this.raise(event);
    }
  }

  /** Starts each action when the one before is complete. A loop, since many actions in a row may complete at once. */
  private runSequence(from: number): void {
    for (let index = from; index < this.actions.length; index++) {
      const action = this.actions[index];
      if (!action) break;
      let inStart = true;
      let complete = false;
      this.start(action, () => {
        if (inStart) complete = true;
        else this.runSequence(index + 1);
      });
      inStart = false;
      if (!complete) return;
    }
    this.sequenceDone = true;
  }

  private start(action: Action, done: Done): void {
    switch (action.actionType) {
      case ActionType.callActivity:
        this.activity(action, done);
        break;
      case ActionType.callActivityWithRetry:
        this.retry(1, action.retryOptions, (attemptDone) => this.activity(action, attemptDone), done);
        break;
      case ActionType.callSubOrchestrator:
        this.subOrchestration(action, done);
        break;
      case ActionType.callSubOrchestratorWithRetry:
        this.retry(1, action.retryOptions, (attemptDone) => this.subOrchestration(action, attemptDone), done);
        break;
      case ActionType.continueAsNew:
        this.result.continueAsNew = { input: action.input };
        done(false);
        break;
      case ActionType.createTimer:
        this.timer(Date.parse(action.fireAt), action.isCanceled, done);
        break;
      case ActionType.waitForExternalEvent:
        this.waitForEvent(action.externalEventName, done);
        break;
      case ActionType.whenAny:
        this.compound(action.compoundActions, 1, done);
        break;
      case ActionType.whenAll:
        this.compound(action.compoundActions, action.compoundActions.length, done);
        break;
    }
  }

  /** Complete when `needed` of the children are; a child's failure counts as completion. */
  private compound(children: readonly Action[], needed: number, done: Done): void {
    let completed = 0;
    for (const child of children) {
      this.start(child, () => {
        completed += 1;
        if (completed === needed) done(false);
      });
    }
  }

  private activity(action: { functionName: string; input?: unknown }, done: Done): void {
    const name = action.functionName;
    const id = this.task('TaskScheduled', name, done);
    if (id === undefined) return;
    if (!this.context.knows('activity', name)) this.result.unknown.push({ kind: 'activity', name });
    else this.result.decisions.push({ kind: 'activity', id, name, input: action.input });
  }

  private subOrchestration(
    action: { functionName: string; instanceId?: string | null; input?: unknown; version?: string | null },
    done: Done,
  ): void {
    const name = action.functionName;
    const id = this.task('SubOrchestrationInstanceCreated', name, done);
    if (id === undefined) return;
    const instanceId = action.instanceId || `${this.context.executionId}:${id}`;
    if (instanceId.startsWith('@')) {
      throw new OrchestrationRuleError(`A sub-orchestration's instance id must not start with '@': '${instanceId}'.`);
    }
    if (instanceId === this.context.instanceId || instanceId === this.context.parentInstanceId) {
      throw new OrchestrationRuleError(`A sub-orchestration must not have the id of its parent: '${instanceId}'.`);
    }
    if (!this.context.knows('orchestrator', name)) this.result.unknown.push({ kind: 'orchestrator', name });
    else {
      const { input, version = null } = action;
      this.result.decisions.push({ kind: 'subOrchestration', id, name, version, instanceId, input });
    }
  }

  /** After a failed attempt a timer takes an id, after it the next attempt; after the last attempt one more timer, due at once. */
  private retry(attempt: number, options: RetryOptions, start: (done: Done) => void, done: Done): void {
    start((failed) => {
      if (!failed) {
        done(false);
        return;
      }
      const isLast = attempt >= options.maxNumberOfAttempts;
      const delay = isLast ? 0 : retryDelay(attempt, options);
      this.singleTimer(this.now + delay, () => {
        if (isLast) done(true);
        else this.retry(attempt + 1, options, start, done);
      });
    });
  }

  private timer(fireAt: number, isCancelled: boolean, done: Done): void {
    const segmentEnd = fireAt - this.now > maxTimer ? this.now + longTimerInterval : fireAt;
    const id = this.singleTimer(segmentEnd, () => {
      if (this.now < fireAt) this.timer(fireAt, isCancelled, done);
      else done(false);
    });
    if (isCancelled) {
      // The host cancels it in the moment it creates it, so that it counts as complete from then on.
      this.open.delete(id);
      this.result.cancelled.push(id);
      done(true);
    }
  }

  private singleTimer(fireAt: number, done: Done): number {
    const upcoming = this.nextId;
    const id = this.task('TimerCreated', undefined, done);
    if (id !== undefined) this.result.decisions.push({ kind: 'timer', id, fireAt });
    return upcoming;
  }

  private waitForEvent(name: string, done: Done): void {
    const key = name.toLowerCase();
    const raised = this.raised.get(key);
    if (raised) {
      raised.taken += 1;
      if (raised.taken === raised.events.length) this.raised.delete(key);
      done(false);
      return;
    }
    const waiters = this.waiters.get(key);
    if (waiters) waiters.push(done);
    else this.waiters.set(key, [done]);
  }

  private raise(event: HistoryEvent): void {
    if (this.result.continueAsNew) {
      this.result.carried.push(event);
      return;
    }
    const key = (event.Name ?? '').toLowerCase();
    const waiters = this.waiters.get(key);
    const done = waiters?.pop();
    if (waiters?.length === 0) this.waiters.delete(key);
    const raised = this.raised.get(key);
    if (done) done(false);
    else if (raised) raised.events.push(event);
    else this.raised.set(key, { events: [event], taken: 0 });
  }

  /** Gives a task the next id and opens it. Returns the id if it is to be started now, undefined if history has it. */
  private task(type: EventName, name: string | undefined, done: Done): number | undefined {
    const id = this.nextId++;
    this.given.add(id);
    this.open.set(id, done);
    const past = this.past.get(id);
    if (!past) return id;
    if (past.EventType !== EventType[type] || !sameName(past.Name, name)) {
      throw this.contradiction(past, `${type}${name === undefined ? '' : ` '${name}'`}`);
    }
    return undefined;
  }

  private contradiction(past: HistoryEvent, now: string): OrchestrationRuleError {
    const then = `${eventName(past)}${past.Name === undefined ? '' : ` '${past.Name}'`}`;
    return new OrchestrationRuleError(
      `Non-deterministic orchestrator: as task ${past.EventId} history has ${then}, but this replay schedules ${now}. ` +
        'Was the orchestrator changed while the instance ran, or does it depend on time, chance or other input from outside?',
    );
  }
}

function sameName(past: string | undefined, now: string | undefined): boolean {
  return past?.toLowerCase() === now?.toLowerCase();
}

/** Milliseconds between attempt number `attempt` (from 1) and the next. */
function retryDelay(attempt: number, options: RetryOptions): number {
  const delay = options.firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (attempt - 1);
  return Math.min(delay, options.maxRetryIntervalInMilliseconds ?? maxTimer);
}
