/**
 * `tools` and `tool_choice` of responses and of Foundry's agents (components.md 11.3, `Tool` of openai-2026-08). Functions are flat here, other than in
 * chat completions. What this package does not run answers 400 `unsupported`.
 */
import { z } from '@hono/zod-openapi';
import { objectId } from './common';
import { unsupported, unsupportedField } from './unsupported';
import { filter, searchRequest } from './vectorStores';

const PROGRAMS = 'Tools are called by the model alone, not by programs that it writes.';

/** Only the model calls tools; null says the same. */
const allowedCallers = z
  .array(z.string())
  .refine((callers) => callers.every((caller) => caller === 'direct'), unsupported(PROGRAMS))
  .nullish();
const notDeferred = z
  .boolean()
  .refine((deferred) => !deferred, unsupported('The model is told of every tool from the beginning.'))
  .optional();

/** Of functions, custom names and schemas (`FunctionToolParam` of openai-2026-08). */
export const toolName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[a-zA-Z0-9_-]+$/, "must be of characters 'a-z A-Z 0-9 _ -'");

/**
 * A function that the caller runs. `strict` may be missing: the service then is strict where the schema allows it; `parameters` that are null or missing
 * are a function without parameters.
 */
export const functionTool = z.strictObject({
  type: z.literal('function'),
  name: toolName,
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
  output_schema: unsupportedField('Outputs of functions are text or content that the model reads.'),
  defer_loading: notDeferred,
  allowed_callers: allowedCallers,
  async: z
    .boolean()
    .refine((isAsync) => !isAsync, unsupported('The next response takes the outputs of all calls.'))
    .optional(),
});
export type FunctionTool = z.infer<typeof functionTool>;

/**
 * A tool of the caller's whose input is text (`CustomToolParam`). What the format asks for is the model service's to keep: a service whose models have no custom tools
 * refuses them.
 */
export const customTool = z.strictObject({
  type: z.literal('custom'),
  name: toolName,
  description: z.string().optional(),
  format: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('text') }),
      z.strictObject({ type: z.literal('grammar'), syntax: z.enum(['lark', 'regex']), definition: z.string() }),
    ])
    .optional(),
  defer_loading: notDeferred,
  allowed_callers: allowedCallers,
});
export type CustomTool = z.infer<typeof customTool>;

/** How many vector stores one search goes over. */
const MAX_SEARCHED_STORES = 10;

/** Search in vector stores of the caller's scope. `max_num_results` is 20 unless given, as of the service. */
export const fileSearchTool = z.strictObject({
  type: z.literal('file_search'),
  vector_store_ids: z.array(objectId).min(1).max(MAX_SEARCHED_STORES),
  max_num_results: z.int().min(1).max(50).optional(),
  ranking_options: searchRequest.shape.ranking_options,
  filters: filter.nullish(),
});
export type FileSearchTool = z.infer<typeof fileSearchTool>;

/** `maxItems` of `AutoCodeInterpreterToolParam`. */
const fileIds = z.array(objectId).max(50);

/**
 * Python in this package's sandbox. `container` is the id of a container of an earlier call, or the wish for a new one with files in it; older callers give
 * `file_ids` beside it. None of the three is a new container without files.
 */
export const codeInterpreterTool = z
  .strictObject({
    type: z.literal('code_interpreter'),
    container: z
      .union([
        z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be the id of a container'),
        z.strictObject({
          type: z.literal('auto'),
          file_ids: fileIds.optional(),
          memory_limit: unsupportedField('The sandbox has limits of its own.'),
          network_policy: z
            .looseObject({ type: z.string() })
            .refine(({ type }) => type === 'disabled', unsupported('Code never reaches the network.'))
            .nullish(),
        }),
      ])
      .optional(),
    file_ids: fileIds.optional(),
    allowed_callers: allowedCallers,
  })
  .refine((given) => !(given.container && given.file_ids), {
    path: ['file_ids'],
    message: "is taken without 'container' only; put the files into 'container.file_ids'",
  });
export type CodeInterpreterTool = z.infer<typeof codeInterpreterTool>;

/** `MCPToolFilter`. */
const mcpToolFilter = z.strictObject({
  tool_names: z.array(z.string()).max(1000).optional(),
  read_only: z.boolean().optional(),
});

/** What stands in place of a secret that is not told again. */
const REDACTED = '<redacted>';
const NOT_REDACTED = 'must be the value itself: secrets are not told again, so give them anew';
const isNotRedacted = (value: string): boolean => value !== REDACTED;

/** A remote server of the Model Context Protocol. `require_approval` is `always` unless given. */
export const mcpTool = z.strictObject({
  type: z.literal('mcp'),
  server_label: z
    .string()
    .regex(
      /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/,
      "must begin with a letter and be of characters 'a-z A-Z 0-9 _ -', at most 64",
    ),
  // Before the URL, so that who gives one of them in its place is told this.
  connector_id: unsupportedField("Give the 'server_url' of an MCP server."),
  tunnel_id: unsupportedField("Give the 'server_url' of an MCP server."),
  project_connection_id: unsupportedField("Give 'server_url' with 'authorization' or 'headers'."),
  server_url: z.url({ protocol: /^https?$/, error: 'must be the URL of an MCP server' }).max(2048),
  server_description: z.string().max(4096).nullish(),
  allowed_tools: z.union([z.array(z.string()).max(1000), mcpToolFilter]).nullish(),
  require_approval: z
    .union([
      z.enum(['always', 'never']),
      z.strictObject({ always: mcpToolFilter.optional(), never: mcpToolFilter.optional() }),
    ])
    .nullish(),
  headers: z
    .record(z.string().min(1).max(256), z.string().max(16_384).refine(isNotRedacted, NOT_REDACTED))
    .refine((headers) => Object.keys(headers).length <= 64, 'takes at most 64 headers')
    .nullish(),
  authorization: z.string().max(16_384).refine(isNotRedacted, NOT_REDACTED).nullish(),
  defer_loading: notDeferred,
  allowed_callers: allowedCallers,
});
export type McpTool = z.infer<typeof mcpTool>;

const searchContextSize = z.enum(['low', 'medium', 'high']).nullish();
const userLocation = z
  .strictObject({
    type: z.literal('approximate').optional(),
    country: z.string().max(256).nullish(),
    region: z.string().max(256).nullish(),
    city: z.string().max(256).nullish(),
    timezone: z.string().max(256).nullish(),
  })
  .nullish();

/** Runs at an upstream that has Responses only, as the next two. */
const webSearchTool = z.strictObject({
  type: z.enum(['web_search', 'web_search_2025_08_26']),
  filters: z.strictObject({ allowed_domains: z.array(z.string().max(256)).max(100).nullish() }).nullish(),
  user_location: userLocation,
  search_context_size: searchContextSize,
  external_web_access: z.boolean().optional(),
  custom_search_configuration: unsupportedField('There are no connections of projects.'),
});

const webSearchPreviewTool = z.strictObject({
  type: z.enum(['web_search_preview', 'web_search_preview_2025_03_11']),
  user_location: userLocation,
  search_context_size: searchContextSize,
  search_content_types: z.array(z.enum(['text', 'image'])).optional(),
});

/** The contract spells it in three ways (components.md 1), and this one goes out. */
export const COMPUTER_USE = 'computer_use_preview' as const;
export const computerUseSpellings = z.enum([COMPUTER_USE, 'computer-preview', 'computer-use-preview']);

/** A screen that the caller works. */
const computerUseTool = z.strictObject({
  type: computerUseSpellings.transform(() => COMPUTER_USE),
  display_width: z.number().positive(),
  display_height: z.number().positive(),
  environment: z.enum(['windows', 'mac', 'linux', 'ubuntu', 'browser']),
});

const runTools = z.discriminatedUnion('type', [
  functionTool,
  customTool,
  fileSearchTool,
  codeInterpreterTool,
  mcpTool,
  webSearchTool,
  webSearchPreviewTool,
  computerUseTool,
]);
export type ResponseTool = z.infer<typeof runTools>;

/** Whether the caller carries its calls out, by the tool's own name. */
export const isCallersTool = (tool: ResponseTool): tool is FunctionTool | CustomTool =>
  tool.type === 'function' || tool.type === 'custom';

const TOOL_TYPES = [
  'function',
  'custom',
  'file_search',
  'code_interpreter',
  'mcp',
  ...webSearchTool.shape.type.options,
  ...webSearchPreviewTool.shape.type.options,
  ...computerUseSpellings.options,
];

/** A tool as it is asked for; other tools of the services are told to be unsupported. */
export const responseTool = z.preprocess((tool, context) => {
  const type: unknown = typeof tool === 'object' && tool !== null && 'type' in tool ? tool.type : undefined;
  if (typeof type === 'string' && !TOOL_TYPES.includes(type)) {
    const reason = unsupported(`The tools are ${TOOL_TYPES.join(', ')}.`);
    context.addIssue({ ...reason, code: 'custom', path: ['type'] });
  }
  return tool;
}, runTools);

/** As of assistants. */
export const responseTools = z.array(responseTool).max(128);

/** Which tool the model calls. Whether it is among the tools of the call, the schema cannot know. */
export const responseToolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.enum(['function', 'custom']), name: toolName }),
    z.strictObject({ type: z.literal('mcp'), server_label: z.string(), name: z.string().nullish() }),
    z.strictObject({
      type: z.literal('allowed_tools'),
      mode: z.enum(['auto', 'required']),
      tools: z
        .array(z.looseObject({ type: z.string() }))
        .min(1)
        .max(128),
    }),
    z.strictObject({
      type: z.enum([
        'file_search',
        'code_interpreter',
        ...webSearchTool.shape.type.options,
        ...webSearchPreviewTool.shape.type.options,
        COMPUTER_USE,
      ]),
    }),
  ]),
]);
export type ResponseToolChoice = z.infer<typeof responseToolChoice>;

/** The tool as answers show it: the secrets of an MCP server are not told again. */
export function shownTool(tool: ResponseTool): ResponseTool {
  if (tool.type !== 'mcp') return tool;
  const { authorization, headers, ...shown } = tool;
  return {
    ...shown,
    ...(authorization ? { authorization: REDACTED } : {}),
    ...(headers ? { headers: Object.fromEntries(Object.keys(headers).map((name) => [name, REDACTED])) } : {}),
  };
}
