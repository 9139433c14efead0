/** Configurations of sources as a request brings them. */
import {
  dataSource,
  type ConfigurationOf,
  type DataSourceConfiguration,
  type SourceType,
} from '../../../src/wire/dataSources';

const isOfType = <Type extends SourceType>(
  configuration: DataSourceConfiguration,
  type: Type,
): configuration is ConfigurationOf<Type> => configuration.type === type;

/** Read by the schema. */
export function configurationOf<Type extends SourceType>(type: Type, parameters: object): ConfigurationOf<Type> {
  const parsed = dataSource.parse({ type, parameters });
  if (!isOfType(parsed, type)) throw new Error('The type changed.');
  return parsed;
}
