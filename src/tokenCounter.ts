/** Counts tokens by the vocabularies of OpenAI's models. */

/** `cl100k_base` is that of embedding models and of chat models before GPT-4o. */
export type Vocabulary = 'cl100k_base' | 'o200k_base';

/** Words whose tokens the library remembers. Of its own accord it keeps 100,000 of any length: a gigabyte, where callers send long ones. */
const REMEMBERED_WORDS = 4_000;

/**
 * A function that counts the tokens of a text; what models use as control tokens is text like any other. It takes time by the square of the length of a
 * word, so long texts are counted in slices. The vocabulary is loaded on first use: it takes a moment and some memory.
 */
export async function tokenCounter(vocabulary: Vocabulary): Promise<(text: string) => number> {
  const { countTokens, setMergeCacheSize } =
    vocabulary === 'cl100k_base'
      ? await import('gpt-tokenizer/encoding/cl100k_base')
      : await import('gpt-tokenizer/encoding/o200k_base');
  setMergeCacheSize(REMEMBERED_WORDS);
  return (text) => countTokens(text, { disallowedSpecial: new Set() });
}
