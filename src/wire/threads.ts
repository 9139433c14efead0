/** Threads, messages, runs and run steps (operations.md sections 9 to 12, components.md section 8). */
import { z } from 'zod';
import {
  assistantTool,
  newToolResources,
  reasoningEffort,
  requestedTool,
  responseFormat,
  storedToolResources,
  retrievalTool,
  toolResources,
  type ToolResources,
} from './assistants';
import { callId, distinctIds, metadata, objectId, pageQuery, storedMetadata, timestamp } from './common';

// Messages

const textRequestPart = z.strictObject({ type: z.literal('text'), text: z.string().min(1).max(256_000) });
const detail = z.enum(['auto', 'low', 'high']).optional();
const imageUrlPart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({
    url: z.string().regex(/^(?:https?:\/\/[^\s/]|data:image\/)/i, "must be an 'http(s)://' or 'data:image/' URL"),
    detail,
  }),
});
const imageFilePart = z.strictObject({
  type: z.literal('image_file'),
  image_file: z.strictObject({ file_id: objectId, detail }),
});

/** A file of a message and the tools that get it. */
export const attachment = z.strictObject({
  file_id: objectId,
  tools: z.array(z.strictObject({ type: z.enum(['code_interpreter', 'file_search']) })).max(16),
});

const requestedAttachment = attachment.extend({
  tools: z
    .array(
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.enum(['code_interpreter', 'file_search']) }),
        retrievalTool,
      ]),
    )
    .max(16),
});

/** Files of a message of the older form. */
const MAX_MESSAGE_FILES = 10;
/** Ours; the contract names no limit. */
const MAX_PARTS = 500;
/** What a vector store of the service takes. */
const MAX_ATTACHMENTS = 10_000;

/** `createMessageRequest`: the seed knows content as a string, OpenAI also as parts. */
export const createMessageRequest = z
  .strictObject({
    role: z.enum(['user', 'assistant']),
    content: z.union([
      z.string().min(1).max(256_000),
      z
        .array(z.discriminatedUnion('type', [textRequestPart, imageUrlPart, imageFilePart]))
        .min(1)
        .max(MAX_PARTS),
    ]),
    attachments: z.array(requestedAttachment).max(MAX_ATTACHMENTS).nullish(),
    /** The older form's files, for whichever tools a run has. */
    file_ids: distinctIds(MAX_MESSAGE_FILES).nullish(),
    metadata: metadata.nullish(),
  })
  .meta({ id: 'createMessageRequest' });
export type CreateMessageRequest = z.infer<typeof createMessageRequest>;

/** A citation in a text: `text` is the marker, found from `start_index` to `end_index` of the value (UTF-16 units, as SDKs slice). */
export const fileCitation = z.object({
  type: z.literal('file_citation'),
  text: z.string(),
  start_index: z.int(),
  end_index: z.int(),
  file_citation: z.object({ file_id: z.string() }),
});

/** A link to a file that code_interpreter wrote: `text` is the link, `sandbox:/mnt/data/…`, at its place in the value. */
export const filePath = z.object({
  type: z.literal('file_path'),
  text: z.string(),
  start_index: z.int(),
  end_index: z.int(),
  file_path: z.object({ file_id: z.string() }),
});

export const annotation = z.discriminatedUnion('type', [fileCitation, filePath]);
export type Annotation = z.infer<typeof annotation>;

/** A part of a message. `refusal` is what the model says in place of an answer that it refuses. */
export const messageContent = z.union([
  z.object({ type: z.literal('text'), text: z.object({ value: z.string(), annotations: z.array(annotation) }) }),
  imageUrlPart,
  imageFilePart,
  z.object({ type: z.literal('refusal'), refusal: z.string() }),
]);
export type MessageContent = z.infer<typeof messageContent>;

/** `messageObject`. */
export const messageObject = z
  .object({
    id: z.string(),
    object: z.literal('thread.message'),
    created_at: timestamp,
    thread_id: z.string(),
    status: z.enum(['in_progress', 'incomplete', 'completed']),
    incomplete_details: z
      .object({ reason: z.enum(['content_filter', 'max_tokens', 'run_cancelled', 'run_expired', 'run_failed']) })
      .nullable(),
    completed_at: timestamp.nullable(),
    incomplete_at: timestamp.nullable(),
    role: z.enum(['user', 'assistant']),
    content: z.array(messageContent),
    assistant_id: z.string().nullable(),
    run_id: z.string().nullable(),
    attachments: z.array(attachment),
    metadata: storedMetadata,
  })
  .meta({ id: 'messageObject' });
export type MessageObject = z.infer<typeof messageObject>;

/** A file of a message as the older form has it; the id is the file's. */
export const messageFileObject = z
  .object({
    id: z.string(),
    object: z.literal('thread.message.file'),
    created_at: timestamp,
    message_id: z.string(),
  })
  .meta({ id: 'messageFileObject' });
export type MessageFileObject = z.infer<typeof messageFileObject>;

/** `modifyMessageRequest` and `modifyRunRequest`. */
export const modifyMetadataRequest = z
  .strictObject({ metadata: metadata.nullish() })
  .meta({ id: 'modifyMetadataRequest' });

export const listMessagesQuery = pageQuery.extend({ run_id: z.string().min(1).optional() });

// Threads

/** `createThreadRequest`. */
export const createThreadRequest = z
  .strictObject({
    messages: z.array(createMessageRequest).max(32).optional(),
    tool_resources: newToolResources.nullish(),
    metadata: metadata.nullish(),
  })
  .meta({ id: 'createThreadRequest' });
/** As the capability takes it: described vector stores have been made. */
export type CreateThreadRequest = Omit<z.infer<typeof createThreadRequest>, 'tool_resources'> & {
  tool_resources?: ToolResources | null;
};

/** `modifyThreadRequest`: absent stays, null clears. */
export const modifyThreadRequest = z
  .strictObject({ tool_resources: toolResources.nullish(), metadata: metadata.nullish() })
  .meta({ id: 'modifyThreadRequest' });
export type ModifyThreadRequest = z.infer<typeof modifyThreadRequest>;

/** `threadObject`. */
export const threadObject = z
  .object({
    id: z.string(),
    object: z.literal('thread'),
    created_at: timestamp,
    metadata: storedMetadata,
    tool_resources: storedToolResources,
  })
  .meta({ id: 'threadObject' });
export type ThreadObject = z.infer<typeof threadObject>;

// Runs

/** `assistantsApiToolChoiceOption`, with OpenAI's `required`. */
export const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.enum(['code_interpreter', 'file_search']) }),
    z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) }),
  ]),
]);
export type ToolChoice = z.infer<typeof toolChoice>;

const requestedToolChoice = z.union([toolChoice, retrievalTool]);

const truncationStrategy = z.strictObject({
  type: z.enum(['auto', 'last_messages']),
  last_messages: z.int().min(1).nullish(),
});

/** OpenAI's .NET SDK writes `auto` with 0 messages, for none. */
const requestedTruncationStrategy = z.preprocess(
  (given: { type?: unknown; last_messages?: unknown } | null | undefined) =>
    given?.type === 'auto' && given.last_messages === 0 ? { ...given, last_messages: null } : given,
  truncationStrategy,
);

const runSettings = {
  assistant_id: objectId,
  model: z.string().min(1).max(256).nullish(),
  instructions: z.string().max(256_000).nullish(),
  tools: z.array(requestedTool).max(20).nullish(),
  metadata: metadata.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stream: z.boolean().nullish(),
  max_prompt_tokens: z.int().min(256).nullish(),
  max_completion_tokens: z.int().min(256).nullish(),
  truncation_strategy: requestedTruncationStrategy.nullish(),
  tool_choice: requestedToolChoice.nullish(),
  parallel_tool_calls: z.boolean().optional(),
  response_format: responseFormat.nullish(),
  reasoning_effort: reasoningEffort.nullish(),
};

/** `createRunRequest`. */
export const createRunRequest = z
  .strictObject({
    ...runSettings,
    additional_instructions: z.string().max(256_000).nullish(),
    additional_messages: z.array(createMessageRequest).max(32).nullish(),
  })
  .meta({ id: 'createRunRequest' });
export type CreateRunRequest = z.infer<typeof createRunRequest>;

/** `createThreadAndRunRequest`. */
export const createThreadAndRunRequest = z
  .strictObject({
    ...runSettings,
    thread: createThreadRequest.optional(),
    tool_resources: toolResources.nullish(),
    stream_options: z.strictObject({ include_usage: z.boolean().optional() }).nullish(),
  })
  .meta({ id: 'createThreadAndRunRequest' });
export type CreateThreadAndRunRequest = Omit<z.infer<typeof createThreadAndRunRequest>, 'thread'> & {
  thread?: CreateThreadRequest;
};

/** `submitToolOutputsRunRequest`. */
export const submitToolOutputsRequest = z
  .strictObject({
    tool_outputs: z.array(z.strictObject({ tool_call_id: callId, output: z.string().max(512 * 1024) })).max(128),
    stream: z.boolean().nullish(),
  })
  .meta({ id: 'submitToolOutputsRunRequest' });
export type ToolOutputs = z.infer<typeof submitToolOutputsRequest>['tool_outputs'];

const functionCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

const lastError = z.object({
  code: z.enum(['server_error', 'rate_limit_exceeded', 'invalid_prompt']),
  message: z.string(),
});
export type LastError = z.infer<typeof lastError>;

const usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });

export const runStatus = z.enum([
  'queued',
  'in_progress',
  'requires_action',
  'cancelling',
  'cancelled',
  'failed',
  'completed',
  'incomplete',
  'expired',
]);
export type RunStatus = z.infer<typeof runStatus>;

/** `runObject`. */
export const runObject = z
  .object({
    id: z.string(),
    object: z.literal('thread.run'),
    created_at: timestamp,
    thread_id: z.string(),
    assistant_id: z.string(),
    status: runStatus,
    required_action: z
      .object({
        type: z.literal('submit_tool_outputs'),
        submit_tool_outputs: z.object({ tool_calls: z.array(functionCall) }),
      })
      .nullable(),
    last_error: lastError.nullable(),
    expires_at: timestamp.nullable(),
    started_at: timestamp.nullable(),
    cancelled_at: timestamp.nullable(),
    failed_at: timestamp.nullable(),
    completed_at: timestamp.nullable(),
    incomplete_details: z.object({ reason: z.enum(['max_completion_tokens', 'max_prompt_tokens']) }).nullable(),
    model: z.string(),
    instructions: z.string().nullable(),
    tools: z.array(assistantTool),
    tool_resources: storedToolResources,
    file_ids: z.array(z.string()),
    metadata: storedMetadata,
    usage: usage.nullable(),
    temperature: z.number().nullable(),
    top_p: z.number().nullable(),
    max_prompt_tokens: z.int().nullable(),
    max_completion_tokens: z.int().nullable(),
    truncation_strategy: z.object({ type: z.enum(['auto', 'last_messages']), last_messages: z.int().nullable() }),
    tool_choice: toolChoice,
    parallel_tool_calls: z.boolean(),
    response_format: responseFormat,
    reasoning_effort: reasoningEffort.nullish(),
  })
  .meta({ id: 'runObject' });
export type RunObject = z.infer<typeof runObject>;

// Run steps

/** The one value of `include[]`: the contents of file search results. */
export const FILE_SEARCH_CONTENT = 'step_details.tool_calls[*].file_search.results[*].content';
export const includeQuery = z.object({
  'include[]': z.array(z.literal(FILE_SEARCH_CONTENT)).optional(),
  include: z.literal(FILE_SEARCH_CONTENT).optional(),
});
export type IncludeQuery = z.infer<typeof includeQuery>;

/** Whether the query asks for the contents of file search results, with or without the brackets. */
export const includesContent = (query: IncludeQuery): boolean =>
  Boolean(query['include[]']?.length) || query.include !== undefined;
export const listRunStepsQuery = pageQuery.extend(includeQuery.shape);

const fileSearchResult = z.object({
  file_id: z.string(),
  file_name: z.string(),
  score: z.number(),
  content: z.array(z.object({ type: z.literal('text'), text: z.string() })).optional(),
});

const fileSearchCall = z.object({
  id: z.string(),
  type: z.literal('file_search'),
  file_search: z.object({
    ranking_options: z.object({ ranker: z.string(), score_threshold: z.number() }).optional(),
    results: z.array(fileSearchResult),
  }),
});
const functionStepCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string(), output: z.string().nullable() }),
});

const codeOutput = z.discriminatedUnion('type', [
  z.object({ type: z.literal('logs'), logs: z.string() }),
  z.object({ type: z.literal('image'), image: z.object({ file_id: z.string() }) }),
]);
export type CodeOutput = z.infer<typeof codeOutput>;
const codeCall = z.object({
  id: z.string(),
  type: z.literal('code_interpreter'),
  code_interpreter: z.object({ input: z.string(), outputs: z.array(codeOutput) }),
});

export const stepToolCall = z.discriminatedUnion('type', [codeCall, fileSearchCall, functionStepCall]);
export type StepToolCall = z.infer<typeof stepToolCall>;

/** `runStepObject`; `object` as the examples have it (oddity O3). */
export const runStepObject = z
  .object({
    id: z.string(),
    object: z.literal('thread.run.step'),
    created_at: timestamp,
    run_id: z.string(),
    assistant_id: z.string(),
    thread_id: z.string(),
    type: z.enum(['message_creation', 'tool_calls']),
    status: z.enum(['in_progress', 'cancelled', 'failed', 'completed', 'expired']),
    step_details: z.discriminatedUnion('type', [
      z.object({ type: z.literal('message_creation'), message_creation: z.object({ message_id: z.string() }) }),
      z.object({ type: z.literal('tool_calls'), tool_calls: z.array(stepToolCall) }),
    ]),
    last_error: lastError.extend({ code: lastError.shape.code.exclude(['invalid_prompt']) }).nullable(),
    expired_at: timestamp.nullable(),
    cancelled_at: timestamp.nullable(),
    failed_at: timestamp.nullable(),
    completed_at: timestamp.nullable(),
    metadata: storedMetadata,
    usage: usage.nullable(),
  })
  .meta({ id: 'runStepObject' });
export type RunStepObject = z.infer<typeof runStepObject>;
