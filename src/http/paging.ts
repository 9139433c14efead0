/** Pages of records as list objects. */
import type { ListObject } from '../wire/common';

/** The body of a list; `first_id` and `last_id` are null when it is empty. */
export function listObject<T extends { id: string }>(page: { data: T[]; hasMore: boolean }): ListObject<T> {
  return {
    object: 'list',
    data: page.data,
    first_id: page.data[0]?.id ?? null,
    last_id: page.data.at(-1)?.id ?? null,
    has_more: page.hasMore,
  };
}
