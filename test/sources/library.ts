/** What the test sources hold. */
import { wordVector } from '../support/wordVectors';

export interface LibraryDocument {
  id: string;
  title: string;
  url: string;
  filepath: string;
  category: string;
  content: string;
  /** Words that the index has for the content beside its own, as a synonym filter adds them; not answered. */
  synonyms?: string;
}

export interface Corpus {
  documents: readonly LibraryDocument[];
  /** Vectors of one length. */
  embed(text: string): ArrayLike<number>;
}

export interface SourceOptions {
  /** 0, the default, for a free one. */
  port?: number;
  /** Default: {@link library} with {@link wordVector}. */
  corpus?: Corpus;
}

/** What the index has of a document's content. */
export const indexedText = ({ content, synonyms }: LibraryDocument): string =>
  synonyms === undefined ? content : `${content} ${synonyms}`;

/** What is answered of a document. */
export const storedFields = ({ synonyms: _, ...stored }: LibraryDocument): Record<string, string> => stored;

const document = (id: string, category: string, title: string, content: string): LibraryDocument => ({
  id,
  title,
  url: `https://docs.example.com/${id}`,
  filepath: `manual/${id}.md`,
  category,
  content,
});

/** Short, and each about one thing. */
export const library: readonly LibraryDocument[] = [
  document(
    'espresso',
    'machines',
    'Espresso machine',
    'The espresso machine heats water to 93 degrees and keeps a pressure of nine bar.',
  ),
  document(
    'descaling',
    'care',
    'Descaling',
    'Descale the boiler every three months with citric acid, then rinse twice with fresh water.',
  ),
  document('grinder', 'machines', 'Grinder', 'The burr grinder has forty steps; finer steps slow the shot down.'),
  document('milk', 'recipes', 'Milk', 'Steam milk to sixty degrees; hotter milk loses its sweetness.'),
  document(
    'warranty',
    'service',
    'Warranty',
    'The warranty lasts two years and covers the pump, the boiler and the electronics.',
  ),
  document(
    'returns',
    'service',
    'Returns',
    'Returned machines are refunded within fourteen days when they come in their box.',
  ),
  document(
    'coldbrew',
    'recipes',
    'Cold brew',
    'Cold brew steeps coarse coffee in cold water for eighteen hours in the fridge.',
  ),
  document(
    'filters',
    'care',
    'Water filters',
    'Change the water filter after fifty litres or two months, whichever comes first.',
  ),
];

export const wordCorpus: Corpus = { documents: library, embed: wordVector };
