/** Pages of those records of a list that the caller selects. */
import { recordPage } from './pages';
import type { ListRequest, PageRequest, RecordPage, Records } from './ports';

/** Records read at once while looking for more. */
const MAX_READ = 500;

/**
 * A page of what `select` makes of the list's records; those it makes undefined are passed over and don't count. Reads on until the page is full,
 * a bounded number of records at a time. The cursors may be any record's. Throws 400 for an unknown cursor.
 */
export async function selectedPage<V extends { id: string }, T>(
  records: Records,
  list: { partition: string; list: string },
  request: PageRequest,
  select: (value: V) => T | undefined | Promise<T | undefined>,
): Promise<{ data: T[]; hasMore: boolean }> {
  // With `before` alone the list is read backwards from there.
  const backwards = request.before !== undefined && request.after === undefined;
  const data: T[] = [];
  // Behind the first page it is a place, whose record may be deleted meanwhile.
  let cursor: ListRequest['after'] = backwards ? request.before : request.after;
  for (;;) {
    const limit = Math.min(MAX_READ, request.limit + 1);
    const page: RecordPage<V> = await recordPage<V>(records, list.partition, list.list, {
      order: request.order,
      limit,
      ...(backwards ? { before: cursor } : { after: cursor, before: request.before }),
    });
    const selected = await Promise.all(page.records.map(async ({ value }) => select(value)));
    const kept = selected.filter((value) => value !== undefined);
    if (backwards) data.unshift(...kept);
    else data.push(...kept);
    if (data.length > request.limit) {
      return { data: backwards ? data.slice(-request.limit) : data.slice(0, request.limit), hasMore: true };
    }
    cursor = backwards ? page.records[0] : page.records.at(-1);
    if (!page.hasMore || cursor === undefined) return { data, hasMore: false };
  }
}
