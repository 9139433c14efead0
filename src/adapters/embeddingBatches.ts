/** What an embeddings call may hold, and how its answer reads. */
import { z } from 'zod';
import type { UpstreamError } from '../models/upstream';
import { tokenCounter } from '../tokenCounter';
import { malformed } from './openAiErrors';

/** Texts of one call. */
const MAX_TEXTS = 256;
/** UTF-8 bytes of one call. A token is never less than a byte, so this stays below the services' limit of 300,000 tokens a call. */
const MAX_BYTES = 250_000;
/** Tokens of one text; the models take 8,192. */
const MAX_TOKENS = 8_000;
/** Characters of a text that are looked at; only one that is mostly blanks has fewer tokens in as many. */
const MAX_CHARACTERS = 100_000;
/** Characters counted at once: a run without a word boundary takes the tokenizer time by the square of its length. */
const SLICE = 500;

export interface EmbeddingBatch {
  /** Position of the first text among all. */
  start: number;
  texts: string[];
}

/** Cuts the texts to what a model takes and groups them, in order. A single text always fits. */
export async function* embeddingBatches(texts: string[]): AsyncGenerator<EmbeddingBatch, void, void> {
  let batch: EmbeddingBatch = { start: 0, texts: [] };
  let bytes = 0;
  for (const [position, text] of texts.entries()) {
    const cut = await cutToTokens(text);
    const size = Buffer.byteLength(cut);
    if (batch.texts.length === MAX_TEXTS || (batch.texts.length && bytes + size > MAX_BYTES)) {
      yield batch;
      batch = { start: position, texts: [] };
      bytes = 0;
    }
    batch.texts.push(cut);
    bytes += size;
  }
  if (batch.texts.length) yield batch;
}

/** The longest beginning of the text, in whole slices, that has at most 8,000 tokens of the `text-embedding-*` models. */
async function cutToTokens(text: string): Promise<string> {
  // The services refuse an empty string, and half of a surrogate pair.
  if (!text) return ' ';
  if (Buffer.byteLength(text) <= MAX_TOKENS) return text.toWellFormed();
  // Loaded only here: it is large, and chunks are rarely this long.
  const count = await tokenCounter('cl100k_base');
  const end = Math.min(text.length, MAX_CHARACTERS);
  let tokens = 0;
  for (let start = 0; start < end; start += SLICE) {
    tokens += count(text.slice(start, start + SLICE));
    if (tokens > MAX_TOKENS) return wholeCharacters(text.slice(0, start));
  }
  return wholeCharacters(text.slice(0, end));
}

/** Without the half of a character that a cut left at the end. */
function wholeCharacters(text: string): string {
  return text.replace(/[\uD800-\uDBFF]$/, '').toWellFormed();
}

const embeddingAnswer = z.object({
  error: z.unknown().optional(),
  data: z
    .array(z.object({ index: z.int().nullish(), embedding: z.union([z.string(), z.array(z.number())]) }))
    .nullish(),
});

/**
 * The vectors in the order of the texts. Throws {@link UpstreamError} `unavailable` unless there is exactly one for each, all of one length, and
 * what `refusal` makes of an error object in their place.
 */
export function readEmbeddings(
  answer: unknown,
  count: number,
  refusal: (errorBody: string) => UpstreamError,
): Float32Array[] {
  const parsed = embeddingAnswer.safeParse(answer);
  if (!parsed.success) throw malformed('it is not a list of embeddings', parsed.error);
  const { error, data } = parsed.data;
  if (error != null) throw refusal(JSON.stringify(answer));
  if (!data) throw malformed('it is not a list of embeddings');
  if (data.length !== count) throw malformed(`it has ${data.length} embeddings for ${count} texts`);
  const vectors = new Map<number, Float32Array>();
  for (const [position, { index, embedding }] of data.entries()) {
    vectors.set(
      index ?? position,
      typeof embedding === 'string' ? decodeVector(embedding) : Float32Array.from(embedding),
    );
  }
  const ordered = Array.from({ length: count }, (_, position) => vectors.get(position));
  const length = ordered[0]?.length;
  return ordered.map((vector, position) => {
    if (!vector) throw malformed(`embedding ${position} is missing`);
    if (!length || vector.length !== length) throw malformed('its embeddings differ in length');
    if (!vector.every(Number.isFinite)) throw malformed(`embedding ${position} is not made of numbers`);
    return vector;
  });
}

/** Little-endian 32-bit floats in base64, a third of the size of the numbers written out. */
function decodeVector(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length % 4) throw malformed('an embedding is cut off');
  const vector = new Float32Array(bytes.length / 4);
  new Uint8Array(vector.buffer).set(bytes);
  return vector;
}
