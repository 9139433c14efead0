/**
 * The state that a release left behind, as text: `test/fixtures/releases/{version}/`. Databases are kept as their schema and rows, so that today's code meets
 * the very files that the release wrote; blobs and vectors deflated, as base64.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const PACKAGE = join(__dirname, '..', '..').replace(/[\\/]dist$/, '');
const ROOT = join(PACKAGE, 'test', 'fixtures', 'releases');
/** Of the data folder. `host.sqlite` is left out: it holds what triggers know, and the files of this machine with it. */
const DATABASES = ['records', 'durable'] as const;
const FOLDERS = ['blobs', 'lancedb'];

type Database = (typeof DATABASES)[number];
export type Row = Record<string, SQLInputValue>;
/** A line of `records.jsonl` or `durable.jsonl`: what makes a table or an index, a table's columns, or a row of the table that was last named. */
type Line = { schema: string } | { table: string; columns: string[] } | SQLInputValue[];

/** What the release showed of its objects, by the path that shows them, and what the tests need to find their way. */
export interface Shown {
  /** Unix milliseconds at which the state was left. */
  madeAt: number;
  ids: Record<string, string>;
  /** Answers of `GET {path}`. */
  answers: Record<string, unknown>;
}

export interface ReleaseFixture {
  shown: Shown;
  rows: (database: Database, table: string) => Row[];
  /** Files by their path below the data folder, with `/`. */
  files: Map<string, Buffer>;
  /** Lays the state down in a folder, as the release had it. */
  restore: (dataDir: string) => Promise<void>;
}

/** Names of the releases that have a fixture. */
export const releases = async (): Promise<string[]> => readdir(ROOT);

/** Writes the fixture of a release from the data folder that its host, which has ended, left behind. */
export async function dumpRelease(version: string, dataDir: string, shown: Shown): Promise<string> {
  const folder = join(ROOT, version);
  await mkdir(folder, { recursive: true });
  const files = (await Promise.all(FOLDERS.map(async (name) => filesBelow(join(dataDir, name))))).flat();
  const kept: object[] = [];
  for (const file of files.toSorted()) {
    const path = relative(dataDir, file).split(sep).join('/');
    kept.push({ path, deflated: deflateRawSync(await readFile(file)).toString('base64') });
  }
  await writeLines(join(folder, 'files.jsonl'), kept);
  for (const name of DATABASES) await writeLines(join(folder, `${name}.jsonl`), dumpDatabase(join(dataDir, name)));
  const { answers, ...rest } = shown;
  await writeLines(join(folder, 'shown.jsonl'), [rest, ...Object.entries(answers)]);
  return folder;
}

function dumpDatabase(path: string): Line[] {
  const database = new DatabaseSync(`${path}.sqlite`);
  try {
    const objects = database.prepare('SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL').all();
    const lines: Line[] = objects.map(({ sql }) => ({ schema: String(sql) }));
    for (const { type, name } of objects) {
      // Of the settings, the key of the host that wrote them.
      if (type !== 'table' || name === 'settings') continue;
      const rows = database.prepare(`SELECT * FROM ${String(name)}`).all();
      lines.push({ table: String(name), columns: Object.keys(rows[0] ?? {}) });
      for (const row of rows) lines.push(Object.values(row));
    }
    return lines;
  } finally {
    database.close();
  }
}

export async function readRelease(version: string): Promise<ReleaseFixture> {
  const folder = join(ROOT, version);
  const lines = {
    records: await readLines<Line>(join(folder, 'records.jsonl')),
    durable: await readLines<Line>(join(folder, 'durable.jsonl')),
  };
  const kept = await readLines<{ path: string; deflated: string }>(join(folder, 'files.jsonl'));
  const files = new Map(kept.map(({ path, deflated }) => [path, inflateRawSync(Buffer.from(deflated, 'base64'))]));
  const [about, ...answers] = await readLines<Omit<Shown, 'answers'> & [path: string, answer: unknown]>(
    join(folder, 'shown.jsonl'),
  );
  if (!about) throw new Error(`The fixture of release ${version} is empty.`);
  return {
    shown: { madeAt: about.madeAt, ids: about.ids, answers: Object.fromEntries(answers) },
    rows: (database, table) => rowsOf(lines[database]).flatMap((line) => (line.table === table ? [line.row] : [])),
    files,
    async restore(dataDir) {
      for (const [path, content] of files) {
        await mkdir(dirname(join(dataDir, path)), { recursive: true });
        await writeFile(join(dataDir, path), content);
      }
      for (const name of DATABASES) restoreDatabase(join(dataDir, name), lines[name]);
    },
  };
}

function rowsOf(lines: Line[]): { table: string; row: Row }[] {
  let table = '';
  let columns: string[] = [];
  const rows: { table: string; row: Row }[] = [];
  for (const line of lines) {
    if (Array.isArray(line)) {
      const values = line;
      rows.push({ table, row: Object.fromEntries(columns.map((column, place) => [column, values[place] ?? null])) });
    } else if ('table' in line) ({ table, columns } = line);
  }
  return rows;
}

function restoreDatabase(path: string, lines: Line[]): void {
  const database = new DatabaseSync(`${path}.sqlite`);
  try {
    database.exec('BEGIN');
    for (const line of lines) if ('schema' in line) database.exec(line.schema);
    for (const { table, row } of rowsOf(lines)) {
      const columns = Object.keys(row);
      const places = columns.map(() => '?').join(', ');
      database.prepare(`INSERT INTO ${table}(${columns.join(', ')}) VALUES (${places})`).run(...Object.values(row));
    }
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const writeLines = async (file: string, lines: object[]): Promise<void> =>
  writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

const readLines = async <T>(file: string): Promise<T[]> =>
  (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
