/**
 * Items of responses and conversations: what callers send in, and what is stored and sent out (components.md 11.1 and 11.2, `InputItem` and `OutputItem` of
 * openai-2026-08). Items are open, since SDKs send back answers with fields of their own in them.
 */
import { z } from '@hono/zod-openapi';
import { callId, objectId } from './common';
import { toolName } from './responseTools';
import { unsupported } from './unsupported';

const status = z.enum(['in_progress', 'completed', 'incomplete']);
export type ItemStatus = z.infer<typeof status>;
const itemId = objectId.nullish();
// Content

const inputText = z.object({ type: z.literal('input_text'), text: z.string() });
/** Answers may leave the image out. */
const shownImage = z.object({
  type: z.literal('input_image'),
  image_url: z.string().max(30_000_000).nullish(),
  file_id: objectId.nullish(),
  detail: z.enum(['low', 'high', 'auto', 'original']).default('auto'),
});
const inputImage = shownImage.refine(
  (given) => Boolean(given.image_url) !== Boolean(given.file_id),
  "needs either 'image_url' or 'file_id'",
);
const inputFile = z
  .object({
    type: z.literal('input_file'),
    file_id: objectId.nullish(),
    filename: z.string().max(512).nullish(),
    file_data: z.string().max(50_000_000).nullish(),
    file_url: z
      .url({ protocol: /^https?$/ })
      .max(2048)
      .nullish(),
  })
  .refine(
    ({ file_id, file_data, file_url }) => [file_id, file_data, file_url].filter(Boolean).length === 1,
    "needs one of 'file_id', 'file_data' and 'file_url'",
  );
export const logprob = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number()).nullish(),
  top_logprobs: z
    .array(z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.number()).nullish() }))
    .default([]),
});
export type Logprob = z.infer<typeof logprob>;

const annotation = z.discriminatedUnion('type', [
  z.object({ type: z.literal('file_citation'), file_id: z.string(), index: z.int(), filename: z.string().optional() }),
  z.object({
    type: z.literal('url_citation'),
    url: z.string(),
    title: z.string(),
    start_index: z.int(),
    end_index: z.int(),
  }),
  z.object({
    type: z.literal('container_file_citation'),
    container_id: z.string(),
    file_id: z.string(),
    filename: z.string().optional(),
    start_index: z.int(),
    end_index: z.int(),
  }),
  z.object({ type: z.literal('file_path'), file_id: z.string(), index: z.int() }),
]);
export type ResponseAnnotation = z.infer<typeof annotation>;

const outputText = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(annotation).default([]),
  logprobs: z.array(logprob).default([]),
});
export type OutputText = z.infer<typeof outputText>;
const refusal = z.object({ type: z.literal('refusal'), refusal: z.string() });
export type Refusal = z.infer<typeof refusal>;

const storedPart = z.discriminatedUnion('type', [inputText, inputImage, inputFile]);
export type InputPart = z.infer<typeof storedPart>;
const inputPart = z
  .looseObject({ type: z.string() })
  .refine(({ type }) => type !== 'input_audio', { ...unsupported('Transcribe the audio first.'), path: ['type'] })
  .pipe(storedPart);
const inputContent = z.union([
  z.string().transform((text): InputPart[] => [{ type: 'input_text', text }]),
  z.array(inputPart),
]);
const assistantContent = z.union([
  z.string().transform((text) => [{ type: 'output_text' as const, text, annotations: [], logprobs: [] }]),
  z.array(
    z.union([
      z.discriminatedUnion('type', [outputText, refusal]),
      // Programs that keep a conversation themselves send the model's words in the user's form.
      inputText.transform(({ text }) => ({ type: 'output_text' as const, text, annotations: [], logprobs: [] })),
    ]),
  ),
]);

// Items that callers send and that are sent out

const inputMessage = z.object({
  type: z.literal('message'),
  id: itemId,
  role: z.enum(['user', 'system', 'developer']),
  status: status.nullish(),
  content: inputContent,
});
const assistantMessage = z.object({
  type: z.literal('message'),
  id: itemId,
  role: z.literal('assistant'),
  /** For models that tell comments from answers; callers send it back. */
  phase: z.enum(['commentary', 'final_answer']).nullish(),
  status: status.nullish(),
  content: assistantContent,
});
const functionCall = z.object({
  type: z.literal('function_call'),
  id: itemId,
  call_id: callId,
  name: toolName,
  arguments: z.string(),
  status: status.nullish(),
});
const functionCallOutput = z.object({
  type: z.literal('function_call_output'),
  id: itemId,
  call_id: callId,
  output: z.union([z.string().max(10_485_760), z.array(inputPart)]),
  status: status.nullish(),
});
/** `CustomToolCall` and `CustomToolCallOutput`. */
const customToolCall = z.object({
  type: z.literal('custom_tool_call'),
  id: itemId,
  call_id: callId,
  name: toolName,
  input: z.string(),
  status: status.nullish(),
});
const customToolCallOutput = functionCallOutput.extend({ type: z.literal('custom_tool_call_output') });
const searchResult = z.object({
  file_id: z.string(),
  filename: z.string(),
  score: z.number(),
  text: z.string(),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullish(),
});
export type SearchResult = z.infer<typeof searchResult>;
const fileSearchCall = z.object({
  type: z.literal('file_search_call'),
  id: objectId,
  status: z.enum(['in_progress', 'searching', 'completed', 'incomplete', 'failed']),
  queries: z.array(z.string()),
  results: z.array(searchResult).nullish(),
});
const codeOutput = z.discriminatedUnion('type', [
  z.object({ type: z.literal('logs'), logs: z.string() }),
  z.object({ type: z.literal('image'), url: z.string() }),
]);
const codeInterpreterCall = z.object({
  type: z.literal('code_interpreter_call'),
  id: objectId,
  status: z.enum(['in_progress', 'interpreting', 'completed', 'incomplete', 'failed']),
  container_id: z.string(),
  code: z.string().nullable(),
  outputs: z.array(codeOutput).nullable(),
});
/** The .NET SDK leaves out what it was told as null, so a call comes back without what no `include` asked for. */
const givenCodeInterpreterCall = codeInterpreterCall.extend({
  code: codeInterpreterCall.shape.code.default(null),
  outputs: codeInterpreterCall.shape.outputs.default(null),
});
const mcpListTools = z.object({
  type: z.literal('mcp_list_tools'),
  id: objectId,
  server_label: z.string(),
  tools: z.array(
    z.object({
      name: z.string(),
      description: z.string().nullish(),
      input_schema: z.record(z.string(), z.unknown()),
      annotations: z.record(z.string(), z.unknown()).nullish(),
    }),
  ),
  error: z.string().nullish(),
});
const mcpCallError = z.union([z.string(), z.looseObject({ type: z.string() })]);
const mcpCall = z.object({
  type: z.literal('mcp_call'),
  id: objectId,
  server_label: z.string(),
  name: z.string(),
  arguments: z.string(),
  output: z.string().nullish(),
  error: mcpCallError.nullish(),
  status: z.enum(['in_progress', 'completed', 'incomplete', 'calling', 'failed']).nullish(),
  approval_request_id: z.string().nullish(),
});
/** Microsoft.Extensions.AI makes calls anew from a history that was kept as JSON, without ids. */
const givenMcpCall = mcpCall.extend({ id: itemId });
const mcpApprovalRequest = z.object({
  type: z.literal('mcp_approval_request'),
  id: objectId,
  server_label: z.string(),
  name: z.string(),
  arguments: z.string(),
});
const mcpApprovalResponse = z.object({
  type: z.literal('mcp_approval_response'),
  id: itemId,
  approval_request_id: objectId,
  approve: z.boolean(),
  reason: z.string().nullish(),
});
/** Programs that keep encrypted reasoning themselves send it without an id. */
const reasoning = z.object({
  type: z.literal('reasoning'),
  id: itemId,
  summary: z.array(z.object({ type: z.literal('summary_text'), text: z.string() })).default([]),
  content: z.array(z.looseObject({ type: z.string() })).nullish(),
  encrypted_content: z.string().nullish(),
  status: status.nullish(),
});
/** History of an upstream that has these tools; the model is not told of it. */
const webSearchCall = z.looseObject({ type: z.literal('web_search_call'), id: objectId, status: z.string() });
const itemReference = z.object({ type: z.literal('item_reference'), id: objectId });

const ITEM_TYPES = [
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'file_search_call',
  'code_interpreter_call',
  'mcp_list_tools',
  'mcp_call',
  'mcp_approval_request',
  'mcp_approval_response',
  'reasoning',
  'web_search_call',
  'item_reference',
];
const COMPUTER_TYPES = ['computer_call', 'computer_call_output'];

/** An item as it is sent in. Messages may leave out their `type`, references too (`EasyInputMessage`, `ItemReferenceParam`). */
export const inputItem = z
  .looseObject({ type: z.string().nullish(), role: z.string().optional(), id: z.string().nullish() })
  .transform((given) => ({ ...given, type: given.type ?? (given.role === undefined ? 'item_reference' : 'message') }))
  .refine(({ type }) => !COMPUTER_TYPES.includes(type), {
    ...unsupported("It needs an upstream that has Responses: set RESPONSES_MODE to 'upstream'."),
    path: ['type'],
    abort: true,
  })
  .refine(({ type }) => ITEM_TYPES.includes(type), {
    ...unsupported(`The items are ${ITEM_TYPES.join(', ')}.`),
    path: ['type'],
  })
  .pipe(
    z.discriminatedUnion('type', [
      z.discriminatedUnion('role', [inputMessage, assistantMessage]),
      functionCall,
      functionCallOutput,
      customToolCall,
      customToolCallOutput,
      fileSearchCall,
      givenCodeInterpreterCall,
      mcpListTools,
      givenMcpCall,
      mcpApprovalRequest,
      mcpApprovalResponse,
      reasoning,
      webSearchCall,
      itemReference,
    ]),
  );
export type InputItem = z.infer<typeof inputItem>;

// Items as they are stored and sent out: each has an id

const withId = { id: z.string() };
const shownPart = z.discriminatedUnion('type', [inputText, shownImage, inputFile]);
const inputMessageResource = inputMessage.extend({
  ...withId,
  status,
  content: z.array(shownPart),
});
const outputMessage = assistantMessage.extend({
  ...withId,
  status,
  content: z.array(z.discriminatedUnion('type', [outputText, refusal])),
});
const functionCallResource = functionCall.extend({ ...withId, status });
const functionCallOutputResource = functionCallOutput.extend({
  ...withId,
  status,
  output: z.union([z.string(), z.array(shownPart)]),
});
const customToolCallResource = customToolCall.extend({ ...withId, status });
const customToolCallOutputResource = functionCallOutputResource.extend({
  type: z.literal('custom_tool_call_output'),
});
const mcpApprovalResponseResource = mcpApprovalResponse.extend(withId);
const reasoningResource = reasoning.extend(withId);

/** What a response may put out (`OutputItem`). */
export const outputItem = z.discriminatedUnion('type', [
  outputMessage,
  functionCallResource,
  customToolCallResource,
  fileSearchCall,
  codeInterpreterCall,
  mcpListTools,
  mcpCall,
  mcpApprovalRequest,
  reasoningResource,
]);
export type OutputItem = z.infer<typeof outputItem>;
export type OutputMessage = z.infer<typeof outputMessage>;
export type FunctionCall = z.infer<typeof functionCallResource>;
export type CustomToolCall = z.infer<typeof customToolCallResource>;
export type FileSearchCall = z.infer<typeof fileSearchCall>;
export type CodeInterpreterCall = z.infer<typeof codeInterpreterCall>;
export type CodeOutput = z.infer<typeof codeOutput>;
export type Reasoning = z.infer<typeof reasoningResource>;
export type McpListTools = z.infer<typeof mcpListTools>;
export type McpCall = z.infer<typeof mcpCall>;
export type McpApprovalRequest = z.infer<typeof mcpApprovalRequest>;

/** An item of a conversation or of a response's input (`ItemResource`, `ConversationItem`). */
export const responseItem = z.discriminatedUnion('type', [
  z.discriminatedUnion('role', [inputMessageResource, outputMessage]),
  functionCallResource,
  functionCallOutputResource,
  customToolCallResource,
  customToolCallOutputResource,
  fileSearchCall,
  codeInterpreterCall,
  mcpListTools,
  mcpCall,
  mcpApprovalRequest,
  mcpApprovalResponseResource,
  reasoningResource,
  webSearchCall,
]);
export type ResponseItem = z.infer<typeof responseItem>;

/** What else an answer holds (components.md 11.4, `IncludeEnum`). */
export const includable = z.enum([
  'file_search_call.results',
  'message.input_image.image_url',
  'computer_call_output.output.image_url',
  'code_interpreter_call.outputs',
  'reasoning.encrypted_content',
  'message.output_text.logprobs',
  'web_search_call.results',
  'web_search_call.action.sources',
  'memory_search_call.results',
]);
export type Includable = z.infer<typeof includable>;
