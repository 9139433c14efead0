/** The sandbox over processes that run Python in WebAssembly: one a session, and one more that waits for the next. */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { SandboxUnavailableError, type Sandbox } from '../../tools/ports';
import { unlessAborted } from '../../unlessAborted';
import { DATA_FOLDER, WHEEL_FOLDER } from './cell';
import { PythonEndedError, PythonProcess, type ProcessLimits } from './pythonProcess';

export interface PyodideOptions extends ProcessLimits {
  /** Folder with wheels that code may import from; absent: the standard library alone. */
  packageDir?: string;
  /** Most sessions that live at once. */
  sessions: number;
  /** One process more is started ahead, and waits for the next session. */
  startsAhead: boolean;
  /** How long a session, or the waiting process, stays without work, in milliseconds. */
  idleMs: number;
  /** Told why a process died that nobody ended. */
  logFault: (message: string, error: unknown) => void;
}

const defaults: PyodideOptions = {
  timeLimitMs: 60_000,
  memoryLimitMb: 512,
  sessions: 4,
  startsAhead: true,
  idleMs: 10 * 60_000,
  logFault: (message, error) => console.error(message, error),
};

/** Calls that wait for a session; more are refused. */
const MAX_WAITING = 100;
/** Sessions whose loss is remembered until their next call. */
const MAX_LOST = 1000;
/** Most output of one call; the process itself keeps to less. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

const LOST =
  '[The Python session was started anew: variables of earlier calls and files that they wrote and did not hand on are gone.]\n';

interface Session {
  python: Promise<PythonProcess>;
  busy: boolean;
  /** Code has run in it: there is a state to lose. */
  used: boolean;
  /** Names of the files that are there, by id and name. */
  placed: Map<string, string>;
  /** Removals that are done. */
  taken: Set<string>;
  idle?: NodeJS.Timeout;
}

/** Processes start on demand, and do not keep this process alive when idle. See {@link Sandbox}. */
export function pyodideSandbox(options: Partial<PyodideOptions> = {}): Sandbox {
  return new PyodideSandbox({ ...defaults, ...options });
}

class PyodideSandbox implements Sandbox {
  /** Least recently used first. */
  readonly #sessions = new Map<string, Session>();
  readonly #lost = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #next: { python: Promise<PythonProcess>; idle: NodeJS.Timeout } | undefined;
  #closed = false;

  constructor(readonly options: PyodideOptions) {}

  run: Sandbox['run'] = async ({ session: name, code, files, taken = [] }, collect, signal) => {
    const session = await this.#take(name, signal);
    const output = new Output();
    if (this.#lost.delete(name)) output.add(LOST);
    let python: PythonProcess | undefined;
    const abort = (): void => python?.end('The call was cancelled');
    signal?.addEventListener('abort', abort);
    try {
      python = await unlessAborted(session.python, signal);
      for (const { key, name } of taken) {
        if (session.taken.has(key)) continue;
        await python.remove(`${DATA_FOLDER}/${name}`);
        session.taken.add(key);
        for (const [place, placed] of session.placed) if (placed === name) session.placed.delete(place);
      }
      for (const { id, name, open, onlyAtStart = false } of files) {
        const key = placeOf(id, name);
        if (session.placed.has(key) || (onlyAtStart && session.used)) continue;
        await python.put(`${DATA_FOLDER}/${name}`, await open());
        session.placed.set(key, name);
      }
      session.used = true;
      const { written, more } = await python.run(code, (bytes) => {
        if (!output.add(bytes)) python?.end('The code printed too much, and was stopped');
      });
      await collect({ written: written.map((file) => ({ ...file, open: opener(python, file) })), more });
    } catch (error) {
      // Nobody knows where in its work it is now.
      python?.end('The call failed');
      signal?.throwIfAborted();
      if (!(python && error instanceof PythonEndedError)) throw error;
      if (error.details) this.options.logFault(`${error.message} (session ${name})`, error.details);
      output.add(`\n[${error.message} The state of the session is lost.]\n`);
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#release(name, session, python);
    }
    return output.text();
  };

  prepare(): void {
    if (this.#next || this.#closed || !this.options.startsAhead) return;
    const python = this.#start();
    const idle = setTimeout(() => {
      this.#next = undefined;
      void endProcess(python);
    }, this.options.idleMs).unref();
    this.#next = { python, idle };
    const gone = (): void => {
      clearTimeout(idle);
      if (this.#next?.python === python) this.#next = undefined;
    };
    python.then(
      async ({ exited }) => exited.then(gone),
      (error: unknown) => {
        gone();
        this.options.logFault('Python cannot be started', error);
      },
    );
  }

  async end(name: string): Promise<void> {
    const session = this.#sessions.get(name);
    if (session) this.#forget(name, session);
    this.#lost.delete(name);
    if (session) await endProcess(session.python);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#sessions.values()].map(({ python }) => python);
    if (this.#next) all.push(this.#next.python);
    this.#next = undefined;
    for (const [name, session] of this.#sessions) this.#forget(name, session);
    await Promise.all(all.map(endProcess));
  }

  /** The session of that name, or a new one; waits until it is free and there is a place for it. */
  async #take(name: string, signal?: AbortSignal): Promise<Session> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#closed) throw new SandboxUnavailableError('The sandbox is closed.');
      const known = this.#sessions.get(name);
      if (known && !known.busy) return this.#use(name, known);
      if (!known && (this.#sessions.size < this.options.sessions || this.#endOldest())) {
        const session = {
          python: this.#takeNext(),
          busy: false,
          used: false,
          placed: new Map<string, string>(),
          taken: new Set<string>(),
        };
        void this.#forgetWhenItDies(name, session);
        return this.#use(name, session);
      }
      await this.#turn(signal);
    }
  }

  #use(name: string, session: Session): Session {
    clearTimeout(session.idle);
    session.busy = true;
    this.#sessions.delete(name); // to the end of the order
    this.#sessions.set(name, session);
    return session;
  }

  #release(name: string, session: Session, python: PythonProcess | undefined): void {
    session.busy = false;
    if (!python || python.hasEnded) this.#forget(name, session);
    else session.idle = setTimeout(() => this.#forget(name, session), this.options.idleMs).unref();
    for (const wake of this.#waiting) wake();
  }

  /** Ends the session, and remembers that it was there. */
  #forget(name: string, session: Session): void {
    clearTimeout(session.idle);
    if (this.#sessions.get(name) !== session) return;
    this.#sessions.delete(name);
    if (session.used) this.#lost.add(name);
    for (const oldest of this.#lost) if (this.#lost.size > MAX_LOST) this.#lost.delete(oldest);
    void endProcess(session.python);
  }

  async #forgetWhenItDies(name: string, session: Session): Promise<void> {
    const python = await session.python.catch(() => undefined); // told by whoever runs code
    await python?.exited;
    if (!session.busy) this.#forget(name, session);
  }

  #endOldest(): boolean {
    const oldest = [...this.#sessions].find(([, { busy }]) => !busy);
    if (oldest) this.#forget(...oldest);
    return oldest !== undefined;
  }

  async #turn(signal?: AbortSignal): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new SandboxUnavailableError('Too many calls wait for the code interpreter. Try again later.');
    }
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  /** The process that waits, or else a new one; another begins to wait when this one has started. */
  #takeNext(): Promise<PythonProcess> {
    const python = this.#next?.python ?? this.#start();
    clearTimeout(this.#next?.idle);
    this.#next = undefined;
    void python.then(
      () => this.prepare(),
      () => undefined, // told by whoever runs code
    );
    return python;
  }

  async #start(): Promise<PythonProcess> {
    const { packageDir } = this.options;
    try {
      const names = packageDir === undefined ? [] : await readdir(packageDir);
      const wheels = names
        .filter((name) => name.endsWith('.whl'))
        .map((name) => ({
          path: `${WHEEL_FOLDER}/${name}`,
          open: () => createReadStream(join(packageDir ?? '', name)),
        }));
      return await PythonProcess.start(wheels, this.options);
    } catch (error) {
      if (error instanceof SandboxUnavailableError) throw error;
      throw new SandboxUnavailableError('The code interpreter cannot be started.', { cause: error });
    }
  }
}

const placeOf = (id: string, name: string): string => JSON.stringify([id, name]);

/** What the code printed, as it came. */
class Output {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** False when it is too much. */
  add(piece: Buffer | string): boolean {
    this.#pieces.push(Buffer.from(piece));
    this.#bytes += piece.length;
    return this.#bytes <= MAX_OUTPUT_BYTES;
  }

  text(): string {
    return Buffer.concat(this.#pieces).toString();
  }
}

function opener(
  python: PythonProcess | undefined,
  { path, bytes }: { path: string; bytes: number },
): () => Promise<Readable> {
  return async () => Readable.from(python?.read(path, bytes) ?? []);
}

async function endProcess(starting: Promise<PythonProcess>): Promise<void> {
  const python = await starting.catch(() => undefined); // there is nothing to end then
  python?.end('The session was ended');
  await python?.exited;
}
