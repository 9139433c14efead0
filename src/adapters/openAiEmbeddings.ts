/** Embeddings over the gateway. */
import { REQUEST_TOO_LARGE, type Gateway } from '../models/gateway';
import { ModelError, type EmbeddingModel } from '../models/ports';
import { systemClock, type Clock } from '../models/retry';
import { UpstreamError } from '../models/upstream';
import { readJson } from './answerBody';
import { embeddingBatches, readEmbeddings } from './embeddingBatches';
import { answerFailure, refusal, settleUsage } from './openAiAnswer';
import { malformed, refusalInside } from './openAiErrors';

/** 256 vectors of 3,072 numbers written out are about 20 MB. */
const MAX_EMBEDDINGS_BYTES = 64 * 1024 * 1024;
/** Calls that one `embed` has under way. */
const EMBED_CONCURRENCY = 4;

/** How long a call for documents is put off where the service limits its rate, after what the gateway does about that. */
const PATIENCE_MS = 10 * 60_000;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 60_000;

const headers = new Headers({ 'content-type': 'application/json' });

/**
 * The embedding model that the backends know as `deployment`. Calls hold at most 256 texts and 250,000 bytes; each `embed` has at most four
 * under way, and the first that fails ends the others. Queries and documents are embedded alike, but where the service limits the rate of calls, those for
 * documents are put off, each for ten minutes at most: the ingestion takes as long as the service's limits make it.
 *
 * @param id What vector stores remember.
 * @param textWeight Weight of full text beside its vectors.
 * @param dimensions Length of the vectors, for models that can be asked for it.
 */
export function openAiEmbeddings(
  gateway: Gateway,
  deployment: string,
  id: string,
  textWeight: number,
  clock: Clock = systemClock,
  dimensions?: number,
): EmbeddingModel {
  return {
    id,
    textWeight,
    async embed(texts, kind, signal, tenant) {
      const failed = new AbortController();
      const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
      const batches = embeddingBatches(texts);
      const vectors = new Array<Float32Array>(texts.length);
      const lane = async () => {
        for (let next = await batches.next(); !next.done; next = await batches.next()) {
          const batch = next.value;
          const embedded = await inParts(batch.texts, async (part) => {
            const call = async () => embedTexts(gateway, { model: deployment, dimensions }, part, stop, tenant);
            return kind === 'document' ? patiently(call, clock, stop) : call();
          });
          for (const [offset, vector] of embedded.entries()) vectors[batch.start + offset] = vector;
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

/** One call, or as many as it takes so that each fits into a minute of the tenant. */
async function inParts(texts: string[], call: (texts: string[]) => Promise<Float32Array[]>): Promise<Float32Array[]> {
  try {
    return await call(texts);
  } catch (error) {
    const isTooLarge = error instanceof ModelError && error.code === REQUEST_TOO_LARGE;
    if (!isTooLarge || texts.length < 2) throw error;
    const half = Math.ceil(texts.length / 2);
    return [...(await inParts(texts.slice(0, half), call)), ...(await inParts(texts.slice(half), call))];
  }
}

/** Repeats the call while the service limits its rate. */
async function patiently<T>(call: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  const end = clock.now() + PATIENCE_MS;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ModelError) || error.kind !== 'rate_limited') throw error;
      // A quota that is used up: no wait would help.
      if (error instanceof UpstreamError && !error.retry) throw error;
      // Those that wait must not come back all at once.
      const delay = Math.max(wait, 1000 * (error.retryAfterSeconds ?? 0)) * (1 + clock.random() / 4);
      if (clock.now() + delay > end) throw error;
      await clock.sleep(delay, signal);
    }
  }
}

async function embedTexts(
  gateway: Gateway,
  { model, dimensions }: { model: string; dimensions: number | undefined },
  texts: string[],
  signal: AbortSignal,
  tenant: string | undefined,
): Promise<Float32Array[]> {
  const asked = { model, input: texts, encoding_format: 'base64', ...(dimensions && { dimensions }) };
  const bytes = Buffer.from(JSON.stringify(asked));
  return gateway.exchange(
    {
      operation: 'embeddings',
      method: 'POST',
      model,
      headers,
      body: { kind: 'json', bytes },
      tenant,
      repeatable: true,
      estimatedTokens: Math.ceil(bytes.length / 4),
      signal,
    },
    async (answer) => {
      if (answer.status >= 300) throw await refusal(answer, model);
      const inside = (errorBody: string) => refusalInside(gateway.scrub(errorBody), answer.setting, model, Date.now());
      try {
        const value = await readJson(answer.body, MAX_EMBEDDINGS_BYTES);
        const vectors = readEmbeddings(value, texts.length, inside);
        if (typeof value === 'object' && value !== null && 'usage' in value) settleUsage(answer, value.usage);
        return vectors;
      } catch (error) {
        throw answerFailure(error, answer.setting, signal);
      }
    },
  );
}
