/** The helpers of the official SDK with a hundred files of many kinds. */
import { docxFile, paragraph, pptxFile } from '../fixtures/documents/officeFile';
import { pdfFile } from '../fixtures/documents/pdfFile';
import { contractSuite, sdks } from '../support/contractSuite';
import { soon } from '../support/polling';

const suite = contractSuite();

/** How the kinds of files hold a line of text. The last cannot be read. */
const kinds: [extension: string, make: (line: string) => string | Buffer][] = [
  ['txt', (line) => line],
  ['md', (line) => `# Notes\n\n${line}\n`],
  ['html', (line) => `<html><body><p>${line}</p></body></html>`],
  ['json', (line) => JSON.stringify({ line })],
  ['csv', (line) => `number,line\n1,${line}\n`],
  ['py', (line) => `# ${line}\nprint(1)\n`],
  ['docx', (line) => docxFile(paragraph(line))],
  ['pptx', (line) => pptxFile([{ title: 'Slide', line }])],
  ['pdf', (line) => pdfFile([[line]])],
  ['pdf', () => '%PDF-1.7 and nothing more'],
];
const FILES = 100;
const READABLE = FILES - FILES / kinds.length;
const lineOf = (index: number): string => `Otter keeper${index} feeds pond${index}.`;

const mixedFiles = (): File[] =>
  Array.from({ length: FILES }, (_, index) => {
    const [extension, make] = kinds[index % kinds.length] ?? ['txt', String];
    return new File([new Uint8Array(Buffer.from(make(lineOf(index))))], `${index}.${extension}`);
  });

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe.each(sdks)('with the class %s', (sdk) => {
  it('fileBatches.uploadAndPoll ingests a hundred files of many kinds, which lists give page by page and searches find', async () => {
    const { vectorStores, files } = suite.client(sdk);
    const store = await vectorStores.create({ name: 'keepers' });
    const batch = await vectorStores.fileBatches.uploadAndPoll(store.id, { files: mixedFiles() }, soon);
    const counts = { in_progress: 0, completed: READABLE, failed: FILES - READABLE, cancelled: 0, total: FILES };
    expect(batch).toMatchObject({ status: 'completed', file_counts: counts });
    expect((await vectorStores.retrieve(store.id)).file_counts).toEqual(counts);

    const place = { vector_store_id: store.id };
    const listed = await collect(vectorStores.files.list(store.id, { limit: 7, order: 'asc' }));
    expect(new Set(listed.map(({ id }) => id)).size).toBe(FILES);
    const backwards = await collect(vectorStores.files.list(store.id, { limit: 33, order: 'desc' }));
    expect(backwards.map(({ id }) => id)).toEqual(listed.map(({ id }) => id).reverse());
    const members = await collect(vectorStores.fileBatches.listFiles(batch.id, { ...place, limit: 11 }));
    expect(members.map(({ id }) => id).sort()).toEqual(listed.map(({ id }) => id).sort());
    const failed = await collect(vectorStores.files.list(store.id, { filter: 'failed', limit: 3 }));
    expect(failed).toHaveLength(FILES - READABLE);
    for (const { last_error } of failed) expect(last_error?.code).toBe('invalid_file');

    const names = new Map((await collect(files.list({ limit: 40 }))).map(({ id, filename }) => [id, filename]));
    for (let index = 0; index < kinds.length - 1; index += 1) {
      const { data } = await vectorStores.search(store.id, {
        query: `keeper${index} pond${index}`,
        max_num_results: 5,
      });
      for (const { file_id, filename } of data) expect(names.get(file_id)).toBe(filename);
      const texts = data.flatMap(({ content }) => content.map(({ text }) => text));
      expect(texts.join('\n')).toContain(lineOf(index));
    }
  }, 90_000);

  it('files.uploadAndPoll ingests a file, whose text content gives', async () => {
    const { vectorStores } = suite.client(sdk);
    const store = await vectorStores.create({});
    const [file] = mixedFiles().slice(6);
    if (!file) throw new Error('No file.');
    const added = await vectorStores.files.uploadAndPoll(store.id, file, soon);
    expect(added).toMatchObject({ status: 'completed', last_error: null });
    const parts = await collect(vectorStores.files.content(added.id, { vector_store_id: store.id }));
    expect(parts.map(({ text }) => text?.trim())).toEqual([lineOf(6)]);
  });
});

it('a hundred stores are listed page by page, each once', async () => {
  const { vectorStores } = suite.client();
  const made: string[] = [];
  for (let start = 0; start < 100; start += 10) {
    const some = await Promise.all(Array.from({ length: 10 }, async () => vectorStores.create({})));
    made.push(...some.map(({ id }) => id));
  }
  const listed = (await collect(vectorStores.list({ limit: 9 }))).map(({ id }) => id);
  expect(new Set(listed).size).toBe(listed.length);
  expect(listed).toEqual(expect.arrayContaining(made));
});
