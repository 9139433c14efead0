/** The part of OData's filter language that the test sources take: comparisons of strings, joined by `and` and `or`, and `search.in`. */

type Row = Record<string, unknown>;

/** A test of rows; undefined for what is not of the language, and where a field may not be filtered by. */
export function odataFilter(
  filter: string,
  isFilterable: (name: string) => boolean,
): ((row: Row) => boolean) | undefined {
  const alternatives = filter
    .split(/\s+or\s+/)
    .map((part) => part.split(/\s+and\s+/).map((term) => termOf(term.trim())));
  const terms = alternatives.flat();
  if (terms.some((term) => !term || !isFilterable(term.field))) return undefined;
  return (row) => alternatives.some((all) => all.every((term) => term?.matches(row[term.field])));
}

function termOf(text: string): { field: string; matches: (value: unknown) => boolean } | undefined {
  const [, field, operator, quoted] = /^(\w+) (eq|ne) '((?:[^']|'')*)'$/.exec(text) ?? [];
  if (field !== undefined && quoted !== undefined) {
    const wanted = quoted.replaceAll("''", "'");
    return { field, matches: (value) => (value === wanted) === (operator === 'eq') };
  }
  const [, within, list] = /^search\.in\((\w+), '([^']*)'\)$/.exec(text) ?? [];
  if (within === undefined || list === undefined) return undefined;
  const wanted = list.split(/[, ]+/);
  return { field: within, matches: (value) => wanted.includes(String(value)) };
}
