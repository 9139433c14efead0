/** The built-in embedding model: English sentence embeddings from weights that come with the package, in worker threads. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ModelError, type EmbeddingModel } from '../models/ports';
import type { WorkerAnswer } from './localEmbeddingsWorker';

/** Length of the model's vectors. */
const DIMENSIONS = 512;
/** Characters that the model takes in whole: it cuts at 128 of its tokens, about 450 characters of English. */
const WHOLE_CHARACTERS = 400;
const WINDOW_CHARACTERS = 250;
/** Characters and texts of one message to a worker, about a quarter of a second of work: a cancelled call waits no longer. */
const BATCH_CHARACTERS = 2_400;
const BATCH_TEXTS = 32;
/** Batches that may wait for a worker; a call has at most as many at once as there are workers. */
const MAX_WAITING = 1_024;

export interface LocalEmbeddingsOptions {
  /** Worker threads at most, each with about 200 MB. Default: one per core, at most 2. */
  workers?: number;
  /** A worker without work ends after this many milliseconds. Default: five minutes. */
  idleMilliseconds?: number;
}

/**
 * The embedding model `local-embeddings-en` (Universal Sentence Encoder Lite), with normalised vectors of 512 dimensions. It needs no
 * network. Workers start with the first texts that need them and keep no process alive.
 *
 * Cost: 0.1 to 0.12 s of one core for a long text. The model takes 128 tokens at a time, so a text beyond 400 characters is embedded as
 * the mean of its first and its last 250 characters: a 300-page PDF in 375 chunks takes 20 to 25 s of two cores. It is weak (on scientific
 * texts full-text search alone beats it by far), hence its high `textWeight`: the vectors only add what words do not find.
 *
 * `embed` throws {@link ModelError} `unavailable` when a worker fails, `rate_limited` when too much waits already; it ends between batches once
 * the signal is aborted. Queries overtake documents. `close` ends the workers; what is not done is rejected.
 */
export function localEmbeddings(options: LocalEmbeddingsOptions = {}): EmbeddingModel & { close(): Promise<void> } {
  const size = options.workers ?? Math.min(availableParallelism(), 2);
  const workers = new EmbeddingWorkers(size, options.idleMilliseconds ?? 300_000);
  return {
    id: 'local-embeddings-en',
    textWeight: 4,
    embed: (texts, kind, signal) => embed(workers, size, texts, kind, signal),
    close: () => workers.close(),
  };
}

type Kind = 'query' | 'document';

async function embed(
  workers: EmbeddingWorkers,
  concurrency: number,
  texts: string[],
  kind: Kind,
  signal?: AbortSignal,
): Promise<Float32Array[]> {
  const windows = texts.flatMap((text, index) => windowsOf(text).map((window) => ({ index, window })));
  // The texts of a batch cost as much as its longest, so those of like length go together.
  const batches = inBatches(windows.sort((a, b) => a.window.length - b.window.length));
  const sums = texts.map(() => new Float32Array(DIMENSIONS));
  async function work(): Promise<void> {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      signal?.throwIfAborted();
      const vectors = await workers.run(
        batch.map(({ window }) => window),
        kind,
        signal,
      );
      batch.forEach(({ index }, at) => add(sums[index], vectors.subarray(at * DIMENSIONS, (at + 1) * DIMENSIONS)));
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work));
  signal?.throwIfAborted();
  return sums.map(normalised);
}

/** What of a text is embedded: all of it, or its beginning and end, cut at words. Never empty, which the model does not take. */
function windowsOf(text: string): string[] {
  // Only the ends count, so a text of megabytes costs no more than a page.
  const ends = text.length > 20_000 ? `${text.slice(0, 10_000)} ${text.slice(-10_000)}` : text;
  const clean = ends.toWellFormed().replace(/\s+/g, ' ').trim();
  if (clean.length <= WHOLE_CHARACTERS) return [clean || ' '];
  const first = clean.slice(0, WINDOW_CHARACTERS).replace(/(?<=.{150}) \S*$/, '');
  const last = clean.slice(-WINDOW_CHARACTERS).replace(/^\S* (?=.{150})/, '');
  return [first, last];
}

function inBatches<T extends { window: string }>(windows: T[]): T[][] {
  const batches: T[][] = [];
  let characters = Infinity;
  for (const each of windows) {
    let batch = batches.at(-1);
    characters += each.window.length;
    if (!batch || characters > BATCH_CHARACTERS || batch.length === BATCH_TEXTS) {
      batches.push((batch = []));
      characters = each.window.length;
    }
    batch.push(each);
  }
  return batches;
}

function add(sum: Float32Array | undefined, vector: Float32Array): void {
  vector.forEach((value, at) => sum && (sum[at] = (sum[at] ?? 0) + value));
}

function normalised(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((value) => value / length) : vector;
}

interface Job {
  texts: string[];
  signal: AbortSignal | undefined;
  resolve(vectors: Float32Array): void;
  reject(error: unknown): void;
}

interface Slot {
  worker: Worker;
  job?: Job;
  idle?: NodeJS.Timeout;
}

/** Worker threads that take one batch at a time each, queries first. */
class EmbeddingWorkers {
  readonly #slots = new Set<Slot>();
  readonly #waiting: Record<Kind, Job[]> = { query: [], document: [] };
  #closed = false;

  constructor(
    readonly size: number,
    readonly idleMilliseconds: number,
  ) {}

  run(texts: string[], kind: Kind, signal?: AbortSignal): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new ModelError('unavailable', 'The built-in embedding model is shut down.');
      if (this.#waiting.query.length + this.#waiting.document.length >= MAX_WAITING) {
        throw new ModelError('rate_limited', 'The built-in embedding model has too much waiting; try again later.');
      }
      this.#waiting[kind].push({ texts, signal, resolve, reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const error = new ModelError('unavailable', 'The built-in embedding model is shut down.');
    for (const jobs of Object.values(this.#waiting)) jobs.splice(0).forEach((job) => job.reject(error));
    await Promise.all([...this.#slots].map(({ worker }) => worker.terminate()));
  }

  #dispatch(): void {
    for (;;) {
      const slot = this.#freeSlot();
      const job = slot && (this.#waiting.query.shift() ?? this.#waiting.document.shift());
      if (!job) return;
      if (job.signal?.aborted) job.reject(job.signal.reason);
      else this.#give(slot, job);
    }
  }

  #freeSlot(): Slot | undefined {
    const free = [...this.#slots].find(({ job }) => !job);
    if (free || this.#slots.size >= this.size) return free;
    return this.#waiting.query.length + this.#waiting.document.length > 0 ? this.#start() : undefined;
  }

  #give(slot: Slot, job: Job): void {
    clearTimeout(slot.idle);
    slot.job = job;
    slot.worker.ref();
    slot.worker.postMessage(job.texts);
  }

  #start(): Slot {
    const slot: Slot = { worker: new Worker(workerFile()) };
    this.#slots.add(slot);
    slot.worker.on('message', (answer: WorkerAnswer) => {
      const job = slot.job;
      slot.job = undefined;
      if ('vectors' in answer) job?.resolve(answer.vectors);
      else job?.reject(new ModelError('unavailable', `The built-in embedding model failed: ${answer.error}`));
      slot.worker.unref();
      slot.idle = setTimeout(() => this.#retire(slot), this.idleMilliseconds).unref();
      this.#dispatch();
    });
    slot.worker.on('error', (cause) => this.#end(slot, cause));
    slot.worker.on('exit', () => this.#end(slot));
    return slot;
  }

  /** Ends an idle worker; from now on it gets no job, though its thread takes a while to end. */
  #retire(slot: Slot): void {
    this.#slots.delete(slot);
    void slot.worker.terminate();
  }

  #end(slot: Slot, cause?: unknown): void {
    this.#slots.delete(slot);
    clearTimeout(slot.idle);
    slot.job?.reject(new ModelError('unavailable', 'A worker of the built-in embedding model ended.', { cause }));
    slot.job = undefined;
    if (!this.#closed) this.#dispatch();
  }
}

/** The compiled worker, also where this file itself runs uncompiled, as in tests. */
function workerFile(): string {
  const folder = __filename.endsWith('.ts') ? join(__dirname, '..', '..', 'dist', 'src', 'adapters') : __dirname;
  return join(folder, 'localEmbeddingsWorker.js');
}
