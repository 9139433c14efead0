/** Assistants: requests are closed, over the union of the seed's fields and OpenAI's current ones. */
import { z } from 'zod';
import { chunkingStrategy } from './chunking';
import { distinctIds, metadata, objectId, storedMetadata, timestamp } from './common';

const codeInterpreterTool = z.strictObject({ type: z.literal('code_interpreter') });

const fileSearchTool = z.strictObject({
  type: z.literal('file_search'),
  file_search: z
    .strictObject({
      max_num_results: z.int().min(1).max(50).optional(),
      ranking_options: z
        .strictObject({
          ranker: z.enum(['auto', 'default_2024_08_21', 'default-2024-11-15']).optional(),
          score_threshold: z.number().min(0).max(1),
        })
        .optional(),
    })
    .optional(),
});

/** Of a function or a schema. */
const functionName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be of characters 'a-z A-Z 0-9 _ -', at most 64");

const functionTool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: functionName,
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
});

/** A tool of an assistant or a run (operations.md section 8). */
export const assistantTool = z.discriminatedUnion('type', [codeInterpreterTool, fileSearchTool, functionTool]);
export type AssistantTool = z.infer<typeof assistantTool>;

/** The older name of file_search (oddity O6). */
export const retrievalTool = z
  .strictObject({ type: z.literal('retrieval') })
  .transform(() => ({ type: 'file_search' as const }));

/** A tool as it is asked for. */
export const requestedTool = z.discriminatedUnion('type', [
  codeInterpreterTool,
  fileSearchTool,
  functionTool,
  retrievalTool,
]);

/** `response_format` of assistants and runs. */
export const responseFormat = z.union([
  z.literal('auto'),
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.enum(['text', 'json_object']) }),
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject({
        name: functionName,
        description: z.string().optional(),
        schema: z.record(z.string(), z.unknown()).optional(),
        strict: z.boolean().nullish(),
      }),
    }),
  ]),
]);

export const reasoningEffort = z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']);

const vectorStoreIds = z.array(objectId).max(1);
const codeInterpreterResources = z.strictObject({ file_ids: z.array(objectId).max(20).default([]) });

/** `tool_resources` of modifications and of thread-and-run itself: stores are named, not made. */
export const toolResources = z.strictObject({
  code_interpreter: codeInterpreterResources.nullish(),
  file_search: z.strictObject({ vector_store_ids: vectorStoreIds.nullish() }).nullish(),
});
export type ToolResources = z.infer<typeof toolResources>;

const newVectorStore = z.strictObject({
  file_ids: z.array(objectId).max(10_000).optional(),
  chunking_strategy: chunkingStrategy.optional(),
  metadata: metadata.nullish(),
});

/** `tool_resources` of creations: a store may be made and attached in the same call. */
export const newToolResources = z.strictObject({
  code_interpreter: codeInterpreterResources.nullish(),
  file_search: z
    .strictObject({
      vector_store_ids: vectorStoreIds.nullish(),
      vector_stores: z.array(newVectorStore).max(1).nullish(),
    })
    .refine(
      (given) => !(given.vector_store_ids && given.vector_stores),
      "takes either 'vector_store_ids' or 'vector_stores', not both",
    )
    .nullish(),
});
export type NewToolResources = z.infer<typeof newToolResources>;

export const storedToolResources = z.object({
  code_interpreter: z.object({ file_ids: z.array(z.string()) }).optional(),
  file_search: z.object({ vector_store_ids: z.array(z.string()) }).optional(),
});
export type StoredToolResources = z.infer<typeof storedToolResources>;

/** Files of an assistant of the older form. */
export const MAX_ASSISTANT_FILES = 20;

const settings = {
  name: z.string().max(256).nullish(),
  description: z.string().max(512).nullish(),
  tools: z.array(requestedTool).max(128).optional(),
  metadata: metadata.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  response_format: responseFormat.nullish(),
  reasoning_effort: reasoningEffort.nullish(),
  /** The older form's files, for whichever tools the assistant has. */
  file_ids: distinctIds(MAX_ASSISTANT_FILES).nullish(),
};

/** `createAssistantRequest`. */
export const createAssistantRequest = z
  .strictObject({
    model: z.string().min(1).max(256),
    instructions: z.string().max(256_000).nullish(),
    tool_resources: newToolResources.nullish(),
    ...settings,
  })
  .meta({ id: 'createAssistantRequest' });
/** As the capability takes it: described vector stores have been made. */
export type CreateAssistantRequest = Omit<z.infer<typeof createAssistantRequest>, 'tool_resources'> & {
  tool_resources?: ToolResources | null;
};

/** `modifyAssistantRequest`: an absent field stays, null clears; instructions are limited to 32,768 here (oddity O7). */
export const modifyAssistantRequest = z
  .strictObject({
    model: z.string().min(1).max(256).optional(),
    instructions: z.string().max(32_768).nullish(),
    tool_resources: toolResources.nullish(),
    ...settings,
  })
  .meta({ id: 'modifyAssistantRequest' });
export type ModifyAssistantRequest = z.infer<typeof modifyAssistantRequest>;

/** `assistantObject`. */
export const assistantObject = z
  .object({
    id: z.string(),
    object: z.literal('assistant'),
    created_at: timestamp,
    name: z.string().nullable(),
    description: z.string().nullable(),
    model: z.string(),
    instructions: z.string().nullable(),
    tools: z.array(assistantTool),
    tool_resources: storedToolResources,
    metadata: storedMetadata,
    temperature: z.number().nullable(),
    top_p: z.number().nullable(),
    response_format: responseFormat,
    reasoning_effort: reasoningEffort.nullish(),
    /** Where it was made in the older form. */
    file_ids: z.array(z.string()).optional(),
  })
  .meta({ id: 'assistantObject' });
export type AssistantObject = z.infer<typeof assistantObject>;

/** A file of an assistant of the older form; the id is the file's. */
export const assistantFileObject = z
  .object({
    id: z.string(),
    object: z.literal('assistant.file'),
    created_at: timestamp,
    assistant_id: z.string(),
  })
  .meta({ id: 'assistantFileObject' });
export type AssistantFileObject = z.infer<typeof assistantFileObject>;

export const createAssistantFileRequest = z
  .strictObject({ file_id: objectId })
  .meta({ id: 'createAssistantFileRequest' });
