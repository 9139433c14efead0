/** Spreadsheets (.xlsx, .xls, .xlsb, .ods): a section for every sheet, a line for each row in which every value carries its column's name. */
import { readFile } from 'node:fs/promises';
import type { CellObject, WorkSheet } from '@e965/xlsx';
import { DocumentError } from '../../retrieval/ports';
import { MAX_BUFFERED_BYTES, megabytes } from './limits';
import { OfficePackage } from './officePackage';
import type { SectionWriter } from './sectionWriter';
import { TableRows } from './tableRows';

/** The format of a date with its time that Excel writes in the way of each country, and its library in the American one. */
const USUAL_MOMENT = 'm/d/yy h:mm';

/**
 * Reads the values as their cells show them, dates of no special format as 2026-11-24 or 2026-11-24 19:30; a sheet's first row with content names the columns. Sheets that the workbook hides are left out (an .ods file does not
 * tell them). Throws `DocumentError`
 * `invalid_file` for a damaged, protected or too large file.
 */
export async function readSpreadsheet(
  path: string,
  bytes: number,
  isPackage: boolean,
  output: SectionWriter,
): Promise<void> {
  if (bytes > MAX_BUFFERED_BYTES) {
    const limit = megabytes(MAX_BUFFERED_BYTES);
    throw new DocumentError('invalid_file', `The spreadsheet is larger than ${limit}, the most that can be read.`);
  }
  // The library unpacks without a limit: what a package holds is looked at before.
  if (isPackage) await checkPackage(path);
  const { read, SSF } = await import('@e965/xlsx');
  const content = await readFile(path);
  const workbook = readWorkbook(() =>
    read(content, { dense: true, cellFormula: false, cellHTML: false, cellNF: true, dateNF: 'yyyy-mm-dd' }),
  );
  const date1904 = workbook.Workbook?.WBProps?.date1904;
  const showMoment = (value: number): string => String(SSF.format('yyyy-mm-dd hh:mm', value, { date1904 }));
  workbook.SheetNames.forEach((name, index) => {
    const sheet = workbook.Sheets[name];
    if (!sheet || workbook.Workbook?.Sheets?.[index]?.Hidden) return;
    output.startSection({ heading: name });
    writeSheet(sheet, showMoment, new TableRows(output));
  });
}

async function checkPackage(path: string): Promise<void> {
  const book = await OfficePackage.open(path);
  try {
    await book.checkUnpackedSize();
  } finally {
    book.close();
  }
}

function readWorkbook<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const isProtected = error instanceof Error && /password|encrypt/i.test(error.message);
    const message = isProtected
      ? 'The file is protected by a password.'
      : 'The file is damaged: it is not a whole spreadsheet.';
    throw new DocumentError('invalid_file', message, { cause: error });
  }
}

function writeSheet(sheet: WorkSheet, showMoment: (value: number) => string, table: TableRows): void {
  sheet['!data']?.forEach((row) => {
    const values: string[] = [];
    row.forEach((cell, column) => {
      const isMoment = cell.z === USUAL_MOMENT && typeof cell.v === 'number';
      values[column] = isMoment ? showMoment(Number(cell.v)) : shownValue(cell);
    });
    if (values.some((value) => value.trim() !== '')) table.add(values);
  });
}

/** As the cell shows it, but with all digits where a number of eleven or more, such as an article's, is shown as 4.00638E+12. */
function shownValue({ v: value, w: shown }: CellObject): string {
  const isShortened = Number.isSafeInteger(value) && /E\+\d+$/.test(shown ?? '');
  if (shown !== undefined && !isShortened) return shown;
  return value === undefined ? '' : String(value);
}
