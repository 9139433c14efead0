/** Collects a document's text in sections: keeps paragraphs, normalises white space, stops at the limit of text. */
import type { DocumentSection } from '../../retrieval/ports';
import { MAX_CHARACTERS, tooMuchText } from './limits';

const MAX_HEADING_CHARACTERS = 200;

/** Where a section stands. */
export type SectionPlace = Pick<DocumentSection, 'page' | 'heading'>;

/** Every method that adds text throws `DocumentError` once the document has more than `MAX_CHARACTERS`. */
export class SectionWriter {
  #sections: DocumentSection[] = [];
  #place: SectionPlace = {};
  #text = '';
  /** Kept apart: reading it from a text that grows piece by piece would copy the text. */
  #endsInSpace = true;
  #characters = 0;
  #breaks = 0;
  #mark = '';

  /** Ends the section before and begins another. */
  startSection(place: SectionPlace = {}): void {
    this.#endSection();
    this.#place = place;
  }

  /** Gives the current section a heading: the one given, or all the text it has so far. */
  nameSection(heading = this.#text): void {
    const name = oneLine(heading).slice(0, MAX_HEADING_CHARACTERS).toWellFormed();
    if (name) this.#place = { ...this.#place, heading: name };
  }

  /** Adds text as it is. */
  write(text: string): void {
    if (!text) return;
    if (this.#text && this.#breaks) this.#text += '\n'.repeat(this.#breaks);
    this.#text += this.#mark + text;
    this.#endsInSpace = /\s/.test(text.slice(-1));
    this.#characters += this.#breaks + this.#mark.length + text.length;
    this.#breaks = 0;
    this.#mark = '';
    if (this.#characters > MAX_CHARACTERS) throw tooMuchText();
  }

  /** Adds running text: any white space is one space, and none begins a line. */
  writeInline(text: string): void {
    const spaced = text.replace(/[ \t\r\n\f]+/g, ' ');
    const atSpace = this.#breaks > 0 || this.#mark !== '' || this.#endsInSpace;
    this.write(atSpace && spaced.startsWith(' ') ? spaced.slice(1) : spaced);
  }

  /** Text that follows stands at least `newlines` further: 1 a new line, 2 a new paragraph. */
  break(newlines: 1 | 2): void {
    // A mark and the text it introduces stay on one line.
    if (!this.#mark) this.#breaks = Math.max(this.#breaks, newlines);
  }

  /** Puts a list's bullet before the text that follows; if none follows it is left out. */
  markItem(): void {
    this.break(1);
    this.introduce('- ');
  }

  /** Puts `label` before the text that follows, on its line; if none follows in this section it is left out. */
  introduce(label: string): void {
    this.#mark = label;
  }

  /** The text that follows is the next cell of the same table row. */
  markCell(): void {
    this.#breaks = 0;
    this.#mark += ' | ';
  }

  /** Ends the last section; returns all that have text. */
  finish(): DocumentSection[] {
    this.#endSection();
    return this.#sections;
  }

  #endSection(): void {
    const text = normalizeText(this.#text);
    if (text) this.#sections.push({ text, ...this.#place });
    this.#text = '';
    this.#endsInSpace = true;
    this.#breaks = 0;
    this.#mark = '';
    this.#place = {};
  }
}

/** Trims lines at their end, keeps at most one blank line, drops control characters, composes accents. Linear in the text's length. */
export function normalizeText(text: string): string {
  const lines = text
    .toWellFormed()
    .normalize('NFC')
    .replace(/\r\n?|[\f\v\u0085\u2028\u2029]/g, '\n')
    .replace(/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g, ' ')
    .replace(/[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u200b\u2060-\u2064\ufeff]/g, '')
    .split('\n')
    .map((line) => line.trimEnd());
  return lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+/, '')
    .trimEnd();
}

function oneLine(text: string): string {
  return normalizeText(text).replace(/\s+/g, ' ').trim();
}
