/**
 * Places of deleted records. Programs delete what they list while they page through it, so that the last object of a page is gone when the next page is asked for behind
 * it; the services go on there. The place is a record beside those of the list, for an hour.
 */
import { newId } from './keys';
import { withRetries } from './optimistic';
import type { Change, DueRecord, Place, RecordKey, Records } from './ports';

/** The list of the places of a partition. */
const DELETED = 'deleted';
const KEPT_SECONDS = 3600;

/** What the sweep calls the due records of places. */
export const PLACE_DUE = 'deleted_place';

const placeKey = ({ partition, list, id }: RecordKey): RecordKey => ({
  partition,
  list: DELETED,
  id: `${list}/${id}`,
});

/**
 * The changes that delete a record of a list that callers page through, and the due record to add with them; `now` in milliseconds. With an etag the record must still
 * have it.
 */
export async function listedDeletion(
  records: Records,
  key: RecordKey,
  { order, etag: ifMatch }: { order: string; etag?: string },
  now: number,
): Promise<{ changes: [Change, Change]; due: DueRecord }> {
  const { partition, list, id } = placeKey(key);
  const value: Place = { order, id: key.id };
  // One of that id was deleted not long ago, and was made again.
  const former = await records.get<Place>({ partition, list, id });
  const place: Change = former
    ? { op: 'replace', list, id, value, ifMatch: former.etag }
    : { op: 'create', list, id, order, value };
  const at = Math.floor(now / 1000) + KEPT_SECONDS;
  return {
    changes: [{ op: 'delete', list: key.list, id: key.id, ifMatch }, place],
    due: { at, kind: PLACE_DUE, id: newId(''), data: { partition, id, order } },
  };
}

/** Deletes such a record, whatever it is by now, if it is there. */
export async function deleteListed(records: Records, key: RecordKey, now: number): Promise<void> {
  await withRetries(async () => {
    const found = await records.get(key);
    if (!found) return;
    const { changes, due } = await listedDeletion(records, key, { order: found.order }, now);
    await records.write(key.partition, changes, { add: [due] });
  });
}

/** Where the record stood; undefined where none of that id was deleted within the hour. */
export async function deletedPlace(records: Records, key: RecordKey): Promise<Place | undefined> {
  return (await records.get<Place>(placeKey(key)))?.value;
}

/** What the sweep does with the due records of places. */
export async function sweepPlace(records: Records, due: DueRecord): Promise<void> {
  const { partition = '', id = '', order } = due.data;
  const found = await records.get<Place>({ partition, list: DELETED, id });
  if (found?.value.order === order) await records.write(partition, [{ op: 'delete', list: DELETED, id }]);
  await records.writeDue({ remove: [due] });
}
