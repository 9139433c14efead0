/** PowerPoint presentations (.pptx): a section for every slide, with its title as heading and its notes. */
import { OfficePackage } from './officePackage';
import type { SectionWriter } from './sectionWriter';

/** Streams the slides in the order they are shown. Throws `DocumentError` `invalid_file` for a damaged or protected file. */
export async function readPptx(path: string, output: SectionWriter): Promise<void> {
  const presentation = await OfficePackage.open(path);
  try {
    const main = await presentation.mainPart();
    const parts = await presentation.relationships(main);
    const slides: string[] = [];
    await presentation.readXml(main, {
      open(name, attributes) {
        const slide = name === 'sldId' && parts.get(attributes['r:id'] ?? '');
        if (slide) slides.push(slide.target);
      },
    });
    for (const [index, slide] of slides.entries()) {
      output.startSection({ page: index + 1 });
      await readSlide(presentation, slide, output);
      const notes = [...(await presentation.relationships(slide)).values()].find(({ type }) => type === 'notesSlide');
      if (notes) await readSlide(presentation, notes.target, output);
    }
  } finally {
    presentation.close();
  }
}

async function readSlide(presentation: OfficePackage, part: string, output: SectionWriter): Promise<void> {
  let texts = 0;
  let cellsInRow = 0;
  let cells = 0;
  let title: string | undefined;
  /** The number of the slide and the like, which every slide repeats. */
  let isFurniture = false;
  /** Inside the older form of what is there in a newer one, which would repeat it. */
  let hidden = 0;
  const endLine = (): void => {
    output.break(1);
    if (title) title += ' ';
  };
  await presentation.readXml(part, {
    open(name, { type }) {
      if (hidden || name === 'Fallback') hidden += 1;
      if (hidden) return;
      if (name === 't') texts += 1;
      else if (name === 'p') endLine();
      else if (name === 'br' && !cells) endLine();
      else if (name === 'sp' || name === 'tbl') output.break(2);
      else if (name === 'tr') cellsInRow = 0;
      else if (name === 'tc') {
        if (cellsInRow) output.markCell();
        cellsInRow += 1;
        cells += 1;
      } else if (name === 'ph' && (type === 'title' || type === 'ctrTitle')) title = '';
      else if (name === 'ph') isFurniture = type === 'sldNum' || type === 'dt';
    },
    text(text) {
      if (!texts || isFurniture || hidden) return;
      output.write(text);
      if (title !== undefined) title += text;
    },
    close(name) {
      if (hidden) hidden -= 1;
      else if (name === 't') texts -= 1;
      else if (name === 'tc') cells -= 1;
      else if (name === 'tr') output.break(1);
      else if (name === 'sp') {
        if (title) output.nameSection(title);
        title = undefined;
        isFurniture = false;
        output.break(2);
      }
    },
  });
}
