/** The built-in chat model: it searches the documents and answers only with sentences that it found there. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  type ChatEvent,
  type ChatMessage,
  type ChatModel,
  type ChatRequest,
  type EmbeddingModel,
  ModelError,
  type Usage,
  chatToolName,
  readCall,
} from '../models/ports';
import { countTokens } from '../models/promptTokens';
import { answerFrom, type Passage, type Quotation } from './extractiveAnswer';

/** Name of the built-in model wherever a model is named. */
export const LOCAL_MODEL = 'local-extractive';

const SEARCH_TOOL = 'file_search';
const MAX_QUERY_CHARACTERS = 1_000;
const WORDS_PER_EVENT = 4;

const NO_ANSWER = 'The documents that were searched do not answer this question.';
const NO_DOCUMENTS =
  `The built-in model ${LOCAL_MODEL} only answers with sentences of documents, and there are none to search here. ` +
  'Set AZURE_OPENAI_ENDPOINT or OPENAI_BASE_URL to answer with a real model.';

/** What the `file_search` tool puts in its message. */
const searchOutput = z.object({
  results: z.array(z.object({ marker: z.string(), filename: z.string(), text: z.string() })),
});

/**
 * The model {@link LOCAL_MODEL}. Offered a `file_search` tool it asks for one search with the user's words; given the results it
 * answers with at most four sentences of them, each followed by its passage's marker, or says that they hold no answer. Without
 * documents it says what it is. It writes nothing of its own, so instructions, sampling settings and `reasoning_effort` have nothing to act on:
 * the same request always gets the same answer.
 *
 * `stream` throws {@link ModelError} `invalid_request`, naming the field, for what it cannot do: JSON output, functions that must be called,
 * images.
 */
export function localChatModel(embeddings: EmbeddingModel): ChatModel {
  return {
    serves: (model) => model === LOCAL_MODEL,
    stream: (request, signal) => stream(request, embeddings, signal),
  };
}

async function* stream(
  request: ChatRequest,
  embeddings: EmbeddingModel,
  signal?: AbortSignal,
): AsyncGenerator<ChatEvent> {
  refuseWhatItCannot(request);
  signal?.throwIfAborted();
  const question = questionOf(request.messages);
  if (question && maySearch(request)) {
    yield* searchFor(question, request);
    return;
  }
  const passages = passagesFound(request.messages);
  const text = passages ? compose(await answerFrom(passages, question, embeddings, signal)) : NO_DOCUMENTS;
  yield* speak(text, request, signal);
}

function refuseWhatItCannot({ messages, response_format, tool_choice, tools }: ChatRequest): void {
  const format = z.object({ type: z.string() }).safeParse(response_format ?? { type: 'text' });
  if (!format.success || format.data.type !== 'text') refuse('response_format', 'it cannot write JSON');
  const hasSearch = (tools ?? []).some((tool) => chatToolName(tool) === SEARCH_TOOL);
  if (tool_choice === 'required' && !hasSearch) refuse('tool_choice', 'it calls no function but file_search');
  if (typeof tool_choice === 'object' && !(hasSearch && chatToolName(tool_choice) === SEARCH_TOOL)) {
    refuse('tool_choice', 'it calls no function but file_search');
  }
  const hasImage = messages.some(
    ({ role, content }) =>
      role === 'user' && Array.isArray(content) && content.some(({ type }) => type === 'image_url'),
  );
  if (hasImage) refuse('messages', 'it does not see images');
}

function refuse(field: string, why: string): never {
  const message = `${field} is not possible with the built-in model ${LOCAL_MODEL}: ${why}.`;
  throw new ModelError('invalid_request', message, { param: field });
}

/** The last thing that the user said. */
function questionOf(messages: ChatMessage[]): string {
  const content = messages.findLast((message) => message.role === 'user')?.content ?? '';
  const text =
    typeof content === 'string' ? content : content.map((part) => ('text' in part ? part.text : '')).join(' ');
  return text.trim();
}

function maySearch({ messages, tools, tool_choice }: ChatRequest): boolean {
  const offered = (tools ?? []).some((tool) => chatToolName(tool) === SEARCH_TOOL);
  return offered && tool_choice !== 'none' && messages.at(-1)?.role === 'user';
}

/** The passages of the searches that the last messages answer; undefined if the last message answers no search. */
function passagesFound(messages: ChatMessage[]): Passage[] | undefined {
  const calls = messages.findLast((message) => message.role === 'assistant')?.tool_calls ?? [];
  const searches = new Set(calls.filter((call) => readCall(call).name === SEARCH_TOOL).map(({ id }) => id));
  const outputs = messages
    .slice(messages.findLastIndex((message) => message.role !== 'tool') + 1)
    .flatMap((message) => (message.role === 'tool' && searches.has(message.tool_call_id) ? [message.content] : []));
  return outputs.length > 0 ? outputs.flatMap(passagesOf) : undefined;
}

function passagesOf(content: string): Passage[] {
  try {
    return searchOutput.parse(JSON.parse(content)).results;
  } catch (cause) {
    throw new ModelError('invalid_request', 'messages hold a file_search output that is no list of results.', {
      cause,
      param: 'messages',
    });
  }
}

async function* searchFor(question: string, request: ChatRequest): AsyncGenerator<ChatEvent> {
  const args = JSON.stringify({ queries: [question.slice(0, MAX_QUERY_CHARACTERS).toWellFormed()] });
  yield {
    type: 'tool_call',
    index: 0,
    id: `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`,
    name: SEARCH_TOOL,
    arguments: args,
  };
  yield { type: 'finish', reason: 'tool_calls', usage: await usage(request, [SEARCH_TOOL, args]) };
}

/** One paragraph per document, every sentence followed by its marker. */
function compose(quotations: Quotation[]): string {
  if (quotations.length === 0) return NO_ANSWER;
  const byFile = Map.groupBy(quotations, ({ filename }) => filename);
  return [...byFile.values()]
    .map((sentences) => sentences.map(({ text, marker }) => text + marker).join(' '))
    .join('\n\n');
}

async function* speak(text: string, request: ChatRequest, signal?: AbortSignal): AsyncGenerator<ChatEvent> {
  const limit = request.max_completion_tokens;
  let spoken = '';
  for (const piece of piecesOf(text)) {
    signal?.throwIfAborted();
    if (limit !== undefined && (await tokensOf([spoken + piece])) > limit) {
      yield { type: 'finish', reason: 'length', usage: await usage(request, [spoken]) };
      return;
    }
    spoken += piece;
    yield { type: 'text', text: piece };
  }
  yield { type: 'finish', reason: 'stop', usage: await usage(request, [spoken]) };
}

/** The text in groups of a few words, white space kept. */
function piecesOf(text: string): string[] {
  return text.match(new RegExp(`(?:\\s*\\S+){1,${WORDS_PER_EVENT}}\\s*`, 'g')) ?? [];
}

const tokensOf = async (texts: string[], more = 0): Promise<number> => countTokens(LOCAL_MODEL, { texts, more });

async function usage({ messages, tools }: ChatRequest, written: string[]): Promise<Usage> {
  const texts = messages.map(({ content }) => (typeof content === 'string' ? content : JSON.stringify(content)));
  if (tools) texts.push(JSON.stringify(tools));
  const prompt_tokens = await tokensOf(texts, messages.length * 4);
  const completion_tokens = await tokensOf(written);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}
