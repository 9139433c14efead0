/**
 * `npm run bench:retrieval -- FOLDER`: how well full text, vectors and both find what is relevant in a collection of the BEIR layout, with the embedding model that the settings configure (else
 * the built-in one), and the EMBEDDING_TEXT_WEIGHT that does best. Without a folder a generated collection is measured, with vectors made of its judgements and
 * noise, and with that model. Prints Markdown.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { lanceDbIndex } from '../../src/adapters/lanceDb';
import { services } from '../../src/app';
import type { EmbeddingModel } from '../../src/models/ports';
import { printedSeed } from '../conformance/seededRandom';
import { readCollection, type Collection } from './collection';
import { generateCollection, LEVELS, noisyModel } from './generatedCollection';
import {
  measureQuality,
  type MeasuredModel,
  type Quality,
  type QualityProgress,
  type QualityReport,
} from './retrievalQuality';

/** Hybrid may be this much below the better of the two. */
const TOLERANCE = 0.005;

interface Measured {
  name: string;
  weight: number;
  report: QualityReport;
}

async function measure(name: string, collection: Collection, model: MeasuredModel): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'retrieval-bench-'));
  const index = await lanceDbIndex(folder);
  const bars = progressBars(name);
  try {
    return { name, weight: model.textWeight, report: await measureQuality(collection, model, index, bars.show) };
  } finally {
    bars.stop();
    await index.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A bar for the documents and then one for the queries; nothing where there is no terminal. */
function progressBars(name: string): { show: QualityProgress; stop: () => void } {
  let bar: SingleBar | undefined;
  let shown: string | undefined;
  return {
    show(what, done, total) {
      if (what !== shown) {
        bar?.stop();
        bar = new SingleBar({
          format: `${name}: ${what} {bar} {value}/{total}  {duration_formatted}`,
          hideCursor: true,
        });
        bar.start(total, done);
        shown = what;
      }
      bar?.update(done);
    },
    stop: () => bar?.stop(),
  };
}

function row({ name, weight, report }: Measured): string {
  const { text, vector, hybrid, configured, textWeight, queries } = report;
  const shown = (quality: Quality): string => `${quality.ndcg.toFixed(3)} / ${quality.recall.toFixed(3)}`;
  const below = Math.max(text.ndcg, vector.ndcg) - hybrid.ndcg;
  const verdict = below <= TOLERANCE ? 'yes' : `NO: ${below.toFixed(4)} below`;
  const cells = [
    name,
    queries,
    shown(text),
    shown(vector),
    shown(hybrid),
    textWeight,
    verdict,
    `${shown(configured)} (${weight})`,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The embedding model of new vector stores, with what must be set for it to be read. */
async function configuredModel(): Promise<EmbeddingModel> {
  process.env.API_KEYS ??= 'bench:bench';
  process.env.DATA_DIR = await mkdtemp(join(tmpdir(), 'retrieval-bench-'));
  return (await services()).embeddings.current;
}

async function main(): Promise<void> {
  const [folder] = process.argv.slice(2);
  const model = await configuredModel();
  const measured: Measured[] = [];
  if (folder === undefined) {
    const seed = printedSeed('bench:retrieval');
    const collection = generateCollection(seed);
    for (const level of LEVELS) {
      measured.push(await measure(`generated vectors, ${level}`, collection, noisyModel(collection, level, seed + 1)));
    }
    measured.push(await measure(model.id, collection, model));
    console.log(`Generated collection: ${collection.size} documents, SEED=${seed}.\n`);
  } else {
    const collection = await readCollection(folder);
    if (collection.queries.length < 2) throw new Error(`${folder} has fewer than two queries with judgements.`);
    measured.push(await measure(model.id, collection, model));
    console.log(`${folder}: ${collection.size} documents.\n`);
  }
  console.log(
    'nDCG@10 / recall@10 on half of the queries, one chunk a document; hybrid with the weight that did best on the other half, which is the value for EMBEDDING_TEXT_WEIGHT.\n',
  );
  console.log(
    '| embedding model | queries | full text | vector | hybrid | EMBEDDING_TEXT_WEIGHT | at most 0.005 below the better | with the weight configured now |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const each of measured) console.log(row(each));
  if (process.env.DATA_DIR) await rm(process.env.DATA_DIR, { recursive: true, force: true });
  // The services have no end of their own in a program that is not a host.
  process.exit(0);
}

void main();
