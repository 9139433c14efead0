/** How well full text, vectors and both together find what is relevant, and which weight of the text does best. */
import type { EmbeddingModel } from '../../src/models/ports';
import type { RankingWeights, ScoredChunk, VectorIndex } from '../../src/retrieval/ports';
import { fuseByRank } from '../../src/retrieval/rankFusion';
import type { Collection, Text } from './collection';
import { ndcg, recall, type Judgements } from './rankingMetrics';

const DEPTH = 10;
/** What each ranking brings to the fusion in a search of ten results. */
const CANDIDATES = 50;
const BATCH = 256;
const STORE = { tenant: 'bench', id: 'vs_quality' };
/** Weights of the text that are tried, from vectors alone to text first in every case. */
const WEIGHTS = [0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 10, 20, 50, 1000];

/** Means over the queries. */
export interface Quality {
  ndcg: number;
  recall: number;
}

export interface QualityReport {
  /** Weight that did best on half of the queries, by nDCG. */
  textWeight: number;
  /** Of the other half: all that follows is measured on it. */
  queries: number;
  text: Quality;
  vector: Quality;
  /** With `textWeight`. */
  hybrid: Quality;
  /** With the weight that the model has in searches now. */
  configured: Quality;
}

export interface QualityProgress {
  (what: 'documents' | 'queries', done: number, total: number): void;
}

/** A model under measurement. */
export type MeasuredModel = Pick<EmbeddingModel, 'embed' | 'textWeight'>;

/**
 * Puts the collection into a store of the index, one chunk a document whatever its length, and searches it. The queries at even places tune the weight, the others measure.
 */
export async function measureQuality(
  collection: Collection,
  model: MeasuredModel,
  index: VectorIndex,
  progress: QualityProgress = () => undefined,
): Promise<QualityReport> {
  await fill(collection, model, index, progress);
  const asked = await rankAlone(collection, model, index, progress);
  const tuning = asked.filter((_, at) => at % 2 === 0);
  const measured = asked.filter((_, at) => at % 2 === 1);
  const textWeight = bestWeight(tuning);
  // Through the index as a search of the product, not by the rankings at hand.
  const searched = async (text: number): Promise<Quality> => {
    const weights: RankingWeights = { vector: 1, text };
    const rankings: string[][] = [];
    for (const { query, vector } of measured) {
      rankings.push(idsOf(await index.search(STORE, { text: query.text, vector, weights, limit: DEPTH + 1 }), query));
    }
    return quality(measured, (_, at) => rankings[at] ?? []);
  };
  return {
    textWeight,
    queries: measured.length,
    text: quality(measured, ({ byText, query }) => idsOf(byText, query)),
    vector: quality(measured, ({ byVector, query }) => idsOf(byVector, query)),
    hybrid: await searched(textWeight),
    configured: await searched(model.textWeight),
  };
}

async function fill(
  collection: Collection,
  model: MeasuredModel,
  index: VectorIndex,
  progress: QualityProgress,
): Promise<void> {
  let done = 0;
  const put = async (batch: Text[]): Promise<void> => {
    const ids = batch.map(({ id }) => id);
    const chunks = batch.map(({ id, text }) => ({ fileId: id, ordinal: 0, text }));
    const vectors = await model.embed(
      batch.map(({ text }) => text),
      'document',
    );
    await index.replaceFiles(STORE, ids, chunks, vectors);
    done += batch.length;
    progress('documents', done, collection.size);
  };
  let batch: Text[] = [];
  for await (const document of collection.documents()) {
    batch.push(document);
    if (batch.length < BATCH) continue;
    await put(batch);
    batch = [];
  }
  if (batch.length > 0) await put(batch);
  await index.optimize(STORE);
}

interface AskedQuery {
  query: Text;
  vector: Float32Array;
  judgements: Judgements;
  byText: ScoredChunk[];
  byVector: ScoredChunk[];
}

async function rankAlone(
  { queries, judgements }: Collection,
  model: MeasuredModel,
  index: VectorIndex,
  progress: QualityProgress,
): Promise<AskedQuery[]> {
  const asked: AskedQuery[] = [];
  for (let start = 0; start < queries.length; start += BATCH) {
    const batch = queries.slice(start, start + BATCH);
    const vectors = await model.embed(
      batch.map(({ text }) => text),
      'query',
    );
    for (const [at, query] of batch.entries()) {
      const vector = vectors[at] ?? new Float32Array();
      const search = { text: query.text, vector, limit: CANDIDATES };
      const byVector = await index.search(STORE, { ...search, weights: { vector: 1, text: 0 } });
      const byText = await index.search(STORE, { ...search, weights: { vector: 0, text: 1 } });
      asked.push({ query, vector, judgements: judgements.get(query.id) ?? new Map(), byText, byVector });
      progress('queries', asked.length, queries.length);
    }
  }
  return asked;
}

/** A query that is itself a document of the collection does not count as its own answer. */
const idsOf = (chunks: ScoredChunk[], query: Text): string[] =>
  chunks.map(({ fileId }) => fileId).filter((id) => id !== query.id);

function quality(asked: AskedQuery[], rankingOf: (query: AskedQuery, at: number) => string[]): Quality {
  const sum = { ndcg: 0, recall: 0 };
  asked.forEach((query, at) => {
    const ranking = rankingOf(query, at);
    sum.ndcg += ndcg(ranking, query.judgements, DEPTH);
    sum.recall += recall(ranking, query.judgements, DEPTH);
  });
  return { ndcg: sum.ndcg / asked.length, recall: sum.recall / asked.length };
}

/**
 * The weight with the highest nDCG; of equals the first. Where it beats vectors alone and text first by less than two standard errors of the difference, that can be
 * chance, since it is the best of many: then the better of those two is taken, which on other queries is as likely better.
 */
function bestWeight(tuning: AskedQuery[]): number {
  const scored = WEIGHTS.map((weight) => {
    const each = tuning.map((query) => ndcg(fused(query, weight), query.judgements, DEPTH));
    return { weight, each, mean: mean(each) };
  });
  const better = (a: (typeof scored)[number], b: (typeof scored)[number]) => (b.mean > a.mean ? b : a);
  const best = scored.reduce(better);
  const ends = scored.filter((_, at) => at === 0 || at === scored.length - 1).reduce(better);
  const gains = best.each.map((value, at) => value - (ends.each[at] ?? 0));
  const gain = mean(gains);
  const error = Math.sqrt(mean(gains.map((value) => (value - gain) ** 2)) / gains.length);
  return gain > 2 * error ? best.weight : ends.weight;
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function fused({ byText, byVector, query }: AskedQuery, text: number): string[] {
  const found = (chunks: ScoredChunk[]) => chunks.map(({ fileId, score }) => ({ id: fileId, closeness: score }));
  const vector = { found: found(byVector), weight: 1, isCut: false };
  const rankings = text === 0 ? [vector] : [vector, { found: found(byText), weight: text, isCut: false }];
  return fuseByRank(rankings)
    .map(({ id }) => id)
    .filter((id) => id !== query.id);
}
