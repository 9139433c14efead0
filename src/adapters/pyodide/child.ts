/**
 * The sandbox's process: Python in WebAssembly, which gets files and code from its parent and answers with output and files. It works in plain synchronous
 * steps, so that nothing else happens while code runs.
 */
import fs from 'node:fs';
import { randomFillSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';
import { Worker } from 'node:worker_threads';
import type * as Pyodide from 'pyodide';
import { cellRunner, DATA_FOLDER, WHEEL_FOLDER } from './cell';
import { ANSWER_FD } from './descriptors';
import { dataFrames, FrameParser, messageFrame, type Frame, type Request } from './frames';
import { lockDown } from './lockdown';
import { changedFiles, fileStates, type FileSystem } from './writtenFiles';

/** Output of one piece of code that is handed on; of what follows only the end is kept, in bytes. */
const MAX_OUTPUT_BYTES = 1024 * 1024;
const OUTPUT_TAIL_BYTES = 16 * 1024;
/** Bytes read or written at once. */
const PIECE_BYTES = 64 * 1024;

// Taken hold of before `lockDown`, which leaves nobody else a way to files.
const { constants, readSync, writeSync } = fs;
/** `process.exit()` by what it ends in: it itself calls what `lockDown` takes away. */
const end: (code: number) => never = Reflect.get(process, 'reallyExit').bind(process);

const [, , pyodideFile = '', wasmMegabytes = ''] = process.argv;

const parser = new FrameParser<Request>((text) => JSON.parse(text));
const input = Buffer.alloc(PIECE_BYTES);

/** The next frame; ends the process when the parent has closed the way in. */
function nextFrame(): Frame<Request> {
  for (;;) {
    const frame = parser.next();
    if (frame) return frame;
    const size = readInput();
    if (size === 0) end(0);
    parser.add(Buffer.from(input.subarray(0, size)));
  }
}

function readInput(): number {
  try {
    return readSync(0, input);
  } catch (error) {
    // Windows tells the end of a pipe so.
    if (error instanceof Error && 'code' in error && error.code === 'EOF') return 0;
    throw error;
  }
}

function answer(...frames: Buffer[]): void {
  for (const frame of frames) {
    for (let start = 0; start < frame.length;) start += writeSync(ANSWER_FD, frame, start);
  }
}

/** Hands output on as it comes, so that what was printed before the process is killed is known. */
class Output {
  #sent = 0;
  #kept = 0;
  #cut = 0;
  #tail: Uint8Array[] = [];

  write = (bytes: Uint8Array): number => {
    const now = bytes.subarray(0, Math.max(0, MAX_OUTPUT_BYTES - this.#sent));
    if (now.length > 0) answer(...dataFrames(now));
    this.#sent += now.length;
    if (now.length < bytes.length) {
      this.#tail.push(bytes.slice(now.length)); // a copy: the memory is Python's
      this.#kept += bytes.length - now.length;
      if (this.#kept > 64 * OUTPUT_TAIL_BYTES) this.#cutTail();
    }
    return bytes.length;
  };

  end(): void {
    this.#cutTail();
    if (this.#cut > 0) answer(...dataFrames(Buffer.from(`\n[${this.#cut} bytes of output are left out here.]\n`)));
    for (const piece of this.#tail) if (piece.length > 0) answer(...dataFrames(piece));
    [this.#sent, this.#kept, this.#cut, this.#tail] = [0, 0, 0, []];
  }

  #cutTail(): void {
    const all = Buffer.concat(this.#tail);
    this.#tail = [all.subarray(-OUTPUT_TAIL_BYTES)];
    this.#cut += all.length - Math.min(all.length, OUTPUT_TAIL_BYTES);
    this.#kept = Math.min(all.length, OUTPUT_TAIL_BYTES);
  }
}

/** Python's memory cannot grow beyond this: it gets a MemoryError, and its state survives. */
function limitWasmMemory(megabytes: number): void {
  const pageBytes = 64 * 1024;
  const { prototype } = Reflect.get(globalThis, 'WebAssembly').Memory;
  const grow = prototype.grow;
  prototype.grow = function (pages: number): number {
    if (this.buffer.byteLength + pages * pageBytes > megabytes * 1024 * 1024) throw new RangeError('No more memory.');
    return grow.call(this, pages);
  };
}

/** Whether code runs, for the watchdog. */
const state = new Int32Array(new SharedArrayBuffer(8));

function setBusy(busy: boolean): void {
  Atomics.store(state, 0, Number(busy));
  Atomics.notify(state, 0);
}

async function startWatchdog(): Promise<void> {
  const worker = new Worker(join(__dirname, 'watchdog.js'), { workerData: state });
  await new Promise((resolve, reject) => worker.once('online', resolve).once('error', reject));
}

function nextMessage(): Request {
  const frame = nextFrame();
  if ('data' in frame) throw new Error('Content came without a message before it.');
  return frame.message;
}

/** The content that follows a message. */
function* content(): Generator<Buffer> {
  for (;;) {
    const frame = nextFrame();
    if (!('data' in frame)) throw new Error('A message came within content.');
    if (frame.data.length === 0) return;
    yield frame.data;
  }
}

/** Takes the files that Python needs from the start, then takes away what the process no longer needs. */
function start(files: FileSystem, pyodide: Pyodide.PyodideAPI): (source: string) => void {
  for (let request = nextMessage(); request.type !== 'start'; request = nextMessage()) {
    if (request.type === 'put') putFile(files, request.path);
  }
  const runCell: (source: string) => void = pyodide.runPython(cellRunner, { globals: pyodide.toPy({}) });
  randomFillSync(new Uint8Array(1)); // loads what Python's random numbers come from
  lockDown([...Object.values(pyodide.ffi), Object.getPrototypeOf(runCell)]);
  return runCell;
}

function putFile(files: FileSystem, path: string): void {
  files.mkdirTree(posix.dirname(path));
  const stream = files.open(path, 'w');
  for (const piece of content()) files.write(stream, piece, 0, piece.length);
  files.close(stream);
}

function removeFile(files: FileSystem, path: string): void {
  // Code may have removed it, or made a folder of that name.
  if (files.analyzePath(path, true).exists && !files.isDir(files.lstat(path).mode)) files.unlink(path);
}

function readFile(files: FileSystem, path: string): void {
  const stream = files.open(path, 'r');
  const buffer = new Uint8Array(PIECE_BYTES);
  for (let size = -1; size !== 0;) {
    size = files.read(stream, buffer, 0, buffer.length);
    answer(...dataFrames(buffer.subarray(0, size)));
  }
  files.close(stream);
}

/** File times are in milliseconds: what code writes is later than what was there. */
function waitForNextMillisecond(): void {
  for (const now = Date.now(); Date.now() === now;);
}

async function main(): Promise<void> {
  await startWatchdog();
  limitWasmMemory(Number(wasmMegabytes));
  // The permission model refuses process.binding(); Pyodide takes these constants from it and nothing else.
  Object.defineProperty(process, 'binding', { value: () => ({ fs: constants }), configurable: true, writable: true });
  const { loadPyodide }: typeof Pyodide = createRequire(__filename)(pyodideFile);
  const output = new Output();
  const pyodide = await loadPyodide({
    jsglobals: Object.create(null),
    env: { HOME: '/home/sandbox', USER: 'sandbox', LOGNAME: 'sandbox', LANG: 'C.UTF-8' },
    stdin: () => null,
    stdout: () => undefined,
    stderr: () => undefined,
    _sysExecutable: '/usr/bin/python',
  });
  pyodide.setStdin({ stdin: () => null });
  pyodide.setStdout({ write: output.write });
  pyodide.setStderr({ write: output.write });
  const files: FileSystem = pyodide.FS;
  files.mkdirTree(WHEEL_FOLDER);
  files.mkdirTree(DATA_FOLDER);
  const { PythonError } = pyodide.ffi; // cannot be had any more once Pyodide has failed
  const runCell = start(files, pyodide);
  answer(messageFrame({ type: 'ready' }));
  for (;;) {
    const request = nextMessage();
    if (request.type === 'put') {
      putFile(files, request.path);
    } else if (request.type === 'read') {
      readFile(files, request.path);
    } else if (request.type === 'remove') {
      removeFile(files, request.path);
    } else if (request.type === 'run') {
      setBusy(true);
      const code = Buffer.concat([...content()]).toString();
      const before = fileStates(files, DATA_FOLDER);
      waitForNextMillisecond();
      try {
        runCell(code);
      } catch (error) {
        // Code can break what tells of its exceptions.
        if (!(error instanceof PythonError)) throw error;
        output.write(Buffer.from(error.message));
      }
      output.end();
      const after = fileStates(files, DATA_FOLDER);
      answer(messageFrame({ type: 'done', ...changedFiles(before, after) }));
      setBusy(false);
    }
  }
}

main().catch((error: unknown) => {
  writeSync(2, String(error instanceof Error ? error.stack : error));
  end(1);
});
