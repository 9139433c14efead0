/** Asks an assistant that searches the vector store, and reads its answer as it comes. */
import { APIError, type OpenAI } from 'openai';
import type { AssistantStream } from 'openai/lib/AssistantStream';
import { CitationNumbers, type Citation } from './citations';
import type { MadeObjects } from './madeObjects';

const INSTRUCTIONS =
  'Answer the question from the files only. Search them first with file_search, cite the passages that you use, and say so plainly ' +
  'when the files do not hold the answer.';
const WITH_CONTENT = 'step_details.tool_calls[*].file_search.results[*].content';
/** Of a passage that stands in for a quote. */
const MAX_PASSAGE_CHARACTERS = 300;

/** The run ended without an answer. The message says why. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
}

export interface Question {
  model: string;
  text: string;
  storeId: string;
}

/**
 * Makes an assistant and a thread, notes them in `made`, and runs the assistant. `write` takes the answer piece by piece, its markers
 * shown as [1], [2] … Returns the citations. Throws {@link RunFailure}, or the SDK's error.
 */
export async function askQuestion(
  client: OpenAI,
  question: Question,
  made: MadeObjects,
  write: (text: string) => void,
  signal?: AbortSignal,
): Promise<Citation[]> {
  const { threads, assistants } = client.beta;
  // Never cut off: what is made without its id coming back would stay.
  const assistant = await assistants.create({
    model: question.model,
    name: 'npm run ask',
    instructions: INSTRUCTIONS,
    tools: [{ type: 'file_search' }],
    tool_resources: { file_search: { vector_store_ids: [question.storeId] } },
  });
  made.assistantId = assistant.id;
  const thread = await threads.create({ messages: [{ role: 'user', content: question.text }] });
  made.threadId = thread.id;
  signal?.throwIfAborted();
  const stream = threads.runs.stream(thread.id, { assistant_id: assistant.id }, { signal });
  const { runId, citations } = await readAnswer(stream, write).catch((error: unknown) => {
    if (error instanceof APIError || error instanceof RunFailure) throw error;
    throw new RunFailure('The answer broke off.', { cause: error });
  });
  return withPassages(client, thread.id, runId, citations, signal);
}

async function readAnswer(
  stream: AssistantStream,
  write: (text: string) => void,
): Promise<{ runId: string; citations: Citation[] }> {
  const numbers = new CitationNumbers();
  for await (const event of stream) {
    switch (event.event) {
      case 'thread.message.delta':
        for (const part of event.data.delta.content ?? []) {
          if (part.type === 'text' && part.text) write(numbers.read(part.text));
          if (part.type === 'refusal' && part.refusal) write(part.refusal);
        }
        break;
      case 'thread.run.completed':
        return { runId: event.data.id, citations: numbers.citations };
      case 'thread.run.incomplete':
        throw new RunFailure(
          `The answer was cut short: ${event.data.incomplete_details?.reason ?? 'no reason given'}.`,
        );
      case 'thread.run.failed':
        throw new RunFailure(event.data.last_error?.message ?? 'The run failed; the host gives no reason.');
      case 'thread.run.cancelled':
      case 'thread.run.expired':
        throw new RunFailure(`The run ended as ${event.data.status} before it was answered.`);
      case 'error':
        throw new RunFailure(event.data.message ?? 'The host reports an error without a message.');
      default:
    }
  }
  throw new RunFailure('The answer broke off.');
}

/** Citations that came without a quote get the passage that the search found in their file. */
async function withPassages(
  client: OpenAI,
  threadId: string,
  runId: string,
  citations: Citation[],
  signal: AbortSignal | undefined,
): Promise<Citation[]> {
  if (citations.every(({ quote }) => quote)) return citations;
  const passages = await passagesFound(client, threadId, runId, signal);
  return citations.map((citation) =>
    citation.quote ? citation : { ...citation, quote: passages.get(citation.fileId) ?? '' },
  );
}

/** File id → the beginning of the best passage that the run's searches found there. */
async function passagesFound(
  client: OpenAI,
  threadId: string,
  runId: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, string>> {
  const passages = new Map<string, string>();
  const query = { thread_id: threadId, include: [WITH_CONTENT as typeof WITH_CONTENT], limit: 100 };
  for await (const { step_details } of client.beta.threads.runs.steps.list(runId, query, { signal })) {
    if (step_details.type !== 'tool_calls') continue;
    for (const call of step_details.tool_calls) {
      if (call.type !== 'file_search') continue;
      for (const { file_id, content } of call.file_search.results ?? []) {
        const text = content?.map((part) => part.text ?? '').join(' ') ?? '';
        if (!passages.has(file_id)) passages.set(file_id, text.slice(0, MAX_PASSAGE_CHARACTERS));
      }
    }
  }
  return passages;
}
