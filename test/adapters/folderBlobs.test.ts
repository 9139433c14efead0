import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { folderBlobs } from '../../src/adapters/folderBlobs';
import { describeBlobs } from '../conformance/blobs';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blobs-'));
});
afterEach(async () => rm(folder, { recursive: true }));

const uuid = '01234567-89ab-cdef-0123-456789abcdef';
const filesBelow = async (path: string) =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

describe('folderBlobs', () => {
  let directory: string;
  beforeEach(() => {
    directory = join(folder, 'data', 'blobs');
  });

  it.each([
    'report.pdf',
    'My report (final), 2.pdf',
    'Grüße 日本語 👋.md',
    '100% of it.txt',
    'a%20b.txt',
    "it's & so on #1.csv",
  ])('opens the file that was dropped as %s by that name, and puts it there', async (name) => {
    const path = join(directory, 'uploads', 'vs_1', name);
    await mkdir(join(directory, 'uploads', 'vs_1'), { recursive: true });
    await writeFile(path, 'dropped');
    const blobs = folderBlobs(directory);
    const opened = await blobs.open(`uploads/vs_1/${name}`);
    expect(opened && (await text(opened.content))).toBe('dropped');
    await blobs.put(`uploads/vs_1/${name}`, Readable.from([Buffer.from('put')]));
    expect(await readFile(path, 'utf8')).toBe('put');
  });

  it('lets no name out of the directory', async () => {
    const blobs = folderBlobs(directory);
    // No name lies below another, which a folder could not hold.
    const names = [
      '../out',
      '../../out',
      'a/../../../out',
      '/out',
      '//out',
      'b/..',
      '.',
      'c/',
      '..\\out',
      '%2e%2e/out',
      'x/'.repeat(1500),
    ];
    for (const name of names) await blobs.put(name, Readable.from([Buffer.from(name)]));
    expect(await readdir(folder)).toEqual(['data']);
    expect(await readdir(join(folder, 'data'))).toEqual(['blobs']);
    expect(await filesBelow(directory)).toHaveLength(names.length);
    for (const name of names) {
      const opened = await blobs.open(name);
      expect(opened && (await text(opened.content))).toBe(name);
    }
  });

  it('takes neither a temporary file nor a directory for a blob', async () => {
    const blobs = folderBlobs(directory);
    await blobs.put('a/b', Readable.from(['text']));
    await writeFile(join(directory, 'a', `.${uuid}.part`), 'half');
    for (const name of [`a/.${uuid}.part`, 'a', 'a/']) {
      expect(await blobs.open(name)).toBeUndefined();
      expect(await blobs.info(name)).toBeUndefined();
      await blobs.delete(name);
    }
    expect((await filesBelow(directory)).toSorted()).toEqual([`.${uuid}.part`, 'b']);
  });

  it('rejects a blob below another blob and leaves both names as they were', async () => {
    const blobs = folderBlobs(directory);
    await blobs.put('a', Readable.from(['a']));
    await expect(blobs.put('a/b', Readable.from(['b']))).rejects.toThrow(/EEXIST|ENOTDIR/);
    await blobs.put('c/d', Readable.from(['d']));
    await expect(blobs.put('c', Readable.from(['c']))).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect((await filesBelow(directory)).toSorted()).toEqual(['a', 'd']);
  });

  it('leaves no temporary file after a put that failed, was too large, or was aborted', async () => {
    const blobs = folderBlobs(directory);
    await blobs.put('a/whole', Readable.from(['text']));
    const abort = new AbortController();
    const content = async function* () {
      yield await Promise.resolve('text');
      abort.abort();
      throw new Error('failed');
    };
    await expect(blobs.put('a/failed', Readable.from(content()))).rejects.toThrow('failed');
    await expect(blobs.put('a/large', Readable.from(['text']), { maxBytes: 3 })).rejects.toThrow('larger than 3 bytes');
    await expect(blobs.put('a/aborted', Readable.from(content()), { signal: abort.signal })).rejects.toThrow('aborted');
    expect(await filesBelow(directory)).toEqual(['whole']);
  });

  it('gives no more than the size it told when someone appends to the file', async () => {
    const blobs = folderBlobs(directory);
    await blobs.put('log', Readable.from(['1234']));
    const opened = await blobs.open('log', 1);
    await appendFile(join(directory, 'log'), '5678');
    expect(opened?.info).toEqual({ size: 4 });
    expect(opened && (await text(opened.content))).toBe('234');
  });

  it('gives an empty stream from the end on', async () => {
    const blobs = folderBlobs(directory);
    await blobs.put('a', Readable.from(['1234']));
    for (const start of [4, 5, 1e9]) {
      const opened = await blobs.open('a', start);
      expect(opened && (await text(opened.content))).toBe('');
    }
  });

  it('removes temporary files older than an hour when it is opened, and nothing else', async () => {
    const old = new Date(Date.now() - 61 * 60 * 1000);
    const young = new Date(Date.now() - 50 * 60 * 1000);
    const names = {
      [`.${uuid}.part`]: old,
      '.keep.part': old,
      'old.part': old,
      [`.${uuid.replace('0', 'f')}.part`]: young,
    };
    await mkdir(join(directory, 'a', 'b'), { recursive: true });
    for (const [name, time] of Object.entries(names)) {
      const path = join(directory, 'a', 'b', name);
      await writeFile(path, 'half');
      await utimes(path, time, time);
    }
    folderBlobs(directory);
    while ((await filesBelow(directory)).includes(`.${uuid}.part`)) await delay(5);
    expect((await filesBelow(directory)).toSorted()).toEqual(
      [`.${uuid.replace('0', 'f')}.part`, '.keep.part', 'old.part'].toSorted(),
    );
  });

  it('shows no half file after SIGKILL in the middle of a put', async () => {
    const module = join(__dirname, '..', '..', 'dist', 'src', 'adapters', 'folderBlobs.js');
    const script = `
      const content = async function* () {
        for (let n = 0; ; n++) { yield Buffer.alloc(65536); if (n === 50) process.stdout.write('half'); }
      };
      const { Readable } = require('node:stream');
      require(process.argv[1]).folderBlobs(process.argv[2]).put('a/b', Readable.from(content()));`;
    const child = spawn(process.execPath, ['-e', script, module, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    expect(await folderBlobs(directory).info('a/b')).toBeUndefined();
    expect(await filesBelow(directory)).toEqual([expect.stringMatching(/^\.[0-9a-f-]{36}\.part$/)]);
  });
});

describe('conformance', () => {
  let conformance: string;
  beforeAll(async () => {
    conformance = await mkdtemp(join(tmpdir(), 'blobs-conformance-'));
  });
  afterAll(async () => rm(conformance, { recursive: true }));
  describeBlobs('folder', async () => Promise.resolve(folderBlobs(join(conformance, 'blobs'))));
});
