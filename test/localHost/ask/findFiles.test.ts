import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findFiles, MAX_FILES } from '../../../src/localHost/ask/findFiles';

describe('files that are asked about', () => {
  let base: string;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'find-files-'));
  });
  afterEach(() => rm(base, { recursive: true }));

  const write = async (...names: string[]): Promise<void> => {
    for (const name of names) {
      await mkdir(dirname(join(base, name)), { recursive: true });
      await writeFile(join(base, name), name);
    }
  };
  const namesOf = async (...paths: string[]) => (await findFiles(paths, base)).files.map(({ name }) => name);

  it('walks folders in alphabetical order and names files below the folder that holds them all', async () => {
    await write('docs/b.txt', 'docs/a/z.txt', 'docs/a/c.txt', 'other/b.txt');
    expect(await namesOf('docs')).toEqual(['a/c.txt', 'a/z.txt', 'b.txt']);
    expect(await namesOf('other', 'docs')).toEqual(['other/b.txt', 'docs/a/c.txt', 'docs/a/z.txt', 'docs/b.txt']);
    expect(await namesOf('docs/b.txt')).toEqual(['b.txt']);
  });

  it('leaves out what is hidden in folders, but not what was given itself', async () => {
    await write('docs/a.txt', 'docs/.hidden', 'docs/.git/config');
    expect(await namesOf('docs')).toEqual(['a.txt']);
    expect(await namesOf('docs/.hidden')).toEqual(['.hidden']);
  });

  it('takes a file once, however often it is given', async () => {
    await write('docs/a.txt', 'docs/b.txt');
    expect(await namesOf('docs/b.txt', 'docs', 'docs/../docs/a.txt')).toEqual(['b.txt', 'a.txt']);
  });

  it('follows links to folders, and ends where they lead back', async () => {
    await write('docs/a.txt', 'elsewhere/b.txt');
    await symlink(join(base, 'docs'), join(base, 'docs', 'loop'));
    await symlink(join(base, 'elsewhere'), join(base, 'docs', 'more'));
    expect(await namesOf('docs')).toEqual(['a.txt', 'more/b.txt']);
  });

  it('tells of links to nothing and of what is no file', async () => {
    await write('docs/a.txt');
    await symlink('nothing', join(base, 'docs', 'broken'));
    execFileSync('mkfifo', [join(base, 'docs', 'pipe')]);
    expect((await findFiles(['docs'], base)).unread).toEqual([
      { name: 'broken', reason: 'It is not there, or a link to nothing.' },
      { name: 'pipe', reason: 'It is neither a file nor a folder.' },
    ]);
  });

  it('refuses a path that does not exist, naming it as it was given', async () => {
    const refusal = { name: 'FilesError', message: "There is no file or folder 'nothing/here'." };
    await expect(findFiles(['nothing/here'], base)).rejects.toMatchObject(refusal);
  });

  it('finds nothing in an empty folder', async () => {
    expect(await findFiles(['.'], base)).toEqual({ files: [], unread: [] });
  });

  it('refuses more files than a vector store takes', async () => {
    await write('one', 'many/one');
    const links = Array.from({ length: MAX_FILES }, (_, at) => join(base, 'many', String(at)));
    for (let start = 0; start < links.length; start += 500) {
      await Promise.all(links.slice(start, start + 500).map((link) => symlink(join(base, 'one'), link)));
    }
    await expect(findFiles(['many'], base)).rejects.toThrow(/more than 10000 files/);
  });
});
