/** Jupyter notebooks (.ipynb): the cells in order, Markdown by its headings, code with what it printed. */
import { z } from 'zod';
import { readJson } from './readJson';
import { readMarkdown, wholeText } from './readText';
import type { SectionWriter } from './sectionWriter';

const source = z.union([z.string(), z.array(z.string()).transform((lines) => lines.join(''))]);
const cellOutput = z.looseObject({
  text: source.optional(),
  data: z.looseObject({ 'text/plain': source.optional() }).optional(),
});
/** Of nbformat 4; older notebooks are read as JSON. */
const notebook = z.looseObject({
  cells: z.array(z.looseObject({ cell_type: z.string(), source, outputs: z.array(cellOutput).optional() })),
});

/** Reads what a reader of the notebook sees, without images. A file of another form is read as JSON. */
export async function readNotebook(pieces: AsyncIterable<string>, output: SectionWriter): Promise<void> {
  const text = await wholeText(pieces);
  const parsed = notebook.safeParse(parsedOrNothing(text));
  if (!parsed.success) return readJson(only(text), output);
  for (const { cell_type: type, source: content, outputs = [] } of parsed.data.cells) {
    output.break(2);
    if (type === 'markdown') await readMarkdown(only(content), output);
    else output.write(content);
    for (const { text: printed, data } of outputs) {
      output.break(1);
      output.write(printed ?? data?.['text/plain'] ?? '');
    }
  }
}

function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function* only(text: string): AsyncGenerator<string> {
  yield text;
}
