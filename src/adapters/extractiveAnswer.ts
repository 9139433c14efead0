/** Finds the sentences of search results that answer a question. */
import type { EmbeddingModel } from '../models/ports';
import { sentencesOf, wordsOf, type Sentence } from '../retrieval/sentences';
import { readQuestion, type Question } from './questionWords';
import { knows, overlaps } from './wordOverlap';

/** A passage that a search found, best first among its like; `marker` cites it. */
export interface Passage {
  marker: string;
  filename: string;
  text: string;
}

/** A sentence of a passage that belongs to the answer. */
export interface Quotation {
  text: string;
  marker: string;
  filename: string;
}

interface Candidate extends Quotation {
  sentence: Sentence;
  /** Where it stands: which passage, and where in it. */
  passage: number;
  position: number;
  terms: Set<string>;
  /** Whether its file speaks of all that the question names. */
  isAbout: boolean;
  /** Share of the question's words that it holds, or that stand around it. */
  overlap: number;
  score: number;
}

const MAX_QUOTATIONS = 4;
const MAX_PASSAGES = 20;
/** Of a passage, those that are read: chunks of vector stores, of 4,096 tokens at most, are hardly longer. */
const MAX_CHARACTERS = 20_000;
/** Sentences whose vectors are computed, about 10 ms each on one core; chosen by word overlap and place. */
const MAX_EMBEDDED = 32;
/** A paraphrase shares no word with the question; sentences of other subjects stayed below a similarity of 0.4. */
const SIMILARITY_ALONE = 0.8;
/** Lines of forms, and sentences of other languages, have no similarity to speak of. */
const OVERLAP_ALONE = 0.8;
/** Of the score of a sentence whose file does not speak of what the question names. */
const UNKNOWN_NAME = 0.65;
/** Found on real texts: what does not answer stays below. */
const MIN_SCORE = 0.48;
/** Further sentences must come this close to the best one. */
const MIN_SHARE_OF_BEST = 0.75;
/** And hold this share of the question's words that it holds: lines beside the right one are much like it. */
const MIN_OVERLAP_OF_BEST = 0.6;

/**
 * The sentences of `passages` that answer `question`, at most four, in reading order, the best one's document first; none if nothing
 * does. A question that only asks what a document is about gets the first sentences of the first passage.
 */
export async function answerFrom(
  passages: Passage[],
  question: string,
  embeddings: EmbeddingModel,
  signal?: AbortSignal,
): Promise<Quotation[]> {
  const read = readQuestion(question);
  const candidates = await candidatesOf(passages.slice(0, MAX_PASSAGES), read);
  if (read.terms.size === 0 && read.isOverview) return overview(candidates);
  const likely = distinct(candidates.sort((a, b) => b.overlap - a.overlap || a.passage - b.passage));
  const similarities = await similaritiesOf(likely, question, read, embeddings, signal);
  likely.forEach((candidate, index) => {
    candidate.score = scoreOf(candidate, similarities[index] ?? 0, read);
  });
  return inReadingOrder(best(likely));
}

async function candidatesOf(passages: Passage[], question: Question): Promise<Candidate[]> {
  const termsOfFiles = new Map<string, { name: Set<string>; text: Set<string> }>();
  const found: Candidate[][] = [];
  for (const [passage, { marker, filename, text }] of passages.entries()) {
    const read = text.slice(0, MAX_CHARACTERS);
    const candidates = sentencesOf(read).map((sentence, position): Candidate => {
      const whole = sentence.heading ? `${sentence.heading}: ${sentence.text}` : sentence.text;
      const terms = new Set(question.termsOf(whole));
      return { text: whole, marker, filename, sentence, passage, position, terms, isAbout: true, overlap: 0, score: 0 };
    });
    found.push(candidates);
    const ofFile = termsOfFiles.get(filename) ?? { name: termsOfName(filename, question), text: new Set() };
    termsOfFiles.set(filename, ofFile);
    // With the headings that stand before no sentence.
    for (const term of question.termsOf(read)) ofFile.text.add(term);
    // A passage takes up to a twentieth of a second, in which nobody else is served.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const shares = overlaps(
    found.map((candidates, passage) => ({
      file: termsOfFiles.get(passages[passage]?.filename ?? '') ?? { name: new Set(), text: new Set() },
      sentences: candidates.map(({ terms }) => terms),
    })),
    question,
  );
  for (const candidate of found.flat()) {
    const file = termsOfFiles.get(candidate.filename);
    candidate.overlap = shares[candidate.passage]?.[candidate.position] ?? 0;
    candidate.isAbout = [...question.names].every((name) => !file || knows(file, name));
  }
  return found.flat();
}

const termsOfName = (filename: string, { termsOf }: Question): Set<string> =>
  new Set(termsOf(filename.replace(/[^\p{L}\p{N}]+/gu, ' ')));

/** The first of each text, as many as are worth a closer look; chunks of a file overlap, so that a sentence may come twice. */
function distinct(candidates: Candidate[]): Candidate[] {
  const byText = new Map<string, Candidate>();
  for (const candidate of candidates) {
    if (!byText.has(candidate.text)) byText.set(candidate.text, candidate);
    if (byText.size === MAX_EMBEDDED) break;
  }
  return [...byText.values()];
}

/** How near in meaning each candidate is to the question, from 0 to 1; 0 if it is not in the language of the embeddings. */
async function similaritiesOf(
  candidates: Candidate[],
  question: string,
  { isEnglish }: Question,
  embeddings: EmbeddingModel,
  signal?: AbortSignal,
): Promise<number[]> {
  if (!isEnglish) return candidates.map(() => 0);
  const [[asked], vectors] = await Promise.all([
    embeddings.embed([question], 'query', signal),
    embeddings.embed(
      candidates.map(({ text }) => text),
      'query',
      signal,
    ),
  ]);
  return vectors.map((vector) => Math.max(0, dot(asked, vector)));
}

function dot(a: Float32Array | undefined, b: Float32Array | undefined): number {
  let product = 0;
  a?.forEach((value, index) => (product += value * (b?.[index] ?? 0)));
  return product;
}

function scoreOf(candidate: Candidate, similarity: number, question: Question): number {
  const { overlap, sentence } = candidate;
  const byWords = sentence.isLine || !question.isEnglish ? overlap * OVERLAP_ALONE : 0;
  const likeness = Math.max((overlap + similarity) / 2, similarity * SIMILARITY_ALONE, byWords);
  return (
    likeness *
    (candidate.isAbout ? 1 : UNKNOWN_NAME) *
    wholeness(candidate) *
    newness(candidate, question) *
    fitness(candidate, question) *
    exactness(candidate, question)
  );
}

/** Words in the question's own form count a little more: what was founded is no founding member. */
function exactness({ text, terms }: Candidate, question: Question): number {
  const held = [...question.terms].filter((term) => terms.has(term)).length;
  const exact = wordsOf(text).filter((word) => question.words.has(word));
  return held === 0 ? 1 : 0.9 + 0.1 * Math.min(1, new Set(exact).size / held);
}

/** Questions answer nothing, and what has no end is often a title or a fragment. */
function wholeness({ text, sentence }: Candidate): number {
  if (/[?？]$/.test(text) || isQuestionLike(text)) return 0.6;
  return sentence.isLine || /[.!。！]["'”’)]*$/.test(text) ? 1 : 0.85;
}

/** Without its question mark, as what was typed into a search. */
const isQuestionLike = (text: string): boolean =>
  !/[.!。！]/.test(text) &&
  /^[\s\p{P}]*(?:who|whom|what|when|where|which|why|how|is|are|was|were|does|did)\s/iu.test(text);

/** What only repeats the question does not answer it. */
function newness({ terms }: Candidate, question: Question): number {
  return question.asked === 'yes or no' || [...terms].some((term) => !question.terms.has(term)) ? 1 : 0.5;
}

/** Whether it holds what was asked for: a number, a name, or what something is. */
function fitness({ text, terms }: Candidate, { asked, terms: known, subject, termsOf }: Question): number {
  if (asked === 'money') return /\p{Sc}|\b(?:euros?|dollars?|eur|usd|billions?|millions?)\b/iu.test(text) ? 1.1 : 0.85;
  if (asked === 'number') return [...terms].some((term) => /\d/.test(term) && !known.has(term)) ? 1.1 : 0.85;
  if (asked === 'name') {
    const names = text.match(/(?<=\S\s)\p{Lu}[\p{L}\p{N}]+/gu) ?? [];
    return names.some((name) => termsOf(name).some((term) => !known.has(term))) ? 1.1 : 0.85;
  }
  return subject !== undefined && defines(text.toLowerCase(), subject) ? 1.3 : 1;
}

/** Whether the text says "X is …" of the subject X, at its start or behind a heading. */
function defines(text: string, subject: string): boolean {
  return [' is ', ' are ', ' was ', ' were '].some((verb) => {
    const start = text.indexOf(subject + verb);
    return start >= 0 && /(?:^|: )(?:an? |the )?$/.test(text.slice(0, start));
  });
}

/** The first sentences of the first passage, whole ones if there are any. */
function overview(candidates: Candidate[]): Candidate[] {
  const first = candidates.filter(({ passage }) => passage === 0);
  const whole = first.filter((candidate) => wholeness(candidate) === 1);
  return (whole.length > 0 ? whole : first).slice(0, 3);
}

function best(candidates: Candidate[]): Candidate[] {
  const sorted = [...candidates].sort((a, b) => b.score - a.score);
  const [first] = sorted;
  if (!first) return [];
  const least = Math.max(MIN_SCORE, first.score * MIN_SHARE_OF_BEST);
  const chosen: Candidate[] = [];
  for (const candidate of sorted) {
    if (candidate.score < least || chosen.length === MAX_QUOTATIONS) break;
    if (candidate.overlap < first.overlap * MIN_OVERLAP_OF_BEST) continue;
    if (!chosen.some((other) => saysTheSame(other.terms, candidate.terms))) chosen.push(candidate);
  }
  return chosen;
}

function saysTheSame(a: Set<string>, b: Set<string>): boolean {
  const shared = [...a].filter((term) => b.has(term)).length;
  return shared >= 0.7 * Math.min(a.size, b.size) && shared >= 0.5 * Math.max(a.size, b.size);
}

/** Documents in the order of their best sentence; inside a document as it reads. */
function inReadingOrder(chosen: Candidate[]): Candidate[] {
  const files = [...new Set(chosen.map(({ filename }) => filename))];
  return [...chosen].sort(
    (a, b) => files.indexOf(a.filename) - files.indexOf(b.filename) || a.passage - b.passage || a.position - b.position,
  );
}
