import type { IngestionJob } from '../../src/retrieval/storeRecords';
import { printedSeed, seededRandom } from '../conformance/seededRandom';
import { indexed, drive, scope, testRetrieval, upload, type TestRetrieval } from '../support/retrievalPorts';

let test: TestRetrieval;
beforeAll(async () => (test = await testRetrieval()));
afterAll(async () => test.close());

const page = { limit: 100, order: 'asc' as const };

async function storeAndFiles(count: number): Promise<{ storeId: string; ids: string[] }> {
  const { store } = await test.retrieval.vectorStores.create(scope, {});
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1)
    ids.push((await upload(test.retrieval, `${index}.txt`, `file ${index}`)).id);
  return { storeId: store.id, ids };
}

describe('file batches', () => {
  it('go on without the files that do not exist, and merge ids that are named twice', async () => {
    const { fileBatches, vectorStoreFiles } = test.retrieval;
    const { storeId, ids } = await storeAndFiles(1);
    const { batch, job } = await fileBatches.create(scope, storeId, { file_ids: [...ids, 'file-x', ...ids] });
    expect(batch).toMatchObject({
      object: 'vector_store.file_batch',
      vector_store_id: storeId,
      status: 'in_progress',
      file_counts: { in_progress: 1, failed: 1, total: 2 },
    });
    await drive(test.retrieval, job);
    expect(await fileBatches.get(scope, storeId, batch.id)).toMatchObject({
      status: 'completed',
      file_counts: { completed: 1, failed: 1 },
    });
    const failed = await vectorStoreFiles.get(scope, storeId, 'file-x');
    expect(failed.last_error).toEqual({ code: 'invalid_file', message: 'No such File object: file-x' });
  });

  it('are finished at once when none of their files exists', async () => {
    const { storeId } = await storeAndFiles(0);
    const { batch } = await test.retrieval.fileBatches.create(scope, storeId, { file_ids: ['file-x'] });
    expect(batch).toMatchObject({ status: 'completed', file_counts: { in_progress: 0, failed: 1, total: 1 } });
  });

  it('give each file its own settings', async () => {
    const { storeId, ids } = await storeAndFiles(2);
    const [first = '', second = ''] = ids;
    const own = { type: 'static' as const, static: { max_chunk_size_tokens: 200, chunk_overlap_tokens: 50 } };
    await test.retrieval.fileBatches.create(scope, storeId, {
      files: [
        { file_id: first, attributes: { n: 1 } },
        { file_id: second, chunking_strategy: own },
      ],
    });
    const { data } = await test.retrieval.vectorStoreFiles.list(scope, storeId, page);
    expect(
      data.map(({ attributes, chunking_strategy }) => [attributes, chunking_strategy.static.max_chunk_size_tokens]),
    ).toEqual([
      [{ n: 1 }, 800],
      [{}, 200],
    ]);
  });

  it('take 500 files, list them in pages and by status, and keep their counts exact on the way', async () => {
    const { fileBatches, vectorStores } = test.retrieval;
    const { storeId } = await storeAndFiles(0);
    const ids = Array.from({ length: 499 }, (_, index) => `file-none-${index}`);
    const { id } = await upload(test.retrieval, 'real.txt', 'real');
    const { batch, job } = await fileBatches.create(scope, storeId, { file_ids: [...ids, id] });
    expect(batch.file_counts).toEqual({ in_progress: 1, completed: 0, failed: 499, cancelled: 0, total: 500 });
    await drive(test.retrieval, job);
    expect((await vectorStores.get(scope, storeId)).file_counts).toMatchObject({
      completed: 1,
      failed: 499,
      total: 500,
    });
    const seen: string[] = [];
    for (let after: string | undefined; ; after = seen.at(-1)) {
      const { data, hasMore } = await fileBatches.listFiles(scope, storeId, batch.id, { ...page, after });
      seen.push(...data.map((file) => file.id));
      if (!hasMore) break;
    }
    expect(seen).toEqual([...ids, id]);
    const completed = await fileBatches.listFiles(scope, storeId, batch.id, { ...page, filter: 'completed' });
    expect([completed.data.map((file) => file.id), completed.hasMore]).toEqual([[id], false]);
  });

  it('stay as they are when cancelled after their end, and cannot be had by the id of a single file', async () => {
    const { fileBatches, vectorStoreFiles } = test.retrieval;
    const { storeId, ids } = await storeAndFiles(1);
    const { batch, job } = await fileBatches.create(scope, storeId, { file_ids: ids });
    await drive(test.retrieval, job);
    expect(await fileBatches.cancel(scope, storeId, batch.id)).toMatchObject({ status: 'completed' });
    const single = await vectorStoreFiles.create(scope, storeId, { file_id: ids[0] ?? '' });
    for (const method of [fileBatches.get, fileBatches.cancel]) {
      await expect(method(scope, storeId, single.job.jobId)).rejects.toMatchObject({ status: 404 });
    }
  });

  it('keep counts equal to the files, whatever many writers do at once', async () => {
    const random = seededRandom(printedSeed('counts of vector stores'));
    const { storeId, ids } = await storeAndFiles(30);
    const { vectorStores, vectorStoreFiles, fileBatches, ingestion } = test.retrieval;
    const some = () => ids.filter(() => random() < 0.4).concat('file-none');
    const jobs: IngestionJob[] = [];
    const acts = [
      async () => void jobs.push((await fileBatches.create(scope, storeId, { file_ids: some() })).job),
      async () =>
        void jobs.push(
          (await vectorStoreFiles.create(scope, storeId, { file_id: ids[Math.floor(random() * 30)] ?? '' })).job,
        ),
      async () =>
        void (await vectorStoreFiles.remove(scope, storeId, ids[Math.floor(random() * 30)] ?? '').catch(expect404)),
      async () => {
        const job = jobs[Math.floor(random() * jobs.length)];
        if (job) await fileBatches.cancel(scope, storeId, job.jobId).catch(expect404);
      },
      async () => {
        const job = jobs[Math.floor(random() * jobs.length)];
        const groups = job ? (await ingestion.plan(job)).groups : [];
        if (job) await Promise.all(groups.map(async (group) => ingestion.ingest(job, group.slice(0, 5))));
      },
    ];
    for (let round = 0; round < 8; round += 1) {
      await Promise.all(Array.from({ length: 5 }, async () => acts[Math.floor(random() * acts.length)]?.()));
      await expectExact();
    }
    for (const job of jobs) await drive(test.retrieval, job);
    await expectExact();
    expect((await vectorStores.get(scope, storeId)).file_counts.in_progress).toBe(0);

    async function expectExact(): Promise<void> {
      const { data } = await vectorStoreFiles.list(scope, storeId, page);
      const { file_counts: counts, usage_bytes: usage } = await vectorStores.get(scope, storeId);
      const count = (status: string): number => data.filter((file) => file.status === status).length;
      expect(counts).toEqual({
        in_progress: count('in_progress'),
        completed: count('completed'),
        failed: count('failed'),
        cancelled: count('cancelled'),
        total: data.length,
      });
      expect(usage).toBe(data.reduce((sum, file) => sum + file.usage_bytes, 0));
      for (const { id, status } of data) {
        const chunks = await test.ports.index.count(indexed(storeId), id);
        if (status !== 'in_progress')
          expect([id, status, chunks]).toEqual([id, status, status === 'completed' ? 1 : 0]);
      }
    }
  });
});

const expect404 = (error: unknown): void => expect(error).toMatchObject({ status: 404 });
