/** A response in the background while one owner drives it: what it has done and told is stored as it goes. */
import { randomUUID } from 'node:crypto';
import { LeasedRecord, type LeasedKind } from '../storage/leasedRecord';
import { ConflictError } from '../storage/ports';
import type { ResponseObject } from '../wire/responses';
import {
  driveKey,
  settingsKey,
  type DriveRecord,
  type ResponseReference,
  type SettingsRecord,
} from './backgroundRecords';
import { broken, moved, over } from './backgroundWrites';
import { WaitingEvents } from './eventBatches';
import type { Settings } from './newResponse';
import type { ResponsesPorts } from './ports';
import { isOver, responseEvent, silent, type ResponseSink } from './responseEvents';
import { responseIdOf } from './responseIds';
import type { StoredResponse } from './responseRecords';
import { readTurn } from './turnRecords';
import type { Keeper, ResponseWork } from './responseWork';
import { closable, closing } from './toldItems';

/** How often events are stored, which is when readers see them. */
const STORE_MILLISECONDS = 250;
/** Bytes of events that may wait to be stored. */
const MAX_WAITING_BYTES = 256 * 1024;
/** An activity is given 30 minutes: before that another one goes on. */
const SLICE_MILLISECONDS = 20 * 60 * 1000;

/** The response's time is over. */
export class ResponseExpiredError extends Error {
  constructor() {
    super('The response was not complete within its time.');
    this.name = 'ResponseExpiredError';
  }
}

/** This owner's time is over; the response goes on. */
export class SliceOverError extends Error {
  constructor() {
    super('The response is driven on by another owner.');
    this.name = 'SliceOverError';
  }
}

const kindOf = (id: string): LeasedKind<DriveRecord> => ({
  name: `Response ${id}`,
  // The record goes with the end of the response.
  canMove: () => true,
  stopOf: () => undefined,
  expiry: ({ expires_at: at }) => ({ at: at * 1000, error: () => new ResponseExpiredError() }),
});

export class DrivenResponse implements Keeper {
  private readonly waiting = new WaitingEvents();
  private readonly timers: NodeJS.Timeout[] = [];
  private work: ResponseWork | undefined;
  private storing: Promise<void> = Promise.resolve();
  private isStoring = false;

  private constructor(
    private readonly ports: ResponsesPorts,
    readonly reference: ResponseReference,
    private readonly record: LeasedRecord<DriveRecord>,
    readonly settings: Settings,
    /** As it is stored. */
    private stored: StoredResponse,
  ) {}

  /**
   * Takes the lease of the response and closes what an owner before has left open. Undefined where the response is over or gone; where another drives it, until when
   * he has the lease (`busyUntil`, milliseconds).
   */
  static async open(
    ports: ResponsesPorts,
    reference: ResponseReference,
    owner: string = randomUUID(),
  ): Promise<{ driven: DrivenResponse } | { busyUntil: number } | undefined> {
    const taken: { begun?: { settings: Settings; stored: StoredResponse } } = {};
    const kind = kindOf(responseIdOf(reference.key));
    const found = await LeasedRecord.take(ports, driveKey(reference), kind, owner, async (drive) => {
      const turn = await readTurn(ports.records, reference.scope, reference.key);
      const settings = await ports.records.get<SettingsRecord>(settingsKey(reference));
      // Another has just ended or deleted it, and the record has gone with it.
      if (!turn || 'deleted' in turn.value || !settings) throw new ConflictError(driveKey(reference));
      const { items, events } = closing(drive.told);
      const before = turn.value.response;
      const response: ResponseObject = { ...before, status: 'in_progress', output: [...before.output, ...items] };
      const stored = { ...turn.value, response };
      taken.begun = { settings: settings.value.settings, stored };
      const all = before.status === 'queued' ? [responseEvent('in_progress', response), ...events] : events;
      return moved(reference, drive, { turn: stored, response, events: all, told: [] });
    });
    if (!found) return undefined;
    if (!('taken' in found)) return { busyUntil: found.busyUntil ?? ports.now() };
    const { begun } = taken;
    if (!begun) throw new Error(`Response ${responseIdOf(reference.key)} was leased without being there.`);
    const driven = new DrivenResponse(ports, reference, found.taken, begun.settings, begun.stored);
    driven.begin();
    return { driven };
  }

  /** As it is stored. */
  get turn(): StoredResponse {
    return this.stored;
  }

  get expiresAt(): number {
    return this.record.value.expires_at;
  }

  /** Aborts, with the reason, when the response is ended by others, expires, is lost to another owner, or cannot be stored. */
  get signal(): AbortSignal {
    return this.record.signal;
  }

  /** Takes events to be stored; never waits, so that what belongs together is stored together. */
  readonly sink: ResponseSink = async (event) => {
    if (this.streams) this.waiting.push(event);
    return silent(event);
  };

  private get streams(): boolean {
    return this.record.value.streams;
  }

  private begin(): void {
    const slice = setTimeout(() => this.record.abort(new SliceOverError()), SLICE_MILLISECONDS);
    const storing = setInterval(() => {
      if (!this.waiting.isEmpty && !this.isStoring) void this.checkpoint().catch(() => undefined);
    }, STORE_MILLISECONDS);
    for (const timer of [slice, storing]) this.timers.push(timer.unref());
  }

  /** The work that is stored from now on. */
  follow(work: ResponseWork): void {
    this.work = work;
  }

  /** Stores the response as it is now. What keeps it from being stored stops the work, and is thrown. */
  async checkpoint(): Promise<void> {
    const turn = this.storing.then(async () => this.store());
    this.storing = turn.catch(() => undefined);
    return turn;
  }

  async pace(): Promise<void> {
    if (this.waiting.bytes > MAX_WAITING_BYTES) await this.checkpoint();
  }

  private async store(): Promise<void> {
    const { work, reference } = this;
    if (!work || (this.signal.aborted && this.isUnstorable)) throw this.signal.reason;
    // All at one moment.
    const { response } = work;
    const told = this.streams ? closable(work.told) : [];
    const events = this.waiting.take();
    const isNew = response !== this.stored.response;
    if (!isNew && events.length === 0) return;
    const turn: StoredResponse = { ...this.stored, response, files: { ...work.files } };
    this.isStoring = true;
    try {
      await this.record.write((drive) =>
        isOver(response.status)
          ? over(reference, drive, turn, events, this.ports.now())
          : moved(reference, drive, { response, events, told, ...(isNew && { turn }) }),
      );
      this.stored = turn;
    } catch (error) {
      this.isUnstorable = true;
      this.record.abort(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      this.isStoring = false;
    }
  }

  /** Events were taken that are not stored: whatever goes on from here must go on from what is. */
  isUnstorable = false;

  /** Ends the response as it is stored. */
  async fail(error: ResponseObject['error']): Promise<void> {
    await this.record.write((drive) =>
      broken(this.reference, drive, this.stored, { status: 'failed', error }, this.ports.now()),
    );
  }

  /** Lets the response go on elsewhere. */
  async release(): Promise<void> {
    await this.storing;
    await this.record.write((value) => ({ value, releases: true }));
  }

  /** Lets the response go as the process ends. */
  async letGo(): Promise<void> {
    await this.storing;
    await this.record.letGo();
  }

  /** Ends the watch. */
  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.record.close();
  }
}
