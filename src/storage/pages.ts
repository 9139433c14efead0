/** Pages of records as the lists of the API have them. */
import { errors } from '../errors';
import { deletedPlace } from './deletedPlaces';
import { UnknownCursorError, type ListRequest, type PageRequest, type RecordPage, type Records } from './ports';

/** The values of a page. Throws 400 when `after` or `before` names no object of the list, nor one that was just deleted from it. */
export async function pageOf<T>(
  records: Records,
  partition: string,
  list: string,
  request: PageRequest,
): Promise<{ data: T[]; hasMore: boolean }> {
  const page = await recordPage<T>(records, partition, list, request);
  return { data: page.records.map(({ value }) => value), hasMore: page.hasMore };
}

/** As {@link pageOf}, the records. */
export async function recordPage<T>(
  records: Records,
  partition: string,
  list: string,
  request: ListRequest,
): Promise<RecordPage<T>> {
  try {
    return await records.list<T>(partition, list, request);
  } catch (error) {
    if (!(error instanceof UnknownCursorError)) throw error;
    const param = error.cursor === request.after ? 'after' : 'before';
    const place = await deletedPlace(records, { partition, list, id: error.cursor });
    if (!place) throw errors.unknownCursor(param, error.cursor);
    return recordPage(records, partition, list, { ...request, [param]: place });
  }
}

/** A page of a short list that is at hand whole, oldest first. Throws 400 when `after` or `before` names no object of the list. */
export function pageWithin<T extends { id: string }>(
  values: T[],
  { order, limit, after, before }: PageRequest,
): { data: T[]; hasMore: boolean } {
  const ordered = order === 'asc' ? values : values.toReversed();
  const placeOf = (id: string, param: string): number => {
    const place = ordered.findIndex((value) => value.id === id);
    if (place < 0) throw errors.unknownCursor(param, id);
    return place;
  };
  const begin = after === undefined ? 0 : placeOf(after, 'after') + 1;
  const between = ordered.slice(begin, before === undefined ? undefined : placeOf(before, 'before'));
  // With `before` alone the page is what stands just before it.
  const data = before !== undefined && after === undefined ? between.slice(-limit) : between.slice(0, limit);
  return { data, hasMore: between.length > limit };
}
