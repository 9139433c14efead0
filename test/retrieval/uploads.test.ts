/** Uploads over time: what expires, what the sweep frees, and what calls that break off leave. */
import { Readable } from 'node:stream';
import type { Blobs } from '../../src/storage/ports';
import { fileBlob } from '../../src/retrieval/files';
import type { Retrieval } from '../../src/retrieval/retrieval';
import { partBlob, partList, UNMADE_FILE_DUE, UPLOAD_DUE } from '../../src/retrieval/uploadRecords';
import { scope, testRetrieval, type TestRetrieval } from '../support/retrievalPorts';
import { withWrite } from '../support/storage';

let test: TestRetrieval;
beforeEach(async () => {
  test = await testRetrieval();
});
afterEach(async () => test.close());

const HOUR_SECONDS = 3_600;
const request = { filename: 'a.txt', purpose: 'assistants' as const, mime_type: 'text/plain' };
const seconds = () => Math.floor(test.clock.milliseconds / 1000);
const wait = (hours: number) => (test.clock.milliseconds += hours * HOUR_SECONDS * 1000);
const allDue = async () =>
  (await test.ports.records.due(Number.MAX_SAFE_INTEGER, 100)).filter(({ kind }) =>
    [UPLOAD_DUE, UNMADE_FILE_DUE].includes(kind),
  );

/** What the maintenance does with all that is due now. */
async function sweep(): Promise<void> {
  const { upload, unmadeFile } = test.retrieval.uploadSweep;
  for (const due of await allDue()) {
    if (due.at <= seconds()) await (due.kind === UPLOAD_DUE ? upload(due) : unmadeFile(due));
  }
}

const addPart = async ({ uploads }: Retrieval, id: string, text: string) =>
  (await uploads.addPart(scope, id, async (take) => take(Readable.from([Buffer.from(text)]), ''))).id;

async function uploadOf(retrieval: Retrieval, ...texts: string[]) {
  const { id } = await retrieval.uploads.create(scope, { ...request, bytes: texts.join('').length });
  const part_ids: string[] = [];
  for (const text of texts) part_ids.push(await addPart(retrieval, id, text));
  return { id, part_ids };
}

/** Which of the upload's parts there are: records, and contents of these ids. */
async function partsLeft(id: string, partIds: string[]) {
  const { partition, list } = partList(scope, id);
  const { records } = await test.ports.records.list(partition, list, { order: 'asc', limit: 100 });
  const infos = await Promise.all(partIds.map(async (part) => test.ports.blobs.info(partBlob(scope, id, part))));
  return { records: records.length, blobs: infos.filter(Boolean).length };
}

async function textOf(fileId: string | undefined): Promise<string> {
  const { content } = await test.retrieval.files.content(scope, fileId ?? '');
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString();
}

const files = async () => (await test.retrieval.files.list(scope, { limit: 100, order: 'asc' })).data;

describe('an upload', () => {
  it('expires after an hour: it says so for a day, its parts are freed, and nothing is left', async () => {
    const { uploads } = test.retrieval;
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    wait(1);
    const expired = { status: 400, message: expect.stringContaining('is expired') as unknown };
    await expect(addPart(test.retrieval, id, 'x')).rejects.toMatchObject(expired);
    await expect(uploads.complete(scope, id, { part_ids })).rejects.toMatchObject(expired);
    await expect(uploads.cancel(scope, id)).rejects.toMatchObject(expired);
    wait(1);
    await sweep();
    expect(await partsLeft(id, part_ids)).toEqual({ records: 0, blobs: 0 });
    await expect(uploads.complete(scope, id, { part_ids })).rejects.toMatchObject(expired);
    wait(23);
    await sweep();
    await expect(uploads.complete(scope, id, { part_ids })).rejects.toMatchObject({ status: 404 });
    expect(await allDue()).toEqual([]);
  });

  it('keeps its parts as long as it may be completed', async () => {
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    wait(0.99);
    await sweep();
    const { file } = await test.retrieval.uploads.complete(scope, id, { part_ids });
    expect(await textOf(file?.id)).toBe('abcd');
  });

  it.each(['completed', 'cancelled'])('that is %s has its parts freed by the next sweep', async (status) => {
    const { uploads } = test.retrieval;
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    const { file } =
      status === 'completed' ? await uploads.complete(scope, id, { part_ids }) : await uploads.cancel(scope, id);
    await sweep();
    expect(await partsLeft(id, part_ids)).toEqual({ records: 0, blobs: 0 });
    if (file) {
      expect(await uploads.complete(scope, id, { part_ids })).toMatchObject({ file: { id: file.id } });
      wait(26);
      for (let looks = 0; looks < 3; looks += 1) await sweep();
      expect(await allDue()).toEqual([]);
      expect(await textOf(file.id)).toBe('abcd');
    }
  });

  it('that is cancelled while a part comes refuses the part, and keeps nothing of it', async () => {
    const { uploads } = test.retrieval;
    const { id } = await uploads.create(scope, { ...request, bytes: 1 });
    let partId = '';
    const { blobs } = test.ports;
    const put: Blobs['put'] = async (name, content, options) => {
      partId = name.split('/').at(-1) ?? '';
      const info = await blobs.put(name, content, options);
      await uploads.cancel(scope, id);
      return info;
    };
    const slow = test.restart({ blobs: { ...blobs, put } });
    await expect(addPart(slow, id, 'x')).rejects.toMatchObject({ status: 400 });
    expect(partId).toMatch(/^part_/);
    expect(await partsLeft(id, [partId])).toEqual({ records: 0, blobs: 0 });
  });

  it('that expires while a part comes lets go of the sender', async () => {
    const { uploads } = test.retrieval;
    const { id } = await uploads.create(scope, { ...request, bytes: 1 });
    test.clock.milliseconds += HOUR_SECONDS * 1000 - 50;
    // Never ends.
    const content = new Readable({ read: () => undefined });
    const adding = uploads.addPart(scope, id, async (take) => take(content, ''));
    await expect(adding).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('is expired') as unknown,
    });
    expect(content.destroyed).toBe(true);
  });

  it('holds 8 GB of parts at most', async () => {
    const { uploads } = test.retrieval;
    const { id } = await uploads.create(scope, { ...request, bytes: 1 });
    const { partition, list } = partList(scope, id);
    const part = (n: number) => ({ op: 'create', list, id: `part_${n}`, order: String(n).padStart(3, '0') }) as const;
    for (let n = 0; n < 128; n += 1)
      await test.ports.records.write(partition, [{ ...part(n), value: { bytes: 64 * 1024 * 1024 } }]);
    await expect(addPart(test.retrieval, id, 'x')).rejects.toMatchObject({
      status: 400,
      details: { code: 'limit_exceeded' },
    });
  });
});

describe('a completion', () => {
  it('that ends before its file is made leaves no file, and its content until the sweep', async () => {
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    const made: string[] = [];
    const { blobs } = test.ports;
    // The process ends behind the content: nothing more is written.
    const put: Blobs['put'] = async (name, content, options) => {
      await blobs.put(name, content, options);
      made.push(name.split('/').at(-1) ?? '');
      throw new Error('crash');
    };
    const crashing = test.restart({ blobs: { ...blobs, put } });
    await expect(crashing.uploads.complete(scope, id, { part_ids })).rejects.toThrow('crash');
    expect(await files()).toEqual([]);
    const [unmade = ''] = made;
    expect(await blobs.info(fileBlob(scope, unmade))).toBeDefined();
    const { file } = await test.retrieval.uploads.complete(scope, id, { part_ids });
    wait(1);
    await sweep();
    expect(await blobs.info(fileBlob(scope, unmade))).toBeUndefined();
    expect(await textOf(file?.id)).toBe('abcd');
    expect((await files()).map((one) => one.id)).toEqual([file?.id]);
  });

  it('whose write arrived although it failed is one that succeeded', async () => {
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    const { records } = test.ports;
    const failing = test.restart({
      records: withWrite(records, async (partition, changes, due) => {
        const etags = await records.write(partition, changes, due);
        if (changes.length > 1) throw new Error('the answer was lost');
        return etags;
      }),
    });
    const { file } = await failing.uploads.complete(scope, id, { part_ids });
    expect(await textOf(file?.id)).toBe('abcd');
    expect(await files()).toHaveLength(1);
  });

  it('loses against a cancel that comes while it puts the parts together', async () => {
    const { uploads } = test.retrieval;
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    const { blobs } = test.ports;
    const put: Blobs['put'] = async (name, content, options) => {
      const info = await blobs.put(name, content, options);
      await uploads.cancel(scope, id);
      return info;
    };
    const slow = test.restart({ blobs: { ...blobs, put } });
    await expect(slow.uploads.complete(scope, id, { part_ids })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('is cancelled') as unknown,
    });
    expect(await files()).toEqual([]);
  });

  it('says that the upload is cancelled where its parts are freed while it reads them', async () => {
    const { uploads } = test.retrieval;
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    const open: Blobs['open'] = async (name, start) => {
      await uploads.cancel(scope, id);
      await sweep();
      return test.ports.blobs.open(name, start);
    };
    const slow = test.restart({ blobs: { ...test.ports.blobs, open } });
    await expect(slow.uploads.complete(scope, id, { part_ids })).rejects.toMatchObject({
      message: expect.stringContaining('is cancelled') as unknown,
    });
  });

  it('that another overtakes, whose parts are freed while it reads them, is answered with the file of the other', async () => {
    const { uploads } = test.retrieval;
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    const { blobs } = test.ports;
    let isFirst = true;
    const open: Blobs['open'] = async (name, start) => {
      if (isFirst) {
        isFirst = false;
        await uploads.complete(scope, id, { part_ids });
        await sweep();
      }
      return blobs.open(name, start);
    };
    const slow = test.restart({ blobs: { ...blobs, open } });
    const { file } = await slow.uploads.complete(scope, id, { part_ids });
    expect((await files()).map((one) => one.id)).toEqual([file?.id]);
  });

  it('ends with the fault of a part that cannot be read, and can be repeated', async () => {
    const { id, part_ids } = await uploadOf(test.retrieval, 'ab', 'cd');
    const open: Blobs['open'] = () => Promise.reject(new Error('broken disk'));
    const faulty = test.restart({ blobs: { ...test.ports.blobs, open } });
    await expect(faulty.uploads.complete(scope, id, { part_ids })).rejects.toThrow('broken disk');
    const { file } = await test.retrieval.uploads.complete(scope, id, { part_ids });
    expect(await textOf(file?.id)).toBe('abcd');
  });
});
