/** The model's answer on its way to the caller: markers that stand for something, the context, and what the search for queries took. Pure. */
import type { Completion, CompletionChunk, Usage } from '../models/ports';
import { MarkerReader } from './docMarkers';

export interface Grounding {
  /** Documents that the model was given: markers beyond are removed. */
  documents: number;
  context: Record<string, unknown> | undefined;
  /** Of the calls before the answer. */
  usage: Usage | undefined;
}

/** The whole answer, with markers checked and the context in each choice. */
export function groundedCompletion(completion: Completion, { documents, context, usage }: Grounding): Completion {
  const choices = completion.choices.map((choice) => {
    const { content } = choice.message;
    return {
      ...choice,
      message: {
        ...choice.message,
        ...(typeof content === 'string' && { content: checked(content, documents) }),
        ...(context && { context }),
      },
    };
  });
  return { ...completion, choices, ...(completion.usage && { usage: withUsage(completion.usage, usage) }) };
}

function checked(content: string, documents: number): string {
  const reader = new MarkerReader(documents);
  return reader.push(content) + reader.end();
}

/**
 * The chunks with markers checked, though they come in pieces. Before the first of each choice goes one with the role and the context; the usage goes only where
 * the caller asked for it.
 */
export async function* groundedChunks(
  chunks: AsyncIterable<CompletionChunk>,
  { documents, context, usage }: Grounding,
  includeUsage: boolean,
): AsyncGenerator<CompletionChunk, void, void> {
  const readers = new Map<number, MarkerReader>();
  for await (const { usage: counted, ...chunk } of chunks) {
    const shown = includeUsage ? { usage: counted ? withUsage(counted, usage) : null } : {};
    if (chunk.choices.length === 0) {
      const isUsageAlone = counted != null;
      if (!isUsageAlone || includeUsage) yield { ...chunk, ...shown };
      continue;
    }
    const choices: CompletionChunk['choices'] = [];
    for (const choice of chunk.choices) {
      const { index, delta, finish_reason } = choice;
      let reader = readers.get(index);
      if (!reader) {
        readers.set(index, (reader = new MarkerReader(documents)));
        yield alone(chunk, index, { role: 'assistant', ...(context && { context }) }, includeUsage);
      }
      const content = typeof delta.content === 'string' ? reader.push(delta.content) : delta.content;
      const rest = finish_reason ? reader.end() : '';
      if (rest && !content) yield alone(chunk, index, { content: rest }, includeUsage);
      choices.push({
        ...choice,
        delta: { ...delta, ...(content !== undefined && { content: content && rest ? content + rest : content }) },
      });
    }
    yield { ...chunk, choices, ...shown };
  }
}

/** A chunk of one delta, with the head of the one that it goes before. */
function alone(
  head: Omit<CompletionChunk, 'usage'>,
  index: number,
  delta: Record<string, unknown>,
  includeUsage: boolean,
): CompletionChunk {
  return { ...head, choices: [{ index, delta, finish_reason: null }], ...(includeUsage && { usage: null }) };
}

/** The sum; details that a service counts stay those of the answer. */
const withUsage = (counted: Usage, more: Usage | undefined): Usage => ({
  ...counted,
  prompt_tokens: counted.prompt_tokens + (more?.prompt_tokens ?? 0),
  completion_tokens: counted.completion_tokens + (more?.completion_tokens ?? 0),
  total_tokens: counted.total_tokens + (more?.total_tokens ?? 0),
});
