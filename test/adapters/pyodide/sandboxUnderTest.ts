/** Sandboxes that run real Python, and a record of the processes that they start. */
import childProcess, { type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pyodideSandbox, type PyodideOptions } from '../../../src/adapters/pyodide/pyodideSandbox';
import type { Sandbox, SandboxFile } from '../../../src/tools/ports';

export interface SandboxUnderTest {
  sandbox: Sandbox;
  /** Processes in the order of their start. */
  processes: ChildProcess[];
  /** What was told of processes that died. */
  faults: string[];
  /** Runs code; answers its output and what it wrote, as text by path. */
  run(
    code: string,
    options?: { session?: string; files?: SandboxFile[]; signal?: AbortSignal },
  ): Promise<{ output: string; written: Record<string, string>; more: boolean }>;
  close(): Promise<void>;
}

const spawn = childProcess.spawn;

export function sandboxUnderTest(options: Partial<PyodideOptions> = {}): SandboxUnderTest {
  const processes: ChildProcess[] = [];
  const spy = jest.spyOn(childProcess, 'spawn').mockImplementation(((...given: Parameters<typeof spawn>) => {
    const child = spawn(...given);
    processes.push(child);
    return child;
  }) as typeof spawn);
  const faults: string[] = [];
  const sandbox = pyodideSandbox({
    ...options,
    logFault: (message, error) => faults.push(`${message} ${String(error)}`),
  });
  return {
    sandbox,
    processes,
    faults,
    async run(code, { session = 'a', files = [], signal } = {}) {
      const found: Record<string, string> = {};
      let isMore = false;
      const collect: Parameters<Sandbox['run']>[1] = async ({ written, more }) => {
        isMore = more;
        for (const file of written) {
          const content = await text(await file.open());
          expect(Buffer.byteLength(content)).toBe(file.bytes);
          found[file.path] = content;
        }
      };
      const output = await sandbox.run({ session, code, files }, collect, signal);
      return { output, written: found, more: isMore };
    },
    async close() {
      await sandbox.close();
      spy.mockRestore();
    },
  };
}

export function fileOf(id: string, name: string, content: string | Buffer): SandboxFile {
  return { id, name, open: async () => Promise.resolve(Readable.from([Buffer.from(content)])) };
}
