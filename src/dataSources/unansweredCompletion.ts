/** The answer where nothing was found and only the documents may answer: no model is asked. */
import { randomUUID } from 'node:crypto';
import type { Completion, CompletionBody, CompletionChunk } from '../models/ports';
import { NOT_FOUND } from './groundedPrompt';

const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

const headOf = (object: string, { model }: CompletionBody) => ({
  id: `chatcmpl-${randomUUID().replaceAll('-', '')}`,
  object,
  created: Math.floor(Date.now() / 1000),
  model,
  system_fingerprint: null,
});

const places = ({ n }: CompletionBody): number[] =>
  Array.from({ length: typeof n === 'number' ? n : 1 }, (_, index) => index);

/** As a whole. */
export function unansweredCompletion(body: CompletionBody): Completion {
  const choices = places(body).map((index) => ({
    index,
    message: { role: 'assistant', content: NOT_FOUND, refusal: null },
    logprobs: null,
    finish_reason: 'stop',
  }));
  return { ...headOf('chat.completion', body), choices, usage: NO_USAGE };
}

/** As a stream, with its usage. */
export async function* unansweredChunks(body: CompletionBody): AsyncGenerator<CompletionChunk, void, void> {
  const head = headOf('chat.completion.chunk', body);
  for (const index of places(body))
    yield { ...head, choices: [{ index, delta: { content: NOT_FOUND }, finish_reason: null }] };
  for (const index of places(body)) yield { ...head, choices: [{ index, delta: {}, finish_reason: 'stop' }] };
  yield { ...head, choices: [], usage: NO_USAGE };
}
