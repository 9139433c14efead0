import { fileBlob } from '../../src/retrieval/files';
import { FILE_BATCH_DUE } from '../../src/retrieval/dueJobs';
import type { Retrieval } from '../../src/retrieval/retrieval';
import type { IngestionJob } from '../../src/retrieval/storeRecords';
import { ModelError, type EmbeddingModel } from '../../src/models/ports';
import { indexed, drive, scope, testRetrieval, upload, wordModel, type TestRetrieval } from '../support/retrievalPorts';

let test: TestRetrieval;
beforeAll(async () => (test = await testRetrieval()));
afterAll(async () => test.close());

const page = { limit: 100, order: 'asc' as const };

/** A store, and a batch of files with these texts in it. */
async function batchOf(texts: string[], retrieval: Retrieval = test.retrieval) {
  const { store } = await retrieval.vectorStores.create(scope, {});
  const ids: string[] = [];
  for (const [index, text] of texts.entries()) ids.push((await upload(retrieval, `${index}.txt`, text)).id);
  const { batch, job } = await retrieval.fileBatches.create(scope, store.id, { file_ids: ids });
  return { storeId: store.id, ids, batch, job };
}

const withModel = (model: EmbeddingModel): Retrieval =>
  test.restart({ embeddings: { current: model, byId: () => model } });
const countsOf = async (storeId: string) => (await test.retrieval.vectorStores.get(scope, storeId)).file_counts;
const statusOf = async (storeId: string, id: string) => {
  const { status, last_error } = await test.retrieval.vectorStoreFiles.get(scope, storeId, id);
  return [status, last_error?.code];
};

describe('planning', () => {
  it('puts up to 64 small files into a group and large ones alone, in order', async () => {
    const large = 'x '.repeat(450_000);
    const small = Array.from({ length: 68 }, (_, index) => `text ${index}`);
    const { ids, job } = await batchOf([large, large, large, large, large, ...small]);
    const { groups } = await test.retrieval.ingestion.plan(job);
    expect(groups.map((group) => group.length)).toEqual([4, 64, 5]);
    expect(groups.flat()).toEqual(ids);
  });

  it('plans nothing for a job that is finished or gone', async () => {
    const { job } = await batchOf(['a']);
    await drive(test.retrieval, job);
    expect((await test.retrieval.ingestion.plan(job)).groups).toEqual([]);
    expect(await test.retrieval.ingestion.plan({ ...job, jobId: 'vsfb_x' })).toEqual({ groups: [] });
  });
});

describe('ingesting', () => {
  it('is idempotent: again after a crash at any point, counts and chunks are the same', async () => {
    const { storeId, ids, job } = await batchOf(['one whale', 'two dolphins', 'three seals']);
    const writes = jest.spyOn(test.ports.records, 'write').mockRejectedValueOnce(new Error('killed'));
    await expect(test.retrieval.ingestion.ingest(job, ids)).rejects.toThrow('killed');
    writes.mockRestore();
    expect(await countsOf(storeId)).toMatchObject({ in_progress: 3, total: 3 });
    for (let times = 0; times < 3; times += 1) await test.retrieval.ingestion.ingest(job, ids);
    expect(await countsOf(storeId)).toEqual({ in_progress: 0, completed: 3, failed: 0, cancelled: 0, total: 3 });
    expect(await test.ports.index.count(indexed(storeId))).toBe(3);
    expect(await test.retrieval.fileBatches.get(scope, storeId, job.jobId)).toMatchObject({ status: 'completed' });
  });

  it('lets a file that cannot be read fail by itself, with the reason', async () => {
    const { storeId, ids, job } = await batchOf(['fine', '   ', 'fine too']);
    await test.ports.blobs.delete(fileBlob(scope, ids[2] ?? ''));
    await drive(test.retrieval, job);
    expect(await Promise.all(ids.map(async (id) => statusOf(storeId, id)))).toEqual([
      ['completed', undefined],
      ['failed', 'invalid_file'],
      ['failed', 'invalid_file'],
    ]);
    const { status, file_counts } = await test.retrieval.fileBatches.get(scope, storeId, job.jobId);
    expect([status, file_counts]).toEqual([
      'completed',
      { in_progress: 0, completed: 1, failed: 2, cancelled: 0, total: 3 },
    ]);
  });

  it.each([
    ['is down', new ModelError('unavailable', 'It is down.'), false],
    ['is left alone', new ModelError('unavailable', 'It is left alone.', { retryAfterSeconds: 5 }), true],
    ['limits its rate for longer than is waited', new ModelError('rate_limited', 'Too many calls.'), false],
  ])(
    'leaves files pending while the model service %s, and fails them with its words',
    async (_what, error, isToWait) => {
      const down: EmbeddingModel = { ...wordModel, embed: async () => Promise.reject(error) };
      const { storeId, ids, job } = await batchOf(['a', '   ', 'b']);
      const [one = '', empty = '', two = ''] = ids;
      const { faulty, faults, reason } = await withModel(down).ingestion.ingest(job, ids);
      expect([faulty, faults]).toEqual([[one, two], [error]]);
      expect(reason).toEqual({ message: error.message, isToWait });
      expect(await countsOf(storeId)).toEqual({ in_progress: 2, completed: 0, failed: 1, cancelled: 0, total: 3 });
      expect(await statusOf(storeId, empty)).toEqual(['failed', 'invalid_file']);
      await test.retrieval.ingestion.ingest(job, [one]);
      await test.retrieval.ingestion.fail(job, faulty, error.message);
      expect(await countsOf(storeId)).toEqual({ in_progress: 0, completed: 1, failed: 2, cancelled: 0, total: 3 });
      const { last_error } = await test.retrieval.vectorStoreFiles.get(scope, storeId, two);
      expect(last_error).toEqual({ code: 'server_error', message: error.message });
    },
  );

  it.each([
    ['whose quota is used up', new ModelError('rate_limited', 'Pay first.', { code: 'insufficient_quota' })],
    ['that is not configured', new ModelError('not_found', 'Set EMBEDDING_DEPLOYMENT.')],
  ])('fails files at once with the words of a model %s', async (_what, error) => {
    const hopeless: EmbeddingModel = { ...wordModel, embed: async () => Promise.reject(error) };
    const { storeId, ids, job } = await batchOf(['a', 'b']);
    await drive(withModel(hopeless), job);
    const file = await test.retrieval.vectorStoreFiles.get(scope, storeId, ids[0] ?? '');
    expect([file.status, file.last_error]).toEqual(['failed', { code: 'server_error', message: error.message }]);
  });

  it('keeps what it embedded one by one when the model goes down', async () => {
    let calls = 0;
    const failing: EmbeddingModel = {
      ...wordModel,
      embed: async (texts, kind) => {
        calls += 1;
        if (texts.some((text) => text.includes('poison'))) throw new ModelError('invalid_request', 'Refused.');
        if (calls > 3) throw new ModelError('unavailable', 'It is down.');
        return wordModel.embed(texts, kind);
      },
    };
    const { storeId, ids, job } = await batchOf(['good', 'poison', 'late']);
    expect((await withModel(failing).ingestion.ingest(job, ids)).faulty).toEqual([ids[2]]);
    const statuses = await Promise.all(ids.map(async (id) => (await statusOf(storeId, id))[0]));
    expect(statuses).toEqual(['completed', 'failed', 'in_progress']);
  });

  it('fails only the file whose text the model refuses', async () => {
    const picky: EmbeddingModel = {
      ...wordModel,
      embed: async (texts, kind) => {
        if (texts.some((text) => text.includes('poison'))) throw new ModelError('invalid_request', 'Refused.');
        return wordModel.embed(texts, kind);
      },
    };
    const { storeId, ids, job } = await batchOf(['good', 'poison', 'better']);
    await drive(withModel(picky), job);
    const statuses = await Promise.all(ids.map(async (id) => (await statusOf(storeId, id))[0]));
    expect(statuses).toEqual(['completed', 'failed', 'completed']);
  });

  it('hands the model at most 256 chunks at a time', async () => {
    const calls: number[] = [];
    const counting: EmbeddingModel = {
      ...wordModel,
      embed: async (texts, kind) => {
        calls.push(texts.length);
        return wordModel.embed(texts, kind);
      },
    };
    const { store } = await test.retrieval.vectorStores.create(scope, {});
    const file = await upload(
      test.retrieval,
      'long.txt',
      Array.from({ length: 15_000 }, (_, n) => `Item ${n}.`).join('\n'),
    );
    const chunking_strategy = {
      type: 'static' as const,
      static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 0 },
    };
    const { job } = await test.retrieval.vectorStoreFiles.create(scope, store.id, {
      file_id: file.id,
      chunking_strategy,
    });
    await drive(withModel(counting), job);
    expect(Math.max(...calls)).toBe(256);
    expect(calls.reduce((sum, count) => sum + count)).toBe(await test.ports.index.count(indexed(store.id)));
  });

  it('embeds the chunks of small files together: 64 files take one call', async () => {
    const calls: number[] = [];
    const counting: EmbeddingModel = {
      ...wordModel,
      embed: async (texts, kind) => {
        calls.push(texts.length);
        return wordModel.embed(texts, kind);
      },
    };
    const { job } = await batchOf(Array.from({ length: 64 }, (_, n) => `Otter ${n}.`));
    await drive(withModel(counting), job);
    expect(calls).toEqual([64]);
  });

  it('asks the model for nothing more once the batch is cancelled', async () => {
    let calls = 0;
    const cancelling: EmbeddingModel = {
      ...wordModel,
      embed: async (texts, kind) => {
        calls += 1;
        await test.retrieval.fileBatches.cancel(scope, job.storeId, job.jobId);
        return wordModel.embed(texts, kind);
      },
    };
    const text = Array.from({ length: 60_000 }, (_, n) => `Item ${n}.`).join('\n');
    const { job } = await batchOf([text]);
    await drive(withModel(cancelling), job);
    expect(calls).toBe(1);
    expect(await test.ports.index.count(indexed(job.storeId))).toBe(0);
    const batch = await test.retrieval.fileBatches.get(scope, job.storeId, job.jobId);
    expect(batch).toMatchObject({ status: 'cancelled', file_counts: { cancelled: 1, total: 1 } });
  });

  it('lets small files pass the large ones that wait for their turn', async () => {
    const gate = Promise.withResolvers<void>();
    const parse = async ({ bytes }: { bytes: number }) => {
      if (bytes > 4_000_000) await gate.promise;
      return [{ text: 'whale' }];
    };
    const retrieval = test.restart({ parser: { parse }, maxFileBytes: 5_000_000 });
    const large = await batchOf(
      Array.from({ length: 5 }, () => 'x '.repeat(2_200_000)),
      retrieval,
    );
    const small = await batchOf(['whale'], retrieval);
    const atWork = large.ids.map(async (id) => retrieval.ingestion.ingest(large.job, [id]));
    expect((await retrieval.ingestion.ingest(small.job, small.ids)).counts).toMatchObject({ completed: 1 });
    expect(await countsOf(large.storeId)).toMatchObject({ in_progress: 5 });
    gate.resolve();
    await Promise.all(atWork);
    expect(await countsOf(large.storeId)).toMatchObject({ completed: 5 });
  });

  it('leaves files pending that met a fault of storage, and the rest done', async () => {
    const { storeId, ids, job } = await batchOf(['a', 'b']);
    jest.spyOn(test.ports.blobs, 'info').mockRejectedValueOnce(new Error('disk'));
    const { faulty, faults } = await test.retrieval.ingestion.ingest(job, ids);
    expect([faulty, faults]).toEqual([[ids[0]], [new Error('disk')]]);
    expect(await countsOf(storeId)).toMatchObject({ in_progress: 1, completed: 1 });
    expect((await test.retrieval.ingestion.plan(job)).groups).toEqual([[ids[0]]]);
    await test.retrieval.ingestion.fail(job, faulty);
    expect(await statusOf(storeId, ids[0] ?? '')).toEqual(['failed', 'server_error']);
  });
});

describe('what happens while files are ingested', () => {
  /** Runs `interfere` after the files were read, before their chunks are written. */
  async function whileIngesting(job: IngestionJob, ids: string[], interfere: () => Promise<unknown>): Promise<void> {
    const slow: EmbeddingModel = {
      ...wordModel,
      embed: async (texts, kind) => {
        await interfere();
        return wordModel.embed(texts, kind);
      },
    };
    await withModel(slow).ingestion.ingest(job, ids);
  }

  it('a file removed from the store leaves no chunks, and counts as cancelled in its batch', async () => {
    const { storeId, ids, job } = await batchOf(['a', 'b']);
    await whileIngesting(job, ids, async () => test.retrieval.vectorStoreFiles.remove(scope, storeId, ids[0] ?? ''));
    expect(await test.ports.index.count(indexed(storeId))).toBe(1);
    expect(await countsOf(storeId)).toEqual({ in_progress: 0, completed: 1, failed: 0, cancelled: 0, total: 1 });
    const batch = await test.retrieval.fileBatches.get(scope, storeId, job.jobId);
    expect(batch).toMatchObject({ status: 'completed', file_counts: { completed: 1, cancelled: 1, total: 2 } });
  });

  it('a cancelled batch leaves no chunks of the files that were not done', async () => {
    const { storeId, ids, job } = await batchOf(['a', 'b', 'c']);
    await test.retrieval.ingestion.ingest(job, ids.slice(0, 1));
    let answer: unknown;
    await whileIngesting(job, ids, async () => {
      answer = await test.retrieval.fileBatches.cancel(scope, storeId, job.jobId);
    });
    expect(answer).toMatchObject({ status: 'cancelling', file_counts: { in_progress: 2, completed: 1, total: 3 } });
    const batch = await test.retrieval.fileBatches.get(scope, storeId, job.jobId);
    expect(batch).toMatchObject({ status: 'cancelled', file_counts: { in_progress: 0, completed: 1, cancelled: 2 } });
    expect(await countsOf(storeId)).toEqual(batch.file_counts);
    expect(await test.ports.index.count(indexed(storeId))).toBe(1);
  });

  it('a deleted store leaves no chunks', async () => {
    const { storeId, ids, job } = await batchOf(['a']);
    await whileIngesting(job, ids, async () => test.retrieval.vectorStores.remove(scope, storeId));
    expect(await test.ports.index.count(indexed(storeId))).toBe(0);
    expect(await test.retrieval.ingestion.plan(job)).toEqual({ groups: [] });
  });

  it('a file added again is left to the later job', async () => {
    const { storeId, ids, job } = await batchOf(['some words']);
    const [id = ''] = ids;
    let later: IngestionJob | undefined;
    await whileIngesting(job, ids, async () => {
      later = (await test.retrieval.vectorStoreFiles.create(scope, storeId, { file_id: id, attributes: { n: 2 } })).job;
      await drive(test.retrieval, later);
    });
    expect(await test.retrieval.fileBatches.get(scope, storeId, job.jobId)).toMatchObject({ status: 'completed' });
    expect(await test.retrieval.vectorStoreFiles.get(scope, storeId, id)).toMatchObject({
      status: 'completed',
      attributes: { n: 2 },
    });
    expect(await countsOf(storeId)).toMatchObject({ completed: 1, total: 1 });
    expect(await test.ports.index.count(indexed(storeId))).toBe(1);
  });
});

describe('the sweep', () => {
  const dueNow = async (job: IngestionJob) =>
    (await test.ports.records.due(Math.floor(test.clock.milliseconds / 1000), 1000)).filter(
      ({ id }) => id === job.jobId,
    );

  it('starts a job that nobody drives, again and again until it is finished', async () => {
    const { job } = await batchOf(['a']);
    expect(await dueNow(job)).toEqual([]);
    test.clock.milliseconds += 15_000;
    const started: IngestionJob[] = [];
    const sweep = async (): Promise<void> => {
      for (const due of await dueNow(job)) {
        expect(due.kind).toBe(FILE_BATCH_DUE);
        await test.retrieval.ingestion.due(due, async (found) => void started.push(found));
      }
    };
    await sweep();
    await sweep();
    expect(started).toEqual([job]);
    test.clock.milliseconds += 30_000;
    await sweep();
    expect(started).toEqual([job, job]);
    await drive(test.retrieval, job);
    test.clock.milliseconds += 30_000;
    await sweep();
    expect(started).toHaveLength(2);
    expect(await dueNow(job)).toEqual([]);
  });

  it('lets a job whose writer died go on with the files that are there', async () => {
    const { store } = await test.retrieval.vectorStores.create(scope, {});
    const ids: string[] = [];
    for (let index = 0; index < 20; index += 1)
      ids.push((await upload(test.retrieval, `${index}.txt`, `text ${index}`)).id);
    const { write } = test.ports.records;
    const died = jest
      .spyOn(test.ports.records, 'write')
      .mockImplementationOnce(write)
      .mockImplementationOnce(write)
      .mockImplementationOnce(write)
      .mockRejectedValueOnce(new Error('died'));
    await expect(test.retrieval.fileBatches.create(scope, store.id, { file_ids: ids })).rejects.toThrow('died');
    died.mockRestore();
    const counts = await countsOf(store.id);
    expect([counts.in_progress, counts.total]).toEqual([12, 12]);
    const sweep = async (seconds: number) => {
      test.clock.milliseconds += seconds * 1000;
      const started: IngestionJob[] = [];
      const all = await test.ports.records.due(Math.floor(test.clock.milliseconds / 1000), 1000);
      const due = all.filter(({ data }) => data.store === store.id);
      for (const record of due) await test.retrieval.ingestion.due(record, async (job) => void started.push(job));
      return started;
    };
    expect(await sweep(15)).toEqual([]);
    const [job] = await sweep(300);
    if (!job) throw new Error('The job was not started.');
    await drive(test.retrieval, job);
    expect(await countsOf(store.id)).toMatchObject({ completed: 12, total: 12 });
    expect((await test.retrieval.fileBatches.listFiles(scope, store.id, job.jobId, page)).data).toHaveLength(12);
  });
});
