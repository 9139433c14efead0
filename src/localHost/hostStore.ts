/** What the triggers remember across restarts, in a SQLite file: receipts of blobs and the status of timers. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** How far a blob trigger is with the newest version of a blob. */
export interface BlobReceipt {
  etag: string;
  state: 'pending' | 'done' | 'poison';
  /** Tries begun. */
  tries: number;
  /** Milliseconds since 1970 before which the next try must not begin. */
  nextTry: number;
  /** Message of the last failure. */
  error: string | null;
}

/** The moments of a timer in milliseconds since 1970. */
export interface TimerStatus {
  /** Null before its first run. */
  last: number | null;
  next: number;
  lastUpdated: number;
}

export class HostStore {
  private readonly database: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();

  /** Opens or creates the file and its folder. Throws if it cannot. */
  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.database = new DatabaseSync(file);
    this.database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL; -- a power cut may repeat an invocation, which is at least once anyway
      PRAGMA busy_timeout = 5000;
      CREATE TABLE IF NOT EXISTS blobReceipts (
        functionName TEXT NOT NULL, blob TEXT NOT NULL, etag TEXT NOT NULL, state TEXT NOT NULL,
        tries INTEGER NOT NULL, nextTry INTEGER NOT NULL, error TEXT, PRIMARY KEY (functionName, blob)
      ) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS timers (
        functionName TEXT PRIMARY KEY, last INTEGER, next INTEGER NOT NULL, lastUpdated INTEGER NOT NULL
      ) WITHOUT ROWID;
    `);
  }

  /** `blob` is `container/name`. */
  receipt(functionName: string, blob: string): BlobReceipt | undefined {
    const row = this.statement(
      'SELECT etag, state, tries, nextTry, error FROM blobReceipts WHERE functionName = ? AND blob = ?',
    ).get(functionName, blob);
    return row as BlobReceipt | undefined;
  }

  saveReceipt(functionName: string, blob: string, receipt: BlobReceipt): void {
    this.statement(
      `INSERT INTO blobReceipts (functionName, blob, etag, state, tries, nextTry, error) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET etag = excluded.etag, state = excluded.state, tries = excluded.tries,
         nextTry = excluded.nextTry, error = excluded.error`,
    ).run(functionName, blob, receipt.etag, receipt.state, receipt.tries, receipt.nextTry, receipt.error);
  }

  deleteReceipt(functionName: string, blob: string): void {
    this.statement('DELETE FROM blobReceipts WHERE functionName = ? AND blob = ?').run(functionName, blob);
  }

  countReceipts(functionName: string): number {
    const row = this.statement('SELECT count(*) AS count FROM blobReceipts WHERE functionName = ?').get(functionName);
    return Number(row?.count);
  }

  /** Blobs with a receipt, in order, beginning after that name ('' for the first). */
  blobsWithReceipt(functionName: string, after: string, limit: number): string[] {
    return this.statement('SELECT blob FROM blobReceipts WHERE functionName = ? AND blob > ? ORDER BY blob LIMIT ?')
      .all(functionName, after, limit)
      .map((row) => String(row.blob));
  }

  timer(functionName: string): TimerStatus | undefined {
    const row = this.statement('SELECT last, next, lastUpdated FROM timers WHERE functionName = ?').get(functionName);
    return row as TimerStatus | undefined;
  }

  saveTimer(functionName: string, { last, next, lastUpdated }: TimerStatus): void {
    this.statement(
      `INSERT INTO timers (functionName, last, next, lastUpdated) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET last = excluded.last, next = excluded.next, lastUpdated = excluded.lastUpdated`,
    ).run(functionName, last, next, lastUpdated);
  }

  close(): void {
    this.database.close();
  }

  private statement(sql: string): StatementSync {
    const prepared = this.statements.get(sql) ?? this.database.prepare(sql);
    this.statements.set(sql, prepared);
    return prepared;
  }
}
