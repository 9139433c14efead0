/** Markers of documents, `[doc1]`, in a text that arrives piece by piece. Pure. */

/** What may be the beginning of a marker, with the blank before it, at the end of a text. */
const OPEN_END = /[ \t]?(?:\[(?:d(?:o(?:c[\d,;\sdoc]{0,60})?)?)?)?$/i;
/** One marker, or several in one pair of brackets as models write them too. */
const MARKER = /([ \t]?)\[(doc\d{1,9}(?:\s*[,;]\s*doc\d{1,9})*)\]/gi;

/** The marker of document number `place` from 0, which the model copies behind what it took from it. */
export const markerOf = (place: number): string => `[doc${place + 1}]`;

/** The text without markers: those of an earlier answer would mean other documents now. */
export const withoutMarkers = (text: string): string => text.replace(MARKER, '');

/**
 * Reads the model's text and lets only markers through that stand for one of `count` documents; those that it invents are removed, with the blank before
 * them. What may be the beginning of a marker is held back until it is certain.
 */
export class MarkerReader {
  private held = '';

  constructor(private readonly count: number) {}

  /** What is certain with this text. */
  push(text: string): string {
    const all = this.held + text;
    const certain = all.length - (OPEN_END.exec(all)?.[0].length ?? 0);
    this.held = all.slice(certain);
    return this.read(all.slice(0, certain));
  }

  /** What was held back, now that nothing follows. */
  end(): string {
    const rest = this.held;
    this.held = '';
    return this.read(rest);
  }

  private read(text: string): string {
    return text.replace(MARKER, (_whole, blank: string, list: string) => {
      const known =
        list
          .match(/\d+/g)
          ?.map(Number)
          .filter((number) => number >= 1 && number <= this.count) ?? [];
      return known.length === 0 ? '' : blank + known.map((number) => markerOf(number - 1)).join('');
    });
  }
}
