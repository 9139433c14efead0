/** Prompts and answers in the form of the GenAI semantic conventions. Used only where capturing content was switched on. */
import type { Attributes } from '@opentelemetry/api';

interface Part {
  type: string;
  [member: string]: unknown;
}
interface Message {
  role: string;
  parts: Part[];
  finish_reason?: string;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** `gen_ai.input.messages` and `gen_ai.tool.definitions` of a request's body. */
export function inputAttributes(body: Json): Attributes {
  const messages = objects(body.messages).map(messageOf);
  const { prompt, input } = body;
  const texts = [prompt ?? input].flat().filter((text) => typeof text === 'string');
  messages.push(...texts.map((text) => ({ role: 'user', parts: [{ type: 'text', content: text }] })));
  return {
    'gen_ai.input.messages': messages.length > 0 ? JSON.stringify(messages) : undefined,
    'gen_ai.tool.definitions': Array.isArray(body.tools) ? JSON.stringify(body.tools) : undefined,
  };
}

function messageOf({ role, content, tool_calls, tool_call_id, refusal }: Json): Message {
  const name = typeof role === 'string' ? role : 'user';
  if (name === 'tool')
    return { role: name, parts: [{ type: 'tool_call_response', id: tool_call_id, response: content }] };
  return {
    role: name,
    parts: [...contentParts(content), ...contentParts(refusal), ...objects(tool_calls).map(toolCallPart)],
  };
}

function contentParts(content: unknown): Part[] {
  if (typeof content === 'string') return content ? [{ type: 'text', content }] : [];
  return objects(content).map((part) => {
    if (part.type === 'text') return { type: 'text', content: part.text };
    const url = isObject(part.image_url) ? part.image_url.url : undefined;
    // Pictures within the request would make the span as large as they are.
    if (typeof url === 'string' && !url.startsWith('data:')) return { type: 'uri', modality: 'image', uri: url };
    return { type: String(part.type) };
  });
}

const toolCallPart = (call: Json): Part => ({ type: 'tool_call', id: call.id, ...calledOf(call) });

/** The name and arguments of a call of a function, or of a custom tool with its input as arguments. */
function calledOf({ function: called, custom }: Json): { name?: unknown; arguments?: unknown } {
  if (isObject(custom)) return { name: custom.name, arguments: custom.input };
  return isObject(called) ? { name: called.name, arguments: called.arguments } : {};
}

/** `gen_ai.output.messages` of an answer, or of a stream's events. */
export function outputAttributes(values: readonly object[]): Attributes {
  const choices = new Map<number, Choice>();
  for (const value of values) {
    if (!isObject(value)) continue;
    for (const [at, choice] of objects(value.choices).entries()) {
      const index = typeof choice.index === 'number' ? choice.index : at;
      const known = choices.get(index) ?? { content: '', toolCalls: [], finishReason: '' };
      choices.set(index, known);
      takeChoice(choice, known);
    }
  }
  const messages = [...choices.entries()].toSorted(([a], [b]) => a - b).map(([, choice]) => outputMessage(choice));
  return { 'gen_ai.output.messages': messages.length > 0 ? JSON.stringify(messages) : undefined };
}

interface Choice {
  content: string;
  toolCalls: { id?: unknown; function: { name: string; arguments: string } }[];
  finishReason: string;
}

function takeChoice(choice: Json, known: Choice): void {
  const given = isObject(choice.message) ? choice.message : isObject(choice.delta) ? choice.delta : choice;
  for (const text of [given.content, given.refusal, given.text]) if (typeof text === 'string') known.content += text;
  for (const [at, call] of objects(given.tool_calls).entries()) {
    const index = typeof call.index === 'number' && call.index < 128 ? call.index : at;
    const begun = (known.toolCalls[index] ??= { function: { name: '', arguments: '' } });
    begun.id ??= call.id;
    const { name, arguments: given } = calledOf(call);
    begun.function.name += String(name ?? '');
    begun.function.arguments += String(given ?? '');
  }
  if (typeof choice.finish_reason === 'string') known.finishReason = choice.finish_reason;
}

function outputMessage({ content, toolCalls, finishReason }: Choice): Message {
  const calls = toolCalls.filter(() => true).map((call) => toolCallPart({ ...call }));
  return { role: 'assistant', parts: [...contentParts(content), ...calls], finish_reason: finishReason };
}
