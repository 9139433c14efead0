/**
 * The part of OData's filter language that Azure AI Search's test server takes: comparisons of fields with constants, `search.in`, `and`, `or`, `not`, parentheses
 * (learn.microsoft.com/azure/search/search-query-odata-filter).
 */
export type Row = Record<string, unknown>;

/** What a filter compares a field with. */
export interface FieldUse {
  field: string;
  constant: 'string' | 'number' | 'null';
}

const token = /\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|(search\.in)|([A-Za-z_]\w*)|([(),]))/y;

/** A test of rows, and the fields that it uses. Throws a text that says what is wrong. */
export function parseFilter(filter: string): { matches: (row: Row) => boolean; uses: FieldUse[] } {
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < filter.trimEnd().length) {
    const [found] = token.exec(filter) ?? [];
    if (found === undefined) throw new Error(`Syntax error in '${filter}'.`);
    tokens.push(found.trim());
  }
  const uses: FieldUse[] = [];
  let at = 0;
  const next = (): string => tokens[at++] ?? '';
  const expect = (wanted: string): void => {
    const given = next();
    if (given !== wanted) throw new Error(`Syntax error: '${wanted}' expected, '${given}' found in '${filter}'.`);
  };
  const textOf = (literal: string): string => {
    if (!/^'.*'$/s.test(literal)) throw new Error(`A string literal is expected where '${literal}' is.`);
    return literal.slice(1, -1).replaceAll("''", "'");
  };

  function either(): (row: Row) => boolean {
    const parts = [both()];
    while (tokens[at] === 'or') {
      at += 1;
      parts.push(both());
    }
    return (row) => parts.some((part) => part(row));
  }
  function both(): (row: Row) => boolean {
    const parts = [term()];
    while (tokens[at] === 'and') {
      at += 1;
      parts.push(term());
    }
    return (row) => parts.every((part) => part(row));
  }
  function term(): (row: Row) => boolean {
    const first = next();
    if (first === 'not') {
      const part = term();
      return (row) => !part(row);
    }
    if (first === '(') {
      const part = either();
      expect(')');
      return part;
    }
    if (first === 'search.in') return within();
    return comparison(first);
  }
  function within(): (row: Row) => boolean {
    expect('(');
    const field = next();
    expect(',');
    const list = textOf(next());
    let delimiters = ', ';
    if (tokens[at] === ',') {
      at += 1;
      delimiters = textOf(next());
    }
    expect(')');
    uses.push({ field, constant: 'string' });
    const wanted = new Set<unknown>([list]);
    for (const delimiter of delimiters) {
      for (const each of [...wanted]) for (const part of String(each).split(delimiter)) wanted.add(part);
    }
    if (list.length > 0 && [...delimiters].some((delimiter) => list.includes(delimiter))) wanted.delete(list);
    return (row) => wanted.has(row[field]);
  }
  function comparison(field: string): (row: Row) => boolean {
    const operator = next();
    const literal = next();
    const compare = comparisons[operator];
    if (!/^[A-Za-z]\w*$/.test(field) || !compare) throw new Error(`Syntax error near '${field} ${operator}'.`);
    if (literal === 'null') {
      uses.push({ field, constant: 'null' });
      return (row) => compare(row[field] ?? null, null);
    }
    const isText = literal.startsWith("'");
    const constant = isText ? textOf(literal) : Number(literal);
    if (Number.isNaN(constant)) throw new Error(`'${literal}' is no constant.`);
    uses.push({ field, constant: isText ? 'string' : 'number' });
    return (row) => compare(row[field] ?? null, constant);
  }

  const matches = either();
  if (at < tokens.length) throw new Error(`Syntax error at '${tokens[at]}' in '${filter}'.`);
  return { matches, uses };
}

type Constant = string | number | null;
const ordered =
  (test: (one: number | string, other: number | string) => boolean) => (value: unknown, constant: Constant) =>
    ((typeof value === 'number' && typeof constant === 'number') ||
      (typeof value === 'string' && typeof constant === 'string')) &&
    test(value, constant);

const comparisons: Record<string, ((value: unknown, constant: Constant) => boolean) | undefined> = {
  eq: (value, constant) => value === constant,
  ne: (value, constant) => value !== constant,
  gt: ordered((one, other) => one > other),
  ge: ordered((one, other) => one >= other),
  lt: ordered((one, other) => one < other),
  le: ordered((one, other) => one <= other),
};
