/** Threads that read documents, each under a time and a memory limit. */
import { Worker } from 'node:worker_threads';
import { DocumentError, type DocumentSection } from '../../retrieval/ports';
import { MEGABYTE } from './limits';
import type { DocumentFile } from './readDocument';
import type { DocumentAnswer } from './worker';

/** What one document may take, and how many are read at once. */
export interface ThreadLimits {
  threads: number;
  /** Longest time of one document. */
  timeLimitMs: number;
  /** Most memory of one thread, once for its JavaScript values and once for buffers. */
  memoryLimitMb: number;
  /** How long a thread without work stays. */
  idleMs: number;
}

/** Time between two looks at how much a thread's buffers take. */
const MEMORY_CHECK_MS = 100;

/** Threads begin on demand, end after a while without work, and do not keep the process alive when idle. */
export class DocumentThreads {
  #idle = new Map<DocumentThread, NodeJS.Timeout>();
  #busy = new Set<DocumentThread>();
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor(
    readonly workerFile: string,
    readonly limits: ThreadLimits,
  ) {}

  /** Runs `work` when one of the places is free; those who wait come in the order they asked. */
  async withPlace<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.limits.threads) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#taken += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#taken -= 1;
    }
  }

  /**
   * Reads a document in a thread, to be called inside {@link withPlace}. Throws {@link DocumentError}, also when the document takes more than
   * the limits; rejects with the signal's reason when aborted. The thread has let go of the file by then.
   */
  async read(file: DocumentFile, signal?: AbortSignal): Promise<DocumentSection[]> {
    const thread = this.#take();
    this.#busy.add(thread);
    try {
      const answer = await thread.ask(file, signal);
      this.#rest(thread);
      if ('sections' in answer) return answer.sections;
      const { code, message, cause } = answer.failure;
      throw new DocumentError(code, message, { cause });
    } finally {
      this.#busy.delete(thread);
      if (!this.#idle.has(thread)) await thread.end();
    }
  }

  /** Ends all threads; documents being read fail. */
  async close(): Promise<void> {
    const idle = [...this.#idle.keys()];
    for (const thread of idle) this.#wake(thread);
    await Promise.all([...idle, ...this.#busy].map((thread) => thread.end()));
  }

  #take(): DocumentThread {
    for (const thread of this.#idle.keys()) {
      this.#wake(thread);
      if (!thread.hasEnded) return thread;
    }
    return new DocumentThread(this.workerFile, this.limits);
  }

  #rest(thread: DocumentThread): void {
    const end = (): void => {
      this.#idle.delete(thread);
      void thread.end();
    };
    this.#idle.set(thread, setTimeout(end, this.limits.idleMs).unref());
  }

  #wake(thread: DocumentThread): void {
    clearTimeout(this.#idle.get(thread));
    this.#idle.delete(thread);
  }
}

/** One thread; it keeps the process alive only while it reads. */
class DocumentThread {
  hasEnded = false;
  #worker: Worker;
  #settle: { resolve(answer: DocumentAnswer): void; reject(error: unknown): void } | undefined;

  constructor(
    workerFile: string,
    readonly limits: ThreadLimits,
  ) {
    const resourceLimits = { maxOldGenerationSizeMb: limits.memoryLimitMb };
    // A document needs nothing of the environment, where keys are.
    this.#worker = new Worker(workerFile, { name: 'documents', resourceLimits, env: {} });
    this.#worker.on('message', (answer: DocumentAnswer) => this.#settle?.resolve(answer));
    this.#worker.on('error', (error) => this.#died(error));
    this.#worker.on('exit', () => this.#died());
  }

  async ask(file: DocumentFile, signal?: AbortSignal): Promise<DocumentAnswer> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<DocumentAnswer>();
    const { timeLimitMs } = this.limits;
    const late = `Reading the file took longer than ${timeLimitMs / 1000} seconds, the most that is allowed.`;
    const timer = setTimeout(() => reject(new DocumentError('invalid_file', late)), timeLimitMs);
    const memoryTimer = setInterval(() => void this.#checkBuffers(reject), MEMORY_CHECK_MS);
    const aborted = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', aborted);
    this.#settle = { resolve, reject };
    this.#worker.ref();
    this.#worker.postMessage(file);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      clearInterval(memoryTimer);
      signal?.removeEventListener('abort', aborted);
      this.#settle = undefined;
      this.#worker.unref();
    }
  }

  async end(): Promise<void> {
    this.hasEnded = true;
    await this.#worker.terminate();
  }

  /** Buffers lie outside the memory that Node.js limits: a stream of a PDF may unpack to any size. Before 22.16 Node.js does not tell them, and time alone is the limit. */
  async #checkBuffers(reject: (error: unknown) => void): Promise<void> {
    if (!('getHeapStatistics' in this.#worker)) return;
    const statistics = await this.#worker.getHeapStatistics().catch(() => undefined); // the thread has ended
    if (statistics && statistics.external_memory > this.limits.memoryLimitMb * MEGABYTE) reject(this.#tooMuchMemory());
  }

  #died(cause?: Error & { code?: string }): void {
    this.hasEnded = true;
    const stopped = 'Reading the file failed: its reader stopped unexpectedly.';
    const isMemory = cause?.code === 'ERR_WORKER_OUT_OF_MEMORY';
    this.#settle?.reject(isMemory ? this.#tooMuchMemory(cause) : new DocumentError('invalid_file', stopped, { cause }));
  }

  #tooMuchMemory(cause?: Error): DocumentError {
    const message = `Reading the file takes more than ${this.limits.memoryLimitMb} MB of memory, the most that is allowed.`;
    return new DocumentError('invalid_file', message, { cause });
  }
}
