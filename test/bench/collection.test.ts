import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCollection } from './collection';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'beir-'));
  await mkdir(join(folder, 'qrels'));
  const jsonl = (rows: object[]) => rows.map((row) => JSON.stringify(row)).join('\n');
  await writeFile(
    join(folder, 'corpus.jsonl'),
    `${jsonl([
      { _id: 'd1', title: 'Whales', text: 'Large mammals.', metadata: {} },
      { _id: 'd2', title: '', text: 'Cats sleep.' },
      { _id: 3, text: 'Cars.' },
    ])}\n`,
  );
  await writeFile(
    join(folder, 'queries.jsonl'),
    jsonl([
      { _id: 'q1', text: 'sea?' },
      { _id: 'q2', text: 'sofa?' },
      { _id: 'q3', text: 'unjudged' },
    ]),
  );
  await writeFile(join(folder, 'qrels', 'train.tsv'), 'query-id\tcorpus-id\tscore\nq2\td2\t1\n');
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

describe('a collection of the BEIR layout', () => {
  it('is read with titles, the queries that are judged and the grades', async () => {
    await writeFile(
      join(folder, 'qrels', 'test.tsv'),
      'query-id\tcorpus-id\tscore\r\nq1\td1\t2\r\nq1\td2\t0\r\nq1\t3\t1\r\n',
    );
    const collection = await readCollection(folder);
    expect(collection.size).toBe(3);
    for (let time = 0; time < 2; time += 1) {
      const documents = [];
      for await (const document of collection.documents()) documents.push(document);
      expect(documents).toEqual([
        { id: 'd1', text: 'Whales\nLarge mammals.' },
        { id: 'd2', text: 'Cats sleep.' },
        { id: '3', text: 'Cars.' },
      ]);
    }
    expect(collection.queries).toEqual([{ id: 'q1', text: 'sea?' }]);
    expect(collection.judgements).toEqual(
      new Map([
        [
          'q1',
          new Map([
            ['d1', 2],
            ['3', 1],
          ]),
        ],
      ]),
    );
  });

  it('goes by all parts where there is no test part', async () => {
    expect((await readCollection(folder)).queries.map(({ id }) => id)).toEqual(['q2']);
  });

  it('is refused where a file is missing', async () => {
    await rm(join(folder, 'corpus.jsonl'));
    await expect(readCollection(folder)).rejects.toThrow('corpus.jsonl');
    await rm(join(folder, 'qrels', 'train.tsv'));
    await expect(readCollection(folder)).rejects.toThrow('.tsv');
  });
});
