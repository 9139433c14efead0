/**
 * Right-to-left text of a PDF in the order in which it is read. pdf.js turns the glyphs of a line, which lie as they are seen, into that order. But a glyph that stands
 * for several letters, such as the ligature of lam and alef, has them in that order already, and pdf.js turns them too.
 */

/** A piece of text as pdf.js gives it. */
export interface DirectedText {
  str: string;
  /** `rtl` where it is taken as running from right to left as a whole. */
  dir: string;
}

/** Letters of scripts that run from right to left, and their marks; digits run the other way. */
const LETTER = /(?![\p{Nd}\p{P}])[\p{scx=Hebr}\p{scx=Arab}\p{scx=Syrc}\p{scx=Thaa}\p{scx=Nkoo}]/gu;
/** Such letters with all but letters and digits of other scripts between them. */
const RUN = new RegExp(`${LETTER.source}(?:[^\\p{L}\\p{Nd}]*${LETTER.source})*`, 'gu');
/** The forms that the letters take in a word, and their ligatures, which are characters beside the letters. */
const PRESENTATION_FORMS = /[\ufb1d-\ufdff\ufe70-\ufefc]+/gu;

/** Whether the text has letters that run from right to left. */
export const hasRightToLeft = (text: string): boolean => text.search(LETTER) >= 0;

/**
 * The texts of the items, with the letters of such glyphs in order and plain letters for presentation forms. `glyphs` are the texts of the page's glyphs in the order of the
 * items. Where the two do not match, as behind glyphs off the page, the items stay as they are.
 */
export function inReadingOrder(items: readonly DirectedText[], glyphs: readonly string[]): string[] {
  let next = 0;
  return items.map(({ str, dir }) => {
    const wanted = solidLength(str);
    const start = next;
    for (let length = 0; length < wanted && next < glyphs.length; next += 1) length += solidLength(glyphs[next] ?? '');
    return hasRightToLeft(str) ? reordered(withPlainLetters(str), dir, glyphs.slice(start, next)) : str;
  });
}

/** Without what pdf.js adds to glyphs or drops of them: spaces and angle brackets. Decomposed, since it decomposes some. */
const solidLength = (text: string): number => text.normalize('NFKD').replace(/[\s<>]+/g, '').length;

const withPlainLetters = (text: string): string => text.replace(PRESENTATION_FORMS, (forms) => forms.normalize('NFKD'));

const lettersOf = (text: string): string[] => text.match(LETTER) ?? [];

function reordered(text: string, dir: string, glyphs: readonly string[]): string {
  const groups = glyphs.map((glyph) => lettersOf(withPlainLetters(glyph))).filter((letters) => letters.length > 0);
  // A text that runs from right to left was turned as a whole, of any other each run by itself.
  if (dir === 'rtl') return withLetters(text, groups);
  let next = 0;
  return text.replace(RUN, (run) => {
    const wanted = lettersOf(run).length;
    const start = next;
    for (let count = 0; count < wanted && next < groups.length; next += 1) count += groups[next]?.length ?? 0;
    return withLetters(run, groups.slice(start, next));
  });
}

/** The run with the letters of its glyphs, the last glyph first; as it is where these are not its letters. */
function withLetters(run: string, groups: readonly string[][]): string {
  const letters = groups.toReversed().flat();
  if (letters.toSorted().join('') !== lettersOf(run).toSorted().join('')) return run;
  let next = 0;
  return run.replace(LETTER, () => letters[next++] ?? '');
}
