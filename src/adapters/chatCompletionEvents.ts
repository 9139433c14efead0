/** Reads the answer of a chat completion, streamed or whole, as the events of the chat port. */
import { randomUUID } from 'node:crypto';
import { createParser } from 'eventsource-parser';
import { z } from 'zod';
import type { ChatEvent, Usage, UsageDetails } from '../models/ports';
import { parseJson, readJson } from './answerBody';
import { UpstreamError } from '../models/upstream';
import { malformed } from './openAiErrors';

/** Largest answer that is not streamed, and largest single event of one that is. */
const MAX_BYTES = 16 * 1024 * 1024;

const toolCallPiece = z.object({
  index: z.int().nullish(),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
  custom: z.object({ name: z.string().nullish(), input: z.string().nullish() }).nullish(),
});
type ToolCallPiece = z.infer<typeof toolCallPiece>;

const delta = z.object({
  content: z.string().nullish(),
  refusal: z.string().nullish(),
  // Not of OpenAI: DeepSeek, vLLM and llama.cpp have the first, Ollama and newer servers the second; some have both, with the same text.
  reasoning_content: z.string().nullish().catch(undefined),
  reasoning: z.string().nullish().catch(undefined),
  tool_calls: z.array(toolCallPiece).nullish(),
});

const usage = z.object({
  prompt_tokens: z.number().default(0),
  completion_tokens: z.number().default(0),
  total_tokens: z.number().optional(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().nullish() }).nullish(),
  completion_tokens_details: z.object({ reasoning_tokens: z.number().nullish() }).nullish(),
});

const chunk = z.object({
  error: z.unknown().optional(),
  choices: z
    .array(
      z.object({
        delta: delta.nullish(),
        message: delta.nullish(),
        finish_reason: z.string().nullish(),
        logprobs: z.object({ content: z.array(z.unknown()).nullish() }).nullish(),
      }),
    )
    .nullish(),
  usage: usage.nullish(),
  service_tier: z.string().nullish(),
});

/**
 * The events of an answer, ending with exactly one `finish`. Pieces are pulled as events are.
 * Throws {@link UpstreamError} for an answer that is broken or ends too early, and what `refusal` makes of an error object inside.
 */
export async function* chatCompletionEvents(
  pieces: AsyncIterable<Uint8Array>,
  contentType: string,
  refusal: (errorBody: string) => UpstreamError,
): AsyncGenerator<ChatEvent, void, void> {
  const answer = new AnswerReader(refusal);
  if (/\bjson\b/i.test(contentType)) {
    yield* answer.read(await readJson(pieces, MAX_BYTES));
    answer.isComplete = true;
  } else {
    for await (const { event, data } of serverSentEvents(pieces)) {
      if (data.trim() === '[DONE]') {
        answer.isComplete = true;
        break;
      }
      if (event === 'error') throw refusal(data);
      yield* answer.read(parseJson(data));
    }
  }
  yield answer.finish();
}

/** The events of a stream. Throws {@link UpstreamError} for one that is too large. */
export async function* serverSentEvents(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ event?: string; data: string }, void, void> {
  const decoder = new TextDecoder();
  const events: { event?: string; data: string }[] = [];
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onError: (error) => {
      // Fields that are none of the format's are to be skipped, as it says.
      if (error.type === 'max-buffer-size-exceeded')
        throw malformed(`one event is larger than ${MAX_BYTES} characters`);
    },
    maxBufferSize: MAX_BYTES,
  });
  for await (const piece of pieces) {
    parser.feed(decoder.decode(piece, { stream: true }));
    yield* events.splice(0);
  }
  // Not every server ends its last event with an empty line.
  parser.feed(`${decoder.decode()}\n\n`);
  yield* events.splice(0);
}

/** Collects what the chunks say of the end, and turns the rest into events. */
class AnswerReader {
  /** The service said that nothing follows. */
  isComplete = false;
  private hasChoice = false;
  private reason: string | undefined;
  private usage: Usage | undefined;
  private usageDetails: UsageDetails | undefined;
  private serviceTier: string | undefined;
  /** The service's numbers of the tool calls seen → ours, which have no gaps, and the id it gave. */
  private readonly calls = new Map<number, { index: number; id: string }>();
  private callCount = 0;
  private lastCall = { number: -1, id: '' };

  constructor(private readonly refusal: (errorBody: string) => UpstreamError) {}

  *read(value: unknown): Generator<ChatEvent, void, void> {
    const parsed = chunk.safeParse(value);
    if (!parsed.success) throw malformed('it is not a chat completion', parsed.error);
    const { error, choices, usage: counted, service_tier } = parsed.data;
    this.serviceTier = service_tier ?? this.serviceTier;
    if (error != null) throw this.refusal(JSON.stringify(value));
    if (counted) {
      const { prompt_tokens, completion_tokens, total_tokens = prompt_tokens + completion_tokens } = counted;
      this.usage = { prompt_tokens, completion_tokens, total_tokens };
      const { prompt_tokens_details: ofPrompt, completion_tokens_details: ofCompletion } = counted;
      if (ofPrompt || ofCompletion)
        this.usageDetails = {
          cachedTokens: ofPrompt?.cached_tokens ?? 0,
          reasoningTokens: ofCompletion?.reasoning_tokens ?? 0,
        };
    }
    // One answer was asked for; a chunk may hold none, such as Azure's first with the prompt's filter results.
    const choice = choices?.[0];
    if (!choice) return;
    this.hasChoice = true;
    this.reason = choice.finish_reason ?? this.reason;
    const { content, refusal, reasoning_content, reasoning, tool_calls } = choice.delta ?? choice.message ?? {};
    const logprobs = choice.logprobs?.content;
    const thought = reasoning_content || reasoning;
    if (thought) yield { type: 'reasoning', text: thought };
    if (content) yield { type: 'text', text: content, ...(logprobs && { logprobs }) };
    if (refusal) yield { type: 'refusal', text: refusal };
    for (const piece of tool_calls ?? []) yield* this.readToolCall(piece);
  }

  private *readToolCall(piece: ToolCallPiece): Generator<ChatEvent, void, void> {
    const isOther = piece.id && piece.id !== this.lastCall.id;
    // Without a number, another id begins another call.
    const number = piece.index ?? (isOther ? this.lastCall.number + 1 : Math.max(0, this.lastCall.number));
    const text = piece.function?.arguments ?? piece.custom?.input ?? '';
    const name = piece.function?.name ?? piece.custom?.name;
    const known = this.calls.get(number);
    // Some servers number every call 0: another id with a name begins another call all the same.
    if (known && !(name && piece.id && piece.id !== known.id)) {
      this.lastCall.number = number;
      if (text) yield { type: 'tool_call', index: known.index, arguments: text };
      return;
    }
    if (!name) throw malformed('a tool call has no name');
    // Some local servers give no id, but the outputs are handed in by it.
    const id = piece.id || `call_${randomUUID().replaceAll('-', '')}`;
    const index = this.callCount++;
    this.calls.set(number, { index, id });
    this.lastCall = { number, id };
    yield { type: 'tool_call', index, id, name, arguments: text };
  }

  finish(): ChatEvent {
    if (!this.reason && !(this.isComplete && this.hasChoice)) {
      throw new UpstreamError('unavailable', 'The model service ended its answer before it was complete.', {});
    }
    const { usage, usageDetails, serviceTier } = this;
    return {
      type: 'finish',
      reason: this.finishReason(),
      usage,
      ...(usageDetails && { usageDetails }),
      ...(serviceTier !== undefined && { serviceTier }),
    };
  }

  /** Services say `stop` for a call of a function that was demanded by name, and local ones have words of their own. */
  private finishReason(): 'stop' | 'length' | 'tool_calls' | 'content_filter' {
    if (this.reason === 'length' || this.reason === 'content_filter') return this.reason;
    return this.callCount > 0 ? 'tool_calls' : 'stop';
  }
}
