/** The sandbox over Container Apps dynamic sessions: a session of the pool for each of ours, which the service keeps apart and ends when it is idle. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import {
  SandboxUnavailableError,
  type Sandbox,
  type SandboxFile,
  type TakenFile,
  type WrittenFile,
} from '../../tools/ports';
import { unlessAborted } from '../../unlessAborted';
import { poolClient, PoolError, PoolTimeoutError, type Execution, type PoolClient } from './poolClient';
import {
  beginAnswer,
  DATA_FOLDER,
  doneAnswer,
  endAnswer,
  helperAnswer,
  helperCode,
  SessionDamagedError,
  transferName,
  type HelperRequest,
} from './sessionHelper';
import { imageOf, outputOf } from './sessionOutput';

export interface SessionPoolOptions {
  /** The pool's management endpoint. */
  endpoint: string;
  /** Gives a token for `https://dynamicsessions.io`. */
  token: () => Promise<string>;
  /** Longest time of one piece of code in seconds; the service itself takes up to 220. */
  seconds?: number;
  /** Told what a caller is not. */
  logFault: (message: string, error: unknown) => void;
}

/** Scope of its tokens. */
export const SESSION_POOL_SCOPE = 'https://dynamicsessions.io/.default';

/** Time of the helper's own code. */
const HELPER_SECONDS = 30;
/** Calls that wait for their session; more are refused. */
const MAX_WAITING = 100;
/** Sessions of which is known that code has run in them. */
const MAX_KNOWN = 1000;
/** Names that the service's documentation allows without doubt; others are given one for the way. */
const PLAIN_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;

const LOST =
  '[The Python session was started anew: variables of earlier calls and files that they wrote and did not hand on are gone.]\n';

/**
 * The pool's session is found by a hash of our session's name, which holds tenant and project and an id that nobody guesses; so every instance of this app finds it.
 * Sessions that are idle when this closes are left to the pool, since another instance may go on with them.
 */
export function sessionPoolSandbox(options: SessionPoolOptions): Sandbox {
  return new SessionPoolSandbox(poolClient(options.endpoint, options.token), options);
}

interface Run {
  identifier: string;
  signal?: AbortSignal;
}

interface FilesOfRun {
  files: SandboxFile[];
  taken: TakenFile[];
}

const placeOf = ({ id, name }: { id: string; name: string }): string => JSON.stringify([id, name]);

class SessionPoolSandbox implements Sandbox {
  readonly #used = new Set<string>();
  /** The last call of each session that has one. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #seconds: number;
  #waiting = 0;

  constructor(
    readonly pool: PoolClient,
    readonly options: SessionPoolOptions,
  ) {
    this.#seconds = options.seconds ?? 60;
  }

  run: Sandbox['run'] = async ({ session, code, files, taken = [] }, collect, signal) => {
    const identifier = createHash('sha256').update(session).digest('hex');
    const release = await this.#turn(identifier, signal);
    const either = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    try {
      return await this.#runNow({ identifier, signal: either }, code, { files, taken }, collect);
    } catch (error) {
      // Nobody knows where in its work it is now, or whether it works at all.
      if (this.#closing.signal.aborted || !(error instanceof SandboxUnavailableError)) await this.#end(identifier);
      signal?.throwIfAborted();
      if (error instanceof PoolError || error instanceof PoolTimeoutError || error instanceof SessionDamagedError) {
        throw new SandboxUnavailableError('The code interpreter failed. Try again later.', { cause: error });
      }
      throw error;
    } finally {
      release();
    }
  };

  /** The pool keeps sessions ready; only the token takes a moment. */
  prepare(): void {
    this.options.token().catch((error: unknown) => {
      this.options.logFault('There is no token for the session pool', error);
    });
  }

  async end(session: string): Promise<void> {
    const identifier = createHash('sha256').update(session).digest('hex');
    this.#used.delete(identifier);
    await this.#end(identifier);
  }

  async close(): Promise<void> {
    this.#closing.abort(new SandboxUnavailableError('The sandbox is closed.'));
    await Promise.all(this.#turns.values());
    await this.pool.close();
  }

  async #runNow(run: Run, code: string, files: FilesOfRun, collect: Parameters<Sandbox['run']>[1]): Promise<string> {
    const isFresh = await this.#begin(run, files);
    const lost = isFresh && this.#used.has(run.identifier) ? LOST : '';
    this.#remember(run.identifier);
    const ended = async (why: string): Promise<string> => {
      await this.#end(run.identifier);
      return `${lost}\n[${why}. The state of the session is lost.]\n`;
    };
    let execution: Execution;
    try {
      const { signal } = run;
      execution = await this.pool.execute(run.identifier, code, {
        seconds: this.#seconds,
        isRepeatable: false,
        signal,
      });
    } catch (error) {
      if (error instanceof PoolTimeoutError) {
        return ended(`The code ran longer than ${this.#seconds} seconds, the most that is allowed, and was stopped`);
      }
      if (!(error instanceof PoolError)) throw error;
      this.options.logFault(`A session ended while code ran in it (${run.identifier})`, error);
      return ended(`The Python session ended unexpectedly (${error.message})`);
    }
    const output = lost + outputOf(execution);
    let answer: z.output<typeof endAnswer>;
    try {
      answer = await this.#helper(run, { do: 'end' }, endAnswer);
    } catch (error) {
      if (!(error instanceof SessionDamagedError || error instanceof PoolError)) throw error;
      return output + (await ended(error.message)).slice(lost.length);
    }
    const stage = new Stage(this.pool, run, async (path, as) =>
      this.#helper(run, { do: 'stage', path, as }, doneAnswer),
    );
    const written = answer.written.map((file) => ({ ...file, open: async () => stage.open(file) }));
    const image = imageOf(execution.value, new Set(written.map(({ path }) => path)));
    await collect({ written: image ? [...written, image] : written, more: answer.more });
    if (stage.isUsed) await this.#helper(run, { do: 'unstage' }, doneAnswer);
    return output;
  }

  /** Puts the files in their places; tells whether no code has run in the session. A session that does not answer is ended, and another one begun. */
  async #begin(run: Run, files: FilesOfRun): Promise<boolean> {
    try {
      return await this.#place(run, files);
    } catch (error) {
      if (!(error instanceof SessionDamagedError || error instanceof PoolError)) throw error;
      await this.#end(run.identifier);
      return this.#place(run, files);
    }
  }

  async #place(run: Run, { files, taken }: FilesOfRun): Promise<boolean> {
    const byKey = new Map(files.map((file) => [placeOf(file), file]));
    const named = [...byKey].map(([key, { name, onlyAtStart = false }]) => ({ key, name, onlyAtStart }));
    const gone = taken.map((file) => ({ done: `removed ${file.key}`, name: file.name }));
    const begin = { do: 'begin', files: named, taken: gone } as const;
    const first = await this.#helper(run, { ...begin, uploads: [] }, beginAnswer);
    if (first.missing.length === 0) return first.fresh;
    const token = randomBytes(8).toString('hex');
    const uploads: { key: string; upload: string }[] = [];
    for (const key of first.missing) {
      const file = byKey.get(key);
      if (!file) continue;
      const upload = transferName('upload', token, uploads.length);
      await this.pool.upload(run.identifier, upload, async () => file.open(), run.signal);
      uploads.push({ key, upload });
    }
    const second = await this.#helper(run, { ...begin, uploads }, beginAnswer);
    if (second.missing.length > 0) throw new SessionDamagedError('Files are missing that were put in their places.');
    return first.fresh;
  }

  async #helper<T>({ identifier, signal }: Run, request: HelperRequest, schema: z.ZodType<T>): Promise<T> {
    const mark = `${randomBytes(16).toString('hex')}:`;
    // What puts uploads in their places cannot be done twice.
    const isRepeatable = !(request.do === 'begin' && request.uploads.length > 0);
    const options = { seconds: HELPER_SECONDS, isRepeatable, signal };
    const { stdout, stderr } = await this.pool.execute(identifier, helperCode(request, mark), options);
    return helperAnswer(stdout, stderr, mark, schema);
  }

  /** Ends the session; that it cannot be ended is told to the log, as the pool does it in the end. */
  async #end(identifier: string): Promise<void> {
    try {
      await this.pool.end(identifier);
    } catch (error) {
      this.options.logFault(`A session cannot be ended (${identifier})`, error);
    }
  }

  #remember(identifier: string): void {
    this.#used.delete(identifier);
    this.#used.add(identifier);
    for (const oldest of this.#used) if (this.#used.size > MAX_KNOWN) this.#used.delete(oldest);
  }

  /** Waits until the calls before are over; resolves with what lets the next one go. */
  async #turn(identifier: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    const before = this.#turns.get(identifier);
    if (before && this.#waiting >= MAX_WAITING) {
      throw new SandboxUnavailableError('Too many calls wait for the code interpreter. Try again later.');
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const mine = (before ?? Promise.resolve()).then(async () => promise);
    this.#turns.set(identifier, mine);
    const release = (): void => {
      resolve();
      void mine.then(() => {
        if (this.#turns.get(identifier) === mine) this.#turns.delete(identifier);
      });
    };
    this.#waiting += 1;
    try {
      if (before) await unlessAborted(before, signal);
      this.#closing.signal.throwIfAborted();
      return release;
    } catch (error) {
      release();
      throw error;
    } finally {
      this.#waiting -= 1;
    }
  }
}

/** Gives out files of the session, under names that the service takes. */
class Stage {
  #count = 0;
  readonly #token = randomBytes(8).toString('hex');

  constructor(
    readonly pool: PoolClient,
    readonly run: Run,
    readonly link: (path: string, as: string) => Promise<unknown>,
  ) {}

  get isUsed(): boolean {
    return this.#count > 0;
  }

  async open({ path, bytes }: Pick<WrittenFile, 'path' | 'bytes'>): Promise<Readable> {
    let name = path.slice(DATA_FOLDER.length + 1);
    if (!PLAIN_NAME.test(name)) {
      name = transferName('download', this.#token, this.#count);
      this.#count += 1;
      await this.link(path, name);
    }
    const content = await this.pool.download(this.run.identifier, name);
    return Readable.from(ofLength(content, path, bytes));
  }
}

/** The content as long as it was told to be: what runs on in the session may go on writing. */
async function* ofLength(content: Readable, path: string, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const piece of content) {
    const part = Buffer.from(piece);
    left -= part.length;
    if (left < 0) break;
    yield part;
  }
  if (left !== 0) throw new SandboxUnavailableError(`The file ${path} changed while it was read.`);
}
