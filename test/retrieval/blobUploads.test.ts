import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { attributesOf, uploadFileId, type UploadOutcome } from '../../src/retrieval/blobUploads';
import type { Retrieval } from '../../src/retrieval/retrieval';
import type { RetrievalPorts } from '../../src/retrieval/retrievalPorts';
import { indexed, drive, scope, testRetrieval, type TestRetrieval } from '../support/retrievalPorts';
import { withWrite } from '../support/storage';

let test: TestRetrieval;
beforeAll(async () => (test = await testRetrieval()));
afterAll(async () => test.close());

const page = { limit: 20, order: 'asc' as const };
const put = async (storeId: string, name: string, content: string) =>
  test.ports.blobs.put(`uploads/${storeId}/${name}`, Readable.from([content]));

function jobOf(outcome: UploadOutcome) {
  if (!('job' in outcome)) throw new Error(`No job: ${JSON.stringify(outcome)}`);
  return outcome.job;
}

/** Ingests the blob, as the trigger and the orchestration do. */
async function ingest(storeId: string, name: string, retrieval: Retrieval = test.retrieval): Promise<void> {
  await drive(retrieval, jobOf(await retrieval.attachUpload({ storeId, name })));
}

/** The record of a failed upload, undefined if there is none. */
async function failureOf(storeId: string, name: string): Promise<unknown> {
  const blob = await test.ports.blobs.open(`failed-uploads/${storeId}/${name}.json`);
  return blob && (JSON.parse(await text(blob.content)) as unknown);
}

/** Retrieval whose uploads have metadata, as those of Blob storage do, or none, as plain files. */
function withMetadata(metadata: Record<string, string> | undefined): Retrieval {
  const blobs: RetrievalPorts['blobs'] = {
    ...test.ports.blobs,
    open: async (name) => {
      const blob = await test.ports.blobs.open(name);
      return blob && name.startsWith('uploads/') ? { ...blob, info: { ...blob.info, metadata } } : blob;
    },
  };
  return test.restart({ blobs });
}

describe('blob uploads', () => {
  it('become files of the store that their path names, and replace what they made before', async () => {
    const { vectorStores, vectorStoreFiles, files } = test.retrieval;
    const owner = { tenant: 'team-b', project: 'p' };
    const { store } = await vectorStores.create(owner, {});
    for (const content of ['first words', 'second version']) {
      await put(store.id, 'reports/2024/a.txt', content);
      await ingest(store.id, 'reports/2024/a.txt');
    }
    const { data } = await vectorStoreFiles.list(owner, store.id, page);
    expect(data).toMatchObject([
      { id: uploadFileId(store.id, 'reports/2024/a.txt'), status: 'completed', usage_bytes: 14 },
    ]);
    expect(await files.get(owner, data[0]?.id ?? '')).toMatchObject({
      filename: 'reports/2024/a.txt',
      bytes: 14,
    });
    const chunks = await test.ports.index.chunksOf(indexed(store.id), data[0]?.id ?? '');
    expect(chunks.map((chunk) => chunk.text)).toEqual(['second version']);
  });

  it('take the metadata of the blob for attributes, each time anew; where blobs have none at all they keep those that were set', async () => {
    const { vectorStores, vectorStoreFiles } = test.retrieval;
    const { store } = await vectorStores.create(scope, {});
    const id = uploadFileId(store.id, 'a.txt');
    const attributes = async () => (await vectorStoreFiles.get(scope, store.id, id)).attributes;
    await put(store.id, 'a.txt', 'words');
    await ingest(store.id, 'a.txt', withMetadata({ team: 'otters', year: '2024' }));
    expect(await attributes()).toEqual({ team: 'otters', year: '2024' });
    await ingest(store.id, 'a.txt', withMetadata({ team: 'bats' }));
    expect(await attributes()).toEqual({ team: 'bats' });
    await ingest(store.id, 'a.txt', withMetadata(undefined));
    expect(await attributes()).toEqual({ team: 'bats' });
    await ingest(store.id, 'a.txt', withMetadata({}));
    expect(await attributes()).toEqual({});
  });

  it('leave out metadata that attributes have no room for, and name it', () => {
    const long = { ['k'.repeat(65)]: 'x', big: 'x'.repeat(513), fits: 'x'.repeat(512) };
    expect(attributesOf(long)).toEqual({
      attributes: { fits: 'x'.repeat(512) },
      leftOut: ['big', 'k'.repeat(65)],
    });
    const many = Object.fromEntries(Array.from({ length: 18 }, (_, n) => [`key${String.fromCharCode(97 + n)}`, 'v']));
    const { attributes, leftOut } = attributesOf(many);
    expect(Object.keys(attributes ?? {})).toHaveLength(16);
    expect(leftOut).toEqual(['keyq', 'keyr']);
  });

  it('pass over blobs that are gone and those that stand for folders', async () => {
    const { store } = await test.retrieval.vectorStores.create(scope, {});
    expect(await test.retrieval.attachUpload({ storeId: store.id, name: 'gone.txt' })).toEqual({ absent: true });
    await put(store.id, 'folder', '');
    const marked = withMetadata({ hdi_isfolder: 'true' });
    expect(await marked.attachUpload({ storeId: store.id, name: 'folder' })).toEqual({ absent: true });
  });

  it('have ids of their own for every store and name', () => {
    const ids = [uploadFileId('vs_1', 'a'), uploadFileId('vs_1', 'b'), uploadFileId('vs_2', 'a')];
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^file-[A-Za-z0-9]{24}$/);
  });
});

describe('a failed upload ends in a record that names the blob and why', () => {
  const expired = async () => {
    const { store } = await test.retrieval.vectorStores.create(scope, {
      expires_after: { anchor: 'last_active_at', days: 1 },
    });
    test.clock.milliseconds += 2 * 86_400_000;
    return store.id;
  };
  const unused = async () => (await test.retrieval.vectorStores.create(scope, {})).store.id;

  it.each([
    ['a store that does not exist', async () => Promise.resolve('vs_nope'), 'a.txt', 'x', "no vector store 'vs_nope'"],
    ['an expired store', expired, 'a.txt', 'x', 'expired'],
    ['a name that is too long', unused, `${'n'.repeat(300)}.txt`, 'x', 'name is longer than 255'],
    ['a blob that is too large', unused, 'a.txt', 'x'.repeat(1024 * 1024 + 1), 'at most 1048576'],
  ])('for %s', async (_why, store, name, content, reason) => {
    const storeId = await store();
    await put(storeId, name, content);
    const outcome = await test.retrieval.attachUpload({ storeId, name });
    expect(outcome).toEqual({ failed: expect.stringContaining(reason) });
    expect(await failureOf(storeId, name)).toEqual({
      blob: `uploads/${storeId}/${name}`,
      vector_store_id: storeId,
      error: { code: 'invalid_file', message: expect.stringContaining(reason) },
      failed_at: Math.floor(test.clock.milliseconds / 1000),
    });
  });

  it('for a document that cannot be read, until another one takes its place', async () => {
    const storeId = await unused();
    await put(storeId, 'a.txt', '   ');
    await ingest(storeId, 'a.txt');
    expect(await failureOf(storeId, 'a.txt')).toMatchObject({
      blob: `uploads/${storeId}/a.txt`,
      error: { code: 'invalid_file', message: expect.stringContaining('no text') },
    });
    await put(storeId, 'a.txt', 'Just text.');
    await ingest(storeId, 'a.txt');
    expect(await failureOf(storeId, 'a.txt')).toBeUndefined();
  });

  it('for a fault that may pass, which is thrown for another try', async () => {
    const storeId = await unused();
    await put(storeId, 'a.txt', 'x');
    const records = withWrite(test.ports.records, async () => Promise.reject(new Error('The disk is full.')));
    await expect(test.restart({ records }).attachUpload({ storeId, name: 'a.txt' })).rejects.toThrow('disk is full');
    expect(await failureOf(storeId, 'a.txt')).toMatchObject({ error: { code: 'server_error' } });
  });

  it('for a document that is given up after many faults', async () => {
    const storeId = await unused();
    await put(storeId, 'a.txt', 'x');
    const job = jobOf(await test.retrieval.attachUpload({ storeId, name: 'a.txt' }));
    await test.retrieval.ingestion.fail(job, [uploadFileId(storeId, 'a.txt')]);
    expect(await failureOf(storeId, 'a.txt')).toMatchObject({ error: { code: 'server_error' } });
  });
});
