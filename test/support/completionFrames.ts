/** Renders a scripted answer as the body of a chat completion, streamed or whole, as OpenAI and Azure do. */
import type { ScriptedAnswer, ScriptedToolCall, UpstreamBody } from './scriptedReplies';

export type UpstreamStyle = 'openai' | 'azure';

const notFiltered = { hate: { filtered: false, severity: 'safe' } };
let completions = 0;

/** The call with that text as its arguments, or as its input if it is one of a custom tool; `name` comes with its first piece. */
const callOf = (call: ScriptedToolCall, text: string, name?: string) =>
  'input' in call ? { custom: { name, input: text } } : { function: { name, arguments: text } };
const typeOf = (call: ScriptedToolCall) => ('input' in call ? 'custom' : 'function');

function textOf(call: ScriptedToolCall): string {
  if ('input' in call) return call.input;
  return typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments);
}
const finishReasonOf = (answer: ScriptedAnswer) =>
  answer.finishReason ?? (answer.toolCalls?.length ? 'tool_calls' : 'stop');

/** About four characters a token, as with real models. */
function usageOf(answer: ScriptedAnswer, body: UpstreamBody) {
  const tokens = (value: unknown) => Math.ceil(JSON.stringify(value ?? '').length / 4);
  const prompt_tokens = tokens(body.messages);
  const completion_tokens = tokens(answer.text) + tokens(answer.toolCalls);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

function head(object: string, body: UpstreamBody) {
  return {
    id: `chatcmpl-${++completions}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: body.model ?? 'scripted',
  };
}

/** The events of a stream, each with its empty line. */
export function completionFrames(answer: ScriptedAnswer, body: UpstreamBody, style: UpstreamStyle): string[] {
  const common = head('chat.completion.chunk', body);
  const withUsage = body.stream_options?.include_usage ? { usage: null } : {};
  const frame = (fields: object) => `data: ${JSON.stringify({ ...common, ...fields })}\n\n`;
  const chunk = (delta: object, finish_reason: string | null = null) =>
    frame({ choices: [{ index: 0, delta, finish_reason, logprobs: null }], ...withUsage });

  const frames: string[] = [];
  if (style === 'azure') {
    const prompt_filter_results = [{ prompt_index: 0, content_filter_results: notFiltered }];
    frames.push(frame({ choices: [], prompt_filter_results, ...withUsage }));
  }
  frames.push(chunk({ role: 'assistant', content: answer.toolCalls && !answer.text ? null : '', refusal: null }));
  for (const content of piecesOf(answer.text ?? '', answer.chunks ?? 3)) frames.push(chunk({ content }));
  for (const [index, call] of (answer.toolCalls ?? []).entries()) {
    const id = call.id ?? `call_${common.id}_${index}`;
    const begin = { index, id, type: typeOf(call), ...callOf(call, '', call.name) };
    frames.push(chunk({ tool_calls: [begin] }));
    for (const piece of piecesOf(textOf(call), 2)) {
      frames.push(chunk({ tool_calls: [{ index, ...callOf(call, piece) }] }));
    }
  }
  frames.push(chunk({}, finishReasonOf(answer)));
  if (body.stream_options?.include_usage) frames.push(frame({ choices: [], usage: usageOf(answer, body) }));
  frames.push('data: [DONE]\n\n');
  return frames;
}

/** The whole completion as JSON. */
export function completionBody(answer: ScriptedAnswer, body: UpstreamBody, style: UpstreamStyle): string {
  const common = head('chat.completion', body);
  const tool_calls = answer.toolCalls?.map((call, index) => ({
    id: call.id ?? `call_${common.id}_${index}`,
    type: typeOf(call),
    ...callOf(call, textOf(call), call.name),
  }));
  const message = { role: 'assistant', content: answer.text ?? null, refusal: null, ...(tool_calls && { tool_calls }) };
  const choice = { index: 0, message, finish_reason: finishReasonOf(answer), logprobs: null };
  return JSON.stringify({
    ...common,
    choices: [style === 'azure' ? { ...choice, content_filter_results: notFiltered } : choice],
    usage: usageOf(answer, body),
  });
}

/** The text in at most `count` pieces, none inside of a surrogate pair. */
function piecesOf(text: string, count: number): string[] {
  const characters = Array.from(text);
  const size = Math.max(1, Math.ceil(characters.length / count));
  const pieces: string[] = [];
  for (let start = 0; start < characters.length; start += size) {
    pieces.push(characters.slice(start, start + size).join(''));
  }
  return pieces;
}
