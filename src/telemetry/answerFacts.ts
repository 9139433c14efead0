/** What an answer says of itself: model, id, why it ended, tokens. Read from a copy of its last bytes. */
import type { Attributes } from '@opentelemetry/api';
import { createParser } from 'eventsource-parser';

export interface AnswerFacts {
  model?: string;
  id?: string;
  /** By the number of the choice. */
  finishReasons: string[];
  inputTokens?: number;
  outputTokens?: number;
  cachedTokens?: number;
  reasoningTokens?: number;
  /** A stream that said that it is over. */
  isDone: boolean;
}

/** Keeps the last bytes of what passes, at most so many. */
export class LastBytes {
  private pieces: Buffer[] = [];
  private bytes = 0;
  /** Whether everything is still there. */
  isWhole = true;

  constructor(private readonly most: number) {}

  take(piece: Buffer): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
    for (let first = this.pieces[0]; first && this.bytes - first.length >= this.most; first = this.pieces[0]) {
      this.pieces.shift();
      this.bytes -= first.length;
      this.isWhole = false;
    }
  }

  text(): string {
    return Buffer.concat(this.pieces).toString('utf8');
  }
}

/** The JSON values of a stream's events, or the one JSON value of an answer; of an answer that was cut, what its end tells. */
export function answerValues(text: string, isStream: boolean, isWhole: boolean): { values: object[]; isDone: boolean } {
  if (isStream) {
    const { values, isDone } = streamValues(text);
    const cut = isWhole ? undefined : usageOfCutEvent(text);
    return { values: cut ? [cut, ...values] : values, isDone };
  }
  const value = isWhole ? parsed(text) : endOf(text);
  return { values: value ? [value] : [], isDone: true };
}

function streamValues(text: string): { values: object[]; isDone: boolean } {
  const values: object[] = [];
  let isDone = false;
  const parser = createParser({
    onEvent({ data, event }) {
      if (data === '[DONE]' || event === 'done') isDone = true;
      const value = parsed(data);
      if (!value) return;
      values.push(value);
      if (/\.(done|completed)$/.test(String(field(value, 'type')))) isDone = true;
    },
  });
  parser.feed(text);
  return { values, isDone };
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    // An event whose beginning was not kept, or `[DONE]`: nothing to learn.
    return undefined;
  }
}

/** `model` and `usage` of an answer of which only the end was kept, as embeddings have them. */
function endOf(text: string): object | undefined {
  const last = (name: string) => text.slice(Math.max(0, text.lastIndexOf(`"${name}"`)));
  const usage = /^"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})[^{}]*\}\s*$/.exec(last('usage'))?.[1];
  const model = /^"model"\s*:\s*("[\w.:/-]*")/.exec(last('model'))?.[1];
  return usage ? parsed(`{"usage":${usage}${model ? `,"model":${model}` : ''}}`) : undefined;
}

/** `usage` of the event whose beginning was not kept: the last one of pictures and of responses can be long. */
function usageOfCutEvent(text: string): object | undefined {
  const event = text.slice(0, /\r?\n\r?\n|\r\r/.exec(text)?.index);
  const usage = /^"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})/.exec(
    event.slice(Math.max(0, event.lastIndexOf('"usage"'))),
  );
  return usage?.[1] === undefined ? undefined : parsed(`{"usage":${usage[1]}}`);
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

/** Sums the values of an answer up; later ones go before earlier ones. */
export function factsOf(values: readonly object[], isDone: boolean): AnswerFacts {
  const facts: AnswerFacts = { finishReasons: [], isDone };
  for (const event of values) {
    // Events of responses hold the response.
    const value = field(event, 'response') ?? event;
    const model = field(value, 'model');
    const id = field(value, 'id');
    // Azure's first event leaves both empty.
    if (typeof model === 'string' && model) facts.model = model;
    if (typeof id === 'string' && id) facts.id = id;
    takeFinishReasons(field(value, 'choices'), facts);
    takeUsage(field(value, 'usage'), facts);
  }
  facts.finishReasons = facts.finishReasons.filter(() => true);
  return facts;
}

function takeFinishReasons(choices: unknown, facts: AnswerFacts): void {
  if (!Array.isArray(choices)) return;
  for (const [at, choice] of choices.entries()) {
    const reason = field(choice, 'finish_reason');
    const index = numberOf(field(choice, 'index')) ?? at;
    if (typeof reason === 'string' && index < 128) facts.finishReasons[index] = reason;
  }
}

function takeUsage(usage: unknown, facts: AnswerFacts): void {
  if (typeof usage !== 'object' || usage === null) return;
  const details = (name: string) => field(usage, `prompt_${name}`) ?? field(usage, `input_${name}`);
  const outputDetails = field(usage, 'completion_tokens_details') ?? field(usage, 'output_tokens_details');
  facts.inputTokens = numberOf(details('tokens')) ?? facts.inputTokens;
  facts.outputTokens =
    numberOf(field(usage, 'completion_tokens') ?? field(usage, 'output_tokens')) ?? facts.outputTokens;
  facts.cachedTokens = numberOf(field(details('tokens_details'), 'cached_tokens')) ?? facts.cachedTokens;
  facts.reasoningTokens = numberOf(field(outputDetails, 'reasoning_tokens')) ?? facts.reasoningTokens;
}

/** The facts as attributes of a span. */
export function answerAttributes(facts: AnswerFacts): Attributes {
  const { model, id, finishReasons, inputTokens, outputTokens, cachedTokens, reasoningTokens } = facts;
  return {
    'gen_ai.response.model': model,
    'gen_ai.response.id': id,
    'gen_ai.response.finish_reasons': finishReasons.length > 0 ? finishReasons : undefined,
    'gen_ai.usage.input_tokens': inputTokens,
    'gen_ai.usage.output_tokens': outputTokens,
    'gen_ai.usage.cache_read.input_tokens': cachedTokens,
    'gen_ai.usage.reasoning.output_tokens': reasoningTokens,
  };
}
