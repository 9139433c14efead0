/** The `data_sources` of a chat completion as they are sent: one source, described whole or by the name that the server knows it by. */
import type { NamedDataSources } from '../dataSourceSettings';
import { errors } from '../errors';
import { validate } from '../http/validation';
import type { Scope } from '../scope';
import { z } from 'zod';
import { commonParameterNames, dataSource, sourceTypes, type DataSourceConfiguration } from '../wire/dataSources';

const body = z.object({ data_sources: z.tuple([dataSource]) });
const entry = z.looseObject({
  type: z.string().optional(),
  name: z.string().optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
});
const entries = z.object({ data_sources: z.array(entry) });

/** The source, checked. Throws 400 naming what to mend. */
export function readDataSource(given: unknown, named: NamedDataSources, { tenant }: Scope): DataSourceConfiguration {
  // SDKs send null for what is not set.
  const { data_sources: sources } = validate(entries, { data_sources: withoutNulls(given) });
  const [source] = sources;
  if (!source || sources.length !== 1) {
    throw errors.invalidParameter(
      `Invalid 'data_sources': exactly one is supported, but got ${sources.length}.`,
      'invalid_value',
      'data_sources',
    );
  }
  if (source.name !== undefined) return ofName(source.name, source, named, tenant);
  if (source.type !== undefined && !sourceTypes.includes(source.type)) {
    throw errors.invalidParameter(
      `Invalid value: '${source.type.toWellFormed().slice(0, 100)}'. Supported values are: ${sourceTypes.map((type) => `'${type}'`).join(', ')}.`,
      'invalid_value',
      'data_sources[0].type',
    );
  }
  return checked(source);
}

const checked = (source: unknown): DataSourceConfiguration =>
  validate(body, { data_sources: [source] }).data_sources[0];

function ofName(
  name: string,
  { type, parameters = {} }: z.output<typeof entry>,
  named: NamedDataSources,
  tenant: string,
): DataSourceConfiguration {
  const source = named.get(name);
  // Whether others may name it is nobody's business.
  if (!source || (source.tenants && !source.tenants.has(tenant))) {
    const message = `There is no data source '${name.toWellFormed().slice(0, 100)}'. Name one of the setting DATA_SOURCES that is for you, or send 'type' and 'parameters'.`;
    throw errors.invalidParameter(message, 'data_source_not_found', 'data_sources[0].name');
  }
  if (type !== undefined && type !== source.type) {
    const message = `The data source '${name}' is of the type '${source.type}'. Leave 'type' out.`;
    throw errors.invalidParameter(message, 'invalid_value', 'data_sources[0].type');
  }
  const fixed = Object.keys(parameters).find((parameter) => !commonParameterNames.includes(parameter));
  if (fixed !== undefined) {
    const param = `data_sources[0].parameters.${fixed.toWellFormed().slice(0, 100)}`;
    const message = `The server sets '${param}' of a named data source. A request may set: ${commonParameterNames.join(', ')}.`;
    throw errors.invalidParameter(message, 'invalid_value', param);
  }
  return checked({ type: source.type, parameters: { ...source.parameters, ...parameters } });
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(pairs.map(([key, item]) => [key, withoutNulls(item)]));
}
