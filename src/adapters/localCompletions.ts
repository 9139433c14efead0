/** The built-in models in the wire forms of chat completions and embeddings, for callers that ask for them directly. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { TO_FIRST_FAULT } from '../firstFault';
import {
  ModelError,
  type ChatEvent,
  type ChatMessage,
  type ChatModel,
  type ChatRequest,
  type Completion,
  type CompletionChunk,
  type Completions,
  type EmbeddingModel,
  type Usage,
} from '../models/ports';
import { countTokens } from '../models/promptTokens';
import type { EmbeddingsRequest } from '../wire/chat';

const text = z.union([
  z.string(),
  z.array(z.object({ text: z.string() })).transform((parts) => parts.map((part) => part.text).join('')),
]);
const toolCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});
const part = z.union([
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({
    type: z.literal('image_url'),
    image_url: z.object({ url: z.string(), detail: z.enum(['auto', 'low', 'high']).optional() }),
  }),
]);

/** The messages that the chat port knows. */
const message: z.ZodType<ChatMessage> = z.union([
  z.object({ role: z.enum(['system', 'developer']).transform(() => 'system' as const), content: text }),
  z.object({ role: z.literal('user'), content: z.union([z.string(), z.array(part)]) }),
  z.object({
    role: z.literal('assistant'),
    content: text.nullish().transform((given) => given ?? null),
    tool_calls: z.array(toolCall).optional(),
  }),
  z.object({ role: z.literal('tool'), tool_call_id: z.string(), content: text }),
]);

const tool = z.object({
  type: z.literal('function'),
  function: z.object({
    name: z.string(),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
});
const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.object({ type: z.literal('function'), function: z.object({ name: z.string() }) }),
]);
const streamOptions = z.object({ include_usage: z.boolean().nullish() });
const chatFields = z.object({
  messages: z.array(message),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  response_format: z.unknown().optional(),
});

/** What would change an answer and is not done; the others set how words are sampled, and there is nothing to sample. */
const notDone: [field: string, isHarmless: (value: unknown) => boolean][] = [
  ['n', (value) => value === 1],
  ['logprobs', (value) => value === false],
  ['top_logprobs', () => false],
  ['modalities', (value) => Array.isArray(value) && value.every((kind) => kind === 'text')],
  ['stop', (value) => Array.isArray(value) && value.length === 0],
  ['functions', (value) => Array.isArray(value) && value.length === 0],
  ['function_call', (value) => value === 'none' || value === 'auto'],
  ['prediction', () => true],
  ['audio', () => false],
  ['web_search_options', () => false],
  ['store', (value) => value === false],
];

/** A chat completion's body, of which the messages are checked here. */
interface LocalRequest {
  model?: string;
  stream_options?: unknown;
  [field: string]: unknown;
}

export interface LocalCompletions {
  /** A whole `chat.completion`. Throws ModelError for what the model cannot do. */
  chatCompletion(request: LocalRequest, signal?: AbortSignal): Promise<Completion>;
  /** The `chat.completion.chunk` objects of a stream, without its `[DONE]`. Throws ModelError. */
  chatChunks(request: LocalRequest, signal?: AbortSignal): AsyncGenerator<CompletionChunk, void, void>;
  /** An embedding list. Throws ModelError. */
  embeddings(request: EmbeddingsRequest, signal?: AbortSignal): Promise<object>;
}

/** @param dimensions Length of the embedding model's vectors. */
export function localCompletions(chat: ChatModel, embeddings: EmbeddingModel, dimensions: number): LocalCompletions {
  return {
    async chatCompletion(request, signal) {
      const answer = new WholeAnswer();
      for await (const event of chat.stream(chatRequestOf(request), signal)) answer.take(event);
      return { ...headOf('chat.completion', request), ...answer.body() };
    },
    chatChunks: (request, signal) => chunks(chat, request, signal),
    embeddings: (request, signal) => embed(embeddings, dimensions, request, signal),
  };
}

/** The built-in chat model for capabilities. */
export const extractiveCompletions = (chat: ChatModel, local: LocalCompletions): Completions => ({
  serves: (model) => chat.serves(model),
  isExtractive: () => true,
  whole: async (body, signal) => local.chatCompletion(body, signal),
  chunks: (body, signal) => local.chatChunks({ ...body, stream_options: { include_usage: true } }, signal),
});

function refuse(param: string, message: string, cause?: unknown): never {
  throw new ModelError('invalid_request', message, { param, cause });
}

function chatRequestOf(body: LocalRequest): ChatRequest {
  for (const [field, isHarmless] of notDone) {
    if (body[field] != null && !isHarmless(body[field]))
      refuse(field, `'${field}' is not possible with the built-in model ${body.model}.`);
  }
  const parsed = chatFields.safeParse(body, TO_FIRST_FAULT);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.') ?? '';
    refuse(field, `'${field}' is of a form that the built-in model ${body.model} does not take.`);
  }
  const { messages, tools, tool_choice, response_format, max_tokens, max_completion_tokens } = parsed.data;
  return {
    model: body.model ?? '',
    messages,
    ...(tools && { tools }),
    ...(tool_choice && { tool_choice }),
    ...(response_format != null && { response_format }),
    max_completion_tokens: max_completion_tokens ?? max_tokens ?? undefined,
  };
}

function headOf(object: string, { model }: LocalRequest) {
  const id = `chatcmpl-${randomUUID().replaceAll('-', '')}`;
  return { id, object, created: Math.floor(Date.now() / 1000), model, system_fingerprint: null };
}

/** Collects the events of an answer. */
class WholeAnswer {
  private content = '';
  private readonly calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = [];
  private finish: string | null = null;
  private usage: Usage | undefined;

  take(event: ChatEvent): void {
    if (event.type === 'text') this.content += event.text;
    if (event.type === 'finish') [this.finish, this.usage] = [event.reason, event.usage];
    if (event.type !== 'tool_call') return;
    const call = (this.calls[event.index] ??= {
      id: event.id ?? '',
      type: 'function',
      function: { name: event.name ?? '', arguments: '' },
    });
    call.function.arguments += event.arguments;
  }

  body(): Pick<Completion, 'choices' | 'usage'> {
    const tool_calls = this.calls.length > 0 ? { tool_calls: this.calls } : {};
    const content = this.calls.length > 0 && !this.content ? null : this.content;
    const message = { role: 'assistant', content, refusal: null, ...tool_calls };
    return { choices: [{ index: 0, message, logprobs: null, finish_reason: this.finish }], usage: this.usage };
  }
}

async function* chunks(
  chat: ChatModel,
  request: LocalRequest,
  signal?: AbortSignal,
): AsyncGenerator<CompletionChunk, void, void> {
  const head = headOf('chat.completion.chunk', request);
  const { include_usage: includeUsage } = streamOptions.parse(request.stream_options ?? {});
  const withUsage = includeUsage ? { usage: null } : {};
  const chunk = (
    delta: Record<string, unknown> & { content?: string | null },
    finish_reason: string | null = null,
  ) => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...withUsage,
  });
  let isFirst = true;
  for await (const event of chat.stream(chatRequestOf(request), signal)) {
    if (isFirst) yield chunk({ role: 'assistant', content: event.type === 'tool_call' ? null : '', refusal: null });
    isFirst = false;
    if (event.type !== 'finish') yield chunk(deltaOf(event));
    else {
      yield chunk({}, event.reason);
      if (includeUsage) yield { ...head, choices: [], usage: event.usage };
    }
  }
}

function deltaOf(event: Exclude<ChatEvent, { type: 'finish' }>): Record<string, unknown> & { content?: string } {
  if (event.type === 'text') return { content: event.text };
  if (event.type === 'refusal') return { refusal: event.text };
  if (event.type === 'reasoning') return { reasoning_content: event.text };
  const { index, id, name, arguments: args } = event;
  return {
    tool_calls: [{ index, ...(id && { id, type: 'function' }), function: { ...(name && { name }), arguments: args } }],
  };
}

async function embed(
  model: EmbeddingModel,
  length: number,
  request: EmbeddingsRequest,
  signal?: AbortSignal,
): Promise<object> {
  const { input, encoding_format, dimensions } = request;
  if (dimensions && dimensions > length) {
    refuse('dimensions', `'dimensions' of the built-in embeddings are at most ${length}, not ${dimensions}.`);
  }
  const { texts, tokens } = await readInput(input);
  const vectors = await model.embed(texts, request.input_type === 'query' ? 'query' : 'document', signal);
  const data = vectors.map((vector, index) => {
    const cut = dimensions && dimensions < length ? normalised(vector.subarray(0, dimensions)) : vector;
    return { object: 'embedding', index, embedding: encoding_format === 'base64' ? base64(cut) : Array.from(cut) };
  });
  return { object: 'list', data, model: model.id, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

/** Has the vocabulary that texts given as tokens are of. */
const VOCABULARY_OF = 'text-embedding-3-small';

/** The texts, those given as tokens decoded by the vocabulary of OpenAI's embedding models, and how many tokens they are. */
async function readInput(input: EmbeddingsRequest['input']): Promise<{ texts: string[]; tokens: number }> {
  const { decode } = await import('gpt-tokenizer/encoding/cl100k_base');
  const given: (string | number[])[] =
    typeof input === 'string' || input.every((item) => typeof item === 'number') ? [input] : input;
  const written = given.filter((item) => typeof item === 'string');
  const numbers = given.reduce((sum, item) => sum + (typeof item === 'string' ? 0 : item.length), 0);
  const tokens = await countTokens(VOCABULARY_OF, { texts: written, more: numbers });
  const texts = given.map((item) => {
    if (typeof item === 'string') return item;
    try {
      return decode(item);
    } catch (cause) {
      refuse('input', "'input' holds a token that the vocabulary cl100k_base does not have.", cause);
    }
  });
  return { texts, tokens };
}

/** A vector's beginning, brought back to length 1. */
function normalised(vector: Float32Array): Float32Array {
  const size = Math.hypot(...vector);
  return size > 0 ? vector.map((value) => value / size) : vector;
}

const base64 = (vector: Float32Array): string =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
