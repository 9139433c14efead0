/** What an instance does in its turn: it takes messages from its mailbox, has an episode if they call for one, and stores what follows. */
import type { FunctionInvoker } from '../functionInvoker';
import { Commit, createStatement, progressStatement, type CommitTargets } from './commit';
import { endEvent, refusedVersion, runEpisode, type EpisodeOutcome, type InstanceEnd } from './episode';
import { completedTask, EventType, type HistoryEvent } from './historyEvent';
import { inboxEnvelope, readInboxRow } from './inbox';
import { isFinished, newRecord, type Envelope, type Instance, type InstanceRecord } from './instance';
import type { InstanceCache } from './instanceCache';
import { isNewerVersion } from './orchestrationVersion';
import { carriedEnvelopes, storedEvents } from './storedHistory';

export interface TurnOptions extends CommitTargets {
  cache: InstanceCache;
  invoker: FunctionInvoker;
  /** The host's own: instances of a newer one fail. Null: versions are not looked at. */
  version: string | null;
  now(): number;
  log(level: 'info' | 'warn' | 'error', message: string): void;
}

/** The messages that count, and what to store because of the others. */
interface Sorted {
  record: InstanceRecord | undefined;
  /** The record is new: a sub-orchestration begins. */
  isNew: boolean;
  events: HistoryEvent[];
}

const inboxPage = 500;
const controlTypes: ReadonlySet<number> = new Set([
  EventType.ExecutionTerminated,
  EventType.ExecutionSuspended,
  EventType.ExecutionResumed,
]);

export class Turn {
  constructor(private readonly options: TurnOptions) {}

  /** One turn. When it throws, nothing has changed and the messages wait for the next. */
  async take(instance: Instance): Promise<void> {
    if (!instance.isLoaded) await this.options.cache.load(instance);
    if (instance.purges.length > 0) return this.purge(instance);
    if (!instance.isSuspended && instance.unreadUpTo > 0) await this.readBack(instance);
    const batch = takeBatch(instance);
    if (batch.length === 0) return;
    try {
      await this.process(instance, batch);
    } catch (error) {
      instance.mailbox.unshift(...batch);
      throw error;
    }
  }

  private async process(instance: Instance, batch: Envelope[]): Promise<void> {
    const isControl = batch.some(({ event }) => controlTypes.has(event.EventType));
    if (instance.isSuspended && !isControl) return this.hold(instance, batch);
    const commit = new Commit(this.options);
    const sorted = this.sort(instance, batch, commit);
    for (const { remove } of batch) if (remove) commit.statements.push(remove);
    let applied = true;
    if (sorted.record && sorted.events.length > 0) {
      applied = isControl
        ? await this.control(instance, sorted.record, sorted.events, commit)
        : await this.episode(instance, sorted, sorted.record, commit);
    } else await commit.write();
    if (!applied) {
      // Someone else has created an instance of this id meanwhile: judge the messages anew.
      instance.isLoaded = false;
      throw new Error('its id was taken in the same moment.');
    }
    for (const envelope of batch) envelope.settled();
  }

  /** Tells the messages that count from those that come too late, twice, or for another generation. */
  private sort(instance: Instance, batch: readonly Envelope[], commit: Commit): Sorted {
    const sorted: Sorted = { record: instance.record, isNew: false, events: [] };
    if (sorted.record && isFinished(sorted.record.status)) sorted.record = undefined;
    const completed = new Set<number>();
    for (const { event, executionId } of batch) {
      if (event.EventType === EventType.ExecutionStarted) {
        this.sortStart(instance, event, sorted, commit);
        continue;
      }
      if (!sorted.record || (executionId !== undefined && executionId !== sorted.record.executionId)) continue;
      const task = completedTask(event);
      if (task !== undefined && (!instance.open.has(task) || completed.has(task))) continue;
      if (task !== undefined) completed.add(task);
      sorted.events.push(event);
    }
    return sorted;
  }

  private sortStart(instance: Instance, event: HistoryEvent, sorted: Sorted, commit: Commit): void {
    const executionId = event.OrchestrationInstance?.ExecutionId ?? '';
    const active = sorted.record;
    if (active && active.executionId === executionId) {
      if (instance.history.length === 0) sorted.events = [{ ...event, Input: active.input }];
    } else if (!active && event.ParentInstance) {
      const { version, now } = this.options;
      sorted.record = startedRecord(instance.id, executionId, { ...event, Version: event.Version ?? version }, now());
      sorted.isNew = true;
      sorted.events = [event];
    } else if (active && event.ParentInstance) {
      const reason = `An Orchestration instance with the status ${active.status} already exists: '${instance.id}'.`;
      commit.tell(
        event.ParentInstance,
        { status: 'Failed', output: 'null', failure: { reason, details: '' } },
        this.options.now(),
      );
    }
  }

  private async episode(
    instance: Instance,
    { events, isNew }: Sorted,
    record: InstanceRecord,
    commit: Commit,
  ): Promise<boolean> {
    const history = isNew ? [] : instance.history;
    const at = episodeTime(history, events, this.options.now());
    const { version, invoker } = this.options;
    const outcome =
      version !== null && isNewerVersion(record.version, version)
        ? refusedVersion(record, version, events, at)
        : await runEpisode({ history }, record, events, at, invoker);
    this.warn(instance, outcome);
    const changed = progress(record, outcome, at);
    if (isNew) commit.statements.unshift(createStatement(record), ['deleteHistory', record.id]);
    const stored = storedEvents(outcome.events);
    if (outcome.continueAsNew) commit.restart(changed);
    else {
      commit.statements.push(['addHistory', record.id, isNew ? 0 : instance.episodes, stored]);
      commit.start(record, outcome, at);
      commit.cancel(instance, record, outcome.cancelled);
      commit.statements.push(progressStatement(changed));
      if (outcome.end) commit.end(record, outcome.end, at);
    }
    if (!(await commit.write())) return false;
    if (isNew) this.options.cache.clearHistory(instance);
    if (isNew) instance.episodes = 0;
    instance.record = changed;
    this.remember(instance, changed, outcome, stored.length);
    return true;
  }

  /** Brings the instance in memory up to what was stored. */
  private remember(instance: Instance, record: InstanceRecord, outcome: EpisodeOutcome, characters: number): void {
    if (outcome.end || outcome.continueAsNew) {
      this.options.cache.clearHistory(instance);
      instance.episodes = outcome.end ? instance.episodes + 1 : 0;
      if (outcome.continueAsNew) instance.mailbox.unshift(...carriedEnvelopes(record));
      return;
    }
    this.options.cache.append(instance, outcome.events, characters);
    for (const { id } of outcome.decisions) instance.open.add(id);
    for (const id of outcome.cancelled) instance.open.delete(id);
    for (const event of outcome.events) {
      const task = completedTask(event);
      if (task !== undefined) instance.open.delete(task);
    }
  }

  /** Terminates, suspends or resumes. The orchestrator itself is not run for it. */
  private async control(
    instance: Instance,
    record: InstanceRecord,
    [event]: readonly HistoryEvent[],
    commit: Commit,
  ): Promise<boolean> {
    if (!event) return true;
    const at = episodeTime(instance.history, [event], this.options.now());
    const changed: InstanceRecord = { ...record, updated: at };
    const events = [event];
    if (event.EventType === EventType.ExecutionTerminated) {
      const reason = event.Input ?? '';
      const end: InstanceEnd = {
        status: 'Terminated',
        output: JSON.stringify(reason),
        failure: { reason, details: '' },
      };
      Object.assign(changed, { status: end.status, output: end.output });
      events.push(endEvent(end, at));
      commit.end(record, end, at);
    } else changed.status = event.EventType === EventType.ExecutionSuspended ? 'Suspended' : 'Running';
    const stored = storedEvents(events);
    commit.statements.push(['addHistory', record.id, instance.episodes, stored], progressStatement(changed));
    await commit.write();
    const wasSuspended = instance.isSuspended;
    instance.record = changed;
    this.options.cache.append(instance, events, stored.length);
    if (isFinished(changed.status)) this.options.cache.clearHistory(instance);
    if (wasSuspended && !instance.isSuspended) leaveMailboxInStore(instance);
    return true;
  }

  /** Keeps messages of a suspended instance in the store until it is resumed. */
  private async hold(instance: Instance, batch: readonly Envelope[]): Promise<void> {
    const commit = new Commit(this.options);
    for (const { event, executionId, inboxSequence, remove } of batch) {
      if (inboxSequence !== undefined) continue;
      if (remove) commit.statements.push(remove);
      commit.send(instance.id, { event, executionId });
    }
    await commit.write();
    for (const envelope of batch) instance.leaveInStore(envelope);
  }

  /** Reads messages back that a suspended instance had left in the store. */
  private async readBack(instance: Instance): Promise<void> {
    const upTo = instance.unreadUpTo;
    // Not beyond: what follows may be for a later instance of the same id.
    const rows = await this.options.store.read('inboxOf', instance.id, instance.readUpTo, upTo, inboxPage);
    const envelopes = rows.map((row) => inboxEnvelope(readInboxRow(row), () => undefined));
    instance.readUpTo = envelopes.at(-1)?.inboxSequence ?? instance.readUpTo;
    instance.mailbox.unshift(...envelopes);
    // More may have been left in the store while this was read.
    if (rows.length < inboxPage && instance.unreadUpTo === upTo) {
      instance.unreadUpTo = 0;
      instance.readUpTo = 0;
    }
  }

  private async purge(instance: Instance): Promise<void> {
    const purges = instance.purges.splice(0);
    const existed = instance.record !== undefined;
    const { id } = instance;
    try {
      if (instance.record) {
        await this.options.store.write([
          ['deleteInstance', id, instance.record.executionId],
          ['deleteHistory', id],
          ['deleteActivitiesOf', id],
          ['deleteTimersOf', id],
        ]);
      }
    } catch (error) {
      for (const { reject } of purges) reject(error);
      return;
    }
    instance.record = undefined;
    this.options.cache.clearHistory(instance);
    for (const { resolve } of purges) resolve(existed);
  }

  private warn(instance: Instance, { warnings }: EpisodeOutcome): void {
    for (const { level, text } of warnings) {
      if (instance.warned.has(text)) continue;
      instance.warned.add(text);
      this.options.log(level, text);
    }
  }
}

/** The messages up to the next one that terminates, suspends or resumes; that one by itself. */
function takeBatch(instance: Instance): Envelope[] {
  const at = instance.mailbox.findIndex(({ event }) => controlTypes.has(event.EventType));
  return instance.mailbox.splice(0, at < 0 ? instance.mailbox.length : Math.max(at, 1));
}

/** What came after the message that resumed is read back in order with the rest. */
function leaveMailboxInStore(instance: Instance): void {
  instance.readUpTo = 0;
  const stored = instance.mailbox.filter(({ inboxSequence }) => inboxSequence !== undefined);
  instance.mailbox = instance.mailbox.filter(({ inboxSequence }) => inboxSequence === undefined);
  for (const envelope of stored) instance.leaveInStore(envelope);
}

/** Never before the event before, nor before a timer that fires in it: the library tells the time by it. */
function episodeTime(history: readonly HistoryEvent[], events: readonly HistoryEvent[], now: number): number {
  const times = events.flatMap((event) => (event.FireAt === undefined ? [] : [Date.parse(event.FireAt)]));
  const last = history.at(-1);
  return Math.max(now, last ? Date.parse(last.Timestamp) : 0, ...times);
}

/** The record of a sub-orchestration that begins with this event. */
function startedRecord(id: string, executionId: string, event: HistoryEvent, at: number): InstanceRecord {
  const { Name = '', Version = null, Input = null, ParentInstance = null } = event;
  return newRecord({ id, executionId, name: Name, version: Version, input: Input, parent: ParentInstance, at });
}

function progress(record: InstanceRecord, outcome: EpisodeOutcome, at: number): InstanceRecord {
  const { customStatus, end, continueAsNew } = outcome;
  const changed: InstanceRecord = { ...record, customStatus, updated: at, status: 'Running', carried: null };
  if (end) return { ...changed, status: end.status, output: end.output };
  if (continueAsNew) return { ...changed, ...continueAsNew };
  return changed;
}
