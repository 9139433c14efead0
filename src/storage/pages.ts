/** Pages of records as the lists of the API have them. */
import { errors } from '../errors';
import { UnknownCursorError, type PageRequest, type Records } from './ports';

/** The values of a page. Throws 400 when `after` or `before` names no object of the list. */
export async function pageOf<T>(
  records: Records,
  partition: string,
  list: string,
  request: PageRequest,
): Promise<{ data: T[]; hasMore: boolean }> {
  try {
    const page = await records.list<T>(partition, list, request);
    return { data: page.records.map(({ value }) => value), hasMore: page.hasMore };
  } catch (error) {
    if (!(error instanceof UnknownCursorError)) throw error;
    throw errors.unknownCursor(error.cursor === request.after ? 'after' : 'before', error.cursor);
  }
}
