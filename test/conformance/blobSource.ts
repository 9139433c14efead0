/** The rules that every source of syncs keeps. Imported by the adapters' own tests. */
import { text } from 'node:stream/consumers';
import { BlobSourceError, type BlobSource, type SourceBlob } from '../../src/retrieval/blobSource';

/** What a test puts into the container `documents`, past the adapter. */
export interface SourceUnderTest {
  source: BlobSource;
  put: (name: string, content: string) => Promise<void>;
}

/** The pages of a container. */
export async function pagesOf(source: BlobSource, container = 'documents', prefix = ''): Promise<SourceBlob[][]> {
  const pages: SourceBlob[][] = [];
  for await (const page of source.list(container, prefix)) pages.push(page);
  return pages;
}

/** Runs the suite. `open` makes a new source whose container `documents` is there and empty. */
export function describeBlobSource(name: string, open: () => Promise<SourceUnderTest>): void {
  describe(`${name} keeps the rules of the source of syncs`, () => {
    const listed = async (source: BlobSource, prefix = '') =>
      new Map((await pagesOf(source, 'documents', prefix)).flat().map((blob) => [blob.name, blob.etag]));

    it('lists every blob below the prefix, which may end inside a name', async () => {
      const { source, put } = await open();
      for (const blob of ['a.txt', 'ab/c.txt', 'ab/d/e f.txt', 'b.txt']) await put(blob, blob);
      expect([...(await listed(source)).keys()].sort()).toEqual(['a.txt', 'ab/c.txt', 'ab/d/e f.txt', 'b.txt']);
      expect([...(await listed(source, 'a')).keys()].sort()).toEqual(['a.txt', 'ab/c.txt', 'ab/d/e f.txt']);
      expect([...(await listed(source, 'ab/d')).keys()]).toEqual(['ab/d/e f.txt']);
      expect((await listed(source, 'x/')).size).toBe(0);
    });

    it('changes the etag with the content, and only then', async () => {
      const { source, put } = await open();
      await put('a.txt', 'one');
      await put('b.txt', 'two');
      const before = await listed(source);
      await put('a.txt', 'three');
      const after = await listed(source);
      expect(after.get('a.txt')).not.toBe(before.get('a.txt'));
      expect(after.get('b.txt')).toBe(before.get('b.txt'));
    });

    it('gives content and size, and undefined for what is gone', async () => {
      const { source, put } = await open();
      await put('ab/c.txt', 'Otters sleep.');
      const blob = await source.open('documents', 'ab/c.txt');
      expect(blob?.size).toBe(13);
      expect(blob && (await text(blob.content))).toBe('Otters sleep.');
      expect(await source.open('documents', 'ab/x.txt')).toBeUndefined();
    });

    it('refuses a container that is not there, for nothing in it would look like everything deleted', async () => {
      const { source } = await open();
      await expect(pagesOf(source, 'nowhere')).rejects.toThrow(BlobSourceError);
    });
  });
}
