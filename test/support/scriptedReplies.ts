/** What the scripted upstream can answer, and how it answers when nothing is scripted. */
import type { ChatMessage, FunctionTool } from '../../src/models/ports';

/** The JSON body of a chat or embeddings request. */
export interface UpstreamBody {
  model?: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  messages?: ChatMessage[];
  tools?: FunctionTool[];
  tool_choice?: unknown;
  input?: string | string[];
  encoding_format?: string;
  [field: string]: unknown;
}

export type ScriptedToolCall = { name: string; id?: string } & (
  | {
      /** Objects are sent as JSON. */
      arguments: unknown;
    }
  | {
      /** Of a custom tool. */
      input: string;
    }
);

/** A chat completion in its parts. */
export interface ScriptedAnswer {
  kind: 'answer';
  text?: string;
  toolCalls?: ScriptedToolCall[];
  finishReason?: string;
  /** Pieces that the text is streamed in. */
  chunks?: number;
  /** Milliseconds between two events of a stream; 0 sends them in one go. */
  delayMs?: number;
}

export type Reply =
  | ScriptedAnswer
  | { kind: 'default' }
  | { kind: 'hang' }
  | { kind: 'disconnect' }
  | { kind: 'slow'; ms: number; then: Reply }
  /** The first `events` events of a stream (of a body that is not streamed: half of it), then silence or a broken connection. */
  | { kind: 'interrupted'; events: number; by: 'cut' | 'silence'; of: Reply }
  /** These bytes in place of an HTTP answer, and then the end of the connection. */
  | { kind: 'wire'; bytes: string }
  | {
      kind: 'raw';
      status: number;
      headers: Record<string, string>;
      /** Written one by one, no faster than they are read. */
      pieces: Iterable<string | Uint8Array>;
      delayMs: number;
    };

interface RawOptions {
  status?: number;
  headers?: Record<string, string>;
  /** Milliseconds between two pieces. */
  delayMs?: number;
}

const eventStream = { 'content-type': 'text/event-stream; charset=utf-8' };
const byDefault: Reply = { kind: 'default' };

/** Makers of replies. */
export const reply = {
  /** A text, streamed in `chunks` pieces (3) where a stream is asked for. */
  text: (text: string, options: { chunks?: number; delayMs?: number; finishReason?: string } = {}): Reply => ({
    kind: 'answer',
    text,
    ...options,
  }),
  /** Calls of functions, with a text before them if there is one. */
  toolCalls: (toolCalls: ScriptedToolCall[], options: { text?: string; finishReason?: string } = {}): Reply => ({
    kind: 'answer',
    toolCalls,
    ...options,
  }),
  /** An answer with that status; the body is JSON unless it is a string. */
  status: (status: number, options: { headers?: Record<string, string>; body?: unknown } = {}): Reply =>
    reply.json(
      options.body ?? { error: { message: `Scripted ${status}.`, type: 'scripted', param: null, code: null } },
      {
        status,
        headers: options.headers,
      },
    ),
  /** Breaks the connection after `events` events of a stream. */
  cutAfter: (events: number, of: Reply = byDefault): Reply => ({ kind: 'interrupted', events, by: 'cut', of }),
  /** Falls silent after `events` events of a stream, with the connection open. */
  stallAfter: (events: number, of: Reply = byDefault): Reply => ({ kind: 'interrupted', events, by: 'silence', of }),
  /** Takes the request and never answers. */
  hang: (): Reply => ({ kind: 'hang' }),
  /** Breaks the connection without an answer. */
  disconnect: (): Reply => ({ kind: 'disconnect' }),
  /** Waits before it answers. */
  slow: (ms: number, then: Reply = byDefault): Reply => ({ kind: 'slow', ms, then }),
  /** A stream whose JSON is broken after `events` good events. */
  brokenJson: (events = 0): Reply =>
    reply.raw([
      ...Array.from({ length: events }, () => 'data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'),
      'data: {"choices":[{"index":0,"delta":{"content":"Hel\n\n',
    ]),
  /** A stream of thoughts, in pieces, before the delta `then`; `field` is where the service tells them. */
  thinking: (
    thoughts: string[],
    then: object,
    { field = 'reasoning_content', finishReason = 'stop' }: { field?: string; finishReason?: string } = {},
  ): Reply => {
    const chunk = (delta: object, finish_reason: string | null = null) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
    const told = [...thoughts.map((text) => ({ [field]: text })), then];
    return reply.raw([...told.map((delta) => chunk(delta)), chunk({}, finishReason), 'data: [DONE]\n\n']);
  },
  /** What the model says in place of an answer that it refuses, streamed in these pieces. */
  refusal: (pieces: string[]): Reply => {
    const chunk = (delta: object, finish_reason: string | null = null) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
    const deltas = [{ role: 'assistant', content: null, refusal: '' }, ...pieces.map((refusal) => ({ refusal }))];
    return reply.raw([...deltas.map((delta) => chunk(delta)), chunk({}, 'stop'), 'data: [DONE]\n\n']);
  },
  /** Exactly these bytes, as an event stream unless the headers say otherwise. */
  raw: (pieces: string | Iterable<string | Uint8Array>, options: RawOptions = {}): Reply => ({
    kind: 'raw',
    status: options.status ?? 200,
    headers: options.headers ?? eventStream,
    pieces: typeof pieces === 'string' ? [pieces] : pieces,
    delayMs: options.delayMs ?? 0,
  }),
  /** Exactly this value (or, for a string, this text) as JSON. */
  json: (value: unknown, options: RawOptions = {}): Reply =>
    reply.raw(typeof value === 'string' ? value : JSON.stringify(value), {
      ...options,
      headers: { 'content-type': 'application/json', ...options.headers },
    }),
  /** Exactly these bytes on the connection, status line and headers included. */
  wire: (bytes: string): Reply => ({ kind: 'wire', bytes }),
  /** What would be answered without a script. */
  default: (): Reply => byDefault,
};

/** What the tools of a conversation gave. */
export const toolOutputs = (messages: ChatMessage[]): string[] =>
  messages.flatMap((message) => (message.role === 'tool' ? [message.content] : []));

/** Searches if it can, answers from what was found, and otherwise repeats what it was told. */
export function defaultAnswer(body: UpstreamBody): ScriptedAnswer {
  const messages = body.messages ?? [];
  const last = messages.at(-1);
  const lastUserText = textOf(messages.findLast((message) => message.role === 'user'));
  const found = last?.role === 'tool' ? firstResult(last.content) : undefined;
  if (found) return { kind: 'answer', text: `${found.text.slice(0, 200)}${found.marker}` };
  const canSearch = body.tool_choice !== 'none' && body.tools?.some((tool) => tool.function?.name === 'file_search');
  if (canSearch && last?.role === 'user') {
    return { kind: 'answer', toolCalls: [{ name: 'file_search', arguments: { queries: [lastUserText] } }] };
  }
  return { kind: 'answer', text: `You said: ${lastUserText}` };
}

function textOf(message: ChatMessage | undefined): string {
  if (!message?.content) return '';
  if (typeof message.content === 'string') return message.content;
  return message.content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** The first of the results of a file search, or undefined if the output is of another tool. */
function firstResult(output: string): { text: string; marker: string } | undefined {
  try {
    const results = (JSON.parse(output) as { results?: { text?: unknown; marker?: unknown }[] } | null)?.results;
    const first = Array.isArray(results) ? results[0] : undefined;
    return first && { text: String(first.text ?? ''), marker: String(first.marker ?? '') };
  } catch {
    return undefined; // Not JSON: some other tool's output.
  }
}
