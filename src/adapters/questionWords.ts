/** What a question asks about: its words without those of every question, and what an answer to it must hold. */
import { dan, deu, eng, fra, ita, nld, nob, pol, por, spa, swe } from 'stopword';
import { wordsOf } from '../retrieval/sentences';

/** Words of English questions that say nothing of what they are about, beyond the list of the library. */
const ENGLISH = (
  'again been before being did do does doing down find for from give given had having hers him his hold holds i its just know list made ' +
  'mean means no nor not off one please s show so t tell than there too until us use used uses very when whom whose why yours ' +
  'according describe explain say says'
).split(' ');
const stems = (words: string): ReadonlySet<string> => new Set(words.split(' ').map(stemOf));
/** With nothing else in it, a question asks for the documents as a whole. */
const OVERVIEW = new Set(
  'document documents file files text texts content contents summarize summarise summary overview page pages pdf'.split(
    ' ',
  ),
);
/** Words for a document that it need not use of itself. */
const KINDS_OF_DOCUMENT = stems(
  'article bill blog book booklet contract csv form invoice json letter list manual note notebook order paper post presentation receipt ' +
    'record report script sheet slide spreadsheet table website',
);
const PRICES = stems(
  'cost paid pay price spend spent kosten kostet preis prix coute couter precio cuesta prezzo costa',
);
/** What is asked for, which an answer need not name: "How old …?". */
const MEASURES = stems('age old long tall far often high large big heavy year date time number amount name');

const inOneForm = (words: readonly string[]): ReadonlySet<string> => new Set(words.flatMap(wordsOf));

type StopWords = { english: ReadonlySet<string>; all: readonly ReadonlySet<string>[] };
let lists: StopWords | undefined;
/** Made by the first question: a cold start need not wait for them. */
function stopWordLists(): StopWords {
  if (lists) return lists;
  const english = inOneForm([...eng, ...ENGLISH]);
  lists = { english, all: [english, ...[deu, fra, spa, ita, por, nld, swe, dan, nob, pol].map(inOneForm)] };
  return lists;
}

/** What the answer must hold for the question's interrogative. */
export type Asked = 'number' | 'money' | 'name' | 'yes or no' | undefined;

export interface Question {
  /** The words it is about, stemmed; none for a question that asks for the document as a whole. */
  terms: ReadonlySet<string>;
  /** The terms before the first preposition, which tell what is asked, where the others tell of whom or where. */
  focus: ReadonlySet<string>;
  /** The words it is about, as they stand in it. */
  words: ReadonlySet<string>;
  /** Stemmed words of a text, without those that say nothing in the question's language. */
  termsOf: (text: string) => string[];
  /** The terms that are names: what does not speak of them can hardly answer. */
  names: ReadonlySet<string>;
  /** Whether an answer may well do without the term. */
  isOptional: (term: string) => boolean;
  isEnglish: boolean;
  isOverview: boolean;
  asked: Asked;
  /** Of "What is X?": X, in lower case. */
  subject?: string;
}

/** Characters of a question that are read. */
const MAX_QUESTION = 1_000;

/** Reads the first 1,000 characters of a question; its language is the one whose commonest words it uses most, English when in doubt. */
export function readQuestion(question: string): Question {
  const text = question.slice(0, MAX_QUESTION);
  const words = wordsOf(text);
  const count = (list: ReadonlySet<string>): number => words.filter((word) => list.has(word)).length;
  const { english, all } = stopWordLists();
  const most = Math.max(...all.map(count));
  const stopWords = all.find((list) => count(list) === most) ?? english;
  const termsWithout = (passage: string): string[] => termsOf(passage, stopWords);
  const isEnglish = stopWords === english;
  const subject = SUBJECT.exec(text.trim())?.[1]?.toLowerCase();
  return {
    terms: new Set(termsWithout(text)),
    focus: focusOf(text, termsWithout),
    words: new Set(words.filter((word) => !stopWords.has(word))),
    termsOf: termsWithout,
    names: new Set(isEnglish ? termsWithout(namesIn(text)) : []),
    isOptional,
    isEnglish,
    isOverview: words.some((word) => OVERVIEW.has(word)),
    asked: askedIn(text, isEnglish),
    ...(subject && { subject }),
  };
}

const SUBJECT = /^(?:what|who)(?:['’]s|\s+(?:is|are|was|were))\s+(?:(?:an?|the)\s+)?([^?]*[^?\s])\s*\??$/i;
const PREPOSITION =
  /\s(?:about|at|by|for|from|in|of|on|to|with|auf|aus|bei|der|des|im|mit|von|vom|zu|zum|zur|à|dans|de|des|du|en|sur|da|del|della|di|do)\s/iu;

function focusOf(text: string, termsWithout: (text: string) => string[]): ReadonlySet<string> {
  const parts = text.split(PREPOSITION);
  return new Set(parts.map(termsWithout).find((terms) => terms.length > 0));
}

const NUMBER =
  /\b(?:when|how (?:many|much|old|long|tall|far|often|high|large|big)|what (?:year|date|time|percentage)|price|cost|costs|total|number|amount|date|wann|wie ?viele?|kostet|combien|quand|cu[aá]ndo|cu[aá]nt[oa]s?)\b/iu;
const NAME = /\b(?:who|whom|whose|where|wer|wem|wen|wo|qui|où|qui[eé]n|d[oó]nde)\b/iu;

const YES_OR_NO = /^(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should|may)\b/iu;

function askedIn(question: string, isEnglish: boolean): Asked {
  if (isEnglish && YES_OR_NO.test(question.trim())) return 'yes or no';
  if (NUMBER.test(question)) {
    return wordsOf(question).some((word) => PRICES.has(stemOf(word))) ? 'money' : 'number';
  }
  return NAME.test(question) ? 'name' : undefined;
}

/** A document need not say what kind it is, nor an answer "price". */
const isOptional = (term: string): boolean => [KINDS_OF_DOCUMENT, PRICES, MEASURES].some((words) => words.has(term));

/** Terms of the names in an English question; German, for one, writes all nouns with capitals. */
const namesIn = (text: string): string => (text.match(/(?<=\s)\p{Lu}\S*/gu) ?? []).join(' ');

/** The words that tell what a text is about, without their commonest endings. */
function termsOf(text: string, stopWords: ReadonlySet<string>): string[] {
  // "Claim # 12" is a claim number; the words of `language_info.version` count one by one.
  const plain = text.replace(/(?<=\S )#/g, ' number ').replace(/(?<=\p{L})[._](?=\p{L})/gu, ' ');
  return wordsOf(plain)
    .filter((word) => !OVERVIEW.has(word) && !stopWords.has(word))
    .map(stemOf);
}

function stemOf(word: string): string {
  const stem = word.replace(/ies$/, 'y').replace(/(?:ing|ed|es|s|ly|e)$/, '');
  return stem.length >= 3 ? stem : word;
}
