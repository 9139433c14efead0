/** Deterministic embeddings for tests: texts that share words are near. */
import type { UpstreamBody } from './scriptedReplies';

const DIMENSIONS = 64;

/** A hashed bag of the text's words, of length 1. */
export function wordVector(text: string): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    const hash = hashOf(word);
    // Two places a word, so that two words that share one are still told apart.
    for (const place of [hash % DIMENSIONS, (hash >>> 8) % DIMENSIONS]) vector[place] = (vector[place] ?? 0) + 1;
  }
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** FNV-1a, 32 bits. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let position = 0; position < word.length; position++) {
    hash = Math.imul(hash ^ word.charCodeAt(position), 0x01000193) >>> 0;
  }
  return hash;
}

/** The answer of an embeddings call, in the encoding that it asks for. */
export function embeddingsBody(body: UpstreamBody): string {
  const texts = [body.input ?? []].flat();
  const tokens = texts.reduce((sum, text) => sum + Math.ceil(text.length / 4), 0);
  const data = texts.map((text, index) => {
    const vector = wordVector(text);
    const embedding =
      body.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector);
    return { object: 'embedding', index, embedding };
  });
  return JSON.stringify({
    object: 'list',
    data,
    model: body.model ?? 'scripted',
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}
