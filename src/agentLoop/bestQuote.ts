/** The part of a passage that a citation stands for. */
import { sentencesOf, wordsOf } from '../retrieval/sentences';

/** The end of a long text is what a marker behind it cites. */
const MAX_SAID = 2_000;
/** Words of one or two letters are mostly articles and prepositions. */
const SAYS_SOMETHING = /^(?:.{3,}|.*[\d\p{Lo}].*)$/u;

/**
 * The sentence, or line of a form, of the passage that says what was said: the longest that stands in `said`, else the one that shares
 * most with it; the first one when nothing is shared. At most 400 characters, white space evened out, without reference marks.
 */
export function bestQuote(passage: string, said: string): string {
  const plain = said.slice(-MAX_SAID).replace(/\s+/g, ' ');
  const sentences = sentencesOf(passage).map(({ text }) => text);
  const repeated = sentences.filter((sentence) => plain.includes(sentence));
  return longest(repeated) ?? nearest(sentences, plain) ?? passage.trim().replace(/\s+/g, ' ').slice(0, 400);
}

function longest(sentences: string[]): string | undefined {
  return sentences.reduce<string | undefined>(
    (found, sentence) => (found === undefined || sentence.length > found.length ? sentence : found),
    undefined,
  );
}

/** By the cosine of their words, so that a long sentence does not win by its length. */
function nearest(sentences: string[], said: string): string | undefined {
  const words = new Set(wordsOf(said));
  let best: string | undefined;
  let most = -1;
  for (const sentence of sentences) {
    const own = [...new Set(wordsOf(sentence))].filter((word) => SAYS_SOMETHING.test(word));
    const shared = own.filter((word) => words.has(word)).length;
    const likeness = shared / Math.sqrt(own.length || 1);
    if (likeness > most) [best, most] = [sentence, likeness];
  }
  return best;
}
