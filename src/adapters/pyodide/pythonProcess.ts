/** One process that runs Python: started, given files and code, watched, and ended when it takes more than it may. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Socket } from 'node:net';
import { z } from 'zod';
import { DATA_FOLDER } from './cell';
import { ANSWER_FD, WATCHDOG_FD } from './descriptors';
import { dataFrames, FrameParser, messageFrame, type Answer, type Frame } from './frames';
import { permissionFlags } from './permissionFlags';

/** What one process may take. */
export interface ProcessLimits {
  /** Longest time of one piece of code. */
  timeLimitMs: number;
  /** Most memory of the whole process, of which the runtime itself takes about 170. */
  memoryLimitMb: number;
}

/** Memory of the process that Python's own heap cannot have. */
const RUNTIME_MEGABYTES = 192;
const MEGABYTE = 1024 * 1024;
/** Longest time to the start, and between two pieces of a file. */
const STEP_LIMIT_MS = 60_000;
/** What is kept of the errors that the process itself prints. */
const MAX_ERROR_CHARACTERS = 4000;

/** What comes from the process is checked: whoever breaks out of Python must not get further. */
const answerSchema: z.ZodType<Answer> = z.union([
  z.object({ type: z.literal('ready') }),
  z.object({
    type: z.literal('done'),
    written: z.array(z.object({ path: z.string().startsWith(`${DATA_FOLDER}/`), bytes: z.int().min(0) })),
    more: z.boolean(),
  }),
]);

/** The process is over. `message` says why, for whoever reads the output. */
export class PythonEndedError extends Error {
  constructor(
    message: string,
    readonly details = '',
  ) {
    super(message);
    this.name = 'PythonEndedError';
  }
}

export class PythonProcess {
  readonly #child: ChildProcess;
  readonly #requests: Writable;
  readonly #answers: AsyncGenerator<Frame<Answer>>;
  readonly #limits: ProcessLimits;
  readonly exited: Promise<void>;
  #endReason = 'The Python process ended unexpectedly';
  #errors = '';

  private constructor(child: ChildProcess, folder: string, limits: ProcessLimits) {
    this.#child = child;
    this.#limits = limits;
    const answers = child.stdio[ANSWER_FD];
    const watchdog = child.stdio[WATCHDOG_FD];
    if (!(child.stdin && child.stderr && answers instanceof Socket && watchdog instanceof Socket)) {
      throw new TypeError('The process was started without its pipes.');
    }
    // Whoever waits has a timer; processes that nobody waits for do not keep this one alive.
    child.unref();
    for (const stream of child.stdio) if (stream instanceof Socket) stream.unref();
    this.#requests = child.stdin;
    this.#answers = frames(answers);
    // A broken pipe is told by the missing answer.
    for (const stream of [child.stdin, answers, watchdog, child.stderr]) stream.on('error', () => undefined);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-MAX_ERROR_CHARACTERS);
    });
    watchdog.setEncoding('utf8').on('data', (lines: string) => this.#checkMemory(lines));
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#errors += error.message;
        resolve();
      });
      child.once('exit', () => resolve());
    });
    void this.exited.then(async () => rm(folder, { recursive: true, force: true }));
  }

  /** Starts a process in which the wheels can be imported. Rejects with what hindered it. */
  static async start(wheels: { path: string; open(): Readable }[], limits: ProcessLimits): Promise<PythonProcess> {
    const pyodideFile = await realpath(require.resolve('pyodide'));
    const script = await realpath(childFile());
    const flags = permissionFlags([pyodideFile, script].map((file) => dirname(file) + sep));
    const folder = await mkdtemp(join(tmpdir(), 'python-'));
    const wasmMegabytes = Math.max(64, limits.memoryLimitMb - RUNTIME_MEGABYTES);
    const child = spawn(process.execPath, [...flags, script, pyodideFile, String(wasmMegabytes)], {
      cwd: folder,
      env: {},
      stdio: ['pipe', 'ignore', 'pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const python = new PythonProcess(child, folder, limits);
    try {
      for (const { path, open } of wheels) await python.put(path, open());
      await python.#send(messageFrame({ type: 'start' }));
      await python.#within(STEP_LIMIT_MS, 'Python did not start in time', async () => python.#next());
      // It is not needed any more; here nothing is left behind even when this process is killed. Windows keeps it until the end.
      if (process.platform !== 'win32') await rm(folder, { recursive: true, force: true });
      return python;
    } catch (error) {
      python.end('The start of Python failed');
      throw error;
    }
  }

  /** Writes a file into the process. */
  async put(path: string, content: Readable): Promise<void> {
    await this.#send(messageFrame({ type: 'put', path }));
    for await (const piece of content) {
      // The end of the content is the empty piece.
      if (piece.length > 0) for (const frame of dataFrames(Buffer.from(piece))) await this.#send(frame);
    }
    await this.#send(...dataFrames(Buffer.alloc(0)));
  }

  /** Removes a file of the process; one that is not there, or is none, stays as it is. */
  async remove(path: string): Promise<void> {
    await this.#send(messageFrame({ type: 'remove', path }));
  }

  /** Runs code; its output goes to `print` while it comes. Returns the files that it wrote. Throws {@link PythonEndedError}. */
  async run(
    code: string,
    print: (bytes: Buffer) => void,
  ): Promise<{ written: { path: string; bytes: number }[]; more: boolean }> {
    const { timeLimitMs } = this.#limits;
    const late = `The code ran longer than ${timeLimitMs / 1000} seconds, the most that is allowed, and was stopped`;
    return this.#within(timeLimitMs, late, async () => {
      await this.#send(messageFrame({ type: 'run' }), ...dataFrames(Buffer.from(code)));
      if (code !== '') await this.#send(...dataFrames(Buffer.alloc(0)));
      for (;;) {
        const frame = await this.#next();
        if ('data' in frame) print(frame.data);
        else if (frame.message.type === 'done') return frame.message;
      }
    });
  }

  /**
   * The content of a file of that many bytes, to be read to its end before anything else is asked. Kills a process that gives more, since code can make its
   * files endless.
   */
  async *read(path: string, bytes: number): AsyncGenerator<Buffer> {
    let left = bytes;
    await this.#send(messageFrame({ type: 'read', path }));
    for (;;) {
      const frame = await this.#within(STEP_LIMIT_MS, 'Python did not answer in time', async () => this.#next());
      if (!('data' in frame)) throw new PythonEndedError('The Python process gave no file.');
      if (frame.data.length === 0) return;
      left -= frame.data.length;
      if (left < 0) {
        this.end('A file that the code wrote is longer than it says, and the code was stopped');
        throw await this.#ended();
      }
      yield frame.data;
    }
  }

  /** Kills the process; whoever waits for it is told the reason. */
  end(reason: string): void {
    if (this.hasEnded) return;
    this.#endReason = reason;
    this.#child.kill('SIGKILL');
  }

  /** The process has ended, or is being killed. */
  get hasEnded(): boolean {
    const { killed, pid, exitCode, signalCode } = this.#child;
    return killed || pid === undefined || exitCode !== null || signalCode !== null;
  }

  async #send(...frames: Buffer[]): Promise<void> {
    for (const frame of frames) {
      await this.#within(STEP_LIMIT_MS, 'Python did not take its input in time', async () => {
        const error = await new Promise((resolve) => this.#requests.write(frame, resolve));
        if (error) throw await this.#ended();
      });
    }
  }

  async #next(): Promise<Frame<Answer>> {
    const { value, done } = await this.#answers.next();
    if (done) throw await this.#ended();
    return value;
  }

  async #ended(): Promise<PythonEndedError> {
    await this.exited;
    return new PythonEndedError(`${this.#endReason}.`, this.#errors);
  }

  /** Kills the process if the work is not done in time, which ends the work. */
  async #within<T>(milliseconds: number, reason: string, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.end(reason), milliseconds);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  #checkMemory(lines: string): void {
    const { memoryLimitMb } = this.#limits;
    const used = Math.max(...lines.split('\n').map(Number));
    if (used > memoryLimitMb * MEGABYTE) {
      this.end(`The code took more than ${memoryLimitMb} MB of memory, the most that is allowed, and was stopped`);
    }
  }
}

async function* frames(stream: Readable): AsyncGenerator<Frame<Answer>> {
  const parser = new FrameParser((text) => answerSchema.parse(JSON.parse(text)));
  try {
    for await (const bytes of stream) {
      parser.add(bytes);
      for (let frame = parser.next(); frame; frame = parser.next()) yield frame;
    }
  } catch (error) {
    // A pipe that breaks when the process is killed is the end of the answers.
    if (!(stream.errored && error === stream.errored)) throw error;
  }
}

/** The compiled child; tests run the sources, and then it is where the build before them put it. In the deployed bundle its folder lies beside that of the rest. */
function childFile(): string {
  const beside = __filename.endsWith('.ts')
    ? join(__dirname, '..', '..', '..', 'dist', 'src', 'adapters')
    : join(__dirname, '..');
  return join(beside, 'pyodide', 'child.js');
}
