/** Records in one SQLite file. The connection lives in a worker thread (`sqliteWorker.ts`); this side queues, batches and parses. */
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
// Imported, not global: tests that fake the global timers must not stop the store.
import { setImmediate } from 'node:timers';
import { Worker } from 'node:worker_threads';
import { encodeChanges, encodeDueData } from '../storage/encoding';
import {
  ConflictError,
  UnknownCursorError,
  type DueChanges,
  type DueRecord,
  type ListRequest,
  type RecordKey,
  type Records,
  type StoredRecord,
} from '../storage/ports';
import type { Answer, Operations, Request, TextDueChanges, TextDueRecord, TextRecord } from './sqliteWorker';

/** Requests and bytes of JSON that the worker holds at once; whatever is more waits here for room. */
const MAX_SENT = 1000;
const MAX_SENT_BYTES = 32 * 1024 * 1024;

/**
 * Opens the SQLite file, creating it and its folder where absent. A write is on the disk when it resolves. Other processes may have the file
 * open too. Rejects if the file cannot be opened. Once the worker has died, every call rejects with what it died of.
 */
export async function sqliteRecords(file: string): Promise<Records> {
  await mkdir(dirname(resolve(file)), { recursive: true });
  const connection = new Connection(resolve(file));
  await connection.ready;
  return {
    async get<T>({ partition, list, id }: RecordKey) {
      const record = await connection.ask('get', { partition, list, id });
      return record && parseRecord<T>(record);
    },
    async list<T>(partition: string, list: string, page: ListRequest) {
      const { order, limit, after, before } = page;
      const { records, hasMore } = await connection.ask('list', {
        partition,
        list,
        page: { order, limit, after, before },
      });
      return { records: records.map((record) => parseRecord<T>(record)), hasMore };
    },
    async write(partition, changes, due = {}) {
      const { text, bytes } = encodeChanges(changes);
      return connection.ask('write', { partition, changes: text, due: encodeDue(due) }, bytes);
    },
    async deletePartition(partition) {
      while ((await connection.ask('deleteSome', { partition })) > 0);
    },
    partitions: async (prefix, { after, limit }) => connection.ask('partitions', { prefix, after, limit }),
    lists: async (partition, { after, limit }) => connection.ask('lists', { partition, after, limit }),
    async due(until, limit, after) {
      return (await connection.ask('due', { until, limit, after })).map(parseDue);
    },
    async writeDue(changes) {
      await connection.ask('write', { partition: '', changes: [], due: encodeDue(changes) });
    },
    close: async () => connection.close(),
  };
}

interface Call {
  request: Request;
  bytes: number;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** The worker thread, and the calls that wait for it. */
class Connection {
  /** Settles when the file is open or has failed to open. */
  readonly ready: Promise<void>;
  private readonly worker: Worker;
  private readonly exited: Promise<void>;
  private readonly waiting: Call[] = [];
  private readonly sent = new Map<number, Call>();
  private sentBytes = 0;
  private calls = 0;
  private flushIsDue = false;
  private ended: Error | undefined;
  private closing: Promise<void> | undefined;
  private whenIdle: (() => void) | undefined;

  constructor(file: string) {
    this.worker = new Worker(workerFile(), { workerData: file });
    this.ready = new Promise((resolve, reject) => {
      this.worker.once('message', resolve).once('error', reject);
    });
    this.exited = new Promise((resolve) => this.worker.once('exit', () => resolve()));
    this.worker.on('message', (answers: Answer[]) => this.settle(answers));
    this.worker.on('error', (error) => this.end(error));
    this.worker.on('exit', (code) => this.end(new Error(`The storage thread has ended with code ${code}.`)));
  }

  /** Asks the worker; `bytes` is the size of a large request. */
  async ask<Op extends keyof Operations>(
    op: Op,
    given: Operations[Op]['request'],
    bytes = 0,
  ): Promise<Operations[Op]['answer']> {
    if (this.closing) throw new Error('The store is closed.');
    if (this.ended) throw this.ended;
    // The message boundary: the worker answers each operation as Operations says.
    const request = { call: ++this.calls, op, given } as Request;
    return new Promise<Operations[Op]['answer']>((resolve, reject) => {
      this.waiting.push({ request, bytes, resolve, reject });
      this.scheduleFlush();
    });
  }

  /** Closes the file after the calls under way. */
  async close(): Promise<void> {
    this.closing ??= this.closeOnce();
    await this.closing;
  }

  private async closeOnce(): Promise<void> {
    if (this.sent.size + this.waiting.length > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
    if (this.ended) await this.worker.terminate();
    this.worker.ref();
    this.worker.postMessage('close'); // does nothing to a thread that has ended
    await this.exited;
  }

  /** Sends what the calls of this tick ask in one message. */
  private scheduleFlush(): void {
    if (this.flushIsDue) return;
    this.flushIsDue = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.flushIsDue = false;
    if (this.ended) return;
    let count = 0;
    for (const call of this.waiting) {
      if (this.sent.size >= MAX_SENT || this.sentBytes >= MAX_SENT_BYTES) break;
      this.sent.set(call.request.call, call);
      this.sentBytes += call.bytes;
      count++;
    }
    const batch = this.waiting.splice(0, count).map((call) => call.request);
    if (batch.length > 0) this.worker.postMessage(batch);
    this.holdProcess();
  }

  private settle(answers: Answer[]): void {
    for (const answer of answers) {
      const call = this.sent.get(answer.call);
      if (!call) return this.end(new Error(`The storage thread answered call ${answer.call}, which nobody waits for.`));
      this.sent.delete(answer.call);
      this.sentBytes -= call.bytes;
      if ('result' in answer) call.resolve(answer.result);
      else call.reject(toError(answer));
    }
    if (this.waiting.length > 0) this.scheduleFlush();
    this.holdProcess();
  }

  /** Only an unanswered call keeps the process alive. */
  private holdProcess(): void {
    if (this.sent.size + this.waiting.length > 0) return this.worker.ref();
    this.worker.unref();
    this.whenIdle?.();
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const call of [...this.sent.values(), ...this.waiting.splice(0)]) call.reject(this.ended);
    this.sent.clear();
    this.whenIdle?.();
  }
}

/** The compiled worker. Jest compiles in its own process only, so beside a `.ts` file there is none, and the build's is taken. */
function workerFile(): string {
  const folder = __filename.endsWith('.ts') ? join(__dirname, '..', '..', 'dist', 'src', 'adapters') : __dirname;
  return join(folder, 'sqliteWorker.js');
}

function toError(answer: Exclude<Answer, { result: unknown }>): Error {
  if ('conflict' in answer) return new ConflictError(answer.conflict);
  if ('unknownCursor' in answer) return new UnknownCursorError(answer.unknownCursor);
  return answer.error;
}

function encodeDue({ add = [], remove = [] }: DueChanges): TextDueChanges {
  return {
    add: add.map((due) => ({ at: due.at, kind: due.kind, id: due.id, data: encodeDueData(due) })),
    remove: remove.map(({ at, kind, id }) => ({ at, kind, id })),
  };
}

function parseRecord<T>({ id, order, etag, value }: TextRecord): StoredRecord<T> {
  const parsed: T = JSON.parse(value);
  return { id, order, etag, value: parsed };
}

function parseDue({ at, kind, id, data }: TextDueRecord): DueRecord {
  const parsed: DueRecord['data'] = JSON.parse(data);
  return { at, kind, id, data: parsed };
}
