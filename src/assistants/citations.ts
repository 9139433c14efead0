/**
 * Citations in a text that arrives piece by piece. Each passage is given to the model with a marker, 【call:result†file name】, that it copies behind what it took from it;
 * markers that it invents are removed. Pure.
 */
import type { FileCitation } from '../wire/threads';
import { bestQuote } from './bestQuote';
import type { FoundPassage } from './ports';

const OPEN = '【';
const CLOSE = '】';
/** A marker is not longer; text after 【 that goes on beyond is ordinary. */
const MAX_MARKER = 300;
/** Bytes of JSON that a text and its annotations may take: they must fit into a write of the store, with their step and run. */
const MAX_BYTES = 1024 * 1024;
/** An annotation beside its marker, about. */
const ANNOTATION_BYTES = 250;

/** The marker of a passage: the number of its search in the run, and of the passage in its results. */
export const markerOf = (search: number, result: number, filename: string): string =>
  `${OPEN}${search}:${result}†${filename.replace(/[【】†]/g, '_').slice(0, 200)}${CLOSE}`;

/** The text without any markers; those of earlier runs would mean other passages now. */
export const withoutMarkers = (text: string): string => text.replace(/【\d+:\d+†[^】]{0,200}】/g, '');

/** A piece of the finished text; `annotation` belongs to a piece that is a marker. */
export interface Piece {
  text: string;
  annotation?: FileCitation;
  /** The sentence of the passage that the words before the marker come closest to. */
  quote?: string;
}

/** Reads the model's text and finds citations in it. */
export class CitationReader {
  /** The text so far, as the message holds it. */
  value = '';
  readonly annotations: FileCitation[] = [];
  private held = '';
  private bytes = 0;
  /** Where the text since the last marker begins. */
  private since = 0;

  constructor(private readonly passages: ReadonlyMap<string, FoundPassage>) {}

  /** Whether the text is as long as a message may be; what comes then is left out. */
  get isFull(): boolean {
    return this.bytes > MAX_BYTES;
  }

  /** The pieces that are certain with this text; what may be the beginning of a marker is held back. */
  push(text: string): Piece[] {
    this.held += text;
    const pieces: Piece[] = [];
    for (;;) {
      const start = this.held.indexOf(OPEN);
      if (start < 0) {
        pieces.push(...this.plain(this.held));
        this.held = '';
        return pieces;
      }
      pieces.push(...this.plain(this.held.slice(0, start)));
      this.held = this.held.slice(start);
      const end = this.held.indexOf(CLOSE);
      if (end < 0 && this.held.length <= MAX_MARKER) return pieces;
      const length = end < 0 || end > MAX_MARKER ? 1 : end + 1;
      pieces.push(...this.marker(this.held.slice(0, length)));
      this.held = this.held.slice(length);
    }
  }

  /** What was held back, now that nothing follows. */
  end(): Piece[] {
    const rest = this.held;
    this.held = '';
    return this.plain(rest);
  }

  private plain(text: string): Piece[] {
    const kept = this.fitting(text);
    if (!kept) return [];
    this.value += kept;
    return [{ text: kept }];
  }

  private marker(text: string): Piece[] {
    const passage = this.passages.get(text);
    if (!passage) return /^【\d+:\d+†/.test(text) ? [] : this.plain(text);
    if (this.fitting(text) !== text) return [];
    this.bytes += ANNOTATION_BYTES;
    const quote = bestQuote(passage.text, this.value.slice(this.since));
    const annotation: FileCitation = {
      type: 'file_citation',
      text,
      start_index: this.value.length,
      end_index: this.value.length + text.length,
      file_citation: { file_id: passage.fileId },
    };
    this.value += text;
    this.since = this.value.length;
    this.annotations.push(annotation);
    return [{ text, annotation, quote }];
  }

  /** As much of the text as there is room for; from the first that does not fit on, the message is full. */
  private fitting(text: string): string {
    if (this.isFull) return '';
    const size = Buffer.byteLength(JSON.stringify(text));
    const room = MAX_BYTES - this.bytes;
    this.bytes += size;
    return size <= room ? text : text.slice(0, Math.floor((text.length * room) / size)).toWellFormed();
  }
}
