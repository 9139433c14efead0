/** The command line of `npm run tenant`. */
import { TENANT_NAME } from '../../principal';
import { parseOptions, refuseOptions, UsageError } from '../commandLine';

export type TenantCommand =
  | { name: 'export'; tenant: string; folder: string }
  | { name: 'delete'; tenant: string; /** Without asking. */ isConfirmed: boolean }
  | { name: 'usage'; tenant: string; /** YYYY-MM-DD. */ start: string; end: string }
  | { name: 'help' };

export const HELP = `Exports or deletes everything of one tenant, or shows what it used, in the store that the settings name, while hosts run.

  npm run tenant -- export --tenant <name> --to <folder>
  npm run tenant -- delete --tenant <name> [--yes]
  npm run tenant -- usage --tenant <name> [--from <date>] [--until <date>]

  --to <folder>    where records (JSON lines) and the contents of files go; one that was stopped goes on there
  --yes            deletes without asking; what is deleted is gone
  --from <date>    the first day, such as 2026-11-01 (UTC); default: 30 days before the last
  --until <date>   the last day; default: today
`;

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const MAX_DAYS = 366;

/** Reads the arguments. Throws {@link UsageError}. @param now Unix milliseconds. */
export function readArguments(argv: string[], now: number): TenantCommand {
  const { values, positionals } = parseOptions(argv, OPTIONS);
  if (values.help) return { name: 'help' };
  const [name] = positionals;
  if (positionals.length > 1) throw new UsageError(`'${positionals.at(-1)}' is not expected.`);
  if (name !== 'export' && name !== 'delete' && name !== 'usage')
    throw new UsageError('The command is export, delete or usage. Behind npm run tenant, a lone -- comes first.');
  const { tenant, to } = values;
  if (tenant === undefined) throw new UsageError(`${name} needs --tenant.`);
  if (!TENANT_NAME.test(tenant)) throw new UsageError('--tenant takes 1 to 64 letters, digits, _ or -.');
  switch (name) {
    case 'export':
      refuseOptions(values, 'yes', 'from', 'until');
      if (!to) throw new UsageError('export needs --to.');
      return { name, tenant, folder: to };
    case 'delete':
      refuseOptions(values, 'to', 'from', 'until');
      return { name, tenant, isConfirmed: values.yes === true };
    case 'usage':
      refuseOptions(values, 'to', 'yes');
      return { name, tenant, ...daysOf(values, now) };
  }
}

const OPTIONS = {
  tenant: { type: 'string' },
  to: { type: 'string' },
  yes: { type: 'boolean' },
  from: { type: 'string' },
  until: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

function daysOf({ from, until }: { from?: string; until?: string }, now: number): { start: string; end: string } {
  const end = until === undefined ? now : dayOf('until', until);
  const start = from === undefined ? end - DEFAULT_DAYS * DAY_MS : dayOf('from', from);
  if (start > end || end - start > MAX_DAYS * DAY_MS)
    throw new UsageError(`--from must be a day from 0 to ${MAX_DAYS} days before --until.`);
  const text = (at: number): string => new Date(at).toISOString().slice(0, 10);
  return { start: text(start), end: text(end) };
}

function dayOf(name: string, given: string): number {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(given) ? Date.parse(given) : NaN;
  if (Number.isNaN(at)) throw new UsageError(`--${name} takes a date such as 2026-11-01.`);
  return at;
}
