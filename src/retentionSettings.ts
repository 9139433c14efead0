/** RETENTION_DAYS: how long what tenants have is kept after it was last used. */
import { ConfigError } from './configError';
import { TENANT_NAME } from './principal';

/** Days by tenant; `*`: of all others. A tenant without any keeps everything. */
export type RetentionDays = ReadonlyMap<string, number>;

const MAX_DAYS = 36_500;

/** Reads `tenant:days,*:days`, or a JSON object of the same. Throws {@link ConfigError}. */
export function readRetentionDays(value: string | undefined): RetentionDays {
  if (value === undefined) return new Map();
  const days = new Map<string, number>();
  for (const [tenant, given] of pairsOf(value)) {
    const count = typeof given === 'number' || /^\d{1,5}$/.test(String(given)) ? Number(given) : NaN;
    if (!(tenant === '*' || TENANT_NAME.test(tenant)) || !Number.isInteger(count) || count < 1 || count > MAX_DAYS)
      throw wrong();
    if (days.has(tenant)) throw new ConfigError('RETENTION_DAYS', `names '${tenant}' twice.`);
    days.set(tenant, count);
  }
  return days;
}

const wrong = (): ConfigError =>
  new ConfigError(
    'RETENTION_DAYS',
    `must be tenant:days pairs joined by commas, such as team-a:30,*:365, or a JSON object of them; days are whole numbers from 1 to ${MAX_DAYS}.`,
  );

function pairsOf(value: string): [string, unknown][] {
  if (!value.trim().startsWith('{')) {
    return value.split(',').map((pair): [string, unknown] => {
      const [tenant = '', days = '', ...more] = pair.trim().split(':');
      if (more.length > 0) throw wrong();
      return [tenant.trim(), days.trim()];
    });
  }
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'object' && parsed !== null) return Object.entries(parsed);
  } catch {
    // Told below, with what it takes.
  }
  throw wrong();
}
