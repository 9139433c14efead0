/** Filters on the attributes of a vector store's files. */
import type { Attributes, Filter } from '../wire/vectorStores';

/**
 * Whether the attributes pass the filter. Values of different types are never equal, and neither is less; an attribute that is
 * absent passes only `ne` and `nin`. Text is ordered by UTF-16 code units.
 */
export function passesFilter(attributes: Attributes, filter: Filter): boolean {
  switch (filter.type) {
    case 'and':
      return filter.filters.every((part) => passesFilter(attributes, part));
    case 'or':
      return filter.filters.some((part) => passesFilter(attributes, part));
    case 'in':
    case 'nin':
      return filter.value.some((value) => value === valueOf(attributes, filter.key)) === (filter.type === 'in');
    case 'eq':
    case 'ne':
      return (valueOf(attributes, filter.key) === filter.value) === (filter.type === 'eq');
    default:
      return isOrdered(filter.type, valueOf(attributes, filter.key), filter.value);
  }
}

type Value = string | number | boolean;

const valueOf = (attributes: Attributes, key: string): Value | undefined =>
  Object.hasOwn(attributes, key) ? attributes[key] : undefined;

function isOrdered(type: 'gt' | 'gte' | 'lt' | 'lte', left: Value | undefined, right: Value): boolean {
  if (left === undefined || typeof left !== typeof right) return false;
  switch (type) {
    case 'gt':
      return left > right;
    case 'gte':
      return left >= right;
    case 'lt':
      return left < right;
    case 'lte':
      return left <= right;
  }
}
