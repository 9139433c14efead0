/** Responses in the background as callers see them: cancelled, deleted and followed; what moves one is advanceResponse. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { withRetries } from '../storage/optimistic';
import type { Change } from '../storage/ports';
import type { ResponseObject } from '../wire/responses';
import {
  driveKey,
  eventsDue,
  eventsList,
  referenceTo,
  responseDue,
  settingsKey,
  type DriveRecord,
  type ResponseReference,
} from './backgroundRecords';
import { broken } from './backgroundWrites';
import { followResponse, type NumberedEvent } from './followResponse';
import type { ResponsesPorts } from './ports';
import { isOver } from './responseEvents';
import { responseKeyOf } from './responseIds';
import type { StoredResponse } from './responseRecords';
import { findResponse } from './turnRecords';
import { removeEvents } from './responseSweep';

/** Methods throw 404 for an id that is not there. */
export function createBackgroundResponses({ records, now }: Pick<ResponsesPorts, 'records' | 'now'>) {
  async function read(scope: Scope, id: string): Promise<{ reference: ResponseReference; stored: StoredResponse }> {
    const found = await findResponse(records, scope, id);
    if (!found) throw errors.noResponse(id);
    return { reference: { scope, key: found.key }, stored: found.stored };
  }

  const driveOf = async (scope: Scope, id: string) =>
    responseKeyOf(id) && (await records.get<DriveRecord>(driveKey(referenceTo(scope, id))));

  /** Ends the response as cancelled, whoever drives it. One that is cancelled already is given as it is. Throws 400 for one that is over otherwise. */
  async function cancel(scope: Scope, id: string): Promise<ResponseObject> {
    return withRetries(async () => {
      // Before the response: should another write come between the two, the write below fails.
      const drive = await driveOf(scope, id);
      const { reference, stored } = await read(scope, id);
      const { response } = stored;
      if (!response.background) throw errors.responseNotInBackground();
      if (response.status === 'cancelled') return response;
      if (isOver(response.status) || !drive) throw errors.responseNotCancellable(response.status);
      const { changes = [], due } = broken(reference, drive.value, stored, { status: 'cancelled' }, now());
      const { partition, list, id: record } = driveKey(reference);
      await records.write(partition, [{ op: 'delete', list, id: record, ifMatch: drive.etag }, ...changes], due);
      return (await read(scope, id)).stored.response;
    });
  }

  /** What the deletion of a response writes beside its turn: nobody drives it from then on, and its events go. Undefined for one that was none in the background. */
  async function removal(scope: Scope, id: string) {
    const drive = await driveOf(scope, id);
    const { reference, stored } = await read(scope, id);
    if (!stored.response.background) return undefined;
    const { list, id: turn } = driveKey(reference);
    const settings = settingsKey(reference);
    const changes: Change[] = drive
      ? [
          { op: 'delete', list, id: turn, ifMatch: drive.etag },
          { op: 'delete', list: settings.list, id: settings.id },
        ]
      : [];
    return {
      changes,
      due: {
        add: [eventsDue(reference, Math.floor(now() / 1000))],
        ...(drive && { remove: [responseDue(reference, drive.value.due_at)] }),
      },
      /** To be called when that is written; should it fail, the sweep does it. */
      finish: async () => removeEvents(records, reference),
    };
  }

  /** The events behind that number, to the last. Throws 400, before anything is read, where the response has none. */
  async function follow(
    scope: Scope,
    id: string,
    startingAfter: number,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<NumberedEvent, void, void>> {
    const { reference, stored } = await read(scope, id);
    if (!stored.streams) throw errors.responseHasNoStream(id);
    if (isOver(stored.response.status)) {
      const { partition } = driveKey(reference);
      const first = await records.list(partition, eventsList(reference), { order: 'asc', limit: 1 });
      if (first.records.length === 0) throw errors.responseStreamGone(id);
    }
    return followResponse({ records }, reference, startingAfter, signal);
  }

  return { cancel, removal, follow };
}
