/** Splits text into the small pieces that chunks are made of. */
import type { DocumentSection } from './ports';

/** What ends after a piece: 3 a paragraph or section, 2 a sentence or line, 1 a word, 0 nothing. */
export type Boundary = 0 | 1 | 2 | 3;

/** A stretch of text that is never cut. A space before a word belongs to the word, as it does for the tokenizer. */
export interface Piece {
  text: string;
  /** At least as many as the piece adds to the tokens of a text. */
  tokens: number;
  ends: Boundary;
  section: DocumentSection;
}

/** Longest piece in UTF-16 code units. Bounds the tokenizer's work, which is quadratic in the length of a word. */
const MAX_PIECE_LENGTH = 160;

/** Blank lines, a line's end, or a sentence's end. */
const ENDS = /\n(?:[^\S\n]*\n)+|\n|[.!?…]["'”’»)\]]{0,3}(?= )|[。！？]["'”’」』）]{0,3}/gu;

/**
 * The pieces of all sections in order; joined they are the sections' texts with blank lines between. Each has at most `maxTokens`
 * as `count` counts them, unless a single code point has more.
 */
export function* splitPieces(
  sections: readonly DocumentSection[],
  maxTokens: number,
  count: (text: string) => number,
): Generator<Piece> {
  for (const section of sections) {
    for (const { text, ends } of splitSentences(`${section.text}\n\n`)) {
      for (const part of splitLength(text, ends)) {
        for (const piece of splitTokens(part.text, part.ends, maxTokens, count)) yield { ...piece, section };
      }
    }
  }
}

type Part = Pick<Piece, 'text' | 'ends'>;

function* splitSentences(text: string): Generator<Part> {
  let start = 0;
  for (const match of text.matchAll(ENDS)) {
    const end = match.index + match[0].length;
    yield { text: text.slice(start, end), ends: match[0].indexOf('\n') < match[0].lastIndexOf('\n') ? 3 : 2 };
    start = end;
  }
}

function* splitLength(text: string, ends: Boundary): Generator<Part> {
  let start = 0;
  while (text.length - start > MAX_PIECE_LENGTH) {
    const cut = cutBefore(text, start, start + MAX_PIECE_LENGTH);
    yield { text: text.slice(start, cut.at), ends: cut.ends };
    start = cut.at;
  }
  yield { text: text.slice(start), ends };
}

function* splitTokens(
  text: string,
  ends: Boundary,
  maxTokens: number,
  count: (text: string) => number,
): Generator<Omit<Piece, 'section'>> {
  const tokens = count(text) + (endsToken(text, ends) ? 0 : 1);
  const cut = cutBefore(text, 0, Math.ceil(text.length / 2));
  if (tokens <= maxTokens || cut.at >= text.length) {
    yield { text, tokens, ends };
    return;
  }
  yield* splitTokens(text.slice(0, cut.at), cut.ends, maxTokens, count);
  yield* splitTokens(text.slice(cut.at), ends, maxTokens, count);
}

/** Where to cut `text` at or before `end`: before a space in the second half of the stretch, else anywhere but inside a code point. */
function cutBefore(text: string, start: number, end: number): { at: number; ends: Boundary } {
  const middle = start + Math.ceil((end - start) / 2);
  for (let at = end; at > middle; at -= 1) {
    if (text[at] === ' ' || text[at] === '\t') return { at, ends: 1 };
  }
  const splitsPair = /[\ud800-\udbff]/.test(text[end - 1] ?? '') && /[\udc00-\udfff]/.test(text[end] ?? '');
  if (!splitsPair) return { at: end, ends: 0 };
  return { at: end - 1 > start ? end - 1 : end + 1, ends: 0 };
}

/** Whether the tokenizer, too, ends a token after the piece. Where it does not, the joined text may have a token more than its pieces. */
function endsToken(text: string, ends: Boundary): boolean {
  return ends > 0 && !/[。！？」』）]$/.test(text);
}
