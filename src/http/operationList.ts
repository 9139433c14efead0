/** The list of operations for docs/operations.md. */
import type { Operation } from './operation';

/** Markdown: the operations that are served. */
export function operationList(served: Operation[]): string {
  return [
    '# Operations',
    '',
    'Made from the declarations in `src/functions` by `UPDATE_DOCS=1 npm test -- operationList`. Paths are below each base path; the number is that of the',
    "contract's operation, a dash marks one beside it.",
    '',
    '| # | method | path | what |',
    '|---|---|---|---|',
    ...served.map(row),
    '',
  ].join('\n');
}

const row = ({ number, method, path, summary }: Operation): string =>
  `| ${number ?? '-'} | ${method.toUpperCase()} | \`${path}\` | ${summary} |`;
