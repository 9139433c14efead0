/** Cuts a document's text into overlapping chunks, at paragraphs and sentences where it can. */
import { tokenCounter } from '../tokenCounter';
import type { DocumentSection } from './ports';
import { splitPieces, type Piece } from './textPieces';

/** How large chunks are, in tokens of cl100k_base, the encoding of the embedding models. */
export interface ChunkOptions {
  /** At least 16; default 800. */
  maxChunkTokens?: number;
  /** At most half of `maxChunkTokens`; default 400. */
  overlapTokens?: number;
}

/** A chunk with the page and heading where it begins. */
export interface TextChunk extends DocumentSection {
  /** As the tokenizer counts, or a few more: one for every place inside a word where pieces of text were joined. */
  tokens: number;
}

/** A chunk, and its overlap, may have this share of the tokens it could have, to end or begin at a better place. */
const MIN_SHARE = 0.75;
/** Longest stretch of work between two turns of the event loop. */
const TURN_MS = 20;

/**
 * The chunks of a document in order: each of at most `maxChunkTokens`, beginning with up to `overlapTokens` of the end of the one before,
 * and together all of the text. Cut between paragraphs, else sentences or lines, else words; inside a word only when it is very long,
 * and never inside a code point. A chunk may span sections. Takes time linear in the text and lets the event loop turn meanwhile.
 * Throws `RangeError` for sizes out of range.
 */
export async function chunkText(
  sections: readonly DocumentSection[],
  options: ChunkOptions = {},
): Promise<TextChunk[]> {
  const { maxChunkTokens = 800, overlapTokens = 400 } = options;
  checkSizes(maxChunkTokens, overlapTokens);
  const count = await tokenCounter('cl100k_base');
  const chunks: TextChunk[] = [];
  const window = new Window(maxChunkTokens, overlapTokens, count);
  let turnEnds = performance.now() + TURN_MS;
  for (const piece of splitPieces(sections, Math.floor(maxChunkTokens / 8), count)) {
    if (!window.fits(piece)) chunks.push(window.cut());
    window.add(piece);
    if (performance.now() > turnEnds) {
      await new Promise((resolve) => setImmediate(resolve));
      turnEnds = performance.now() + TURN_MS;
    }
  }
  if (window.hasNew) chunks.push(window.rest());
  return chunks;
}

function checkSizes(maxChunkTokens: number, overlapTokens: number): void {
  if (!Number.isInteger(maxChunkTokens) || maxChunkTokens < 16) {
    throw new RangeError('maxChunkTokens must be a whole number of at least 16.');
  }
  if (!Number.isInteger(overlapTokens) || overlapTokens < 0 || overlapTokens > maxChunkTokens / 2) {
    throw new RangeError('overlapTokens must be a whole number from 0 to half of maxChunkTokens.');
  }
}

/**
 * The pieces from which the next chunk is cut. After a cut it holds at most the overlap (half a chunk), what was behind the cut (a quarter)
 * and has room for a piece (an eighth), so every cut advances by at least a quarter of a chunk.
 */
class Window {
  #pieces: Piece[] = [];
  #tokens = 0;
  /** Number of pieces at the front that are already in a chunk. */
  #overlap = 0;

  constructor(
    readonly maxTokens: number,
    readonly overlapTokens: number,
    readonly count: (text: string) => number,
  ) {}

  /** Whether any text was added since the last cut. */
  get hasNew(): boolean {
    return this.#pieces.slice(this.#overlap).some((piece) => piece.text.trim());
  }

  fits(piece: Piece): boolean {
    return this.#tokens + piece.tokens <= this.maxTokens;
  }

  /** Adds a piece; white space does not begin a chunk. */
  add(piece: Piece): void {
    const added = this.#pieces.length ? piece : this.#asFirst(piece);
    if (!added.text) return;
    this.#pieces.push(added);
    this.#tokens += added.tokens;
  }

  /** A chunk from the front, cut at the best place near the window's end. */
  cut(): TextChunk {
    const end = this.#bestEnd();
    const chunk = this.#chunk(end);
    const start = this.#bestStart(end);
    const kept = this.#pieces.slice(start);
    this.#pieces = [];
    this.#tokens = 0;
    for (const piece of kept) this.add(piece);
    this.#overlap = Math.max(0, this.#pieces.length - (kept.length - (end - start)));
    return chunk;
  }

  /** All that is left, as one chunk. */
  rest(): TextChunk {
    return this.#chunk(this.#pieces.length);
  }

  #chunk(end: number): TextChunk {
    const pieces = this.#pieces.slice(0, end);
    const { page, heading } = pieces[0]?.section ?? {};
    const text = pieces
      .map((piece) => piece.text)
      .join('')
      .trimEnd();
    return { text, ...(page && { page }), ...(heading && { heading }), tokens: sumTokens(pieces) };
  }

  /** Number of pieces of the chunk: the most of those after which something ends. */
  #bestEnd(): number {
    let best = this.#pieces.length;
    let bestEnds = -1;
    let tokens = this.#tokens;
    for (let end = this.#pieces.length; end > this.#overlap && tokens >= this.maxTokens * MIN_SHARE; end -= 1) {
      const piece = this.#pieces[end - 1];
      if (!piece) break;
      if (piece.ends > bestEnds) [best, bestEnds] = [end, piece.ends];
      tokens -= piece.tokens;
    }
    return best;
  }

  /** Where the next chunk begins, so that it repeats the pieces from there to `end`. */
  #bestStart(end: number): number {
    let best = end;
    let bestEnds = -1;
    let tokens = 0;
    for (let start = end - 1; start > 0; start -= 1) {
      const [before, first] = [this.#pieces[start - 1], this.#pieces[start]];
      if (!before || !first || tokens + this.#asFirst(first).tokens > this.overlapTokens) break;
      tokens += first.tokens;
      if (before.ends >= bestEnds || tokens < this.overlapTokens * MIN_SHARE) [best, bestEnds] = [start, before.ends];
    }
    return best;
  }

  /** The piece as it counts without the white space at its beginning. */
  #asFirst(piece: Piece): Piece {
    const text = piece.text.trimStart();
    return text === piece.text ? piece : { ...piece, text, tokens: text ? this.count(text) : 0 };
  }
}

function sumTokens(pieces: Piece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.tokens, 0);
}
