/** Opens the source of a request by its type. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import type { DataSourceConfiguration, SourceType } from '../wire/dataSources';
import { unlessAborted } from '../unlessAborted';
import type { DataSource, DataSourceOpeners, OpenDataSource } from './ports';

/** The opened source. Throws 400 `unsupported` for a type that nothing opens, what the opener throws, and the signal's reason. */
export async function openDataSource(
  openers: DataSourceOpeners,
  configuration: DataSourceConfiguration,
  scope: Scope,
  signal: AbortSignal,
): Promise<DataSource> {
  signal.throwIfAborted();
  // What opens a source may be asked for by several callers, so that one who leaves only stops waiting.
  return unlessAborted(openedByType(openers, configuration, scope), signal);
}

async function openedByType(
  openers: DataSourceOpeners,
  configuration: DataSourceConfiguration,
  scope: Scope,
): Promise<DataSource> {
  switch (configuration.type) {
    case 'azure_search':
      return opened(openers.azure_search, configuration, scope);
    case 'azure_cosmos_db':
      return opened(openers.azure_cosmos_db, configuration, scope);
    case 'elasticsearch':
      return opened(openers.elasticsearch, configuration, scope);
    case 'mongo_db':
      return opened(openers.mongo_db, configuration, scope);
    case 'pinecone':
      return opened(openers.pinecone, configuration, scope);
    case 'vector_store':
      return opened(openers.vector_store, configuration, scope);
  }
}

async function opened<Type extends SourceType>(
  open: OpenDataSource<Type> | undefined,
  configuration: Parameters<OpenDataSource<Type>>[0],
  scope: Scope,
): Promise<DataSource> {
  if (!open)
    throw errors.unsupported('data_sources[0].type', `Sources of the type '${configuration.type}' are missing.`);
  return open(configuration, scope);
}
