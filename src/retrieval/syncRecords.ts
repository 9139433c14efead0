/** How syncs are stored: all of a scope in one partition, the blobs that one has mirrored in a partition of their own. */
import { z } from 'zod';
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import { ConflictError, type DueRecord, type RecordKey, type Records } from '../storage/ports';
import type { SyncObject, SyncReport } from '../wire/syncs';

/** Names a sync; the input of its orchestration. */
export interface SyncReference {
  scope: Scope;
  syncId: string;
}

/** A sync that is under way, with what it has done so far. */
export interface OpenSync extends Omit<SyncReport, 'completed_at' | 'error'> {
  id: string;
}

export interface SyncRecord {
  sync: Omit<SyncObject, 'status'>;
  run: OpenSync | null;
  /** `at` of the due record that was written with the sync. */
  due_at: number;
}

/** A blob that was mirrored; its id is that of its file. */
export interface MirroredBlob {
  id: string;
  name: string;
  etag: string;
  /** The sync that could not take it over; the next one tries again. */
  failed_in?: string;
}

export const SYNCS = 'syncs';
export const MIRRORED = 'blobs';

export const syncsPartition = (scope: Scope): string => partitionOf(scope, SYNCS);
export const mirroredPartition = ({ scope, syncId }: SyncReference): string => partitionOf(scope, 'sync_blobs', syncId);

export const syncKey = ({ scope, syncId }: SyncReference): RecordKey => ({
  partition: syncsPartition(scope),
  list: SYNCS,
  id: syncId,
});

/** Kind of the due records of syncs. */
export const SYNC_DUE = 'sync';
/** Seconds that the orchestration has for what is due before the sweep looks after it. */
export const ORCHESTRATION_GRACE_SECONDS = 30;

const dueData = z.object({ tenant: z.string(), project: z.string() });

/** The due record that has the sync looked at; `at` in Unix seconds. */
export const dueOf = ({ scope, syncId }: SyncReference, at: number): DueRecord => ({
  at,
  kind: SYNC_DUE,
  id: syncId,
  data: { tenant: scope.tenant, project: scope.project },
});

/** What the sweep does: starts the sync's orchestration (`start` does nothing while it runs), and looks at it again after its next time. */
export async function sweepSync(
  { records, now }: { records: Records; now: () => number },
  due: DueRecord,
  start: (reference: SyncReference) => Promise<void>,
): Promise<void> {
  const reference: SyncReference = { scope: dueData.parse(due.data), syncId: due.id };
  const found = await records.get<SyncRecord>(syncKey(reference));
  if (found?.value.due_at !== due.at) return records.writeDue({ remove: [due] });
  await start(reference);
  const { sync, run } = found.value;
  const seconds = Math.floor(now() / 1000);
  const dueAt = (run ? seconds : Math.max(sync.next_sync_at, seconds)) + ORCHESTRATION_GRACE_SECONDS;
  const value: SyncRecord = { ...found.value, due_at: dueAt };
  try {
    await records.write(
      syncsPartition(reference.scope),
      [{ op: 'replace', list: SYNCS, id: reference.syncId, value, ifMatch: found.etag }],
      { add: [dueOf(reference, dueAt)], remove: [due] },
    );
  } catch (error) {
    // The orchestration is at work, and has moved the due record or will.
    if (!(error instanceof ConflictError)) throw error;
  }
}
