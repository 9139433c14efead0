/** Opens the sources of chat on your data. Each type's library is loaded when a source of it is first opened. */
import type { OutgoingGuard } from './adapters/outgoingGuard';
import type { Config } from './config';
import type { DataSourceOpeners, OpenDataSource } from './dataSources/ports';
import { late } from './late';
import type { LogFault } from './openStorage';
import type { Retrieval } from './retrieval/retrieval';
import { vectorStoreSource } from './tools/vectorStoreSource';
import type { SourceType } from './wire/dataSources';

export interface DataSources {
  openers: DataSourceOpeners;
  close(): Promise<void>;
}

/** The openers by the types of sources. */
export function openDataSources({
  pineconeControllerHost,
  retrieval,
  guard,
  logFault,
}: Pick<Config, 'pineconeControllerHost'> & {
  retrieval: Retrieval;
  guard: OutgoingGuard;
  logFault: LogFault;
}): DataSources {
  const mongoClients = late(async () =>
    (await import('./adapters/dataSources/mongoClients.js')).createMongoClients({ guard, logFault }),
  );
  return {
    openers: {
      azure_search: openedLate(async () =>
        (await import('./adapters/dataSources/azureSearch.js')).azureSearch({ guard }),
      ),
      azure_cosmos_db: openedLate(async () =>
        (await import('./adapters/dataSources/cosmosDb.js')).cosmosDb(await mongoClients.get()),
      ),
      elasticsearch: openedLate(async () =>
        (await import('./adapters/dataSources/elasticsearch.js')).elasticsearch({ guard }),
      ),
      mongo_db: openedLate(async () =>
        (await import('./adapters/dataSources/mongoDb.js')).mongoDb(await mongoClients.get()),
      ),
      pinecone: openedLate(async () =>
        (await import('./adapters/dataSources/pinecone.js')).pinecone({
          guard,
          controllerHost: pineconeControllerHost,
        }),
      ),
      vector_store: vectorStoreSource(retrieval),
    },
    close: async () => mongoClients.ifMade(async (clients) => clients.close()),
  };
}

function openedLate<Type extends SourceType>(load: () => Promise<OpenDataSource<Type>>): OpenDataSource<Type> {
  const opener = late(load);
  return async (configuration, scope) => (await opener.get())(configuration, scope);
}
