/** The rows of a table as lines in which every value carries its column's name, so that a row means something on its own. */
import type { SectionWriter } from './sectionWriter';

/** Writes rows of the current section; the first names the columns. */
export class TableRows {
  #names: string[] | undefined;

  constructor(private readonly output: SectionWriter) {}

  /** Writes one row on a line of its own; places without a value cost nothing. */
  add(row: string[]): void {
    const values = row.map((value) => value.replace(/\s+/g, ' ').trim());
    this.output.break(1);
    if (this.#names) this.output.write(rowText(this.#names, values));
    else this.output.write((this.#names = values).filter(Boolean).join('; '));
  }
}

function rowText(names: string[], values: string[]): string {
  const named = values.map((value, index) => value && `${names[index] || `column ${index + 1}`}: ${value}`);
  return named.filter(Boolean).join('; ');
}
