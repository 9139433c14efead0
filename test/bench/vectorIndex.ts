/**
 * The vector index beside raw LanceDB on the same table. Texts and vectors are generated: topics, within them subjects, and noise. Written as Markdown.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, MatchQuery, rerankers, type Table } from '@lancedb/lancedb';
import { nearestTo, USUAL_SETTINGS, vectorSearchSettings } from '../../src/adapters/lanceDb/approximateIndex';
import { CHUNK_COLUMNS, ofFiles } from '../../src/adapters/lanceDb/rows';
import { lanceDbIndex } from '../../src/adapters/lanceDb';
import type { Chunk, ChunkSearch, VectorIndex } from '../../src/retrieval/ports';
import { seededRandom } from '../conformance/seededRandom';
import { gaussianVector, mixed } from './generatedVectors';
import { peakMemory, resetPeakMemory } from './processes';

const SIZES = [10_000, 100_000];
const DIMENSIONS = 768;
const CHUNKS_PER_FILE = 20;
const FILES_PER_WRITE = 50;
const WORDS_PER_CHUNK = 100;
const VOCABULARY = 20_000;
const LIMIT = 10;
const QUERIES = 150;
const WARMING = 30;
/** Files of the filter: 1,000 chunks. */
const FILTERED_FILES = 50;
const STORE = { tenant: 'bench', id: 'vs_bench' };
const SEED = 20_261_126;

/** Compares at each size; a Markdown table. */
export async function benchVectorIndex(sizes: number[] = SIZES): Promise<string> {
  const rows: string[] = [];
  for (const size of sizes) rows.push(...(await benchSize(size)));
  return [
    `## The vector index beside raw LanceDB`,
    '',
    `Generated vectors of ${DIMENSIONS} dimensions (seed ${SEED}): topics of 200 chunks, eight subjects in each, noise; ${WORDS_PER_CHUNK} words a chunk. "Raw" asks LanceDB itself for ${LIMIT}`,
    'rows of the same table in the same run, by turns: with the same search settings, and for hybrid by its own reranker (RRF).',
    '',
    '| what | raw LanceDB | this package | ours / raw | goal |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

async function benchSize(size: number): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'index-bench-'));
  const index = await lanceDbIndex(folder);
  try {
    const rows: string[] = [];
    const row = (what: string, ours: string, raw = '', ratio = '', goal = ''): void => {
      rows.push(`| ${size.toLocaleString('en')} chunks: ${what} | ${raw} | ${ours} | ${ratio} | ${goal} |`);
      console.error(`${size} chunks: ${what}: ${ours}${raw && `, raw ${raw}, ratio ${ratio}`}`);
    };
    const collection = generated(size);
    memory();
    const seconds = await timed(async () => ingest(index, collection, size));
    row('written per second', (size / seconds).toFixed(0));
    row('peak memory of the process, written', memory());
    row(
      'put in order at the end (compaction, indexes, recall check)',
      `${(await timed(async () => index.optimize(STORE))).toFixed(1)} s`,
    );
    row('peak memory of the process, put in order', memory());
    const table = await (await connect(folder)).openTable(STORE.id);
    row('on disk', `${((await bytesIn(folder)) / 1e6).toFixed(0)} MB`);
    row('of it the indexes', await indexSizes(table));
    row('approximate vector index searched with', await settingsText(table));
    await compare(index, table, collection, row);
    row(`recall@${LIMIT} against comparing every vector`, await recall(index, table, collection), '', '', '≥ 0.95');
    row('peak memory of the process, searched', memory());
    return rows;
  } finally {
    await index.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Since it was last asked for. */
function memory(): string {
  const megabytes = peakMemory(process.pid);
  resetPeakMemory(process.pid);
  return `${megabytes.toFixed(0)} MB`;
}

interface Collection {
  chunk: (number: number) => Chunk;
  vector: () => Float32Array;
  words: (count: number) => string;
  someFiles: (count: number) => string[];
}

function generated(size: number): Collection {
  const random = seededRandom(SEED);
  const topics = Array.from({ length: Math.max(10, size / 200) }, () => ({
    centre: gaussianVector(random, DIMENSIONS),
    subjects: Array.from({ length: 8 }, () => gaussianVector(random, DIMENSIONS)),
  }));
  const any = <T>(of: T[]): T | undefined => of[Math.floor(random() * of.length)];
  // Some words are common and most are rare, as in any language.
  const word = (): string => `w${Math.floor(random() ** 3 * VOCABULARY).toString(36)}`;
  const words = (count: number): string => Array.from({ length: count }, word).join(' ');
  return {
    someFiles: (count) =>
      Array.from({ length: count }, () => `file_${Math.floor((random() * size) / CHUNKS_PER_FILE)}`),
    words,
    chunk: (number) => ({
      fileId: `file_${Math.floor(number / CHUNKS_PER_FILE)}`,
      ordinal: number % CHUNKS_PER_FILE,
      text: words(WORDS_PER_CHUNK),
    }),
    vector() {
      const topic = any(topics);
      const subject = topic && any(topic.subjects);
      const noise = gaussianVector(random, DIMENSIONS);
      return topic && subject ? mixed([topic.centre, 1], [subject, 0.7], [noise, 0.8]) : noise;
    },
  };
}

async function ingest(index: VectorIndex, collection: Collection, size: number): Promise<void> {
  const perWrite = FILES_PER_WRITE * CHUNKS_PER_FILE;
  for (let start = 0; start < size; start += perWrite) {
    const chunks = Array.from({ length: Math.min(perWrite, size - start) }, (_, at) => collection.chunk(start + at));
    const files = [...new Set(chunks.map(({ fileId }) => fileId))];
    await index.replaceFiles(STORE, files, chunks, chunks.map(collection.vector));
    if (start % 20_000 === 0) console.error(`${size} chunks: ${start} written …`);
  }
}

type Row = (what: string, ours: string, raw?: string, ratio?: string, goal?: string) => void;

/** Times every way of searching, ours and raw by turns. */
async function compare(index: VectorIndex, table: Table, collection: Collection, row: Row): Promise<void> {
  const settings = (await vectorSearchSettings(table)) ?? USUAL_SETTINGS;
  const reranker = await rerankers.RRFReranker.create();
  const near = (search: ChunkSearch) => nearestTo(table, search.vector, settings, LIMIT);
  const matching = ({ text }: ChunkSearch) => new MatchQuery(text, 'text');
  const ways: [string, Partial<ChunkSearch>, (search: ChunkSearch) => Promise<unknown>][] = [
    [
      'vector',
      { weights: { vector: 1, text: 0 } },
      async (search) =>
        near(search)
          .select([...CHUNK_COLUMNS, '_distance'])
          .toArray(),
    ],
    [
      'text',
      { weights: { vector: 0, text: 1 } },
      async (search) =>
        table
          .query()
          .fullTextSearch(matching(search))
          .select([...CHUNK_COLUMNS, '_score'])
          .limit(LIMIT)
          .toArray(),
    ],
    [
      'hybrid',
      {},
      async (search) => near(search).fullTextSearch(matching(search)).rerank(reranker).select(CHUNK_COLUMNS).toArray(),
    ],
    [
      `hybrid with a filter of ${FILTERED_FILES} files`,
      { fileIds: [] },
      async (search) =>
        near(search)
          .fullTextSearch(matching(search))
          .where(ofFiles(search.fileIds ?? []))
          .rerank(reranker)
          .select(CHUNK_COLUMNS)
          .toArray(),
    ],
  ];
  for (const [name, asked, raw] of ways) {
    const times: { ours: number[]; raw: number[] } = { ours: [], raw: [] };
    for (let number = -WARMING; number < QUERIES; number += 1) {
      const weights = { vector: 1, text: 1 };
      const search: ChunkSearch = {
        text: collection.words(4),
        vector: collection.vector(),
        weights,
        limit: LIMIT,
        ...asked,
      };
      if (asked.fileIds) search.fileIds = collection.someFiles(FILTERED_FILES);
      const measure = async (side: 'ours' | 'raw', work: () => Promise<unknown>): Promise<void> => {
        const seconds = await timed(work);
        if (number >= 0) times[side].push(seconds * 1000);
      };
      const both = [
        async () => measure('ours', async () => index.search(STORE, search)),
        async () => measure('raw', async () => raw(search)),
      ];
      // By turns first, since what comes second finds its pages in the cache.
      for (const each of number % 2 === 0 ? both : both.reverse()) await each();
    }
    const [ours, theirs] = [times.ours, times.raw].map((values) => ({
      p50: percentile(values, 0.5),
      p95: percentile(values, 0.95),
    }));
    if (!ours || !theirs) continue;
    const shown = ({ p50, p95 }: typeof ours): string => `p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`;
    const ratio = ours.p50 / theirs.p50;
    const goal = `≤ 1.3 × (p50): ${ratio <= 1.3 ? 'met' : 'NOT met'}`;
    row(`search by ${name}`, shown(ours), shown(theirs), ratio.toFixed(2), goal);
  }
}

async function recall(index: VectorIndex, table: Table, collection: Collection): Promise<string> {
  let found = 0;
  const queries = 100;
  for (let number = 0; number < queries; number += 1) {
    const vector = collection.vector();
    const exact: { id: string }[] = await nearestTo(table, vector, USUAL_SETTINGS, LIMIT)
      .bypassVectorIndex()
      .select(['id', '_distance'])
      .toArray();
    const wanted = new Set(exact.map(({ id }) => id));
    const ours = await index.search(STORE, { text: '', vector, weights: { vector: 1, text: 0 }, limit: LIMIT });
    found += ours.filter(({ fileId, ordinal }) => wanted.has(`${fileId}#${ordinal}`)).length;
  }
  return (found / (queries * LIMIT)).toFixed(3);
}

async function settingsText(table: Table): Promise<string> {
  const settings = await vectorSearchSettings(table);
  return settings
    ? `${settings.probes} probes, ${settings.refined} vectors compared whole`
    : 'none: every vector is compared';
}

async function indexSizes(table: Table): Promise<string> {
  const indices = await table.listIndices();
  return indices.map(({ name, sizeBytes }) => `${name} ${((sizeBytes ?? 0) / 1e6).toFixed(1)} MB`).join(', ');
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Seconds that the work takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

const percentile = (values: number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;
