/** The setting DATA_SOURCES: data sources that requests name, so that callers hold no credentials of theirs. */
import { z } from 'zod';
import { ConfigError } from './configError';
import { readJsonSetting } from './jsonSetting';
import { dataSource } from './wire/dataSources';

/** A source that the server knows by name. */
export interface NamedDataSource {
  type: string;
  /** As a request gives them, secrets filled in. */
  parameters: Record<string, unknown>;
  /** Who may name it; absent: everybody. */
  tenants?: ReadonlySet<string>;
}
export type NamedDataSources = ReadonlyMap<string, NamedDataSource>;

const SETTING = 'DATA_SOURCES';
const MAX_SOURCES = 1_000;

const name = z.string().regex(/^[\w.-]{1,64}$/, 'a name must be 1 to 64 letters, digits, dots, dashes and underscores');
const settingSchema = z.record(
  name,
  z.strictObject({
    type: z.string(),
    parameters: z.record(z.string(), z.unknown()),
    tenants: z.array(z.string().min(1)).min(1).optional(),
  }),
);

/**
 * Reads DATA_SOURCES: JSON, or the path of a file that holds it, `{"name": {"type", "parameters", "tenants"}}`. A text `env:NAME` anywhere in the parameters is
 * the value of that environment variable, which a Key Vault reference may fill. Throws {@link ConfigError}, which never quotes a value.
 */
export function readDataSources(given: string | undefined, env: NodeJS.ProcessEnv): NamedDataSources {
  if (given === undefined) return new Map();
  const parsed = settingSchema.safeParse(readJsonSetting(SETTING, given));
  if (!parsed.success) throw wrong('', parsed.error);
  const sources = Object.entries(parsed.data);
  if (sources.length > MAX_SOURCES) throw new ConfigError(SETTING, `must not name more than ${MAX_SOURCES} sources.`);
  return new Map(
    sources.map(([name, { type, parameters, tenants }]) => {
      const filled = z.record(z.string(), z.unknown()).parse(withVariables(parameters, name, env));
      const checked = dataSource.safeParse({ type, parameters: filled });
      if (!checked.success) throw wrong(name, checked.error);
      return [name, { type, parameters: filled, ...(tenants && { tenants: new Set(tenants) }) }];
    }),
  );
}

function withVariables(value: unknown, name: string, env: NodeJS.ProcessEnv): unknown {
  if (Array.isArray(value)) return value.map((item) => withVariables(item, name, env));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withVariables(item, name, env)]));
  const variable = typeof value === 'string' ? /^env:(.*)$/s.exec(value)?.[1] : undefined;
  if (variable === undefined) return value;
  const filled = env[variable]?.trim();
  if (!filled)
    throw new ConfigError(SETTING, `'${name}' names the environment variable '${variable}', which is not set.`);
  return filled;
}

/** The first thing that is wrong, in one line that says where. */
function wrong(source: string, error: z.ZodError): ConfigError {
  const issue = error.issues[0];
  const place = [...(source ? [source] : []), ...(issue?.path ?? [])].map(String).join('.');
  const what = issue?.code === 'invalid_key' ? issue.issues[0]?.message : issue?.message;
  return new ConfigError(SETTING, `${place ? `${place}: ` : ''}${what ?? 'is not valid'}.`);
}
