/** Keeps instances in memory: those that have work, and as many of the others as fit, least recently used first to go. */
import { openTasks, type HistoryEvent } from './historyEvent';
import type { HistoryStore } from './historyStore';
import { Instance, isFinished, readRecord, type InstanceRecord } from './instance';
import { carriedEnvelopes, restoreHistory } from './storedHistory';

const maxInstances = 2_000;
const maxCharacters = 32 * 1024 * 1024;

export class InstanceCache {
  private readonly instances = new Map<string, Instance>();
  private characters = 0;

  constructor(
    private readonly store: HistoryStore,
    /** Highest inbox sequence that was delivered. */
    private readonly inboxPosition: () => number,
  ) {}

  /** The instance of this id, loaded or not. */
  obtain(id: string): Instance {
    let instance = this.instances.get(id);
    if (!instance) {
      instance = new Instance(id);
      this.instances.set(id, instance);
    }
    return instance;
  }

  /** Puts an instance that was just created in the place of whatever had its id. */
  putNew(record: InstanceRecord): void {
    const instance = new Instance(record.id);
    instance.record = record;
    instance.isLoaded = true;
    this.remove(this.instances.get(record.id));
    this.instances.set(record.id, instance);
  }

  /** Reads record and history from the store. */
  async load(instance: Instance): Promise<void> {
    const [recordRows, historyRows] = await Promise.all([
      this.store.read('instance', instance.id),
      this.store.read('history', instance.id),
    ]);
    const row = recordRows[0];
    const record = row && readRecord(row);
    instance.record = record;
    instance.history = [];
    this.resize(instance, 0);
    instance.episodes = historyRows.length;
    instance.open = new Set();
    if (record && !isFinished(record.status)) {
      this.resize(
        instance,
        historyRows.reduce((sum, { events }) => sum + String(events).length, 0),
      );
      instance.history = restoreHistory(historyRows, record);
      instance.open = openTasks(instance.history);
    }
    if (record?.carried) instance.mailbox.unshift(...carriedEnvelopes(record));
    // The inbox was delivered up to here; what this instance could not take is in the store.
    if (instance.isSuspended) instance.unreadUpTo = this.inboxPosition();
    instance.isLoaded = true;
  }

  /** Adds events that are stored now. */
  append(instance: Instance, events: readonly HistoryEvent[], characters: number): void {
    for (const event of events) {
      event.IsPlayed = true;
      instance.history.push(event);
    }
    instance.episodes += 1;
    this.resize(instance, instance.size + characters);
  }

  /** Forgets the history of an instance that ended, was deleted or begins anew. */
  clearHistory(instance: Instance): void {
    instance.history = [];
    instance.open = new Set();
    this.resize(instance, 0);
  }

  /** Marks an instance as just used and makes room. */
  release(instance: Instance): void {
    if (!instance.isIdle || this.instances.get(instance.id) !== instance) return;
    this.instances.delete(instance.id);
    this.instances.set(instance.id, instance);
    if (this.instances.size <= maxInstances && this.characters <= maxCharacters) return;
    for (const candidate of this.instances.values()) {
      if (candidate.isIdle) this.remove(candidate);
      if (this.instances.size <= maxInstances && this.characters <= maxCharacters) return;
    }
  }

  private remove(instance: Instance | undefined): void {
    if (!instance) return;
    this.resize(instance, 0);
    this.instances.delete(instance.id);
  }

  private resize(instance: Instance, size: number): void {
    if (this.instances.get(instance.id) === instance) this.characters += size - instance.size;
    instance.size = size;
  }
}
