/**
 * The approximate vector index of a store that is too large for comparing every vector. It is only kept where it finds what comparing every vector finds; how it
 * must be searched for that is kept in the table itself.
 */
import { Index, type Table } from '@lancedb/lancedb';
import { z } from 'zod';
import { VECTOR_INDEX } from './rows';

/**
 * Rows up to which every vector is compared. At 10,000 rows of 768 dimensions that takes 5 to 10 ms here, at 100,000 it takes 80 to 160 ms and the index 3 to 6
 * (docs/benchmarks.md).
 */
export const EXACT_ROWS = 10_000;

/** How the approximate index is searched. */
export interface VectorSearchSettings {
  /** Partitions that are searched. */
  probes: number;
  /** So many of the nearest by their compressed vectors, at least, are compared by their whole vectors. */
  refined: number;
}

/** From quick to thorough; the first that finds enough is kept. */
const LADDER: readonly VectorSearchSettings[] = [
  { probes: 10, refined: 100 },
  { probes: 20, refined: 100 },
  { probes: 20, refined: 200 },
  { probes: 40, refined: 400 },
  { probes: 100, refined: 1000 },
];
/** While nothing else is known; without an index they have no effect. */
const [FIRST] = LADDER;
export const USUAL_SETTINGS: VectorSearchSettings = FIRST ?? { probes: 10, refined: 100 };

/** Share of the ten nearest that the index must find: 0.95, and what keeps the sample's chance from deciding. */
export const MIN_RECALL = 0.97;
const SAMPLES = 40;
/** Every compaction adds a part with what is new, and each part is searched: with more the index is built anew. */
const MAX_PARTS = 20;
const NEAREST = 10;
/** Distances that differ by less are equal: those of a pair of vectors may be summed in another order. */
const SAME = 1e-5;

/** Key of the vector column's metadata. */
const NOTE = 'approximateIndex';
const note = z.object({
  /** Of the table when the index was built or found unfit. */
  rows: z.number(),
  /** Absent: no settings found enough. */
  settings: z.object({ probes: z.number(), refined: z.number() }).optional(),
});
type Note = z.infer<typeof note>;

/** How the table's index must be searched; undefined if there is none and every vector is compared. */
export async function vectorSearchSettings(table: Table): Promise<VectorSearchSettings | undefined> {
  return (await readNote(table))?.settings;
}

async function readNote(table: Table): Promise<Note | undefined> {
  const column = (await table.schema()).fields.find(({ name }) => name === 'vector');
  const written = column?.metadata.get(NOTE);
  return written === undefined ? undefined : note.parse(JSON.parse(written));
}

/**
 * Builds the index where the table has grown past `exactRows`, anew where it has doubled or fallen into many parts since, and drops it where the table has shrunk. An
 * index that does not find `minRecall` of the ten nearest, however it is searched, is dropped until the table has doubled. Costs about 40 comparisons of
 * every vector.
 */
export async function keepApproximateIndex(table: Table, exactRows: number, minRecall: number): Promise<void> {
  const rows = await table.countRows();
  const stats = await table.indexStats(VECTOR_INDEX);
  const isBuilt = stats !== undefined;
  if (rows <= exactRows) {
    // Not at once, so that a store of about that size does not build and drop by turns.
    if (isBuilt && rows <= exactRows / 2) await table.dropIndex(VECTOR_INDEX);
    return;
  }
  const known = await readNote(table);
  const isAsNoted = known !== undefined && isBuilt === (known.settings !== undefined);
  if (isAsNoted && rows < known.rows * 2 && (stats?.numIndices ?? 0) <= MAX_PARTS) return;
  await table.createIndex('vector', { config: await indexFor(table), replace: true });
  const settings = await sufficientSettings(table, rows, minRecall);
  const written = JSON.stringify({ rows, settings } satisfies Note);
  await table.updateFieldMetadata([{ path: 'vector', metadata: { [NOTE]: written } }]);
  if (!settings) await table.dropIndex(VECTOR_INDEX);
}

/** One bit a dimension, where their number allows. Measured beside the other kinds in docs/benchmarks.md. */
async function indexFor(table: Table): Promise<Index> {
  const isWholeBytes = (await dimensionsOf(table)) % 8 === 0;
  return isWholeBytes ? Index.ivfRq({ distanceType: 'cosine' }) : Index.ivfFlat({ distanceType: 'cosine' });
}

/** Length of the table's vectors. */
export async function dimensionsOf(table: Table): Promise<number> {
  const type: unknown = (await table.schema()).fields.find(({ name }) => name === 'vector')?.type;
  return z.object({ listSize: z.number() }).parse(type).listSize;
}

interface Sample {
  id: string;
  vector: Float32Array;
  /** Distance of the last of the nearest, itself not counted. */
  reach: number;
}

async function sufficientSettings(
  table: Table,
  rows: number,
  minRecall: number,
): Promise<VectorSearchSettings | undefined> {
  const samples = await sampled(table, rows);
  for (const settings of LADDER) {
    let found = 0;
    for (const { id, vector, reach } of samples) {
      const near = await nearestOthers(nearestTo(table, vector, settings, NEAREST + 1), id);
      found += near.filter((distance) => distance <= reach + SAME).length;
    }
    if (found >= minRecall * NEAREST * samples.length) return settings;
  }
  return undefined;
}

const sampleRows = z.array(
  z.object({
    id: z.string(),
    vector: z.custom<Iterable<number>>(
      (value) => typeof value === 'object' && value !== null && Symbol.iterator in value,
    ),
  }),
);

/** Stored vectors from all over the table, with how far their nearest reach by comparing every vector. */
async function sampled(table: Table, rows: number): Promise<Sample[]> {
  const offsets = Array.from({ length: Math.min(SAMPLES, rows) }, (_, at) => Math.floor((at * rows) / SAMPLES));
  const taken: unknown = await table.takeOffsets(offsets).select(['id', 'vector']).toArray();
  const samples: Sample[] = [];
  for (const row of sampleRows.parse(taken)) {
    const vector = Float32Array.from(row.vector);
    const query = nearestTo(table, vector, USUAL_SETTINGS, NEAREST + 1).bypassVectorIndex();
    const reach = (await nearestOthers(query, row.id)).at(-1);
    if (reach !== undefined) samples.push({ id: row.id, vector, reach });
  }
  return samples;
}

async function nearestOthers(query: VectorQuery, id: string): Promise<number[]> {
  const rows: unknown = await query.select(['id', '_distance']).toArray();
  return z
    .array(z.object({ id: z.string(), _distance: z.number() }))
    .parse(rows)
    .filter((row) => row.id !== id)
    .slice(0, NEAREST)
    .map(({ _distance }) => _distance);
}

type VectorQuery = ReturnType<Table['vectorSearch']>;

/** The `limit` rows nearest by cosine distance, which is exact in what is returned: refining compares whole vectors. */
export function nearestTo(
  table: Table,
  vector: Float32Array,
  { probes, refined }: VectorSearchSettings,
  limit: number,
): VectorQuery {
  const query = table.query().nearestTo(vector).distanceType('cosine').nprobes(probes);
  return query.refineFactor(Math.max(2, Math.ceil(refined / limit))).limit(limit);
}
