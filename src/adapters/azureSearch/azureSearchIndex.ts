/** The vector index on Azure AI Search: one index for all vector stores, whose documents name their tenant and store. */
import { setTimeout as wait } from 'node:timers/promises';
import type { TokenCredential } from '@azure/identity';
import { AzureKeyCredential, SearchClient, SearchIndexClient } from '@azure/search-documents';
import { z } from 'zod';
import {
  DimensionsError,
  type Chunk,
  type ChunkSearch,
  type IndexedStore,
  type ScoredChunk,
  type VectorIndex,
} from '../../retrieval/ports';
import { checkedDimensions } from '../checkedChunks';
import { timeLimit } from '../timeLimit';
import {
  all,
  before,
  behindPlace,
  CHUNK_FIELDS,
  chunkCounts,
  chunkDocument,
  chunkOf,
  currentGenerations,
  currentOf,
  documentsOf,
  fileField,
  ofFiles,
  ofOtherLength,
  ofStore,
  VERSION_FIELDS,
  versionDocument,
  type SearchDocument,
} from './chunkDocuments';
import { deleteDocuments, uploadDocuments } from './documentWrites';
import { indexDefinition, type IndexDefinition } from './indexDefinition';
import { searchChunks, storeSizes } from './searchChunks';

/** Documents of one answer, the most that the service gives. */
const PAGE = 1_000;
/** Readings of a file that is being replaced, until one of its generations is whole. */
const MAX_READS = 6;
const REQUEST_TIMEOUT_MS = 60_000;

export interface AzureSearchOptions {
  endpoint: string;
  /** Made when it is not there. */
  indexName: string;
  /** A key that may write, or what gives tokens. */
  credential: string | TokenCredential;
  /** Whether the service's semantic ranker orders what full text finds. */
  ranksByMeaning?: boolean;
  /** How long a write may take to show, in milliseconds. */
  visibleWithinMs?: number;
}

/**
 * Nothing is sent before the first use. A write ends when every reader finds it, which the service takes a moment for; until then readers of a file find the chunks that it
 * had before. A search that comes meanwhile may miss chunks of the new ones.
 *
 * Vectors compare by cosine similarity, text by BM25 (English stemming and stop words, words of all scripts), each by a query of its own; ranks join them, as they do for
 * every other index: the service's own fusion gives scores that mean nothing from query to query.
 */
export function azureSearchIndex(options: AzureSearchOptions): VectorIndex {
  const { endpoint, indexName, ranksByMeaning = false, visibleWithinMs = 60_000 } = options;
  const credential =
    typeof options.credential === 'string' ? new AzureKeyCredential(options.credential) : options.credential;
  const clientOptions = {
    allowInsecureConnection: endpoint.startsWith('http:'),
    retryOptions: { maxRetries: 6, retryDelayInMs: 200, maxRetryDelayInMs: 6_400 },
  };
  const client = new SearchClient<SearchDocument>(endpoint, indexName, credential, clientOptions);
  const indexes = new SearchIndexClient(endpoint, credential, clientOptions);
  for (const { pipeline } of [client, indexes]) {
    pipeline.addPolicy(timeLimit(REQUEST_TIMEOUT_MS), { afterPhase: 'Retry' });
  }
  const definition = indexDefinition(indexes, indexName, ranksByMeaning);
  return new AzureSearchIndex(client, definition, ranksByMeaning, visibleWithinMs);
}

class AzureSearchIndex implements VectorIndex {
  #lastGeneration = 0;
  readonly #sizes = storeSizes();

  constructor(
    readonly client: SearchClient<SearchDocument>,
    readonly definition: IndexDefinition,
    readonly ranksByMeaning: boolean,
    readonly visibleWithinMs: number,
  ) {}

  async replaceFiles(store: IndexedStore, fileIds: string[], chunks: Chunk[], vectors: Float32Array[]): Promise<void> {
    const dimensions = checkedDimensions(fileIds, chunks, vectors);
    if (dimensions === undefined) return this.deleteFiles(store, fileIds);
    await this.definition.prepare(dimensions);
    await this.#checkLength(store, dimensions);
    const generation = this.#nextGeneration();
    await uploadDocuments(this.client, documentsOf(store, generation, chunks, vectors));
    const written = [...chunkCounts(chunks).keys()].map(fileField);
    await this.#settle(store, fileIds.map(fileField), generation, written);
  }

  async deleteFiles(store: IndexedStore, fileIds: string[]): Promise<void> {
    if (fileIds.length === 0 || !(await this.definition.exists())) return;
    await this.#settle(store, fileIds.map(fileField), this.#nextGeneration(), []);
  }

  async search(store: IndexedStore, search: ChunkSearch): Promise<ScoredChunk[]> {
    if (search.limit <= 0 || search.fileIds?.length === 0 || !(await this.definition.exists())) return [];
    const dimensions = search.vector.length;
    const hasVectors = search.weights.vector > 0 && (await this.definition.takes(dimensions));
    const { found, nearest } = await searchChunks(this.client, store, search, {
      hasVectors,
      ranksByMeaning: this.ranksByMeaning,
      sizes: this.#sizes,
      currentGenerations: async (files) =>
        currentGenerations(await this.#read(all(ofStore(store), ofFiles(files)), VERSION_FIELDS, versionDocument)),
    });
    if (search.weights.vector > 0 && nearest === 0) await this.#checkLength(store, dimensions);
    return found;
  }

  async chunksOf(store: IndexedStore, fileId: string): Promise<Chunk[]> {
    const documents = await this.#currentOf(store, fileId, CHUNK_FIELDS, chunkDocument);
    return documents.sort((a, b) => a.ordinal - b.ordinal).map(chunkOf);
  }

  /** Counted one by one: the service's own count is an estimate. */
  async count(store: IndexedStore, fileId?: string): Promise<number> {
    return (await this.#currentOf(store, fileId, VERSION_FIELDS, versionDocument)).length;
  }

  async deleteStore(store: IndexedStore): Promise<void> {
    if (!(await this.definition.exists())) return;
    const filter = all(ofStore(store), before(this.#nextGeneration()));
    await this.#untilVisible(async (deleted) => {
      const ids: string[] = [];
      for await (const page of this.#pages(filter, ['id', 'place'], placed)) {
        const fresh = page.map(({ id }) => id).filter((id) => !deleted.has(id));
        await deleteDocuments(this.client, fresh);
        for (const id of fresh) deleted.add(id);
        ids.push(...page.map(({ id }) => id));
      }
      return ids.length === 0;
    });
  }

  /** The service does it by itself. */
  async optimize(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  /** Later than all before, of other instances too as far as their clocks agree: microseconds, of which the last ones are a matter of chance. */
  #nextGeneration(): number {
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, Date.now() * 1_000 + Math.floor(Math.random() * 1_000));
    return this.#lastGeneration;
  }

  /**
   * Waits until the generation of the files that were written shows, or a newer one, and removes what was before until it shows no more. Where two write one file at once,
   * the later stays, whoever of them comes here first.
   */
  async #settle(store: IndexedStore, files: string[], generation: number, written: string[]): Promise<void> {
    const filter = all(ofStore(store), ofFiles(files));
    await this.#untilVisible(async (deleted) => {
      const documents = await this.#read(filter, VERSION_FIELDS, versionDocument);
      const current = currentGenerations(documents);
      if (written.some((file) => (current.get(file) ?? 0) < generation)) return false;
      const stale = documents
        .filter(({ file, generation: each }) => each < Math.max(current.get(file) ?? 0, generation))
        .map(({ id }) => id);
      const fresh = stale.filter((id) => !deleted.has(id));
      await deleteDocuments(this.client, fresh);
      for (const id of fresh) deleted.add(id);
      return stale.length === 0;
    });
  }

  async #untilVisible(look: (deleted: Set<string>) => Promise<boolean>): Promise<void> {
    const deleted = new Set<string>();
    const last = Date.now() + this.visibleWithinMs;
    for (let pause = 25; !(await look(deleted)); pause = Math.min(pause * 1.5, 1_000)) {
      if (Date.now() > last) {
        throw new Error(`What was written to the search index did not show within ${this.visibleWithinMs / 1000} s.`);
      }
      await wait(pause);
    }
  }

  async #currentOf<T extends z.output<typeof versionDocument>>(
    store: IndexedStore,
    fileId: string | undefined,
    fields: string[],
    schema: z.ZodType<T>,
  ): Promise<T[]> {
    if (!(await this.definition.exists())) return [];
    const filter = fileId === undefined ? ofStore(store) : all(ofStore(store), ofFiles([fileField(fileId)]));
    for (let reads = 1; ; reads += 1) {
      const documents = await this.#read(filter, fields, schema);
      const current = currentOf(documents);
      // None is whole where the reading fell between pages of a replacement; or the first write of the file is under way, or was cut short.
      if (current.length > 0 || documents.length === 0 || reads === MAX_READS) return current;
      await wait(25 * 2 ** reads);
    }
  }

  async #read<T extends { place: number }>(filter: string, fields: string[], schema: z.ZodType<T>): Promise<T[]> {
    const documents: T[] = [];
    for await (const page of this.#pages(filter, fields, schema)) documents.push(...page);
    return documents;
  }

  /** By place and not by number, since documents come and go meanwhile. */
  async *#pages<T extends { place: number }>(
    filter: string,
    fields: string[],
    schema: z.ZodType<T>,
  ): AsyncGenerator<T[]> {
    for (let last = -1; ;) {
      const { results } = await this.client.search('*', {
        filter: all(filter, behindPlace(last)),
        select: fields,
        orderBy: ['place asc'],
        top: PAGE,
      });
      const page: T[] = [];
      for await (const { document } of results) page.push(schema.parse(document));
      if (page.length > 0) yield page;
      const end = page.at(-1);
      if (!end || page.length < PAGE) return;
      last = end.place;
    }
  }

  /** Throws {@link DimensionsError} where the store holds vectors of another length. */
  async #checkLength(store: IndexedStore, dimensions: number): Promise<void> {
    const filter = all(ofStore(store), ofOtherLength(dimensions));
    const { results } = await this.client.search('*', { filter, select: ['dimensions'], top: 1 });
    for await (const { document } of results) {
      throw new DimensionsError(store.id, dimensions, z.object({ dimensions: z.number() }).parse(document).dimensions);
    }
  }
}

const placed = z.object({ id: z.string(), place: z.number() });
