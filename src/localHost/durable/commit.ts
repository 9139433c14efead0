/** One atomic write of an instance's progress, with everything that must be done once it is on disk. */
import type { ScheduledActivity } from './activityRunner';
import type { Decision } from './actionsWalk';
import type { DurableQueue } from './durableQueue';
import { newExecutionId, type EpisodeOutcome, type InstanceEnd } from './episode';
import { historyEvent, type ParentInstance } from './historyEvent';
import { Status, type Statement } from './historyStatements';
import type { HistoryStore } from './historyStore';
import { inboxMessage, type Inbox, type InboxMessage } from './inbox';
import { newRecord, type Instance, type InstanceRecord } from './instance';
import { executionStarted } from './storedHistory';
import type { Timers } from './timers';

/** Where a commit goes, and who is told of what it holds. */
export interface CommitTargets {
  store: HistoryStore;
  inbox: Inbox;
  activities: DurableQueue<ScheduledActivity>;
  timers: Pick<Timers, 'schedule'>;
}

type Started<Kind extends Decision['kind']> = Extract<Decision, { kind: Kind }>;

export class Commit {
  readonly statements: Statement[] = [];
  /** Adds rows of the queues. Done at the last moment, for their sequences must be in the order of the writes. */
  private readonly queued: (() => void)[] = [];
  private readonly announcements: (() => void)[] = [];

  constructor(private readonly targets: CommitTargets) {}

  /** On disk when it resolves. False: a guard kept it from happening. */
  write(): Promise<boolean> {
    for (const add of this.queued) add();
    if (this.statements.length === 0) return Promise.resolve(true);
    return this.targets.store.write(this.statements, () => {
      for (const announce of this.announcements) announce();
    });
  }

  /** Puts a message into an instance's inbox. */
  send(instanceId: string, message: InboxMessage): void {
    const { inbox } = this.targets;
    this.queued.push(() => {
      const row = inboxMessage(inbox.allocate(), instanceId, message);
      this.statements.push(['addMessage', row.sequence, instanceId, row.text]);
      this.announcements.push(() => inbox.committed(row));
    });
  }

  /** Tells a parent how its sub-orchestration ended. */
  tell(parent: ParentInstance, end: InstanceEnd, at: number): void {
    const { InstanceId, ExecutionId } = parent.OrchestrationInstance;
    const task = { TaskScheduledId: parent.TaskScheduleId };
    const event = end.failure
      ? historyEvent('SubOrchestrationInstanceFailed', at, {
          ...task,
          Reason: end.failure.reason,
          Details: end.failure.details,
          FailureDetails: null,
        })
      : historyEvent('SubOrchestrationInstanceCompleted', at, { ...task, Result: end.output });
    this.send(InstanceId, { event, executionId: ExecutionId });
  }

  /** The instance has ended: nothing it started counts any more, and its parent is told. */
  end(record: InstanceRecord, end: InstanceEnd, at: number): void {
    if (end.status !== 'Completed') this.statements.push(['deleteActivitiesOf', record.id]);
    this.statements.push(['deleteTimersOf', record.id]);
    if (record.parent) this.tell(record.parent, end, at);
  }

  /** The next generation begins with an empty history; its first episode is due as long as `carried` is stored. */
  restart({ id, executionId, input, customStatus, updated, carried }: InstanceRecord): void {
    this.statements.push(['deleteHistory', id], ['deleteTimersOf', id]);
    const events = JSON.stringify(carried ?? []);
    this.statements.push(['restartInstance', id, executionId, input, customStatus, updated, events]);
  }

  /** Stores what the orchestrator decided, so that it is done. */
  start(record: InstanceRecord, { decisions, cancelled }: EpisodeOutcome, at: number): void {
    for (const decision of decisions) {
      if (decision.kind === 'activity') this.startActivity(record, decision);
      else if (decision.kind === 'subOrchestration') this.startSubOrchestration(record, decision, at);
      else if (!cancelled.includes(decision.id)) this.startTimer(record, decision);
    }
  }

  /** Removes timers that were cancelled and had been stored before. */
  cancel(instance: Instance, record: InstanceRecord, cancelled: readonly number[]): void {
    for (const id of cancelled) {
      if (instance.open.has(id)) this.statements.push(['deleteTimer', record.id, record.executionId, id]);
    }
  }

  private startActivity(record: InstanceRecord, { id, name, input }: Started<'activity'>): void {
    const { activities } = this.targets;
    const inputText = input === undefined ? null : JSON.stringify(input);
    this.queued.push(() => {
      const sequence = activities.allocate();
      const { id: instanceId, executionId } = record;
      this.statements.push(['addActivity', sequence, instanceId, executionId, id, name, inputText]);
      const activity = { sequence, instanceId, executionId, taskId: id, name, input: inputText };
      this.announcements.push(() => activities.committed(activity));
    });
  }

  private startTimer(record: InstanceRecord, { id, fireAt }: Started<'timer'>): void {
    this.statements.push(['addTimer', record.id, record.executionId, id, fireAt]);
    this.announcements.push(() => this.targets.timers.schedule(fireAt));
  }

  private startSubOrchestration(record: InstanceRecord, decision: Started<'subOrchestration'>, at: number): void {
    const child = newRecord({
      id: decision.instanceId,
      executionId: newExecutionId(),
      name: decision.name,
      version: decision.version,
      input: JSON.stringify(decision.input ?? null),
      parent: {
        Name: record.name,
        OrchestrationInstance: { InstanceId: record.id, ExecutionId: record.executionId },
        TaskScheduleId: decision.id,
        Version: record.version,
      },
      at,
    });
    this.send(child.id, { event: executionStarted(child, at) });
  }
}

/** The statement that creates an instance, unless an unfinished one has its id. */
export function createStatement(record: InstanceRecord): Statement {
  const { id, executionId, name, version, status, input, created, parent } = record;
  const parentText = parent === null ? null : JSON.stringify(parent);
  return ['createInstance', id, executionId, name, version, Status[status], input, created, parentText];
}

/** The statement that stores how an instance stands. */
export function progressStatement({ id, status, output, customStatus, updated }: InstanceRecord): Statement {
  return ['progressInstance', id, Status[status], output, customStatus, updated];
}
