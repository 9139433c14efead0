/** Files, vector stores, their files, batches and search (operations.md sections 13 to 15, components.md section 9). */
import { z } from '@hono/zod-openapi';
import { chunkingStrategy, storedChunkingStrategy } from './chunking';
import { atMostPairs, metadata, objectId, pageQuery, storedMetadata, timestamp } from './common';

// Files

/** What a file may be uploaded for (`CreateFileRequest` of openai-2026-08). */
export const filePurpose = z.enum(['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals']);

/** The text fields of the multipart upload. `filename`, which the Foundry SDKs send, names the file instead of the part's own name. */
export const createFileFields = z.strictObject({
  purpose: filePurpose,
  filename: z.string().optional(),
  expires_after: z
    .strictObject({ anchor: z.literal('created_at'), seconds: z.coerce.number().int().min(3600).max(2_592_000) })
    .optional(),
});
export type CreateFileFields = z.infer<typeof createFileFields>;

const storedFile = z.object({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int(),
  created_at: timestamp,
  expires_at: timestamp.nullable(),
  filename: z.string(),
  purpose: z.string(),
  status: z.literal('processed'),
  status_details: z.null(),
});
export type FileObject = z.infer<typeof storedFile>;

/** `OpenAIFile`; older api-versions know of no expiry. */
export const fileObject = storedFile.partial({ expires_at: true }).meta({ id: 'OpenAIFile' });

/** `GET /files` pages up to 10,000. */
export const listFilesQuery = z.object({
  purpose: z.string().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().min(1).optional(),
});
export type ListFilesQuery = z.infer<typeof listFilesQuery>;

// Vector stores

export const expiresAfter = z.strictObject({ anchor: z.literal('last_active_at'), days: z.int().min(1).max(365) });

/** Limits of `VectorStoreFileAttributes` (operations.md 2.6): keys, characters of a key and of a string. */
export const MAX_ATTRIBUTES = 16;
export const MAX_ATTRIBUTE_KEY = 64;
export const MAX_ATTRIBUTE_VALUE = 512;

/** `VectorStoreFileAttributes`: strings, numbers, booleans. */
export const attributes = z
  .record(z.string().max(MAX_ATTRIBUTE_KEY), z.union([z.string().max(MAX_ATTRIBUTE_VALUE), z.number(), z.boolean()]))
  .refine(...atMostPairs(MAX_ATTRIBUTES));
export type Attributes = z.infer<typeof attributes>;

/** `createVectorStoreRequest`. */
export const createVectorStoreRequest = z
  .strictObject({
    file_ids: z.array(objectId).max(500).optional(),
    name: z.string().max(1000).nullish(),
    description: z.string().max(10_000).nullish(),
    expires_after: expiresAfter.optional(),
    chunking_strategy: chunkingStrategy.optional(),
    metadata: metadata.nullish(),
  })
  .refine((given) => !given.chunking_strategy || given.file_ids?.length, {
    path: ['chunking_strategy'],
    message: "is only taken together with a non-empty 'file_ids'",
  })
  .meta({ id: 'createVectorStoreRequest' });
export type CreateVectorStoreRequest = z.infer<typeof createVectorStoreRequest>;

/** `updateVectorStoreRequest`. */
export const modifyVectorStoreRequest = z
  .strictObject({
    name: z.string().max(1000).nullable().optional(),
    expires_after: expiresAfter.nullable().optional(),
    metadata: metadata.nullable().optional(),
  })
  .meta({ id: 'updateVectorStoreRequest' });
export type ModifyVectorStoreRequest = z.infer<typeof modifyVectorStoreRequest>;

export const fileCounts = z.object({
  in_progress: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  total: z.int(),
});
export type FileCounts = z.infer<typeof fileCounts>;

/** `vectorStoreObject`; `bytes` repeats `usage_bytes` (oddity O13). */
export const vectorStoreObject = z
  .object({
    id: z.string(),
    object: z.literal('vector_store'),
    created_at: timestamp,
    name: z.string().nullable(),
    description: z.string().nullish(),
    usage_bytes: z.int(),
    bytes: z.int(),
    file_counts: fileCounts,
    status: z.enum(['expired', 'in_progress', 'completed']),
    expires_after: expiresAfter.nullable(),
    expires_at: timestamp.nullable(),
    last_active_at: timestamp.nullable(),
    metadata: storedMetadata,
  })
  .meta({ id: 'vectorStoreObject' });
export type VectorStoreObject = z.infer<typeof vectorStoreObject>;

// Files of a vector store

/** `createVectorStoreFileRequest`. */
export const createVectorStoreFileRequest = z
  .strictObject({
    file_id: objectId,
    chunking_strategy: chunkingStrategy.optional(),
    attributes: attributes.nullish(),
  })
  .meta({ id: 'createVectorStoreFileRequest' });
export type CreateVectorStoreFileRequest = z.infer<typeof createVectorStoreFileRequest>;

export const vectorStoreFileStatus = z.enum(['in_progress', 'completed', 'failed', 'cancelled']);

/** `vectorStoreFileObject`, with the attributes that operation 40 sets. */
export const vectorStoreFileObject = z
  .object({
    id: z.string(),
    object: z.literal('vector_store.file'),
    created_at: timestamp,
    vector_store_id: z.string(),
    usage_bytes: z.int(),
    status: vectorStoreFileStatus,
    last_error: z
      .object({ code: z.enum(['server_error', 'unsupported_file', 'invalid_file']), message: z.string() })
      .nullable(),
    chunking_strategy: storedChunkingStrategy,
    attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: 'vectorStoreFileObject' });
export type VectorStoreFileObject = z.infer<typeof vectorStoreFileObject>;

export const listVectorStoreFilesQuery = pageQuery.extend({ filter: vectorStoreFileStatus.optional() });
export type ListVectorStoreFilesQuery = z.infer<typeof listVectorStoreFilesQuery>;

/** `UpdateVectorStoreFileAttributesRequest`. */
export const updateAttributesRequest = z
  .strictObject({ attributes: attributes.nullable() })
  .meta({ id: 'UpdateVectorStoreFileAttributesRequest' });

/** `VectorStoreFileContentResponse`. */
export const fileContentPage = z
  .object({
    object: z.literal('vector_store.file_content.page'),
    data: z.array(z.object({ type: z.literal('text'), text: z.string() })),
    has_more: z.boolean(),
    next_page: z.string().nullable(),
  })
  .meta({ id: 'VectorStoreFileContentResponse' });

// Batches

/** `createVectorStoreFileBatchRequest`: `file_ids`, or `files` with settings of their own. */
export const createFileBatchRequest = z
  .strictObject({
    file_ids: z.array(objectId).min(1).max(500).optional(),
    files: z.array(createVectorStoreFileRequest).min(1).max(500).optional(),
    chunking_strategy: chunkingStrategy.optional(),
    attributes: attributes.nullish(),
  })
  .refine((given) => Boolean(given.file_ids) !== Boolean(given.files), {
    path: ['file_ids'],
    message: "is required unless 'files' is given; the two exclude each other",
  })
  .refine((given) => !given.files || !(given.attributes || given.chunking_strategy), {
    path: ['files'],
    message:
      "has attributes and chunking strategy in its items; leave out 'attributes' and 'chunking_strategy' beside it",
  })
  .meta({ id: 'createVectorStoreFileBatchRequest' });
export type CreateFileBatchRequest = z.infer<typeof createFileBatchRequest>;

/** `vectorStoreFileBatchObject`; `object` as the examples have it (oddity O2). */
export const fileBatchObject = z
  .object({
    id: z.string(),
    object: z.literal('vector_store.file_batch'),
    created_at: timestamp,
    vector_store_id: z.string(),
    status: z.enum(['in_progress', 'completed', 'cancelled', 'failed', 'cancelling']),
    file_counts: fileCounts,
  })
  .meta({ id: 'vectorStoreFileBatchObject' });
export type FileBatchObject = z.infer<typeof fileBatchObject>;

// Search

export type Filter =
  | { type: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte'; key: string; value: string | number | boolean }
  | { type: 'in' | 'nin'; key: string; value: (string | number)[] }
  | { type: 'and' | 'or'; filters: Filter[] };

/** `ComparisonFilter` or `CompoundFilter`, nested. It has a name in the OpenAPI document, which would otherwise never end. */
const condition: z.ZodType<Filter> = z
  .lazy(() =>
    z.discriminatedUnion('type', [
      z.strictObject({
        type: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte']),
        key: z.string(),
        value: z.union([z.string(), z.number(), z.boolean()]),
      }),
      z.strictObject({
        type: z.enum(['in', 'nin']),
        key: z.string(),
        value: z.array(z.union([z.string(), z.number()])),
      }),
      z.strictObject({ type: z.enum(['and', 'or']), filters: z.array(condition) }),
    ]),
  )
  .openapi('Filter');

/** It is looked at for every file of a store, in which time nobody else is served. */
const MAX_FILTER_PARTS = 2000;
const partsOf = (given: Filter): number => {
  if ('filters' in given) return given.filters.reduce((sum, part) => sum + partsOf(part), 1);
  return Array.isArray(given.value) ? 1 + given.value.length : 1;
};

/** A filter of at most {@link MAX_FILTER_PARTS} conditions and values of lists. */
export const filter = condition.refine(
  (given) => partsOf(given) <= MAX_FILTER_PARTS,
  `it may have ${MAX_FILTER_PARTS} conditions and values of lists at most`,
);

/** `HybridSearchOptions`. */
const hybridSearch = z
  .strictObject({ embedding_weight: z.number().min(0).max(1000), text_weight: z.number().min(0).max(1000) })
  .refine((given) => given.embedding_weight + given.text_weight > 0, 'needs a weight above 0');

/** `VectorStoreSearchRequest`, with the hybrid weights of OpenAI's `RankingOptions`, and `page`, which takes the `next_page` of an answer. */
export const searchRequest = z
  .strictObject({
    query: z.union([z.string().min(1).max(10_000), z.array(z.string().min(1).max(10_000)).min(1).max(20)]),
    rewrite_query: z.boolean().default(false),
    max_num_results: z.int().min(1).max(50).default(10),
    filters: filter.optional(),
    ranking_options: z
      .strictObject({
        ranker: z.enum(['auto', 'none', 'default-2024-11-15', 'default_2024_08_21']).optional(),
        score_threshold: z.number().min(0).max(1).default(0),
        hybrid_search: hybridSearch.optional(),
      })
      .refine((given) => !(given.ranker === 'none' && given.hybrid_search), {
        path: ['hybrid_search'],
        message: "is not taken with the ranker 'none', which goes by the vectors alone",
      })
      .optional(),
    page: z.string().min(1).optional(),
  })
  .meta({ id: 'VectorStoreSearchRequest' });
export type SearchRequest = z.infer<typeof searchRequest>;
export type RankingOptions = SearchRequest['ranking_options'];

/** `VectorStoreSearchResultsPage`. */
export const searchResultsPage = z
  .object({
    object: z.literal('vector_store.search_results.page'),
    search_query: z.array(z.string()),
    data: z.array(
      z.object({
        file_id: z.string(),
        filename: z.string(),
        score: z.number(),
        attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
        content: z.array(z.object({ type: z.literal('text'), text: z.string() })),
      }),
    ),
    has_more: z.boolean(),
    next_page: z.string().nullable(),
  })
  .meta({ id: 'VectorStoreSearchResultsPage' });
export type SearchResultsPage = z.infer<typeof searchResultsPage>;
