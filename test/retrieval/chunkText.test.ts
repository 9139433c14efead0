import { encode } from 'gpt-tokenizer/encoding/cl100k_base';
import { chunkText, type TextChunk } from '../../src/retrieval/chunkText';
import { printedSeed, seededRandom } from '../conformance/seededRandom';

const paragraph = (words: number, from = 0): string =>
  `${Array.from({ length: words }, (_, i) => `word${from + i}`).join(' ')}.`;

const tokensOf = (text: string): number => encode(text, { disallowedSpecial: new Set() }).length;

/** Fails unless each chunk is text of the sections, begins no later than the one before ends, and the last ends with them; white space aside. */
function expectCovered(sections: { text: string }[], chunks: TextChunk[]): void {
  const solid = (text: string): string => text.replace(/\s/g, '');
  const whole = solid(sections.map((section) => section.text).join(''));
  let end = 0;
  for (const chunk of chunks) {
    const text = solid(chunk.text);
    const start = whole.lastIndexOf(text, end);
    expect(start).toBeGreaterThanOrEqual(0);
    end = Math.max(end, start + text.length);
  }
  expect(end).toBe(whole.length);
}

describe('chunkText', () => {
  it('makes one chunk of a short document, with the page and heading where it begins', async () => {
    const chunks = await chunkText([
      { text: 'First page.', page: 1, heading: 'Start' },
      { text: 'Second page.', page: 2 },
    ]);
    expect(chunks).toEqual([{ text: 'First page.\n\nSecond page.', page: 1, heading: 'Start', tokens: 6 }]);
  });

  it('makes none of nothing', async () => {
    expect(await chunkText([])).toEqual([]);
    expect(await chunkText([{ text: ' \n\n ' }])).toEqual([]);
  });

  it('cuts between paragraphs where one ends near the end of the chunk', async () => {
    const paragraphs = Array.from({ length: 40 }, (_, i) => paragraph(12, i * 100));
    const chunks = await chunkText([{ text: paragraphs.join('\n\n') }], { maxChunkTokens: 200, overlapTokens: 60 });
    expect(chunks.length).toBeGreaterThan(4);
    for (const chunk of chunks) {
      for (const part of chunk.text.split('\n\n')) expect(paragraphs).toContain(part);
    }
  });

  it('cuts between sentences where no paragraph ends, and between words where no sentence ends', async () => {
    const sentences = Array.from({ length: 60 }, (_, i) => `Sentence ${i} says a little more than nothing.`);
    for (const chunk of await chunkText([{ text: sentences.join(' ') }], { maxChunkTokens: 100, overlapTokens: 20 })) {
      expect(chunk.text).toMatch(/^Sentence \d+ says .* nothing\.$/);
    }
    for (const chunk of await chunkText([{ text: paragraph(500) }], { maxChunkTokens: 100, overlapTokens: 20 })) {
      expect(chunk.text).toMatch(/^(word\d+ )*word\d+\.?$/);
    }
  });

  it('repeats the end of each chunk at the beginning of the next, near the overlap asked for', async () => {
    const chunks = await chunkText([{ text: paragraph(3000) }]);
    for (const [index, chunk] of chunks.entries()) {
      const before = chunks[index - 1];
      if (!before) continue;
      const first = chunk.text.split(' ')[0] ?? '';
      const repeated = tokensOf(before.text.slice(before.text.indexOf(`${first} `)));
      expect(repeated).toBeGreaterThan(250);
      expect(repeated).toBeLessThanOrEqual(400);
    }
  });

  it('repeats nothing without overlap', async () => {
    const text = paragraph(2000);
    const chunks = await chunkText([{ text }], { maxChunkTokens: 100, overlapTokens: 0 });
    expect(chunks.map((chunk) => chunk.text).join(' ')).toBe(text);
  });

  it('gives each chunk the place of its first words', async () => {
    const sections = Array.from({ length: 30 }, (_, i) => ({
      text: paragraph(40, i * 40),
      page: i + 1,
      heading: `Part ${i + 1}`,
    }));
    for (const chunk of await chunkText(sections, { maxChunkTokens: 200, overlapTokens: 50 })) {
      const page = Math.floor(Number(/^word(\d+)/.exec(chunk.text)?.[1]) / 40) + 1;
      expect(chunk).toMatchObject({ page, heading: `Part ${page}` });
    }
  });

  it('takes what models use as control tokens for text', async () => {
    expect((await chunkText([{ text: 'a <|endoftext|> b' }]))[0]?.text).toBe('a <|endoftext|> b');
  });

  it.each([
    [{ maxChunkTokens: 15 }],
    [{ maxChunkTokens: 100.5 }],
    [{ maxChunkTokens: 100, overlapTokens: 51 }],
    [{ overlapTokens: -1 }],
    [{ maxChunkTokens: NaN }],
  ])('refuses %j', async (options) => {
    await expect(chunkText([{ text: 'x' }], options)).rejects.toThrow(RangeError);
  });

  it('covers any text with chunks within the limit, cutting no code point, the same every time', async () => {
    const random = seededRandom(printedSeed('chunkText'));
    const alphabet = [...'abc é ß.。!?  \n\n漢字かな한글עברית😀👩‍👩‍👧𝔘0123456789_-(){}"\t'];
    for (let round = 0; round < 40; round += 1) {
      const sections = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
        text: Array.from(
          { length: Math.floor(random() * 3000) },
          () => alphabet[Math.floor(random() * alphabet.length)],
        ).join(''),
      }));
      const maxChunkTokens = 16 + Math.floor(random() * 300);
      const options = { maxChunkTokens, overlapTokens: Math.floor((random() * maxChunkTokens) / 2) };
      const chunks = await chunkText(sections, options);
      expect(await chunkText(sections, options)).toEqual(chunks);
      expectCovered(sections, chunks);
      for (const chunk of chunks) {
        expect(chunk.text.isWellFormed()).toBe(true);
        expect(chunk.tokens).toBeLessThanOrEqual(maxChunkTokens);
        expect(tokensOf(chunk.text)).toBeLessThanOrEqual(maxChunkTokens);
      }
    }
  });

  it.each([
    ['a single word', 'a'.repeat(1_000_000)],
    [
      'a word without pattern',
      Array.from({ length: 300_000 }, (_, i) => ((i * 7919 * (i % 977)) % 36).toString(36)).join(''),
    ],
    ['white space', `x${' '.repeat(1_000_000)}y`],
    ['line ends', 'a\n'.repeat(300_000)],
    ['full stops', '.'.repeat(1_000_000)],
    ['quotes after full stops', '."'.repeat(300_000)],
    ['blank lines of spaces', `${'\n '.repeat(300_000)}end`],
    ['emoji', '😀'.repeat(300_000)],
  ])('takes little time for a megabyte of %s, and lets the event loop turn', async (_what, text) => {
    await chunkText([{ text: 'load the tokenizer' }]);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const started = performance.now();
    const chunks = await chunkText([{ text }]);
    const elapsed = performance.now() - started;
    clearInterval(timer);
    expect(elapsed).toBeLessThan(10_000);
    if (elapsed > 200) expect(turns).toBeGreaterThan(elapsed / 200);
    expect(text.trimEnd().endsWith(chunks.at(-1)?.text ?? 'no chunk')).toBe(true);
  });
});
