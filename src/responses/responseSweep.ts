/** What the sweep does with the due records of responses in the background: none is left alone, and no events stay for ever. */
import type { Change, DueRecord, Records } from '../storage/ports';
import {
  driveKey,
  eventsList,
  responseDue,
  responseOfDue,
  type DriveRecord,
  type ResponseReference,
} from './backgroundRecords';
import { DRIVE_GRACE_SECONDS } from './backgroundWrites';
import type { ResponsesPorts } from './ports';
import { chainPartition } from './responseRecords';

/** Batches removed by one write. */
const PORTION = 20;

/** Starts a response that nobody drives, looks again later at one that is driven, and forgets one that is over. */
export async function sweepResponse(
  { records, now }: Pick<ResponsesPorts, 'records' | 'now'>,
  due: DueRecord,
  start: (reference: ResponseReference) => Promise<void>,
): Promise<void> {
  const reference = responseOfDue(due);
  const found = await records.get<DriveRecord>(driveKey(reference));
  if (!found) {
    await records.writeDue({ remove: [due] });
    return;
  }
  const { lease } = found.value;
  if (lease === null || lease.until <= now()) await start(reference);
  const next = Math.floor(now() / 1000) + DRIVE_GRACE_SECONDS;
  await records.writeDue({ remove: [due], add: [responseDue(reference, next)] });
}

/** Removes the events that are due. */
export async function sweepEvents(records: Records, due: DueRecord): Promise<void> {
  await removeEvents(records, responseOfDue(due));
  await records.writeDue({ remove: [due] });
}

/** Removes the events of a response that is over or deleted, the first ones first, in steps of bounded size. Safe to repeat. */
export async function removeEvents(records: Records, reference: ResponseReference): Promise<void> {
  const partition = chainPartition(reference.scope, reference.key.chain);
  const list = eventsList(reference);
  for (;;) {
    const page = await records.list(partition, list, { order: 'asc', limit: PORTION });
    if (page.records.length > 0)
      await records.write(
        partition,
        page.records.map(({ id }): Change => ({ op: 'delete', list, id })),
      );
    if (!page.hasMore) return;
  }
}
