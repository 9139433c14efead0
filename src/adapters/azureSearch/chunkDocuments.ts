/**
 * How chunks lie in the index, one document each. The service writes document by document and shows a write only some time later, so a write of a file is a
 * generation of documents of its own, beside those before it: readers take the newest generation that is complete.
 */
import { createHash } from 'node:crypto';
import { odata } from '@azure/search-documents';
import { z } from 'zod';
import type { Chunk, IndexedStore } from '../../retrieval/ports';
import { vectorField } from './indexDefinition';

export type SearchDocument = Record<string, unknown>;

/** What says which write a document belongs to. */
export const VERSION_FIELDS = ['id', 'place', 'file', 'generation', 'chunks'];
/** What a chunk is read from, beside. */
export const CHUNK_FIELDS = [...VERSION_FIELDS, 'ordinal', 'text', 'page', 'heading'];

/** A document with those fields. */
export const versionDocument = z.object({
  id: z.string(),
  place: z.number(),
  file: z.string(),
  generation: z.number(),
  /** Chunks that the file has in that generation. */
  chunks: z.number(),
});
export type VersionDocument = z.output<typeof versionDocument>;

export const chunkDocument = versionDocument.extend({
  ordinal: z.number(),
  text: z.string(),
  page: z.number().nullish(),
  heading: z.string().nullish(),
});
export type ChunkDocument = z.output<typeof chunkDocument>;

/** The library turns texts such as `NaN` and dates into values when it reads them; none of them ends so. */
const END = '\n';

/** Ids as the index has them: without the characters that separate those of a list. */
export const fileField = (fileId: string): string => encodeURIComponent(fileId.toWellFormed());

export function chunkOf(document: ChunkDocument): Chunk {
  const { file, ordinal, text, page, heading } = document;
  return {
    fileId: decodeURIComponent(file),
    ordinal,
    text: text.slice(0, -END.length),
    ...(typeof page === 'number' && { page }),
    ...(typeof heading === 'string' && { heading: heading.slice(0, -END.length) }),
  };
}

/** One at a time: as documents the vectors take twice the room. */
export function* documentsOf(
  store: IndexedStore,
  generation: number,
  chunks: Chunk[],
  vectors: Float32Array[],
): Generator<SearchDocument, void, void> {
  const counts = chunkCounts(chunks);
  for (const [at, chunk] of chunks.entries()) {
    const vector = vectors[at] ?? new Float32Array();
    const hash = createHash('sha256')
      .update(JSON.stringify([store.tenant, store.id, chunk.fileId, generation, chunk.ordinal]))
      .digest();
    yield {
      id: hash.toString('base64url'),
      // Any order that numbers can say, to read many documents page by page.
      place: hash.readUIntBE(0, 6) * 16 + (hash.readUInt8(6) % 16),
      tenant: store.tenant,
      store: store.id,
      file: fileField(chunk.fileId),
      generation,
      chunks: counts.get(chunk.fileId),
      dimensions: vector.length,
      ordinal: chunk.ordinal,
      text: chunk.text.toWellFormed() + END,
      page: chunk.page ?? null,
      heading: chunk.heading === undefined ? null : chunk.heading.toWellFormed() + END,
      // Nine digits say a single-precision number exactly; JavaScript would write seventeen.
      [vectorField(vector.length)]: Array.from(vector, (value) => Number(value.toPrecision(9))),
    };
  }
}

/** Chunks by file. */
export function chunkCounts(chunks: readonly Chunk[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { fileId } of chunks) counts.set(fileId, (counts.get(fileId) ?? 0) + 1);
  return counts;
}

/** The newest complete generation of each file, by the file's field. */
export function currentGenerations(documents: readonly VersionDocument[]): Map<string, number> {
  const found = new Map<string, { file: string; generation: number; chunks: number; count: number }>();
  for (const { file, generation, chunks } of documents) {
    const key = `${file} ${generation}`;
    const version = found.get(key) ?? { file, generation, chunks, count: 0 };
    version.count += 1;
    found.set(key, version);
  }
  const current = new Map<string, number>();
  for (const { file, generation, chunks, count } of found.values()) {
    if (count === chunks && generation > (current.get(file) ?? 0)) current.set(file, generation);
  }
  return current;
}

/** Those of the file's newest complete generation. */
export function currentOf<T extends VersionDocument>(documents: readonly T[]): T[] {
  const current = currentGenerations(documents);
  return documents.filter(({ file, generation }) => current.get(file) === generation);
}

/** Conditions of a filter. */
export const all = (...conditions: string[]): string => conditions.join(' and ');
export const ofStore = ({ tenant, id }: IndexedStore): string => odata`tenant eq ${tenant} and store eq ${id}`;
export const ofFiles = (fields: Iterable<string>): string => odata`search.in(file, ${[...fields].join('|')}, '|')`;
export const behindPlace = (place: number): string => odata`place gt ${place}`;
export const before = (generation: number): string => odata`generation lt ${generation}`;
export const ofOtherLength = (dimensions: number): string => odata`dimensions ne ${dimensions}`;
