/** The index of all vector stores as Azure AI Search has it: made on first use, and given a field more for vectors of another length. */
import { setTimeout as wait } from 'node:timers/promises';
import type { SearchField, SearchIndex, SearchIndexClient } from '@azure/search-documents';
import { hasStatus } from '../../azureStatus';

/** Ranks by meaning where it is asked for. */
export const SEMANTIC_CONFIGURATION = 'chunks';

/** Field of the vectors of that length: a store's embedding model never changes, so each store uses one. */
export const vectorField = (dimensions: number): string => `vector_${dimensions}`;

const PROFILE = 'cosine';
const ANALYZER = 'words';
const MAX_ATTEMPTS = 5;

export interface IndexDefinition {
  /** Sees to it that the index is there, with a field for vectors of that length. Throws where there is an index that is not ours. */
  prepare(dimensions: number): Promise<void>;
  /** Whether the index is there. */
  exists(): Promise<boolean>;
  /** Whether it has a field for vectors of that length. */
  takes(dimensions: number): Promise<boolean>;
}

/** What is known of the index is kept, since neither it nor its fields go away while the app runs. */
export function indexDefinition(client: SearchIndexClient, name: string, ranksByMeaning: boolean): IndexDefinition {
  const known = new Set<string>();

  async function read(): Promise<SearchIndex | undefined> {
    try {
      const index = await client.getIndex(name);
      checkOurs(index);
      for (const field of index.fields) known.add(field.name);
      return index;
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** Writes the index, with the fields that it has already. */
  async function write(index: SearchIndex | undefined, dimensions: number): Promise<void> {
    const wanted = definition(name, ranksByMeaning);
    const vectors = (index?.fields ?? []).filter((field) => field.name.startsWith('vector_'));
    const missing = vectors.some((field) => field.name === vectorField(dimensions)) ? [] : [vectorsOf(dimensions)];
    const complete = { ...wanted, fields: [...wanted.fields, ...vectors, ...missing] };
    await (index ? client.createOrUpdateIndex(complete) : client.createIndex(complete));
    for (const field of complete.fields) known.add(field.name);
  }

  const isPrepared = (index: SearchIndex | undefined, dimensions: number): boolean =>
    index !== undefined &&
    index.fields.some((field) => field.name === vectorField(dimensions)) &&
    (!ranksByMeaning ||
      (index.semanticSearch?.configurations ?? []).some((each) => each.name === SEMANTIC_CONFIGURATION));

  const prepared = new Map<number, Promise<void>>();

  async function prepareNow(dimensions: number): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const index = await read();
      if (isPrepared(index, dimensions)) return;
      try {
        return await write(index, dimensions);
      } catch (error) {
        // Another instance made it, or gave it another field, in between: the service then refuses to take that field away.
        const raced = hasStatus(error, 400, 409, 412);
        if (attempt === MAX_ATTEMPTS || !raced) throw error;
        await wait(Math.random() * 100 * 2 ** attempt);
      }
    }
  }

  return {
    async prepare(dimensions) {
      const preparing = prepared.get(dimensions) ?? prepareNow(dimensions);
      prepared.set(dimensions, preparing);
      try {
        await preparing;
      } catch (error) {
        prepared.delete(dimensions);
        throw error;
      }
    },
    exists: async () => known.size > 0 || (await read()) !== undefined,
    async takes(dimensions) {
      const field = vectorField(dimensions);
      if (!known.has(field)) await read();
      return known.has(field);
    },
  };
}

function definition(name: string, ranksByMeaning: boolean): SearchIndex {
  return {
    name,
    fields: ownFields,
    analyzers: [
      {
        odatatype: '#Microsoft.Azure.Search.CustomAnalyzer',
        name: ANALYZER,
        tokenizerName: 'standard_v2',
        // Words of all scripts (those without spaces by pairs of characters), with or without accents, English ones by their stems.
        tokenFilters: ['cjk_width', 'lowercase', 'cjk_bigram', 'asciifolding', 'stopwords', 'porter_stem'],
      },
    ],
    similarity: { odatatype: '#Microsoft.Azure.Search.BM25Similarity' },
    vectorSearch: {
      algorithms: [{ name: PROFILE, kind: 'hnsw', parameters: { metric: 'cosine' } }],
      profiles: [{ name: PROFILE, algorithmConfigurationName: PROFILE }],
    },
    ...(ranksByMeaning && {
      semanticSearch: {
        configurations: [{ name: SEMANTIC_CONFIGURATION, prioritizedFields: { contentFields: [{ name: 'text' }] } }],
      },
    }),
  };
}

const plain = { searchable: false, filterable: false, sortable: false, facetable: false } as const;
const ownFields: SearchField[] = [
  { ...plain, name: 'id', type: 'Edm.String', key: true, filterable: true },
  { ...plain, name: 'place', type: 'Edm.Int64', filterable: true, sortable: true },
  { ...plain, name: 'tenant', type: 'Edm.String', filterable: true },
  { ...plain, name: 'store', type: 'Edm.String', filterable: true },
  { ...plain, name: 'file', type: 'Edm.String', filterable: true },
  { ...plain, name: 'generation', type: 'Edm.Int64', filterable: true },
  { ...plain, name: 'chunks', type: 'Edm.Int32' },
  { ...plain, name: 'dimensions', type: 'Edm.Int32', filterable: true },
  { ...plain, name: 'ordinal', type: 'Edm.Int32' },
  { ...plain, name: 'text', type: 'Edm.String', searchable: true, analyzerName: ANALYZER },
  { ...plain, name: 'page', type: 'Edm.Int32' },
  { ...plain, name: 'heading', type: 'Edm.String' },
];

const vectorsOf = (dimensions: number): SearchField => ({
  ...plain,
  name: vectorField(dimensions),
  type: 'Collection(Edm.Single)',
  searchable: true,
  // Vectors are never read back.
  hidden: true,
  stored: false,
  vectorSearchDimensions: dimensions,
  vectorSearchProfileName: PROFILE,
});

function checkOurs({ name, fields }: SearchIndex): void {
  const types = new Map(fields.map((field) => [field.name, field.type]));
  const wrong = ownFields.find((field) => types.get(field.name) !== field.type);
  if (wrong) {
    throw new Error(
      `The index '${name}' of the search service is there and is none of vector stores: it has no field '${wrong.name}' of type ${wrong.type}. Let AZURE_SEARCH_INDEX name another one.`,
    );
  }
}
