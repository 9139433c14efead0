/** A collection to measure retrieval with, and how one in the BEIR layout is read. */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import type { Judgements } from './rankingMetrics';

export interface Text {
  id: string;
  text: string;
}

export interface Collection {
  /** Number of documents. */
  size: number;
  /** From the first on each time it is called. */
  documents: () => AsyncIterable<Text> | Iterable<Text>;
  /** Those for which something is relevant. */
  queries: Text[];
  /** By the query's id. */
  judgements: ReadonlyMap<string, Judgements>;
}

const line = z.object({ _id: z.coerce.string(), title: z.string().nullish(), text: z.string() });

/**
 * Reads `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv` of a folder, or all of `qrels/*.tsv` where there is no test part. A document's text is its title and its text.
 * Documents are not kept in memory. Throws for a file that is missing or has another layout.
 */
export async function readCollection(folder: string): Promise<Collection> {
  const judgements = await readJudgements(join(folder, 'qrels'));
  const queries: Text[] = [];
  for await (const query of texts(join(folder, 'queries.jsonl'))) if (judgements.has(query.id)) queries.push(query);
  const corpus = join(folder, 'corpus.jsonl');
  let size = 0;
  for await (const text of lines(corpus)) if (text) size += 1;
  return { size, documents: () => texts(corpus), queries, judgements };
}

async function* lines(file: string): AsyncGenerator<string> {
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (text.trim() !== '') yield text;
  }
}

async function* texts(file: string): AsyncGenerator<Text> {
  for await (const text of lines(file)) {
    const { _id: id, title, text: body } = line.parse(JSON.parse(text));
    yield { id, text: title ? `${title}\n${body}` : body };
  }
}

async function readJudgements(folder: string): Promise<Map<string, Map<string, number>>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.tsv'));
  const used = names.includes('test.tsv') ? ['test.tsv'] : names;
  if (used.length === 0) throw new Error(`${folder} has no .tsv file.`);
  const judgements = new Map<string, Map<string, number>>();
  for (const name of used) {
    for await (const text of lines(join(folder, name))) {
      const [query = '', document, score] = text.split('\t');
      const grade = Number(score);
      // The first line names the columns.
      if (document === undefined || Number.isNaN(grade) || grade <= 0) continue;
      judgements.set(query, (judgements.get(query) ?? new Map<string, number>()).set(document, grade));
    }
  }
  return judgements;
}
