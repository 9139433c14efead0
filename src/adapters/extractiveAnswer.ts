/** Finds the sentences of search results that answer a question. */
import type { EmbeddingModel } from '../models/ports';
import { sentencesOf, wordsOf } from './sentences';

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
  /** Where it stands: which passage, and where in it. */
  passage: number;
  position: number;
  terms: Set<string>;
  /** Share of the question's words, weighted by their rarity, that it holds: 0 to 1. Words of its passage count less. */
  overlap: number;
  score: number;
}

const MAX_QUOTATIONS = 4;
const MAX_PASSAGES = 20;
/** Sentences whose vectors are computed, about 10 ms each on one core; chosen by word overlap and place. */
const MAX_EMBEDDED = 24;
/** What a word of the question counts that only the rest of the passage or the file's name holds. */
const PASSAGE_SHARE = 0.4;
/** A paraphrase shares no word with the question; sentences of other subjects stayed below a similarity of 0.4. */
const SIMILARITY_ALONE = 0.85;
/** Of a score that is half word overlap and half similarity; found on real texts: what does not answer stays below. */
const MIN_SCORE = 0.45;
/** Further sentences must come this close to the best one. */
const MIN_SHARE_OF_BEST = 0.75;

/** Words that say nothing of what a question is about. */
const STOP_WORDS = new Set(
  (
    'a about after all also am an and any are as at be been before being between both but by can could did do does doing for from ' +
    'give had has have having he her here him his how i if in into is it its just know list made make many may me mean means might more ' +
    'most much must my name no not of off on one only or other our out over please s shall she should so some such t tell than that the ' +
    'their them then there these they this those to too under up us use used uses very was we were what when where which while who whom ' +
    'whose why will with within would you your explain describe say says show find give according'
  ).split(' '),
);
/** With nothing else in it, a question asks for the documents as a whole. */
const OVERVIEW_WORDS = new Set(
  'document documents file files text texts content contents summarize summarise summary overview page pages pdf'.split(
    ' ',
  ),
);

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
  const terms = new Set(termsOf(question));
  const candidates = candidatesOf(passages.slice(0, MAX_PASSAGES), terms);
  if (terms.size === 0 && isOverview(question)) return overview(candidates);
  const likely = [...candidates].sort((a, b) => b.overlap - a.overlap || a.passage - b.passage).slice(0, MAX_EMBEDDED);
  const [[asked], vectors] = await Promise.all([
    embeddings.embed([question], 'query', signal),
    embeddings.embed(
      likely.map(({ text }) => text),
      'query',
      signal,
    ),
  ]);
  likely.forEach((candidate, index) => {
    const similarity = Math.max(0, dot(asked, vectors[index]));
    const score = Math.max((candidate.overlap + similarity) / 2, similarity * SIMILARITY_ALONE);
    candidate.score = score * wholeness(candidate.text);
  });
  return inReadingOrder(best(likely));
}

function candidatesOf(passages: Passage[], asked: Set<string>): Candidate[] {
  const seen = new Set<string>();
  const found = passages.flatMap(({ marker, filename, text }, passage) =>
    sentencesOf(text).flatMap((sentence, position) => {
      // Chunks of a file overlap, so that a sentence may come twice.
      if (seen.has(sentence)) return [];
      seen.add(sentence);
      const terms = new Set(termsOf(sentence));
      return [{ text: sentence, marker, filename, passage, position, terms, overlap: 0, score: 0 }];
    }),
  );
  const around = passages.map(({ filename, text }) => new Set(termsOf(`${filename.replace(/[_-]/g, ' ')} ${text}`)));
  const weights = [...asked].map((term) => ({ term, weight: rarity(term, found) }));
  for (const candidate of found) candidate.overlap = overlapOf(candidate.terms, around[candidate.passage], weights);
  return found;
}

function overlapOf(
  own: Set<string>,
  around: Set<string> | undefined,
  weights: { term: string; weight: number }[],
): number {
  const all = sum(weights.map(({ weight }) => weight));
  const held = sum(weights.map(({ term, weight }) => (own.has(term) ? weight : 0)));
  if (held === 0) return 0;
  const near = sum(weights.map(({ term, weight }) => (!own.has(term) && around?.has(term) ? weight : 0)));
  return (held + near * PASSAGE_SHARE) / all;
}

function rarity(term: string, candidates: Candidate[]): number {
  const holding = candidates.filter(({ terms }) => terms.has(term)).length;
  const weight = Math.log(1 + (candidates.length + 1) / (holding + 0.5));
  // What the question is about and nothing speaks of is a strong sign that nothing answers it.
  return holding === 0 ? weight * 1.5 : weight;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

/** The words that tell what a text is about, without their commonest endings. */
function termsOf(text: string): string[] {
  return wordsOf(text)
    .filter((word) => !STOP_WORDS.has(word) && !OVERVIEW_WORDS.has(word))
    .map(stemOf);
}

function stemOf(word: string): string {
  const stem = word.replace(/ies$/, 'y').replace(/(?:ing|ed|es|s|ly|e)$/, '');
  return stem.length >= 3 ? stem : word;
}

/** The first sentences of the first passage, whole ones if there are any. */
function overview(candidates: Candidate[]): Candidate[] {
  const first = candidates.filter(({ passage }) => passage === 0);
  const whole = first.filter(({ text }) => wholeness(text) === 1);
  return (whole.length > 0 ? whole : first).slice(0, 3);
}

/** Questions answer nothing, and what has no end is often a title or a fragment. */
function wholeness(sentence: string): number {
  if (/[?？]$/.test(sentence)) return 0.6;
  return /[.!。！]["'”’)]*$/.test(sentence) ? 1 : 0.85;
}

function isOverview(question: string): boolean {
  return wordsOf(question).some((word) => OVERVIEW_WORDS.has(word));
}

function dot(a: Float32Array | undefined, b: Float32Array | undefined): number {
  let product = 0;
  a?.forEach((value, index) => (product += value * (b?.[index] ?? 0)));
  return product;
}

function best(candidates: Candidate[]): Candidate[] {
  const sorted = [...candidates].sort((a, b) => b.score - a.score);
  const least = Math.max(MIN_SCORE, (sorted[0]?.score ?? 0) * MIN_SHARE_OF_BEST);
  const chosen: Candidate[] = [];
  for (const candidate of sorted) {
    if (candidate.score < least || chosen.length === MAX_QUOTATIONS) break;
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
