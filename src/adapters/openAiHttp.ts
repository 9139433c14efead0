/** Chat and embeddings over Azure OpenAI or any OpenAI-compatible server. */
import type { ModelBackend } from '../config';
import type { ChatEvent, ChatModel, ChatRequest, EmbeddingModel } from '../models/ports';
import { ModelError } from '../models/ports';
import { readJson } from './answerBody';
import { chatCompletionEvents } from './chatCompletionEvents';
import type { EmbeddingBatch } from './embeddingBatches';
import { embeddingBatches, readEmbeddings } from './embeddingBatches';
import { backendSettings, malformed } from './openAiErrors';
import type { AnswerBody, OpenAiHttpOptions, OpenAiUpstream } from './openAiUpstream';
import { openAiUpstream } from './openAiUpstream';

export type { OpenAiHttpOptions } from './openAiUpstream';

/** 256 vectors of 3,072 numbers written out are about 20 MB. */
const MAX_EMBEDDINGS_BYTES = 64 * 1024 * 1024;
/** Calls that one `embed` has under way. */
const EMBED_CONCURRENCY = 4;
/** An empty name, and names that a URL would resolve to another path. */
const UNUSABLE_NAME = /^\.{0,2}$/;

/**
 * A chat model behind the backend, whichever model names it knows. Always asks for a stream, and reads a whole answer as well.
 *
 * Tried again before the first event: 408, 409, 429, 5xx, connections that fail, time out or break off, and answers that cannot be read.
 */
export function openAiChat(backend: ModelBackend, options: OpenAiHttpOptions = {}): ChatModel {
  const upstream = openAiUpstream(backend, options);
  const serves = (model: string) => !UNUSABLE_NAME.test(model);
  return {
    serves,
    async *stream(request, signal) {
      if (!serves(request.model)) {
        throw new ModelError(
          'not_found',
          `'${request.model}' is no model of ${backendSettings[backend.kind].address}.`,
        );
      }
      const { first, events } = await upstream.retrying(async () => {
        const events = answerOnce(upstream, request, signal);
        return { first: await events.next(), events };
      }, signal);
      try {
        if (!first.done) yield first.value;
        yield* events;
      } finally {
        await events.return();
      }
    },
  };
}

/** One call, without retries. */
async function* answerOnce(
  upstream: OpenAiUpstream,
  request: ChatRequest,
  signal?: AbortSignal,
): AsyncGenerator<ChatEvent, void, void> {
  const asked = { ...request, stream: true, stream_options: { include_usage: true } };
  const { body, contentType } = await upstream.post('chat/completions', request.model, asked, signal);
  let isFinished = false;
  try {
    const pieces: AsyncIterable<Uint8Array> = body.iterator({ destroyOnReturn: false });
    const refusal = (errorBody: string) => upstream.refusal(errorBody, request.model);
    for await (const event of chatCompletionEvents(pieces, contentType, refusal)) {
      signal?.throwIfAborted();
      isFinished = event.type === 'finish';
      yield event;
    }
  } catch (error) {
    throw upstream.failure(error, signal);
  } finally {
    release(body, isFinished);
  }
}

/** After a whole answer the connection goes back to the pool, given that the end comes soon; otherwise it is closed. */
function release(body: AnswerBody, isFinished: boolean): void {
  if (!isFinished) {
    body.on('error', () => undefined).destroy();
    return;
  }
  // Fails only where the end does not come; the connection is closed then, and the answer is complete all the same.
  body.dump({ limit: 64 * 1024, signal: AbortSignal.timeout(1000) }).catch(() => undefined);
}

/**
 * The embedding model that the backend knows as `deployment`. Calls hold at most 256 texts and 250,000 bytes; each `embed` has at most four
 * under way, and the first that fails ends the others. Queries and documents are embedded alike.
 */
export function openAiEmbeddings(
  backend: ModelBackend,
  deployment: string,
  options: OpenAiHttpOptions = {},
): EmbeddingModel {
  const upstream = openAiUpstream(backend, options);
  return {
    id: `${backend.kind}:${deployment}`,
    textWeight: 1,
    async embed(texts, _kind, signal) {
      const failed = new AbortController();
      const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
      const batches = embeddingBatches(texts);
      const vectors = new Array<Float32Array>(texts.length);
      const lane = async () => {
        for (let next = await batches.next(); !next.done; next = await batches.next()) {
          const embedded = await embedBatch(upstream, deployment, next.value, stop);
          for (const [offset, vector] of embedded.entries()) vectors[next.value.start + offset] = vector;
        }
      };
      try {
        await Promise.all(Array.from({ length: EMBED_CONCURRENCY }, lane));
      } catch (error) {
        failed.abort();
        throw error;
      }
      if (vectors.some((vector) => vector.length !== vectors[0]?.length)) {
        throw malformed('its embeddings differ in length');
      }
      return vectors;
    },
  };
}

async function embedBatch(
  upstream: OpenAiUpstream,
  deployment: string,
  batch: EmbeddingBatch,
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const asked = { model: deployment, input: batch.texts, encoding_format: 'base64' };
  return upstream.retrying(async () => {
    const { body } = await upstream.post('embeddings', deployment, asked, signal);
    try {
      const answer = await readJson(body, MAX_EMBEDDINGS_BYTES);
      return readEmbeddings(answer, batch.texts.length, (errorBody) => upstream.refusal(errorBody, deployment));
    } catch (error) {
      throw upstream.failure(error, signal);
    }
  }, signal);
}
