/** Citations of an answer that arrives piece by piece. */
import { plainText } from './plainText';

export interface Citation {
  /** As in the answer, from 1. */
  number: number;
  fileId: string;
  /** The passage; '' if the answer came without. */
  quote: string;
}

/** A piece of a message as the stream has it (`thread.message.delta`). */
export interface TextPiece {
  value?: string;
  annotations?: { type: string; text?: string; file_citation?: { file_id?: string; quote?: string } }[];
}

/** Numbers the citations of one answer. */
export class CitationNumbers {
  readonly citations: Citation[] = [];

  /** The piece's text, with [1] for a marker. The same passage of the same file keeps its number. */
  read({ value = '', annotations = [] }: TextPiece): string {
    let text = value;
    for (const { type, text: marker, file_citation } of annotations) {
      if (type !== 'file_citation' || !marker || !file_citation?.file_id) continue;
      const number = this.numberOf(file_citation.file_id, file_citation.quote ?? '');
      text = text.includes(marker) ? text.replace(marker, () => ` [${number}]`) : `${text} [${number}]`;
    }
    return plainText(text);
  }

  private numberOf(fileId: string, quote: string): number {
    const known = this.citations.find((citation) => citation.fileId === fileId && citation.quote === quote);
    if (known) return known.number;
    const number = this.citations.length + 1;
    this.citations.push({ number, fileId, quote });
    return number;
  }
}
