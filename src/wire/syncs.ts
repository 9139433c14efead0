/** Syncs, an extension beside the contract: a container and prefix that are mirrored into a vector store. */
import { z } from 'zod';
import { chunkingStrategy, storedChunkingStrategy } from './chunking';
import { metadata, objectId, storedMetadata, timestamp } from './common';

/** `cron` has five fields, or six with the second first; `time_zone` is an IANA name. */
export const createSyncRequest = z
  .strictObject({
    vector_store_id: objectId,
    container: z.string().min(1).max(63),
    prefix: z.string().max(1024).default(''),
    cron: z.string().min(1).max(256).default('*/15 * * * *'),
    time_zone: z.string().min(1).max(64).default('UTC'),
    chunking_strategy: chunkingStrategy.optional(),
    metadata: metadata.nullish(),
  })
  .meta({ id: 'createSyncRequest' });
export type CreateSyncRequest = z.infer<typeof createSyncRequest>;

/** What a sync did. `failed` names at most the first hundred blobs that could not be taken over; what became of the documents their store tells. */
export const syncReport = z.object({
  started_at: timestamp,
  completed_at: timestamp,
  added: z.int(),
  changed: z.int(),
  removed: z.int(),
  failed_count: z.int(),
  failed: z.array(z.object({ name: z.string(), message: z.string() })),
  /** Why the sync could not be done at all. */
  error: z.string().nullable(),
});
export type SyncReport = z.infer<typeof syncReport>;

export const syncObject = z
  .object({
    id: z.string(),
    object: z.literal('sync'),
    created_at: timestamp,
    vector_store_id: z.string(),
    container: z.string(),
    prefix: z.string(),
    cron: z.string(),
    time_zone: z.string(),
    chunking_strategy: storedChunkingStrategy,
    status: z.enum(['waiting', 'in_progress']),
    next_sync_at: timestamp,
    last_sync: syncReport.nullable(),
    metadata: storedMetadata,
  })
  .meta({ id: 'syncObject' });
export type SyncObject = z.infer<typeof syncObject>;
