/** Syncs as callers see them, and what moves them. */
import { nextMoment } from '../cron';
import { ApiError, errors } from '../errors';
import type { Scope } from '../scope';
import { listedDeletion } from '../storage/deletedPlaces';
import { newId, orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { pageOf } from '../storage/pages';
import { type PageRequest, type StoredRecord } from '../storage/ports';
import { resolveChunking } from '../wire/chunking';
import type { CreateSyncRequest, SyncObject, SyncReport } from '../wire/syncs';
import { BlobSourceError, type BlobSource } from './blobSource';
import type { createMirror } from './mirror';
import type { RetrievalPorts } from './retrievalPorts';
import { isExpired, requireStore, type IngestionJob } from './storeRecords';
import {
  dueOf,
  mirroredPartition,
  ORCHESTRATION_GRACE_SECONDS,
  sweepSync,
  syncKey,
  SYNCS,
  syncsPartition,
  type OpenSync,
  type SyncRecord,
  type SyncReference,
} from './syncRecords';

/** Syncs of a tenant in a project. */
export const MAX_SYNCS = 100;
/** Seconds in which the orchestration of a new sync should have begun. */
const START_GRACE_SECONDS = 10;
/** Seconds for which faults hold a sync up before it is given up until the next time. */
const GIVE_UP_SECONDS = 3600;

export interface SyncsPorts extends Pick<RetrievalPorts, 'records' | 'now'> {
  /** The containers that syncs of the tenant may read. */
  containersOf: (tenant: string) => readonly string[];
  mirror: ReturnType<typeof createMirror>;
}

/** The containers of the outside, and who may read which. */
export interface SyncSource {
  source: BlobSource;
  containersOf: SyncsPorts['containersOf'];
}

/** Undefined: the sync is gone. `nextAt` in Unix seconds. */
export type SyncTick = { nextAt: number; job?: IngestionJob } | undefined;

export type Syncs = ReturnType<typeof createSyncs>;

/** The syncs of a scope. Methods throw 404 for an id that is not there. */
export function createSyncs(ports: SyncsPorts) {
  const { records, now, containersOf, mirror } = ports;
  const seconds = (): number => Math.floor(now() / 1000);

  async function read(reference: SyncReference): Promise<StoredRecord<SyncRecord>> {
    const found = await records.get<SyncRecord>(syncKey(reference));
    if (!found) throw errors.noSync(reference.syncId);
    return found;
  }

  const get = async (scope: Scope, syncId: string): Promise<SyncObject> => shown((await read({ scope, syncId })).value);

  async function list(scope: Scope, page: PageRequest) {
    const { data, hasMore } = await pageOf<SyncRecord>(records, syncsPartition(scope), SYNCS, page);
    return { data: data.map(shown), hasMore };
  }

  /** Nothing drives the sync yet: the caller starts its orchestration, or the sweep will. Throws 404 for the store, 400 for what cannot be mirrored. */
  async function create(scope: Scope, body: CreateSyncRequest): Promise<SyncObject> {
    await requireStore(records, scope, body.vector_store_id);
    const open = containersOf(scope.tenant);
    if (!open.includes(body.container)) throw errors.containerNotOpen(body.container, open);
    nextMoment(body.cron, body.time_zone, seconds());
    const others = await records.list(syncsPartition(scope), SYNCS, { order: 'asc', limit: MAX_SYNCS });
    if (others.records.length >= MAX_SYNCS) throw errors.tooManySyncs(MAX_SYNCS);
    const sync: SyncRecord['sync'] = {
      id: newId('sync_'),
      object: 'sync',
      created_at: seconds(),
      vector_store_id: body.vector_store_id,
      container: body.container,
      prefix: body.prefix,
      cron: body.cron,
      time_zone: body.time_zone,
      chunking_strategy: resolveChunking(body.chunking_strategy),
      next_sync_at: seconds(),
      last_sync: null,
      metadata: body.metadata ?? {},
    };
    const due = dueOf({ scope, syncId: sync.id }, seconds() + START_GRACE_SECONDS);
    const value: SyncRecord = { sync, run: null, due_at: due.at };
    const creation = { op: 'create' as const, list: SYNCS, id: sync.id, order: orderKey(now()), value };
    await records.write(syncsPartition(scope), [creation], { add: [due] });
    return shown(value);
  }

  /** Deletes the sync; what it has brought into the store stays there. */
  async function remove(scope: Scope, syncId: string) {
    const reference: SyncReference = { scope, syncId };
    await withRetries(async () => {
      const { value, order } = await read(reference);
      const deletion = await listedDeletion(records, syncKey(reference), { order }, now());
      await records.write(syncsPartition(scope), deletion.changes, {
        add: [deletion.due],
        remove: [dueOf(reference, value.due_at)],
      });
    });
    await records.deletePartition(mirroredPartition(reference));
    return { id: syncId, object: 'sync.deleted', deleted: true };
  }

  /** Makes the sync due at once; one that is under way goes on. The caller wakes its orchestration. */
  async function runNow(scope: Scope, syncId: string): Promise<SyncObject> {
    const reference: SyncReference = { scope, syncId };
    return withRetries(async () => {
      const { value, etag } = await read(reference);
      if (value.run) return shown(value);
      const next: SyncRecord = { ...value, sync: { ...value.sync, next_sync_at: seconds() } };
      await write(reference, next, etag, seconds() + START_GRACE_SECONDS);
      return shown(next);
    });
  }

  /** Writes the record with its due record. Returns the new etag. */
  async function write(reference: SyncReference, record: SyncRecord, etag: string, dueAt: number): Promise<string> {
    const [written = ''] = await records.write(
      syncsPartition(reference.scope),
      [{ op: 'replace', list: SYNCS, id: reference.syncId, value: { ...record, due_at: dueAt }, ifMatch: etag }],
      dueAt === record.due_at
        ? undefined
        : { add: [dueOf(reference, dueAt)], remove: [dueOf(reference, record.due_at)] },
    );
    return written;
  }

  /**
   * Does a portion of what is due. The record says that a sync is under way before anything is done, and what was done after each portion; a crash
   * between repeats that portion. What cannot be done is told in the report; a fault rejects, and the call is repeated.
   */
  async function tick(reference: SyncReference): Promise<SyncTick> {
    const found = await records.get<SyncRecord>(syncKey(reference));
    if (!found) return undefined;
    let { value: record, etag } = found;
    const at = seconds();
    if (!record.run && record.sync.next_sync_at > at) return { nextAt: record.sync.next_sync_at };
    const run = record.run ?? newRun(at);
    const dueAt = at + ORCHESTRATION_GRACE_SECONDS;
    etag = await write(reference, { ...record, run }, etag, dueAt);
    record = { ...record, run, due_at: dueAt };
    const { portion, error } = await attempt(reference, record.sync, run);
    if (portion && !portion.isDone) {
      await write(reference, { ...record, run: portion.run }, etag, dueAt);
      return { nextAt: at, job: portion.job };
    }
    const last_sync = reportOf(portion?.run ?? run, seconds(), error);
    const next_sync_at = nextMoment(record.sync.cron, record.sync.time_zone, seconds());
    const ended: SyncRecord = { ...record, run: null, sync: { ...record.sync, last_sync, next_sync_at } };
    await write(reference, ended, etag, next_sync_at + ORCHESTRATION_GRACE_SECONDS);
    return { nextAt: next_sync_at, job: portion?.job };
  }

  /** A portion, or why there is none. */
  async function attempt({ scope, syncId }: SyncReference, sync: SyncRecord['sync'], run: OpenSync) {
    try {
      const store = await requireStore(records, scope, sync.vector_store_id);
      if (isExpired(store.value, seconds())) throw errors.vectorStoreExpired(sync.vector_store_id);
      const open = containersOf(scope.tenant);
      if (!open.includes(sync.container)) throw errors.containerNotOpen(sync.container, open);
      return { portion: await mirror({ scope, syncId }, sync, run), error: null };
    } catch (error) {
      const isFinal = error instanceof BlobSourceError || (error instanceof ApiError && error.status < 500);
      if (isFinal && !(error instanceof ApiError && error.status === 409)) return { error: error.message };
      if (seconds() - run.started_at < GIVE_UP_SECONDS) throw error;
      return { error: 'The server had errors for an hour. The next sync tries again.' };
    }
  }

  return { get, list, create, remove, runNow, tick, due: sweepSync.bind(undefined, ports) };
}

const newRun = (at: number): OpenSync => ({
  id: newId('syncrun_'),
  started_at: at,
  added: 0,
  changed: 0,
  removed: 0,
  failed_count: 0,
  failed: [],
});

const reportOf = ({ id: _id, ...done }: OpenSync, completed_at: number, error: string | null): SyncReport => ({
  ...done,
  completed_at,
  error,
});

const shown = ({ sync, run }: SyncRecord): SyncObject => ({ ...sync, status: run ? 'in_progress' : 'waiting' });
