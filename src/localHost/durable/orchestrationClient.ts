/** What clients can ask of orchestrations: start, signal, look at, list and delete them. */
import { randomUUID } from 'node:crypto';
import type { FunctionInvoker } from '../functionInvoker';
import { createStatement } from './commit';
import type { Dispatcher } from './dispatcher';
import { newExecutionId } from './episode';
import { historyEvent, type HistoryEvent } from './historyEvent';
import { Status, type SqlValue, type StatusName } from './historyStatements';
import type { HistoryStore } from './historyStore';
import { inboxMessage, type Inbox } from './inbox';
import { isFinished, newRecord, readRecord, statusName, type InstanceRecord } from './instance';
import type { InstanceCache } from './instanceCache';
import { executionStarted, restoreHistory } from './storedHistory';

export interface OrchestrationClientOptions {
  store: HistoryStore;
  cache: InstanceCache;
  inbox: Inbox;
  dispatcher: Dispatcher;
  invoker: FunctionInvoker;
  /** Of what is started without one. */
  version: string | null;
  now(): number;
}

/** What to start. `input` is JSON text. */
export interface StartRequest {
  name: string;
  instanceId?: string;
  input: string | null;
  version: string | null;
}

/** Which instances; times in Unix milliseconds, both inclusive. */
export interface InstanceFilter {
  createdFrom?: number;
  createdTo?: number;
  statuses?: readonly StatusName[];
  idPrefix?: string;
}

/** The caller asked for something that cannot be: an id that is not allowed, a function that does not exist. */
export class ClientError extends Error {}

/** An unfinished instance has the id already. */
export class ActiveInstanceError extends Error {}

/** Whether a message was taken. */
export type Delivery = 'accepted' | 'unknown' | 'finished';

const maxIdCharacters = 256;

const forbiddenInId = /[/\\?#\u0000-\u001f\u007f-\u009f]/;
const purgePage = 100;

export class OrchestrationClient {
  constructor(private readonly options: OrchestrationClientOptions) {}

  /** Starts an instance; on disk when it resolves with its id. Throws {@link ClientError}, {@link ActiveInstanceError}. */
  async start({ name, instanceId, input, version }: StartRequest): Promise<string> {
    const target = this.options.invoker.orchestrators.get(name.toLowerCase());
    if (!target) throw new ClientError(`The orchestrator function '${name}' doesn't exist.`);
    const id = instanceId ?? randomUUID().replaceAll('-', '');
    checkId(id);
    const record = newRecord({
      id,
      executionId: newExecutionId(),
      name: target.name,
      version: version ?? this.options.version,
      input,
      parent: null,
      at: this.options.now(),
    });
    if (!(await this.create(record))) {
      throw new ActiveInstanceError(
        `An Orchestration instance with the status Pending, Running or Suspended already has the id '${id}'.`,
      );
    }
    return id;
  }

  private async create(record: InstanceRecord): Promise<boolean> {
    const { cache, inbox, store } = this.options;
    const event = executionStarted({ ...record, input: null }, record.created);
    const row = inboxMessage(inbox.allocate(), record.id, { event, executionId: record.executionId });
    return store.write(
      [createStatement(record), ['deleteHistory', record.id], ['addMessage', row.sequence, record.id, row.text]],
      () => {
        cache.putNew(record);
        inbox.committed(row);
      },
    );
  }

  /** Sends an event to an unfinished instance; on disk when it resolves. */
  async send(instanceId: string, event: HistoryEvent): Promise<Delivery> {
    const { inbox, store } = this.options;
    const row = inboxMessage(inbox.allocate(), instanceId, { event });
    const accepted = await store.write([['addMessageIfActive', row.sequence, instanceId, row.text]], () =>
      inbox.committed(row),
    );
    if (accepted) return 'accepted';
    return (await this.state(instanceId)) === 'unknown' ? 'unknown' : 'finished';
  }

  /** Raises an external event. `input` is JSON text. */
  async raiseEvent(instanceId: string, name: string, input: string): Promise<Delivery> {
    return this.send(instanceId, historyEvent('EventRaised', this.options.now(), { Name: name, Input: input }));
  }

  /** Asks an instance to end, to pause or to go on. */
  async control(instanceId: string, what: 'terminate' | 'suspend' | 'resume', reason: string): Promise<Delivery> {
    const at = this.options.now();
    if (what === 'terminate') return this.send(instanceId, historyEvent('ExecutionTerminated', at, { Input: reason }));
    const type = what === 'suspend' ? 'ExecutionSuspended' : 'ExecutionResumed';
    return this.send(instanceId, historyEvent(type, at, { Reason: reason }));
  }

  /** Whether there is such an instance, and whether it has ended. */
  async state(instanceId: string): Promise<'unknown' | 'active' | 'finished'> {
    const [row] = await this.options.store.read('instanceSummary', instanceId);
    if (!row) return 'unknown';
    return isFinished(statusName(row.status)) ? 'finished' : 'active';
  }

  async get(instanceId: string): Promise<InstanceRecord | undefined> {
    const [row] = await this.options.store.read('instance', instanceId);
    return row && readRecord(row);
  }

  /** The events of the instance's present generation. */
  async history(record: InstanceRecord): Promise<HistoryEvent[]> {
    return restoreHistory(await this.options.store.read('history', record.id), record);
  }

  /** Instances in order of id after `after`, at most `count`. */
  async list(filter: InstanceFilter, after: string, count: number): Promise<InstanceRecord[]> {
    const rows = await this.options.store.read('instances', ...filterParameters(filter, after, count));
    return rows.map(readRecord);
  }

  /** Deletes an instance and its history, whatever its state. Resolves with whether there was one. */
  async purge(instanceId: string): Promise<boolean> {
    return this.options.dispatcher.purge(instanceId);
  }

  /** Deletes all instances of a filter; of the statuses it names only finished ones count. Resolves with their number. */
  async purgeAll(filter: InstanceFilter): Promise<number> {
    const statuses = filter.statuses?.filter(isFinished);
    if (statuses?.length === 0) return 0;
    let purged = 0;
    let after = '';
    for (;;) {
      const parameters = filterParameters({ ...filter, statuses }, after, purgePage);
      const ids = (await this.options.store.read('instanceIds', ...parameters)).map((row) => String(row.id));
      const results = await Promise.all(ids.map((id) => this.purge(id)));
      purged += results.filter(Boolean).length;
      const last = ids.at(-1);
      if (last === undefined || ids.length < purgePage) return purged;
      after = last;
    }
  }

  /** Starts the function of an instance again with its input, under its own id or a new one. Resolves with the id, or undefined if unknown. */
  async restart(instanceId: string, withNewId: boolean): Promise<string | undefined> {
    const record = await this.get(instanceId);
    if (!record) return undefined;
    const { name, input, version } = record;
    return this.start({ name, input, version, instanceId: withNewId ? undefined : instanceId });
  }
}

function filterParameters(filter: InstanceFilter, after: string, count: number): SqlValue[] {
  const { createdFrom, createdTo, statuses, idPrefix } = filter;
  const numbers = statuses ? JSON.stringify(statuses.map((status) => Status[status])) : null;
  return [createdFrom ?? null, createdTo ?? null, numbers, idPrefix ?? null, after, count];
}

function checkId(id: string): void {
  if (id.length === 0 || id.length > maxIdCharacters) {
    throw new ClientError(`An instance id must have 1 to ${maxIdCharacters} characters.`);
  }
  if (id.startsWith('@')) throw new ClientError("An instance id must not start with '@'.");
  if (forbiddenInId.test(id)) {
    throw new ClientError("An instance id must not contain '/', '\\', '?', '#' or control characters.");
  }
}
