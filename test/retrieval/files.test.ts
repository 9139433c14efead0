import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileBlob } from '../../src/retrieval/files';
import { indexed, drive, scope, testRetrieval, upload, type TestRetrieval } from '../support/retrievalPorts';

let test: TestRetrieval;
beforeAll(async () => (test = await testRetrieval()));
afterAll(async () => test.close());

const page = { limit: 10_000, order: 'desc' as const };

describe('files', () => {
  it('gives back what was uploaded', async () => {
    const { files } = test.retrieval;
    const file = await upload(test.retrieval, 'notes.txt', 'some text');
    expect(file).toMatchObject({
      object: 'file',
      bytes: 9,
      filename: 'notes.txt',
      purpose: 'assistants',
      expires_at: null,
    });
    expect(await files.get(scope, file.id)).toEqual(file);
    const { content, size } = await files.content(scope, file.id);
    expect([await text(content), size]).toEqual(['some text', 9]);
  });

  it('never shows a file to another tenant or project', async () => {
    const { files } = test.retrieval;
    const { id } = await upload(test.retrieval, 'secret.txt', 'secret');
    for (const other of [
      { tenant: 'team-b', project: '-' },
      { tenant: 'team-a', project: 'p' },
    ]) {
      await expect(files.get(other, id)).rejects.toMatchObject({ status: 404 });
      await expect(files.remove(other, id)).rejects.toMatchObject({ status: 404 });
      expect((await files.list(other, page)).data).toEqual([]);
    }
  });

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\docs\\a.txt', 'a.txt'],
    ['a\u0000b\nc.txt', 'abc.txt'],
  ])('keeps of the name %j only %j', async (given, kept) => {
    expect((await upload(test.retrieval, given, 'x')).filename).toBe(kept);
  });

  it('refuses names that are empty or over 255 characters', async () => {
    for (const name of ['..', 'folder/', 'a'.repeat(256)]) {
      await expect(upload(test.retrieval, name, 'x')).rejects.toMatchObject({
        status: 400,
        details: { param: 'file' },
      });
    }
    expect((await upload(test.retrieval, 'é'.repeat(255), 'x')).filename).toHaveLength(255);
  });

  it('keeps nothing of an upload that is empty, too large, without a file or with wrong fields', async () => {
    const { blobs } = test.ports;
    const put = jest.spyOn(blobs, 'put');
    const { files } = test.retrieval;
    await expect(upload(test.retrieval, 'empty.txt', '')).rejects.toThrow('File is empty.');
    await expect(upload(test.retrieval, 'large.txt', 'x'.repeat(1024 * 1024 + 1))).rejects.toMatchObject({
      status: 413,
    });
    await expect(
      files.create(scope, async (take) => {
        await take(Readable.from(['x']), 'x.txt');
        throw new Error('wrong field');
      }),
    ).rejects.toThrow('wrong field');
    const without = files.create(scope, async () =>
      Promise.resolve({ file: undefined, fields: { purpose: 'assistants' } }),
    );
    await expect(without).rejects.toMatchObject({ status: 400, details: { param: 'file' } });
    expect(put).toHaveBeenCalledTimes(3);
    for (const [name] of put.mock.calls) expect(await blobs.info(name)).toBeUndefined();
    put.mockRestore();
  });

  it('tells why the content was refused, whatever the reader of the form makes of it', async () => {
    const { files } = test.retrieval;
    const empty = async (end: () => { file: undefined; fields: { purpose: 'assistants' } }) =>
      files.create(scope, async (take) => {
        await take(Readable.from([]), 'x.txt').catch(() => undefined);
        return end();
      });
    await expect(empty(() => ({ file: undefined, fields: { purpose: 'assistants' } }))).rejects.toThrow(
      'File is empty.',
    );
    const aborted = () => {
      throw new Error('aborted');
    };
    await expect(empty(aborted)).rejects.toThrow('File is empty.');
  });

  it('pages by purpose without gaps or repeats', async () => {
    const { files } = test.retrieval;
    const other = { tenant: 'pages', project: '-' };
    const ids: string[] = [];
    for (let index = 0; index < 9; index += 1) {
      const file = await files.create(other, async (take) => ({
        file: await take(Readable.from(['x']), `${index}.txt`),
        fields: { purpose: index % 3 === 0 ? 'vision' : 'assistants' },
      }));
      if (index % 3 !== 0) ids.push(file.id);
    }
    const query = { limit: 4, order: 'asc' as const, purpose: 'assistants' };
    const first = await files.list(other, query);
    const second = await files.list(other, { ...query, after: first.data.at(-1)?.id });
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
    expect([first.hasMore, second.hasMore]).toEqual([true, false]);
    await expect(files.list(other, { ...query, after: 'file-nope' })).rejects.toMatchObject({ status: 400 });
  });

  it('deletes content and record', async () => {
    const { files } = test.retrieval;
    const { id } = await upload(test.retrieval, 'gone.txt', 'x');
    expect(await files.remove(scope, id)).toEqual({ id, object: 'file', deleted: true });
    await expect(files.get(scope, id)).rejects.toMatchObject({ status: 404 });
    await expect(files.remove(scope, id)).rejects.toMatchObject({ status: 404 });
    expect(await test.ports.blobs.info(fileBlob(scope, id))).toBeUndefined();
  });

  it('takes a deleted file out of every vector store, also one whose store is gone', async () => {
    const { removeFile, vectorStores, vectorStoreFiles, fileBatches } = test.retrieval;
    const [gone, kept] = [await upload(test.retrieval, 'a.txt', 'x'), await upload(test.retrieval, 'b.txt', 'y')];
    const stores: string[] = [];
    for (let n = 0; n < 45; n += 1) {
      const { store, job } = await vectorStores.create(scope, { file_ids: [gone.id, kept.id] });
      if (n < 2 && job) await drive(test.retrieval, job);
      stores.push(store.id);
    }
    const [first = '', second = '', third = ''] = stores;
    await vectorStores.remove(scope, third);
    const { batch } = await fileBatches.create(scope, first, { file_ids: [gone.id] });
    expect(await removeFile(scope, gone.id)).toEqual({ id: gone.id, object: 'file', deleted: true });
    for (const storeId of stores.filter((id) => id !== third)) {
      const { data } = await vectorStoreFiles.list(scope, storeId, { limit: 10, order: 'asc' });
      expect(data.map(({ id }) => id)).toEqual([kept.id]);
      expect((await vectorStores.get(scope, storeId)).file_counts.total).toBe(1);
    }
    expect(await test.ports.index.count(indexed(second))).toBe(1);
    expect((await fileBatches.listFiles(scope, first, batch.id, { limit: 10, order: 'asc' })).data).toEqual([]);
    await expect(removeFile(scope, gone.id)).rejects.toMatchObject({ status: 404 });
  });

  it('takes an expired file for absent', async () => {
    const { files } = test.retrieval;
    const other = { tenant: 'expiry', project: '-' };
    const file = await files.create(other, async (take) => ({
      file: await take(Readable.from(['x']), 'x.txt'),
      fields: { purpose: 'user_data', expires_after: { anchor: 'created_at', seconds: 3600 } },
    }));
    expect(file.expires_at).toBe(file.created_at + 3600);
    test.clock.milliseconds += 3_600_000;
    await expect(files.content(other, file.id)).rejects.toMatchObject({ status: 404 });
    expect((await files.list(other, page)).data).toEqual([]);
  });
});
