/** Text as sentences and words, as far as rules can tell. */

/** Longer stretches without a full stop, such as the rows of a table, are cut. */
const MAX_CHARACTERS = 400;
const MIN_WORDS = 3;

const sentenceSegmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
const wordSegmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** A full stop after these, or after a single capital letter, does not end a sentence. */
const ABBREVIATION =
  /(?:^|[\s(])(?:\p{Lu}|Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|No|Nos|Nr|Fig|Figs|Eq|Sec|Ch|Vol|pp?|vs|cf|al|approx|ca|e\.g|i\.e|etc|Inc|Ltd|Co|z\.B|bzw)\.\s*$/u;
const ENDS_SENTENCE = /[.!?:;…。！？][)"'”’»\]]*$/u;
/** Lines that stand for themselves: headings, list items, rows of tables. */
const OWN_LINE = /^\s*(?:#{1,6}\s|[-*•–]\s|\d{1,3}[.)]\s|\|)/;
const HEADING = /^\s*#{1,6}\s/;

/**
 * The sentences of a text in order, white space evened out and reference marks such as [12] left out. A heading is put before the
 * sentence that follows it; fragments of fewer than three words are dropped unless they hold a number; what has no end within 400
 * characters is cut at a word.
 */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let heading = '';
  for (const { block, isLine } of blocksOf(text)) {
    const clean = block.replace(/^[#\s]+/, '').trim();
    if (!isLine && isHeading(block, clean)) {
      heading = clean.replace(/:$/, '');
      continue;
    }
    for (const sentence of inBlock(clean)) {
      sentences.push(heading ? `${heading}: ${sentence}` : sentence);
      heading = '';
    }
  }
  return sentences.flatMap(cut).filter(saysSomething);
}

function saysSomething(sentence: string): boolean {
  const count = wordsOf(sentence).length;
  return count >= MIN_WORDS || (count === MIN_WORDS - 1 && /\d/.test(sentence));
}

/** The words of a text in lower case, accents removed. */
export function wordsOf(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return [...wordSegmenter.segment(plain)].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment);
}

interface Block {
  block: string;
  /** A line of a table, receipt or the like, which is no heading however short. */
  isLine: boolean;
}

/** Paragraphs, and lines that stand for themselves; the lines of a paragraph are joined. */
function blocksOf(text: string): Block[] {
  const plain = text.replace(/\[\d{1,3}\](?::\s?\d+)?/g, '');
  return plain.split(/\r?\n(?:[\s\p{P}\p{S}]*\r?\n)+/u).flatMap((paragraph) => {
    const lines = paragraph
      .split(/\r?\n/)
      .map((line) => line.replace(/\s+/g, ' ').trim())
      .filter((line) => /[\p{L}\p{N}]/u.test(line));
    return isProse(lines) ? joined(lines) : lines.map((block) => ({ block, isLine: true }));
  });
}

/** Whether lines were broken because they were full; other lines mean something each. */
function isProse(lines: string[]): boolean {
  const lengths = lines.map(({ length }) => length).sort((a, b) => a - b);
  const median = lengths[lengths.length >> 1] ?? 0;
  const goingOn = lines.slice(1).filter((line) => /^\p{Ll}/u.test(line)).length;
  return lines.length < 3 || median >= 40 || goingOn * 3 >= lines.length;
}

function joined(lines: string[]): Block[] {
  const blocks: string[] = [];
  for (const line of lines) {
    const open = blocks.at(-1);
    if (open === undefined || OWN_LINE.test(line) || HEADING.test(open) || isTitleLike(open)) blocks.push(line);
    else blocks[blocks.length - 1] = `${open} ${line}`;
  }
  return blocks.map((block) => ({ block, isLine: false }));
}

/** A short line without an end, in which every longer word begins with a capital or a digit. */
function isTitleLike(line: string): boolean {
  if (line === '' || line.length > 60 || ENDS_SENTENCE.test(line)) return false;
  return line.split(/\s+/).every((word) => word.length < 4 || /^[^\p{L}]*[\p{Lu}\d]/u.test(word));
}

/** Marked as one, or a short line without an end that states no figures. */
function isHeading(block: string, clean: string): boolean {
  if (HEADING.test(block)) return true;
  if (clean.length > 60 || OWN_LINE.test(block) || /[.!?;…。！？]$/u.test(clean)) return false;
  return clean.split(' ').length <= 8 && !/\p{Sc}|\d[.,]\d/u.test(clean);
}

function inBlock(block: string): string[] {
  const sentences: string[] = [];
  let open = '';
  for (const { segment } of sentenceSegmenter.segment(block)) {
    open += segment;
    if (ABBREVIATION.test(open)) continue;
    sentences.push(open.trim());
    open = '';
  }
  if (open.trim()) sentences.push(open.trim());
  return sentences;
}

function cut(sentence: string): string[] {
  const pieces: string[] = [];
  let rest = sentence;
  while (rest.length > MAX_CHARACTERS) {
    const space = rest.lastIndexOf(' ', MAX_CHARACTERS);
    const at = space > MAX_CHARACTERS / 2 ? space : MAX_CHARACTERS;
    pieces.push(rest.slice(0, at).trim());
    rest = rest.slice(at).trim();
  }
  return [...pieces, rest];
}
