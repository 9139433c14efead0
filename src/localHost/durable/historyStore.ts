/** The durable history as the engine uses it: atomic writes that are on disk when they resolve, and reads that see them. */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Row, SqlValue, Statement, StatementName, StoreReply, StoreRequest } from './historyStatements';

/** A reading or writing of the history failed, or its file is in use. */
export class HistoryStoreError extends Error {}

interface Waiting {
  committed?: () => void;
  resolve(reply: StoreReply): void;
  reject(error: Error): void;
}

type Unsent = { write: readonly Statement[] } | { read: Statement } | { close: true };

export class HistoryStore {
  private nextId = 1;
  private unsent: StoreRequest[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private failure: Error | undefined;

  private constructor(private readonly worker: Worker) {
    worker.on('message', (replies: StoreReply[]) => this.receive(replies));
    worker.on('error', (error) => this.fail(error));
    worker.on('exit', () => this.fail(new HistoryStoreError('The durable history is closed.')));
  }

  /** Opens or creates the file. Throws {@link HistoryStoreError} when another process has it open. */
  static async open(file: string): Promise<HistoryStore> {
    const store = new HistoryStore(new Worker(workerFile(), { workerData: file }));
    try {
      await store.opened();
      return store;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const cause = /locked|busy/i.test(reason)
        ? 'another host has it open; stop that one, or set another DATA_DIR'
        : reason;
      throw new HistoryStoreError(`The durable history ${file} cannot be opened: ${cause}.`, { cause: error });
    }
  }

  /** The worker's first message says that the file is open. */
  private opened(): Promise<StoreReply> {
    return new Promise((resolve, reject) => this.waiting.set(0, { resolve, reject }));
  }

  /**
   * Writes all of the statements or none; on disk when it resolves. False: its guard kept it from happening. `committed` is called
   * when it has happened, for every write in the order of the writes, which continuations of promises would not keep.
   */
  async write(statements: readonly Statement[], committed?: () => void): Promise<boolean> {
    const reply = await this.send({ write: statements }, committed);
    return reply.applied === true;
  }

  /** The rows of a query; sees every write that was sent before it. */
  async read(name: StatementName, ...parameters: SqlValue[]): Promise<Row[]> {
    const reply = await this.send({ read: [name, ...parameters] });
    return reply.rows ?? [];
  }

  /** Closes the file after everything that was sent before. */
  async close(): Promise<void> {
    if (this.failure) return;
    const exit = new Promise<void>((resolve) => this.worker.once('exit', () => resolve()));
    await this.send({ close: true });
    await exit;
  }

  private send(request: Unsent, committed?: () => void): Promise<StoreReply> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { committed, resolve, reject });
      // What arises in one turn of the event loop travels in one message.
      if (this.unsent.length === 0) setImmediate(() => this.flush());
      this.unsent.push({ id, ...request });
    });
  }

  private flush(): void {
    this.worker.postMessage(this.unsent);
    this.unsent = [];
  }

  private receive(replies: readonly StoreReply[]): void {
    for (const reply of replies) {
      const waiting = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      if (reply.applied) waiting?.committed?.();
      if (reply.error === undefined) waiting?.resolve(reply);
      else waiting?.reject(new HistoryStoreError(`The durable history could not be read or written: ${reply.error}`));
    }
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.waiting.values()) reject(this.failure);
    this.waiting.clear();
  }
}

/** A worker thread loads JavaScript: when this file runs as TypeScript (under jest), the compiled worker beside it in dist. */
function workerFile(): string {
  if (!__filename.endsWith('.ts')) return path.join(__dirname, 'historyWorker.js');
  return path.resolve(__dirname, '../../../dist/src/localHost/durable/historyWorker.js');
}
