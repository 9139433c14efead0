/** What the capabilities need of language models, whoever serves them. */

export interface TextPart {
  type: 'text';
  text: string;
}
export interface ImagePart {
  type: 'image_url';
  image_url: { url: string; detail?: 'auto' | 'low' | 'high' };
}

/** A function that the model may call, as in chat completions. */
export interface FunctionTool {
  type: 'function';
  function: { name: string; description?: string; parameters?: Record<string, unknown>; strict?: boolean | null };
}

/** A tool whose input is text of the model's own, as free as its format lets it be. */
export interface CustomTool {
  type: 'custom';
  custom: {
    name: string;
    description?: string;
    format?: { type: 'text' } | { type: 'grammar'; grammar: { syntax: 'lark' | 'regex'; definition: string } };
  };
}

export type ChatTool = FunctionTool | CustomTool;

/** A tool by its name, as `tool_choice` has it. */
export type NamedTool = { type: 'function'; function: { name: string } } | { type: 'custom'; custom: { name: string } };

/** The name by which the model calls it. */
export const chatToolName = (tool: NamedTool): string =>
  tool.type === 'function' ? tool.function.name : tool.custom.name;

export interface FunctionCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}
export type ToolCall = FunctionCall | { id: string; type: 'custom'; custom: { name: string; input: string } };

/** The tool that the model called, and what it wrote for it. */
export const readCall = (call: ToolCall): { name: string; written: string } =>
  call.type === 'function'
    ? { name: call.function.name, written: call.function.arguments }
    : { name: call.custom.name, written: call.custom.input };

/** The messages of a chat completion, in its wire form. */
export type ChatMessage =
  | { role: 'system'; content: string }
  | { role: 'user'; content: string | (TextPart | ImagePart)[] }
  | { role: 'assistant'; content: string | null; tool_calls?: ToolCall[] }
  | { role: 'tool'; tool_call_id: string; content: string };

/** A chat completion request in its wire form; a field is sent upstream only if it is present. */
export interface ChatRequest {
  /** Deployment or model name as the caller knows it. */
  model: string;
  messages: ChatMessage[];
  tools?: ChatTool[];
  tool_choice?: 'none' | 'auto' | 'required' | NamedTool;
  parallel_tool_calls?: boolean;
  temperature?: number;
  top_p?: number;
  max_completion_tokens?: number;
  response_format?: unknown;
  reasoning_effort?: string;
  verbosity?: string;
  logprobs?: boolean;
  top_logprobs?: number;
  service_tier?: string;
  user?: string;
  safety_identifier?: string;
  prompt_cache_key?: string;
  prompt_cache_retention?: string;
  prompt_cache_options?: object;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** Tokens of the prompt that came from a cache, and of the answer that the model only thought. */
export interface UsageDetails {
  cachedTokens: number;
  reasoningTokens: number;
}

/** What a streamed chat completion is made of. Every stream that does not throw ends with exactly one `finish`. */
export type ChatEvent =
  | { type: 'text'; text: string; logprobs?: unknown[] }
  | { type: 'refusal'; text: string }
  /** What the model thinks before it answers: where its service tells, and for who wants it. */
  | { type: 'reasoning'; text: string }
  /** A piece of tool call number `index`; `id` and `name` come with its first piece. A custom tool's input comes as its arguments. */
  | { type: 'tool_call'; index: number; id?: string; name?: string; arguments: string }
  | {
      type: 'finish';
      reason: 'stop' | 'length' | 'tool_calls' | 'content_filter';
      usage?: Usage;
      /** Parts of the usage, where the service told of them. */
      usageDetails?: UsageDetails;
      /** The tier that served the request, where the service said so. */
      serviceTier?: string;
    };

/** The model service refused or failed. Messages never hold keys, and are fit to be shown to the caller. */
export class ModelError extends Error {
  constructor(
    /**
     * - `not_found`: nothing serves this model (the message names the setting that would);
     * - `rate_limited`: still 429 after the retries;
     * - `invalid_request`: the service refused the request itself, retrying is useless;
     * - `content_filter`: the request broke the content policy;
     * - `unavailable`: down, slow, cut in mid-stream or an answer that is not one.
     */
    readonly kind: 'not_found' | 'rate_limited' | 'invalid_request' | 'content_filter' | 'unavailable',
    message: string,
    options?: { cause?: unknown; retryAfterSeconds?: number; code?: string; param?: string },
  ) {
    super(message, options);
    this.name = 'ModelError';
    this.retryAfterSeconds = options?.retryAfterSeconds;
    this.code = options?.code;
    this.param = options?.param;
  }
  readonly retryAfterSeconds: number | undefined;
  /** The service's own code, such as `context_length_exceeded` or `insufficient_quota`, where it gave one. */
  readonly code: string | undefined;
  /** The field of the request that the service named. */
  readonly param: string | undefined;
}

export interface ChatModel {
  /** Whether anything serves this model name; cheap, makes no call. */
  serves(model: string): boolean;
  /**
   * Streams an answer. Retries what is safe to retry before the first event was yielded, nothing after. Throws {@link ModelError}; rejects
   * with the signal's reason as soon as it is aborted.
   *
   * @param tenant Whose limits count the call.
   * @param tellsThoughts Whether `reasoning` is among the events; an answer that breaks off behind it is not tried again then.
   */
  stream(
    request: ChatRequest,
    signal?: AbortSignal,
    tenant?: string,
    tellsThoughts?: boolean,
  ): AsyncIterable<ChatEvent>;
}

/** The JSON body of a chat completion as its caller sent it: fields that are not named here pass as they are. */
export interface CompletionBody {
  model: string;
  messages: { role: string; [field: string]: unknown }[];
  [field: string]: unknown;
}

/** A whole chat completion; what is not named here passes as it is. */
export interface Completion {
  choices: {
    index: number;
    message: { content?: string | null; [field: string]: unknown };
    [field: string]: unknown;
  }[];
  usage?: Usage | null;
  [field: string]: unknown;
}

/** A piece of a streamed chat completion; what is not named here passes as it is. */
export interface CompletionChunk {
  choices: {
    index: number;
    delta: { content?: string | null; [field: string]: unknown };
    finish_reason?: string | null;
    [field: string]: unknown;
  }[];
  usage?: Usage | null;
  [field: string]: unknown;
}

/** Chat completions in their wire form, for answers that keep every field of the service's. */
export interface Completions {
  serves(model: string): boolean;
  /** The model only quotes what a `file_search` call found, and writes nothing of its own. */
  isExtractive(model: string): boolean;
  /** Throws {@link ModelError}, or the signal's reason. `tenant`: whose limits count. */
  whole(body: CompletionBody, signal: AbortSignal, tenant: string): Promise<Completion>;
  /** The chunks of a stream, the one with the usage included, without `[DONE]`. Repeats what is safe to repeat before the first chunk, nothing after. Throws as `whole`. */
  chunks(body: CompletionBody, signal: AbortSignal, tenant: string): AsyncGenerator<CompletionChunk, void, void>;
}

export interface EmbeddingModel {
  /** What a vector store remembers: vectors of different ids do not compare. */
  readonly id: string;
  /**
   * Weight of the full text against the vectors (1) when this model's results are fused with full text by rank; higher for weak models.
   */
  readonly textWeight: number;
  /**
   * One vector per text, in order; texts longer than the model takes are cut. Batches, limits concurrency and retries by itself. Throws {@link ModelError}.
   *
   * @param tenant Whose limits count the calls.
   */
  embed(texts: string[], kind: 'query' | 'document', signal?: AbortSignal, tenant?: string): Promise<Float32Array[]>;
}

/** The embedding models by id: a store is searched with the model that filled it. */
export interface EmbeddingModels {
  /** For new vector stores. */
  readonly current: EmbeddingModel;
  /** The model of that id; throws {@link ModelError} `not_found` naming the setting if it is no longer configured. */
  byId(id: string): EmbeddingModel;
}
