/** A collection made by chance: documents and queries of topics, and models whose vectors are made of the judgements and noise. */
import { seededRandom } from '../conformance/seededRandom';
import type { Collection, Text } from './collection';
import { gaussianVector, mixed } from './generatedVectors';
import type { MeasuredModel } from './retrievalQuality';
import { TOPICS } from './topicWords';

/** Concepts that a subject joins; its queries name all of them and its documents most. */
const CONCEPTS = 3;
const SUBJECTS_PER_TOPIC = 12;
const DOCUMENTS_PER_SUBJECT = 5;
const QUERIES_PER_SUBJECT = 2;
/** Mentions of concepts in a document: of its subject, of its topic, and of any topic. */
const MENTIONS = { subject: 6, topic: 8, any: 16 };
const DIMENSIONS = 64;

/** Length of the noise in a vector beside 1 of what is relevant; a weak model's vectors tell less than the words do. */
const NOISE = { weak: 2, middle: 1.4, strong: 0.9 };
export const LEVELS = ['weak', 'middle', 'strong'] as const;
export type NoiseLevel = (typeof LEVELS)[number];

export interface GeneratedCollection extends Collection {
  documents: () => Text[];
}

interface Subject {
  topic: (typeof TOPICS)[number];
  concepts: (readonly [string, string])[];
}

/**
 * Documents and queries of subjects, three concepts each; documents and queries name a concept by either of two words, so that words alone do not find everything. A document
 * of the query's subject is relevant: by 2 if it names all of its concepts, else by 1.
 */
export function generateCollection(seed: number, subjectsPerTopic = SUBJECTS_PER_TOPIC): GeneratedCollection {
  const random = seededRandom(seed);
  const any = <T>(of: readonly T[]): T => {
    const one = of[Math.floor(random() * of.length)];
    if (one === undefined) throw new Error('There is nothing to choose from.');
    return one;
  };
  const shuffled = <T>(of: readonly T[]): T[] =>
    of
      .map((value) => ({ value, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ value }) => value);
  const subjects = TOPICS.flatMap((topic) =>
    Array.from({ length: subjectsPerTopic }, (): Subject => ({ topic, concepts: shuffled(topic).slice(0, CONCEPTS) })),
  );
  const documents: Text[] = [];
  const queries: Text[] = [];
  const judgements = new Map<string, Map<string, number>>();
  for (const { topic, concepts } of subjects) {
    const grades = new Map<string, number>();
    for (let count = 0; count < DOCUMENTS_PER_SUBJECT; count += 1) {
      const named = random() < 0.5 ? concepts : shuffled(concepts).slice(1);
      const mentions = [
        ...Array.from({ length: MENTIONS.subject }, (_, at) => named[at % named.length] ?? any(named)),
        ...Array.from({ length: MENTIONS.topic }, () => any(topic)),
        ...Array.from({ length: MENTIONS.any }, () => any(any(TOPICS))),
      ];
      const id = `d${documents.length}`;
      documents.push({ id, text: shuffled(mentions).map(any).join(' ') });
      grades.set(id, named.length === concepts.length ? 2 : 1);
    }
    for (let count = 0; count < QUERIES_PER_SUBJECT; count += 1) {
      const id = `q${queries.length}`;
      queries.push({ id, text: shuffled(concepts).map(any).join(' ') });
      judgements.set(id, grades);
    }
  }
  // The two queries of a subject would else always fall into different halves.
  return { size: documents.length, documents: () => documents, queries: shuffled(queries), judgements };
}

/** A model that knows the judgements as well as the noise lets it. It embeds the collection's own texts and no others. */
export function noisyModel(collection: GeneratedCollection, level: NoiseLevel, seed: number): MeasuredModel {
  const random = seededRandom(seed);
  const noise = NOISE[level];
  const blurred = (...parts: [Float32Array, number][]): Float32Array =>
    mixed(...parts, [gaussianVector(random, DIMENSIONS), noise]);
  const meanings = new Map<unknown, Float32Array>();
  const vectors = new Map<string, Float32Array>();
  const relevantTo = new Map<string, [Float32Array, number][]>();
  for (const { id, text } of collection.queries) {
    const judged = collection.judgements.get(id);
    // Queries with the same judgements mean the same.
    const meaning = meanings.get(judged) ?? gaussianVector(random, DIMENSIONS);
    if (!meanings.has(judged)) {
      for (const [document, grade] of judged ?? []) {
        relevantTo.set(document, [...(relevantTo.get(document) ?? []), [meaning, grade / 2]]);
      }
    }
    meanings.set(judged, meaning);
    vectors.set(`query ${text}`, blurred([meaning, 1]));
  }
  for (const { id, text } of collection.documents()) {
    vectors.set(`document ${text}`, blurred(...(relevantTo.get(id) ?? [])));
  }
  return {
    textWeight: 1,
    embed: async (texts, kind) =>
      Promise.resolve(
        texts.map((text) => {
          const vector = vectors.get(`${kind} ${text}`);
          if (!vector) throw new Error('The text is not of the collection.');
          return vector;
        }),
      ),
  };
}
