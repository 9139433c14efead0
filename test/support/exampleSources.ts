/** Local counterparts of the sources that the contract's examples name. */
import type { SourceType } from '../../src/wire/dataSources';
import { startAzureSearch } from '../sources/azureSearch';
import { startElasticsearch } from '../sources/elasticsearch';
import { startIdentity } from '../sources/identity';
import type { Corpus } from '../sources/library';
import { atlasSource, cosmosSource, startMongoLibrary } from '../sources/mongoLibrary';
import { startPinecone } from '../sources/pinecone';
import { wordVector } from './wordVectors';

/** A server that stands in for a source, filled with one document of `content`, `title`, `url`, `filepath` and chunk `0`. */
export interface ExampleSource {
  /**
   * Parameters in place of the printed ones: the address, credentials that it takes, names in angle and curly brackets, and a mapping of the fields that the
   * printed answer cites where the printed request maps less.
   */
  parameters: Record<string, unknown>;
  /** Settings that the host needs to reach it. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** A document as the examples cite it. */
export interface ExampleDocument {
  content: string;
  title: string;
  url: string;
  filepath: string;
  chunk_id: string;
}

/** The document, so indexed that the examples' question finds it: what it says of itself has no word of it. */
const corpusOf = ({ content, title, url, filepath }: ExampleDocument): Corpus => ({
  documents: [{ id: '1', category: 'pets', content, title, url, filepath, synonyms: 'dog care' }],
  embed: wordVector,
});

async function searchSource(document: ExampleDocument, printed: Printed): Promise<ExampleSource> {
  const search = await startAzureSearch({ corpus: corpusOf(document) });
  const isKey = printed.authentication.type === 'api_key';
  const identity = await startIdentity(() => search.token);
  return {
    parameters: {
      endpoint: search.url,
      index_name: search.indexName,
      ...(isKey && { authentication: { type: 'api_key', key: search.adminKey } }),
    },
    env: { DATA_SOURCE_ALLOWED_HOSTS: new URL(search.url).host, ...identity.env },
    close: async () => {
      await Promise.all([search.close(), identity.close()]);
    },
  };
}

async function elasticSource(document: ExampleDocument): Promise<ExampleSource> {
  const { url, indexName, key, keyId, close } = await startElasticsearch({ corpus: corpusOf(document) });
  return {
    parameters: {
      endpoint: url,
      index_name: indexName,
      authentication: { type: 'key_and_key_id', key, key_id: keyId },
    },
    env: { DATA_SOURCE_ALLOWED_HOSTS: new URL(url).host },
    close,
  };
}

async function pineconeSource(document: ExampleDocument): Promise<ExampleSource> {
  const { url, indexName, environment, apiKey, close } = await startPinecone({ corpus: corpusOf(document) });
  return {
    parameters: { environment, index_name: indexName, authentication: { type: 'api_key', key: apiKey } },
    env: { DATA_SOURCE_ALLOWED_HOSTS: new URL(url).host, PINECONE_CONTROLLER_HOST: url },
    close,
  };
}

async function mongoSource(dialect: 'atlas' | 'vcore', document: ExampleDocument, printed: Printed) {
  const library = await startMongoLibrary(dialect, { corpus: corpusOf(document) });
  const { parameters } = dialect === 'atlas' ? atlasSource(library, '') : cosmosSource(library, '');
  return {
    parameters: { ...parameters, embedding_dependency: printed.embedding_dependency },
    env: { DATA_SOURCE_ALLOWED_HOSTS: library.host },
    close: () => library.close(),
  };
}

/** Parameters as the examples print them. */
export interface Printed {
  authentication: { type: string };
  embedding_dependency?: unknown;
}

/** Starts the counterpart of a source, by its type. */
export const exampleSources: Partial<
  Record<SourceType, (document: ExampleDocument, printed: Printed) => Promise<ExampleSource>>
> = {
  azure_search: searchSource,
  elasticsearch: elasticSource,
  pinecone: pineconeSource,
  mongo_db: async (document, printed) => mongoSource('atlas', document, printed),
  azure_cosmos_db: async (document, printed) => mongoSource('vcore', document, printed),
};
