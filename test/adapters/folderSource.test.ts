import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { folderSource } from '../../src/adapters/folderSource';
import { describeBlobSource, pagesOf } from '../conformance/blobSource';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'source-'));
  await mkdir(join(folder, 'documents'));
});
afterEach(async () => rm(folder, { recursive: true }));

const put = async (name: string, content: string): Promise<void> => {
  const path = join(folder, 'documents', ...name.split('/'));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
};

describeBlobSource('A folder', async () => Promise.resolve({ source: folderSource(folder), put }));

it('passes over names that begin with a dot and links that lead nowhere', async () => {
  await put('.git/config', 'x');
  await put('.hidden', 'x');
  await put('a.txt', 'x');
  await symlink(join(folder, 'gone'), join(folder, 'documents', 'dangling'));
  const pages = await pagesOf(folderSource(folder));
  expect(pages.flat().map(({ name }) => name)).toEqual(['a.txt']);
});
