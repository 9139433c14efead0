import { countTokens } from 'gpt-tokenizer/encoding/cl100k_base';
import { embeddingBatches } from '../../src/adapters/embeddingBatches';

async function sent(texts: string[]): Promise<string[]> {
  const all: string[] = [];
  for await (const { start, texts: some } of embeddingBatches(texts)) {
    expect(start).toBe(all.length);
    all.push(...some);
  }
  return all;
}

it('sends texts of up to 8,000 tokens as they are', async () => {
  const texts = ['a', '世界 '.repeat(1500), 'word '.repeat(7900)];
  expect(await sent(texts)).toEqual(texts);
});

it.each([
  ['English', 'The quick brown fox jumps over the lazy dog. '.repeat(2000)],
  ['Chinese', '敏捷的棕色狐狸跳过懒狗。'.repeat(3000)],
  ['emoji, two units each', '🌍🧪'.repeat(20_000)],
  ['emoji, out of step', `x${'🌍🧪'.repeat(20_000)}`],
  ['one endless word', 'ab'.repeat(2_000_000)],
  ['special tokens', '<|endoftext|> stop '.repeat(5000)],
])('cuts longer texts to 8,000 tokens at the beginning: %s', async (_name, text) => {
  const [cut = ''] = await sent([text]);
  expect(text.startsWith(cut)).toBe(true);
  expect(cut.isWellFormed()).toBe(true);
  // Counted in parts, for the tokenizer is slow on endless words.
  let tokens = 0;
  for (let start = 0; start < cut.length; start += 5000) {
    tokens += countTokens(cut.slice(start, start + 5000), { disallowedSpecial: new Set() });
  }
  expect(tokens).toBeLessThanOrEqual(8_000);
  expect(tokens).toBeGreaterThan(7_000);
});

it('sends nothing that the services refuse: no empty text and no half characters', async () => {
  expect(await sent(['', 'a\ud83c', 'b'])).toEqual([' ', 'a\ufffd', 'b']);
});

it('cuts megabytes without words in little time', async () => {
  const began = performance.now();
  await sent([' '.repeat(20_000_000), 'a'.repeat(20_000_000)]);
  expect(performance.now() - began).toBeLessThan(5_000);
});
