/**
 * The thread that owns the durable history's SQLite file. Everything that waits when it becomes free shares one transaction, hence
 * one fsync, and is answered after it, in order.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import {
  guards,
  schema,
  statements,
  type Row,
  type Statement,
  type StatementName,
  type StoreReply,
  type StoreRequest,
} from './historyStatements';

const maxGroup = 1_000;

class HistoryDatabase {
  private readonly database: DatabaseSync;
  private readonly prepared = new Map<StatementName, StatementSync>();

  constructor(file: string) {
    this.database = new DatabaseSync(file);
    // EXCLUSIVE: a second host on the same file must fail, not run every orchestration a second time.
    this.database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;`);
    this.database.exec('BEGIN IMMEDIATE; COMMIT;');
    this.database.exec(schema);
  }

  /** Runs the requests in order, the writes among them in one transaction. */
  runGroup(requests: readonly StoreRequest[]): StoreReply[] {
    if (!requests.some((request) => 'write' in request)) return requests.map((request) => this.runSafely(request));
    try {
      return this.inTransaction(() => requests.map((request) => this.run(request)));
    } catch {
      // One of them is at fault: alone, each succeeds or fails for itself.
      return requests.map((request) => this.runSafely(request));
    }
  }

  close(): void {
    this.database.close();
  }

  private runSafely(request: StoreRequest): StoreReply {
    try {
      return 'write' in request ? this.inTransaction(() => this.run(request)) : this.run(request);
    } catch (error) {
      return { id: request.id, error: error instanceof Error ? error.message : String(error) };
    }
  }

  private run(request: StoreRequest): StoreReply {
    if ('write' in request) return { id: request.id, applied: this.write(request.write) };
    if ('read' in request) return { id: request.id, rows: this.read(request.read) };
    return { id: request.id };
  }

  private write(changes: readonly Statement[]): boolean {
    for (const [index, [name, ...parameters]] of changes.entries()) {
      const { changes: changed } = this.statement(name).run(...parameters);
      if (index === 0 && Number(changed) === 0 && guards.has(name)) return false;
    }
    return true;
  }

  private read([name, ...parameters]: Statement): Row[] {
    return this.statement(name).all(...parameters) as Row[];
  }

  private statement(name: StatementName): StatementSync {
    let statement = this.prepared.get(name);
    if (!statement) {
      statement = this.database.prepare(statements[name]);
      this.prepared.set(name, statement);
    }
    return statement;
  }

  private inTransaction<T>(work: () => T): T {
    this.database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
  }
}

function serve(port: MessagePort, file: string): void {
  const database = new HistoryDatabase(file);
  port.on('message', (first: StoreRequest[]) => {
    const group = [...first];
    while (group.length < maxGroup) {
      const next = receiveMessageOnPort(port);
      if (!next) break;
      group.push(...(next.message as StoreRequest[]));
    }
    const replies = database.runGroup(group);
    const closing = group.some((request) => 'close' in request);
    if (closing) database.close();
    port.postMessage(replies);
    if (closing) port.close();
  });
  port.postMessage([{ id: 0 }]);
}

if (parentPort) serve(parentPort, String(workerData));
