/** Electronic books (.epub): the chapters in reading order, with sections as in HTML. */
import { posix } from 'node:path';
import { OfficePackage } from './officePackage';
import { htmlHandlers } from './readHtml';
import type { SectionWriter } from './sectionWriter';

/** Streams the chapters that the package document's spine names. Throws `DocumentError` `invalid_file` for a damaged or protected file. */
export async function readEpub(path: string, output: SectionWriter): Promise<void> {
  const book = await OfficePackage.open(path);
  try {
    let main = '';
    await book.readXml('META-INF/container.xml', {
      open: (name, attributes) => {
        if (name === 'rootfile') main ||= attributes['full-path'] ?? '';
      },
    });
    const chapters = new Map<string, string>();
    const spine: string[] = [];
    await book.readXml(main, {
      open: (name, { id, href, idref }) => {
        if (name === 'item' && id && href) chapters.set(id, posix.join(posix.dirname(main), decoded(href)));
        else if (name === 'itemref' && idref) spine.push(chapters.get(idref) ?? '');
      },
    });
    for (const chapter of spine) {
      output.startSection();
      await book.readXhtml(chapter, htmlHandlers(output));
    }
  } finally {
    book.close();
  }
}

/** Names of parts are URLs, without the place inside the part. */
function decoded(href: string): string {
  try {
    return decodeURIComponent(href.replace(/#.*/s, ''));
  } catch {
    return href;
  }
}
