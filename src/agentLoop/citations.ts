/**
 * Citations in a text that arrives piece by piece. Each passage is given to the model with a marker, 【call:result†file name】, that it copies behind what it took from it;
 * markers that it invents are removed. Links to files that code wrote, sandbox:/mnt/data/…, are found as well. Pure.
 */
import type { Annotation } from '../wire/threads';
import { bestQuote } from './bestQuote';
import type { FoundPassage } from './ports';

const OPEN = '【';
const CLOSE = '】';
const LINK = 'sandbox:';
/** A text whose end may be the beginning of a link. */
const LINK_BEGINS = /(?:s|sa|san|sand|sandb|sandbo|sandbox)$/;
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

/** A piece of the finished text; `annotation` belongs to a piece that is a marker or a link. */
export interface Piece {
  text: string;
  annotation?: Annotation;
  /** The sentence of the passage that the words before the marker come closest to. */
  quote?: string;
}

/** What a text may refer to. */
export interface Sources {
  /** By marker. */
  passages: ReadonlyMap<string, FoundPassage>;
  /** Ids of files by their links, `sandbox:/mnt/data/…`. */
  links: ReadonlyMap<string, string>;
}

/** Reads the model's text and finds citations of passages and links to files in it. */
export class CitationReader {
  /** The text so far, as the message holds it. */
  value = '';
  readonly annotations: Annotation[] = [];
  private held = '';
  private bytes = 0;
  /** Where the text since the last marker begins. */
  private since = 0;

  constructor(private readonly sources: Sources) {}

  /** Whether the text is as long as a message may be; what comes then is left out. */
  get isFull(): boolean {
    return this.bytes > MAX_BYTES;
  }

  /** The pieces that are certain with this text; what may be the beginning of a marker or a link is held back. */
  push(text: string): Piece[] {
    this.held += text;
    return this.read(false);
  }

  /** What was held back, now that nothing follows. */
  end(): Piece[] {
    return this.read(true);
  }

  private read(isEnd: boolean): Piece[] {
    const pieces: Piece[] = [];
    for (;;) {
      const start = this.nextStart();
      pieces.push(...this.plain(this.held.slice(0, start)));
      this.held = this.held.slice(start);
      const length = this.held.startsWith(OPEN) ? this.markerLength(isEnd) : this.linkLength(isEnd);
      if (!length) return pieces;
      const text = this.held.slice(0, length);
      pieces.push(...(text.startsWith(OPEN) ? this.marker(text) : this.link(text)));
      this.held = this.held.slice(length);
    }
  }

  /** Where the first marker or link may begin; the end of the text if none does. */
  private nextStart(): number {
    const starts = [this.held.indexOf(OPEN)];
    if (this.sources.links.size > 0) starts.push(this.held.indexOf(LINK), this.held.search(LINK_BEGINS));
    return Math.min(this.held.length, ...starts.filter((start) => start >= 0));
  }

  /** How much of the text the marker at its beginning is; undefined while that is open. */
  private markerLength(isEnd: boolean): number | undefined {
    const end = this.held.indexOf(CLOSE);
    // No marker holds a bracket: what goes before another one is ordinary text, and that one may begin a marker.
    const next = this.held.indexOf(OPEN, OPEN.length);
    if (next > 0 && (end < 0 || next < end)) return next;
    if (end < 0 && this.held.length <= MAX_MARKER && !isEnd) return undefined;
    return end < 0 || end > MAX_MARKER ? 1 : end + 1;
  }

  /** As `markerLength`, for a link: the longest that is known. One that is not known is ordinary text. */
  private linkLength(isEnd: boolean): number | undefined {
    const links = [...this.sources.links.keys()];
    if (!isEnd && links.some((link) => link.length > this.held.length && link.startsWith(this.held))) return undefined;
    const begun = links.map((link) => link.length).filter((length) => links.includes(this.held.slice(0, length)));
    // The path of another file may begin like that of a known one.
    if (!isEnd && begun.includes(this.held.length)) return undefined;
    const known = begun.filter((length) => !/^[\w-]/.test(this.held.slice(length)));
    return Math.max(Math.min(LINK.length, this.held.length), ...known);
  }

  private plain(text: string): Piece[] {
    const kept = this.fitting(text);
    if (!kept) return [];
    this.value += kept;
    return [{ text: kept }];
  }

  private marker(text: string): Piece[] {
    const passage = this.sources.passages.get(text);
    if (!passage) return /^【\d+:\d+†[^]*】$/.test(text) ? [] : this.plain(text);
    const said = this.value.slice(this.since);
    const pieces = this.annotated(text, (place) => ({
      type: 'file_citation',
      ...place,
      file_citation: { file_id: passage.fileId },
    }));
    this.since = this.value.length;
    return pieces.map((piece) => ({
      ...piece,
      // Looked for by those who show it alone.
      get quote() {
        return bestQuote(passage.text, said);
      },
    }));
  }

  private link(text: string): Piece[] {
    const fileId = this.sources.links.get(text);
    if (fileId === undefined) return this.plain(text);
    return this.annotated(text, (place) => ({ type: 'file_path', ...place, file_path: { file_id: fileId } }));
  }

  /** The text, whole and annotated, or nothing where there is no room. */
  private annotated(
    text: string,
    make: (place: Pick<Annotation, 'text' | 'start_index' | 'end_index'>) => Annotation,
  ): Piece[] {
    if (this.fitting(text) !== text) return [];
    this.bytes += ANNOTATION_BYTES;
    const start_index = this.value.length;
    const annotation = make({ text, start_index, end_index: start_index + text.length });
    this.value += text;
    this.annotations.push(annotation);
    return [{ text, annotation }];
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
