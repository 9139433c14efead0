/**
 * The thread that owns the SQLite connection of `sqlite.ts`. Writes that arrived while a commit ran share the next transaction, each in a
 * savepoint of its own, and are answered after its fsync. Reads are answered between transactions, so they see exactly what was acknowledged.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { TextChange } from '../storage/encoding';
import {
  ConflictError,
  UnknownCursorError,
  type DueChanges,
  type DueRecord,
  type ListRequest,
  type Place,
  type RecordKey,
} from '../storage/ports';

/** A record with its value as JSON text, so that only the thread that wants the value parses it. */
export interface TextRecord {
  id: string;
  order: string;
  etag: string;
  value: string;
}

/** A due record with its data as JSON text. */
export interface TextDueRecord {
  at: number;
  kind: string;
  id: string;
  data: string;
}

/** Due changes with their data as JSON text. */
export interface TextDueChanges {
  add: TextDueRecord[];
  remove: NonNullable<DueChanges['remove']>;
}

/** What the main thread may ask, and what each answer is. */
export interface Operations {
  get: { request: RecordKey; answer: TextRecord | undefined };
  list: {
    request: { partition: string; list: string; page: ListRequest };
    answer: { records: TextRecord[]; hasMore: boolean };
  };
  partitions: { request: { prefix: string; after?: string; limit: number }; answer: string[] };
  lists: { request: { partition: string; after?: string; limit: number }; answer: string[] };
  due: {
    request: { until: number; limit: number; after?: Pick<DueRecord, 'at' | 'kind' | 'id'> };
    answer: TextDueRecord[];
  };
  write: { request: { partition: string; changes: TextChange[]; due: TextDueChanges }; answer: string[] };
  /** Deletes some records of the partition and answers how many. */
  deleteSome: { request: { partition: string }; answer: number };
}

/** A numbered question; a message is an array of them. */
export type Request = {
  [Op in keyof Operations]: { call: number; op: Op; given: Operations[Op]['request'] };
}[keyof Operations];

/** The answer to the question of that number; a message is an array of them. The classes of errors do not survive the way, so they go as facts. */
export type Answer = { call: number } & (
  | { result: Operations[keyof Operations]['answer'] }
  | { conflict: RecordKey }
  | { unknownCursor: string }
  | { error: Error }
);

type WriteRequest = Extract<Request, { op: 'write' | 'deleteSome' }>;
type ReadRequest = Exclude<Request, WriteRequest>;

/** Writes per transaction: bounds how long a read waits, and is far past where more would be faster. */
const MAX_GROUP = 256;
/** Records per step of a partition's deletion. */
const DELETE_STEP = 200;
/** How long another process may hold the write lock, in milliseconds. */
const BUSY_TIMEOUT = 30_000;
/** Milliseconds between two tries. */
const BUSY_STEP = 10;
const SQLITE_BUSY = 5;

if (!parentPort) throw new Error('sqliteWorker runs as a worker thread only.');
const port = parentPort;
const database = openDatabase(String(workerData));
const sql = {
  begin: database.prepare('BEGIN IMMEDIATE'),
  commit: database.prepare('COMMIT'),
  rollback: database.prepare('ROLLBACK'),
  savepoint: database.prepare('SAVEPOINT one'),
  release: database.prepare('RELEASE one'),
  undo: database.prepare('ROLLBACK TO one'),
  get: database.prepare('SELECT id, sort, etag, value FROM records WHERE partition = ? AND list = ? AND id = ?'),
  find: database.prepare('SELECT sort, etag FROM records WHERE partition = ? AND list = ? AND id = ?'),
  create: database.prepare(
    'INSERT INTO records (partition, list, id, sort, etag, value) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  ),
  replace: database.prepare(
    'UPDATE records SET etag = ?, value = ? WHERE partition = ? AND list = ? AND id = ? AND etag = ifnull(?, etag)',
  ),
  delete: database.prepare(
    'DELETE FROM records WHERE partition = ? AND list = ? AND id = ? AND etag = ifnull(?, etag)',
  ),
  deleteSome: database.prepare(
    `DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE partition = ? LIMIT ${DELETE_STEP})`,
  ),
  addDue: database.prepare('INSERT OR REPLACE INTO due (at, kind, id, data) VALUES (?, ?, ?, ?)'),
  removeDue: database.prepare('DELETE FROM due WHERE at = ? AND kind = ? AND id = ?'),
  due: database.prepare('SELECT at, kind, id, data FROM due WHERE at <= ? ORDER BY at, kind, id LIMIT ?'),
  dueAfter: database.prepare(
    'SELECT at, kind, id, data FROM due WHERE at <= ? AND (at, kind, id) > (?, ?, ?) ORDER BY at, kind, id LIMIT ?',
  ),
  // One entry of the index each: a DISTINCT would read every record.
  firstPartition: database.prepare(
    'SELECT partition AS name FROM records WHERE partition >= ? ORDER BY partition LIMIT 1',
  ),
  nextPartition: database.prepare(
    'SELECT partition AS name FROM records WHERE partition > ? ORDER BY partition LIMIT 1',
  ),
  firstList: database.prepare('SELECT list AS name FROM records WHERE partition = ? ORDER BY list LIMIT 1'),
  nextList: database.prepare('SELECT list AS name FROM records WHERE partition = ? AND list > ? ORDER BY list LIMIT 1'),
};
const pages = new Map<string, StatementSync>();

// Etags never repeat, not even for a record that is deleted and created again: a name for this connection, and a counter.
const connection = crypto.randomUUID().slice(0, 13);
let writes = 0;

const waitingReads: ReadRequest[] = [];
const waitingWrites: WriteRequest[] = [];
let turnIsDue = false;

port.on('message', (requests: Request[] | 'close') => {
  if (requests === 'close') {
    database.close();
    port.close();
    return;
  }
  for (const request of requests) {
    if (request.op === 'write' || request.op === 'deleteSome') waitingWrites.push(request);
    else waitingReads.push(request);
  }
  scheduleTurn();
});
port.postMessage([]);

function openDatabase(file: string): DatabaseSync {
  const opened = new DatabaseSync(file, { timeout: BUSY_TIMEOUT });
  whileLocked(() => opened.exec('PRAGMA journal_mode = WAL'));
  // fullfsync: on macOS a plain fsync does not reach the disk.
  opened.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA cache_size = -16000;
    PRAGMA journal_size_limit = 67108864;
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS records (
      partition TEXT NOT NULL, list TEXT NOT NULL, id TEXT NOT NULL, sort TEXT NOT NULL, etag TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY (partition, list, id)
    );
    CREATE INDEX IF NOT EXISTS records_in_order ON records (partition, list, sort, id);
    CREATE TABLE IF NOT EXISTS due (
      at NUMERIC NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
      PRIMARY KEY (at, kind, id)
    ) WITHOUT ROWID;
    COMMIT;
  `);
  return opened;
}

/** Tries again while others hold the file. SQLite itself does not wait for the change of the journal's mode, which several may begin at once on a new file. */
function whileLocked(work: () => void): void {
  const until = Date.now() + BUSY_TIMEOUT;
  for (;;) {
    try {
      return work();
    } catch (error) {
      const isLocked = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
      if (!isLocked || Date.now() > until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_STEP);
    }
  }
}

/** Waits until every message that has arrived is read, so that they go together. */
function scheduleTurn(): void {
  if (turnIsDue) return;
  turnIsDue = true;
  setImmediate(turn);
}

function turn(): void {
  turnIsDue = false;
  answer(waitingReads.splice(0).map(answerRead));
  answer(commitGroup(waitingWrites.splice(0, MAX_GROUP)));
  if (waitingWrites.length > 0) scheduleTurn();
}

function answer(answers: Answer[]): void {
  if (answers.length > 0) port.postMessage(answers);
}

function answerRead(request: ReadRequest): Answer {
  try {
    return { call: request.call, result: read(request) };
  } catch (error) {
    return failure(request.call, error);
  }
}

function read(request: ReadRequest) {
  switch (request.op) {
    case 'get': {
      const { partition, list, id } = request.given;
      const row = sql.get.get(partition, list, id);
      return row && textRecord(row);
    }
    case 'list':
      return readPage(request.given);
    case 'due':
      return readDue(request.given);
    case 'partitions':
      return partitionNames(request.given);
    case 'lists': {
      const { partition, after, limit } = request.given;
      const next = (list: string) => nameIn(sql.nextList.get(partition, list));
      return names(after === undefined ? nameIn(sql.firstList.get(partition)) : next(after), next, limit);
    }
  }
}

function readDue({ until, limit, after }: Operations['due']['request']): TextDueRecord[] {
  const rows = after ? sql.dueAfter.all(until, after.at, after.kind, after.id, limit) : sql.due.all(until, limit);
  return rows.map((row) => ({
    at: Number(row.at),
    kind: String(row.kind),
    id: String(row.id),
    data: String(row.data),
  }));
}

function partitionNames({ prefix, after, limit }: Operations['partitions']['request']): string[] {
  const within = (name: string | undefined) => (name?.startsWith(prefix) ? name : undefined);
  const next = (partition: string) => within(nameIn(sql.nextPartition.get(partition)));
  const isBehind = after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0;
  return names(isBehind ? next(after) : within(nameIn(sql.firstPartition.get(prefix))), next, limit);
}

const nameIn = (row: ReturnType<StatementSync['get']>): string | undefined => row && String(row.name);

function names(first: string | undefined, next: (name: string) => string | undefined, limit: number): string[] {
  const found: string[] = [];
  for (let name = first; name !== undefined && found.length < limit; name = next(name)) found.push(name);
  return found;
}

function textRecord(row: ReturnType<StatementSync['all']>[number]): TextRecord {
  return { id: String(row.id), order: String(row.sort), etag: String(row.etag), value: String(row.value) };
}

function readPage({ partition, list, page }: Operations['list']['request']): Operations['list']['answer'] {
  const { after, before, limit } = page;
  const backwards = before !== undefined && after === undefined;
  const ascending = (page.order === 'asc') !== backwards;
  const position = (cursor: string | Place): string[] => {
    if (typeof cursor !== 'string') return [cursor.order, cursor.id];
    const row = sql.find.get(partition, list, cursor);
    if (!row) throw new UnknownCursorError(cursor);
    return [String(row.sort), cursor];
  };
  const [from, to] = backwards ? [before, undefined] : [after, before];
  const bounds = [from, to].flatMap((cursor) => (cursor === undefined ? [] : position(cursor)));
  const statement = pageStatement(ascending, from !== undefined, to !== undefined);
  const records = statement.all(partition, list, ...bounds, limit + 1).map(textRecord);
  const hasMore = records.length > limit;
  if (hasMore) records.pop();
  return { records: backwards ? records.reverse() : records, hasMore };
}

/** The statement that reads a list in one direction between two positions; there are eight. */
function pageStatement(ascending: boolean, from: boolean, to: boolean): StatementSync {
  const [beyond, within, direction] = ascending ? ['>', '<', 'ASC'] : ['<', '>', 'DESC'];
  const text = `SELECT id, sort, etag, value FROM records WHERE partition = ? AND list = ?
    ${from ? `AND (sort, id) ${beyond} (?, ?)` : ''} ${to ? `AND (sort, id) ${within} (?, ?)` : ''}
    ORDER BY sort ${direction}, id ${direction} LIMIT ?`;
  const statement = pages.get(text) ?? database.prepare(text);
  pages.set(text, statement);
  return statement;
}

function commitGroup(group: WriteRequest[]): Answer[] {
  if (group.length === 0) return [];
  try {
    sql.begin.run();
    const answers = group.map(applyAlone);
    sql.commit.run();
    return answers;
  } catch (error) {
    if (database.isTransaction) sql.rollback.run();
    return group.map(({ call }) => failure(call, error));
  }
}

/** Applies a write so that its failure undoes nothing but itself. */
function applyAlone(request: WriteRequest): Answer {
  sql.savepoint.run();
  try {
    const result =
      request.op === 'write' ? applyWrite(request.given) : Number(sql.deleteSome.run(request.given.partition).changes);
    sql.release.run();
    return { call: request.call, result };
  } catch (error) {
    // SQLite gives up the whole transaction by itself when, for instance, the disk is full.
    if (!database.isTransaction) throw error;
    sql.undo.run();
    sql.release.run();
    return failure(request.call, error);
  }
}

function applyWrite({ partition, changes, due }: Operations['write']['request']): string[] {
  const etags = changes.map((change) => applyChange(partition, change));
  // Removed before added: what a write both removes and adds stays.
  for (const { at, kind, id } of due.remove) sql.removeDue.run(at, kind, id);
  for (const { at, kind, id, data } of due.add) sql.addDue.run(at, kind, id, data);
  return etags;
}

function applyChange(partition: string, change: TextChange): string {
  const { list, id } = change;
  const requireThat = (holds: boolean) => {
    if (!holds) throw new ConflictError({ partition, list, id });
  };
  const etag = `${connection}-${(++writes).toString(36)}`;
  switch (change.op) {
    case 'create':
      requireThat(sql.create.run(partition, list, id, change.order, etag, change.value).changes === 1);
      return etag;
    case 'replace':
      requireThat(sql.replace.run(etag, change.value, partition, list, id, change.ifMatch ?? null).changes === 1);
      return etag;
    case 'delete': {
      const { changes } = sql.delete.run(partition, list, id, change.ifMatch ?? null);
      requireThat(changes === 1 || change.ifMatch === undefined);
      return '';
    }
    case 'check':
      requireThat(sql.find.get(partition, list, id)?.etag === change.ifMatch);
      return change.ifMatch;
  }
}

function failure(call: number, error: unknown): Answer {
  if (error instanceof ConflictError) return { call, conflict: error.key };
  if (error instanceof UnknownCursorError) return { call, unknownCursor: error.cursor };
  return { call, error: error instanceof Error ? error : new Error(String(error)) };
}
