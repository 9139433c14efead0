import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lanceDbIndex } from '../../src/adapters/lanceDb';
import { localEmbeddings } from '../../src/adapters/localEmbeddings';
import type { VectorIndex } from '../../src/retrieval/ports';
import { generateCollection, noisyModel } from '../bench/generatedCollection';
import { measureQuality, type MeasuredModel } from '../bench/retrievalQuality';
import { wordModel } from '../support/retrievalPorts';

/** Chosen once: on few queries chance alone can put hybrid below. `npm run bench:retrieval` measures more, with a seed of its own. */
const SEED = Number(process.env.SEED ?? 1);

let folder: string;
let index: VectorIndex;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quality-'));
  index = await lanceDbIndex(folder);
});
afterEach(async () => {
  await index.close();
  await rm(folder, { recursive: true, force: true });
});

async function expectHybridAtLeast(subjectsPerTopic: number, modelOf: (seed: number) => MeasuredModel) {
  const collection = generateCollection(SEED, subjectsPerTopic);
  const report = await measureQuality(collection, modelOf(SEED), index);
  const { text, vector, hybrid, queries } = report;
  expect(queries).toBe(collection.queries.length / 2);
  expect(hybrid.ndcg).toBeGreaterThanOrEqual(Math.max(text.ndcg, vector.ndcg) - 0.005);
  return report;
}

describe(`hybrid search of a generated collection (SEED=${SEED})`, () => {
  it.each([
    ['weak', 'text'],
    ['middle', 'either'],
    ['strong', 'vector'],
  ] as const)('is never more than 0.005 below the better of the two with a %s model', async (level, better) => {
    const subjects = 6;
    const collection = generateCollection(SEED, subjects);
    const report = await expectHybridAtLeast(subjects, (seed) => noisyModel(collection, level, seed + 1));
    // The levels are what they are called: below, about as good as, and above full text.
    const difference = report.vector.ndcg - report.text.ndcg;
    if (better === 'text') expect(difference).toBeLessThan(-0.2);
    else if (better === 'vector') expect(difference).toBeGreaterThan(0.15);
    else expect(Math.abs(difference)).toBeLessThan(0.3);
  });

  it('is never more than 0.005 below the better of the two with vectors that know no more than the words', async () => {
    await expectHybridAtLeast(6, () => wordModel);
  });

  it('is never more than 0.005 below the better of the two with the built-in model', async () => {
    const local = localEmbeddings();
    try {
      await expectHybridAtLeast(5, () => local);
    } finally {
      await local.close();
    }
  }, 60_000);
});
