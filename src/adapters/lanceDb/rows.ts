/** How chunks lie in a store's table. */
import { z } from 'zod';
import type { Chunk } from '../../retrieval/ports';

export const TEXT_INDEX = 'text_idx';
export const VECTOR_INDEX = 'vector_idx';

/** What a chunk is read from. */
export const CHUNK_COLUMNS = ['id', 'file_id', 'ordinal', 'text', 'page', 'heading'];

/** A row with those columns → its chunk. */
export const chunkRow = z
  .object({
    file_id: z.string(),
    ordinal: z.number(),
    text: z.string(),
    page: z.number().nullable(),
    heading: z.string().nullable(),
  })
  .transform((row): Chunk => ({
    fileId: row.file_id,
    ordinal: row.ordinal,
    text: row.text,
    ...(row.page !== null && { page: row.page }),
    ...(row.heading !== null && { heading: row.heading }),
  }));

/** Id of a chunk's row, the same on every write of that place in the file: what makes a replacement idempotent. */
export const rowId = (chunk: Pick<Chunk, 'fileId' | 'ordinal'>): string => `${chunk.fileId}#${chunk.ordinal}`;

/** The condition that selects the rows of the files. */
export const ofFiles = (fileIds: string[]): string => isOneOf('file_id', fileIds);

/** The condition that selects the rows of those ids. */
export const ofRows = (ids: string[]): string => isOneOf('id', ids);

const isOneOf = (column: string, values: string[]): string =>
  `${column} IN (${values.map((value) => `'${value.replaceAll("'", "''")}'`).join(', ')})`;
