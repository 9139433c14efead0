/** Text as sentences and words, as far as rules can tell. */

/** Longer stretches without a full stop, such as the rows of a table, are cut. */
const MAX_CHARACTERS = 400;
const MIN_WORDS = 3;

const sentenceSegmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
const wordSegmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** A full stop after these, or after a single capital letter, does not end a sentence. */
const ABBREVIATION =
  /(?:^|[\s(])(?:\p{Lu}|Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|No|Nos|Nr|Fig|Figs|Eq|Sec|Ch|Vol|pp?|vs|cf|al|approx|ca|e\.g|i\.e|etc|Inc|Ltd|Co|z\.\s?B|d\.\s?h|bzw|bzgl|z)\.\s*$/u;
const ENDS_SENTENCE = /[.!?:;…。！？][)"'”’»\]]*$/u;
/** Lines that stand for themselves: headings, list items, rows of tables. */
const OWN_LINE = /^\s*(?:#{1,6}\s|[-*•–]\s|\d{1,3}[.)]\s|\|)/;
/** Amounts and years. */
const FIGURES = /\p{Sc}|\d[.,]\d|\b(?:1\d|20)\d\d\b/u;
const HEADING = /^\s*#{1,6}\s/;
/** `Label: value`, as in forms, receipts and JSON; not the scheme of an address. */
const LABELLED = /^[^\s:：](?:[^:：.!?]|\.(?=\S)){0,40}[:：](?!\/\/)\s*\S/u;
/** Marks such as [12] and [12]:20 behind a word; not the index in `cells[0].id`. */
const REFERENCE_MARK = /\[(?:\d{1,4}|[a-z]|update)\](?::\s?\d+(?:[–,-]\s?\d+)*)?(?=$|[\s[(]|\p{P}(?:\s|$))/gu;
/** What is left of marks where a passage was cut inside them. */
const CUT_MARKS = /^\s*\d{0,4}\](?:\[\d{1,4}\])*\s/;

/** A sentence, or a line that states something by itself. */
export interface Sentence {
  /** White space evened out. */
  text: string;
  /** The heading right before it. */
  heading?: string;
  /** A line of a form, receipt or the like: whole, though nothing ends it. */
  isLine: boolean;
}

/**
 * The sentences of a text in order, without reference marks such as [12]. A heading goes to the sentence that follows it, or stands alone before another; fragments of
 * fewer than three words (lines: two) are dropped unless they hold a number; what has no end within 400 characters is cut at a word.
 */
export function sentencesOf(text: string): Sentence[] {
  const sentences: Sentence[] = [];
  let heading: string | undefined;
  for (const { block, isLine, isTitle } of blocksOf(text)) {
    const clean = block.replace(/^[#\s]+/, '').trim();
    if (isTitle || (!isLine && isHeading(block, clean))) {
      // One that heads nothing states something itself, if anything.
      if (heading && saysSomething(heading, false)) sentences.push({ text: heading, isLine: /\d/.test(heading) });
      heading = clean.replace(/:$/, '');
      continue;
    }
    for (const piece of (isLine ? [clean] : inBlock(clean)).flatMap(cut)) {
      if (saysSomething(piece, isLine)) sentences.push({ text: piece, isLine, ...(heading && { heading }) });
      heading = undefined;
    }
  }
  return sentences;
}

function saysSomething(sentence: string, isLine: boolean): boolean {
  const count = wordsOf(sentence).length;
  return count >= MIN_WORDS || (count === MIN_WORDS - 1 && (isLine || /\d/.test(sentence)));
}

/** The words of a text in lower case, accents removed. */
export function wordsOf(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return [...wordSegmenter.segment(plain)].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment);
}

interface Block {
  block: string;
  /** A line of a table, receipt or the like. */
  isLine: boolean;
  /** The line that heads such lines. */
  isTitle?: boolean;
}

/** Paragraphs, and lines that stand for themselves; the lines of a paragraph are joined. */
function blocksOf(text: string): Block[] {
  const plain = text.replace(CUT_MARKS, '').replace(REFERENCE_MARK, '');
  return plain.split(/\r?\n(?:[\s\p{P}\p{S}]*\r?\n)+/u).flatMap((paragraph) => {
    const lines = paragraph
      .split(/\r?\n/)
      .map((line) => line.replace(/\s+/g, ' ').trim())
      .filter((line) => /[\p{L}\p{N}]/u.test(line));
    return isProse(lines) ? joined(lines) : separate(lines);
  });
}

/** Whether lines were broken because they were full; other lines mean something each. */
function isProse(lines: string[]): boolean {
  if (lines.filter((line) => LABELLED.test(line)).length * 2 >= lines.length) return false;
  const lengths = lines.map(({ length }) => length).sort((a, b) => a - b);
  const median = lengths[lengths.length >> 1] ?? 0;
  const goingOn = lines.slice(1).filter((line) => /^\p{Ll}/u.test(line)).length;
  return lines.length < 2 || median >= 40 || goingOn * 3 >= lines.length;
}

/** The lines one by one; the first may be the title of the others. */
function separate(lines: string[]): Block[] {
  return lines.map((block, index) => {
    const isTitle = index === 0 && lines.length > 1 && isTitleLike(block) && !/[\d:：]/u.test(block);
    // A labelled value may be as long as a paragraph.
    return { block, isLine: block.length <= MAX_CHARACTERS / 2, isTitle };
  });
}

function joined(lines: string[]): Block[] {
  const blocks: string[] = [];
  for (const line of lines) {
    const open = blocks.at(-1);
    if (open === undefined || OWN_LINE.test(line) || HEADING.test(open) || isTitleLike(open)) blocks.push(line);
    else blocks[blocks.length - 1] = `${open} ${line}`;
  }
  return blocks.map((block) => ({ block, isLine: isStatement(block) }));
}

/** A short line without an end, in which every longer word begins with a capital or a digit. */
function isTitleLike(line: string): boolean {
  if (line === '' || line.length > 60 || ENDS_SENTENCE.test(line)) return false;
  return line.split(/\s+/).every((word) => word.length < 4 || /^[^\p{L}]*[\p{Lu}\d]/u.test(word));
}

/** A short line without an end that states an amount, a date, or the value of a label. */
function isStatement(line: string): boolean {
  if (line.length > 60 || OWN_LINE.test(line) || /[.!?;…。！？]$/u.test(line)) return false;
  return FIGURES.test(line) || LABELLED.test(line);
}

/** Marked as one, or a short line without an end; those that state something are lines. */
function isHeading(block: string, clean: string): boolean {
  if (HEADING.test(block)) return true;
  if (clean.length > 60 || OWN_LINE.test(block) || /[.!?;…。！？]$/u.test(clean)) return false;
  return clean.split(' ').length <= 8;
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
