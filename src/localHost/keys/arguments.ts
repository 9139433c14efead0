/** The command line of `npm run keys`. */
import { TENANT_NAME, type Role } from '../../principal';
import { parseOptions, refuseOptions, UsageError } from '../commandLine';

export type KeysCommand =
  | { name: 'create'; tenant: string; role: Role; /** Unix seconds. */ expiresAt: number | null }
  | { name: 'list'; tenant: string | undefined }
  | { name: 'revoke'; id: string }
  | { name: 'help' };

export const HELP = `Makes, lists and revokes API keys, in the store that the settings name. Hosts follow within ten seconds, without a restart.

  npm run keys -- create --tenant <name> [--role user|contributor] [--expires <when>]
  npm run keys -- list [--tenant <name>]
  npm run keys -- revoke <id>

  --tenant <name>   whose objects the key reaches
  --role <role>     user: infers and uses what is there; contributor (default): also makes, changes and deletes it
  --expires <when>  90d, 12h, or a date such as 2027-06-30 (its beginning, UTC); default: never

create writes the key to standard output, once and nowhere else, and what belongs to it to standard error.
`;

/** Reads the arguments. Throws {@link UsageError}. @param now Unix milliseconds. */
export function readArguments(argv: string[], now: number): KeysCommand {
  const { values, positionals } = parseOptions(argv, OPTIONS);
  const [name, id] = positionals;
  if (values.help) return { name: 'help' };
  const { tenant } = values;
  if (tenant !== undefined && !TENANT_NAME.test(tenant))
    throw new UsageError('--tenant takes 1 to 64 letters, digits, _ or -.');
  if (positionals.length > (name === 'revoke' ? 2 : 1))
    throw new UsageError(`'${positionals.at(-1)}' is not expected.`);
  switch (name) {
    case 'create':
      if (tenant === undefined) throw new UsageError('create needs --tenant.');
      return { name, tenant, role: readRole(values.role), expiresAt: readExpiry(values.expires, now) };
    case 'list':
      refuseOptions(values, 'role', 'expires');
      return { name, tenant };
    case 'revoke':
      refuseOptions(values, 'role', 'expires', 'tenant');
      if (!id) throw new UsageError('revoke needs the id of a key; list shows them.');
      return { name, id };
    default:
      throw new UsageError('The command is create, list or revoke. Behind npm run keys, a lone -- comes first.');
  }
}

const OPTIONS = {
  tenant: { type: 'string' },
  role: { type: 'string' },
  expires: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

function readRole(given = 'contributor'): Role {
  if (given !== 'user' && given !== 'contributor') throw new UsageError('--role takes user or contributor.');
  return given;
}

/** Unix seconds. */
function readExpiry(given: string | undefined, now: number): number | null {
  if (given === undefined) return null;
  const [, count, unit] = /^(\d{1,5})([dh])$/.exec(given) ?? [];
  const at = count ? now + Number(count) * (unit === 'd' ? 86_400_000 : 3_600_000) : dateOf(given);
  if (!(at > now)) throw new UsageError('--expires takes 90d, 12h, or a date to come such as 2027-06-30.');
  return Math.floor(at / 1000);
}

/** NaN for what is no date: the 31st of February would count as one of March. */
function dateOf(text: string): number {
  const day = /^(\d{4}-\d{2}-\d{2})(T[\d:.]+Z)?$/.exec(text)?.[1];
  const isDay = day !== undefined && new Date(Date.parse(day) || 0).toISOString().startsWith(day);
  return isDay ? Date.parse(text) : NaN;
}
