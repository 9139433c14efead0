/** Embeddings over the gateway. */
import type { Gateway } from '../models/gateway';
import type { EmbeddingModel } from '../models/ports';
import { readJson } from './answerBody';
import { embeddingBatches, readEmbeddings, type EmbeddingBatch } from './embeddingBatches';
import { answerFailure, refusal } from './openAiAnswer';
import { malformed, refusalInside } from './openAiErrors';

/** 256 vectors of 3,072 numbers written out are about 20 MB. */
const MAX_EMBEDDINGS_BYTES = 64 * 1024 * 1024;
/** Calls that one `embed` has under way. */
const EMBED_CONCURRENCY = 4;

const headers = new Headers({ 'content-type': 'application/json' });

/**
 * The embedding model that the backends know as `deployment`. Calls hold at most 256 texts and 250,000 bytes; each `embed` has at most four
 * under way, and the first that fails ends the others. Queries and documents are embedded alike.
 *
 * @param id What vector stores remember.
 * @param textWeight Weight of full text beside its vectors.
 */
export function openAiEmbeddings(gateway: Gateway, deployment: string, id: string, textWeight: number): EmbeddingModel {
  return {
    id,
    textWeight,
    async embed(texts, _kind, signal) {
      const failed = new AbortController();
      const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
      const batches = embeddingBatches(texts);
      const vectors = new Array<Float32Array>(texts.length);
      const lane = async () => {
        for (let next = await batches.next(); !next.done; next = await batches.next()) {
          const embedded = await embedBatch(gateway, deployment, next.value, stop);
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
  gateway: Gateway,
  model: string,
  batch: EmbeddingBatch,
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const asked = { model, input: batch.texts, encoding_format: 'base64' };
  const bytes = Buffer.from(JSON.stringify(asked));
  return gateway.exchange(
    {
      operation: 'embeddings',
      method: 'POST',
      model,
      headers,
      body: { kind: 'json', bytes },
      repeatable: true,
      estimatedTokens: 0,
      signal,
    },
    async (answer) => {
      if (answer.status >= 300) throw await refusal(answer, model);
      const inside = (errorBody: string) => refusalInside(gateway.scrub(errorBody), answer.setting, model, Date.now());
      try {
        return readEmbeddings(await readJson(answer.body, MAX_EMBEDDINGS_BYTES), batch.texts.length, inside);
      } catch (error) {
        throw answerFailure(error, answer.setting, signal);
      }
    },
  );
}
