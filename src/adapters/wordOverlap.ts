/** How much of a question's words sentences hold, themselves and around them. */

/** A file as its terms. */
export interface FileTerms {
  name: ReadonlySet<string>;
  /** Of all its text that is at hand. */
  text: ReadonlySet<string>;
}

/** A passage as its terms. */
export interface PassageTerms {
  file: FileTerms;
  /** Of each sentence, in order. */
  sentences: readonly ReadonlySet<string>[];
}

/** The terms of a question. */
export interface AskedTerms {
  terms: ReadonlySet<string>;
  /** What is asked, where the others tell of whom or where. */
  focus: ReadonlySet<string>;
  /** Whether a term does not count where the file does not hold it. */
  isOptional: (term: string) => boolean;
}

/** What a word counts that stands in the next sentence, and one far off in the file or in its name. */
const NEAR_SHARE = 0.65;
const FAR_SHARE = 0.35;
/** Sentences away where it counts half way between the two. */
const HALF_WAY = 6;
/** What the question is about and nothing speaks of is a strong sign that nothing answers it. */
const UNKNOWN_FACTOR = 1.5;
/** What was asked, against what tells of whom or where. */
const FOCUS_FACTOR = 1.6;
/** Of a sentence that holds nothing of what was asked. */
const WITHOUT_FOCUS = 0.8;
const MIN_ABBREVIATION = 3;

/**
 * For each sentence of each passage the share of the asked terms that it holds, from 0 to 1: rare terms count more, those in the rest of
 * its passage or file less, the nearer the more. 0 for a sentence that holds none itself.
 */
export function overlaps(passages: readonly PassageTerms[], asked: AskedTerms): number[][] {
  const sentences = passages.flatMap((passage) => passage.sentences);
  const isAnywhere = (term: string): boolean => passages.some((passage) => knows(passage.file, term));
  const rarities = new Map(
    [...asked.terms].map((term) => [term, rarity(term, sentences) * (isAnywhere(term) ? 1 : UNKNOWN_FACTOR)]),
  );
  return passages.map((passage) => overlapsIn(passage, asked, rarities));
}

function rarity(term: string, sentences: ReadonlySet<string>[]): number {
  const holding = sentences.filter((held) => held.has(term)).length;
  return Math.log(1 + (sentences.length + 1) / (holding + 0.5));
}

function overlapsIn(
  passage: PassageTerms,
  { focus, isOptional }: AskedTerms,
  rarities: ReadonlyMap<string, number>,
): number[] {
  let all = 0;
  const totals = passage.sentences.map(() => ({ total: 0, isHeld: false, isFocus: false }));
  for (const [term, rare] of rarities) {
    const isKnown = knows(passage.file, term);
    const weight = rare * (focus.has(term) ? FOCUS_FACTOR : 1);
    if (isKnown || !isOptional(term)) all += weight;
    if (!isKnown) continue;
    const distances = distancesTo(term, passage.sentences);
    totals.forEach((sentence, index) => {
      const distance = distances[index] ?? Infinity;
      sentence.total += weight * shareAt(distance);
      if (distance > 0) return;
      sentence.isHeld = true;
      sentence.isFocus ||= focus.has(term);
    });
  }
  return totals.map(({ total, isHeld, isFocus }) => (isHeld ? (total / all) * (isFocus ? 1 : WITHOUT_FOCUS) : 0));
}

/** Whether the file holds the term; file names abbreviate: "INV-001" is an invoice. */
export function knows({ name, text }: FileTerms, term: string): boolean {
  return (
    text.has(term) ||
    name.has(term) ||
    [...name].some((word) => word.length >= MIN_ABBREVIATION && term.startsWith(word))
  );
}

/** From each sentence to the nearest that holds the term, in sentences. */
function distancesTo(term: string, sentences: readonly ReadonlySet<string>[]): number[] {
  const distances = sentences.map((held) => (held.has(term) ? 0 : Infinity));
  for (let index = 1; index < distances.length; index += 1) spread(distances, index, index - 1);
  for (let index = distances.length - 2; index >= 0; index -= 1) spread(distances, index, index + 1);
  return distances;
}

function spread(distances: number[], to: number, from: number): void {
  distances[to] = Math.min(distances[to] ?? Infinity, (distances[from] ?? Infinity) + 1);
}

function shareAt(distance: number): number {
  if (distance === 0) return 1;
  return FAR_SHARE + (NEAR_SHARE - FAR_SHARE) / (1 + (distance - 1) / HALF_WAY);
}
