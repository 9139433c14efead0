/** What an agent answered, as text whose citations are numbered: for readers who know neither responses nor messages. Pure. */

/** What a place of the text goes back to. */
export interface Citation {
  /** The file's name, or the page's title. */
  title: string;
  file_id?: string;
  url?: string;
  /** What of it says so. */
  quote?: string;
}

export interface NumberedCitation extends Citation {
  /** Its number in the text, `[1]`. */
  position: number;
}

export interface CitedAnswer {
  /** `requires_action`: the agent waits for its caller. */
  status: 'completed' | 'incomplete' | 'requires_action';
  text: string;
  citations: NumberedCitation[];
  /** What the agent waits for: names of functions, and of tools that want an approval. */
  waitsFor: string[];
}

/** A citation with its place: the text from `start` to `end` is replaced by its number; without a place it is only listed. */
export interface Mark {
  place?: { start: number; end: number };
  citation: Citation;
}

/** Puts texts together and numbers what they cite; what is cited twice keeps its number. */
export class CitedText {
  text = '';
  private readonly numbers = new Map<string, NumberedCitation>();

  get citations(): NumberedCitation[] {
    return [...this.numbers.values()];
  }

  /** Adds a text with what it cites, in the order of the places. */
  add(text: string, marks: readonly Mark[]): void {
    let at = 0;
    for (const { place, citation } of marks) {
      const { position } = this.numbered(citation);
      if (!place) continue;
      this.text += text.slice(at, place.start);
      this.text += /(^|\s)$/.test(this.text) ? `[${position}]` : ` [${position}]`;
      at = Math.max(at, place.end);
    }
    this.text += text.slice(at);
  }

  private numbered(citation: Citation): NumberedCitation {
    const { file_id, url, quote } = citation;
    const name = JSON.stringify([file_id, url, quote]);
    const known = this.numbers.get(name) ?? { position: this.numbers.size + 1, ...citation };
    this.numbers.set(name, known);
    return known;
  }
}
