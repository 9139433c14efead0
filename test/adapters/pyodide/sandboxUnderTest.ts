/** Sandboxes that run real Python, and a record of the processes that they start. */
import childProcess, { type ChildProcess } from 'node:child_process';
import { pyodideSandbox, type PyodideOptions } from '../../../src/adapters/pyodide/pyodideSandbox';
import type { Sandbox } from '../../../src/tools/ports';
import { runIn, type RunCode } from '../../conformance/sandbox';

export interface SandboxUnderTest {
  sandbox: Sandbox;
  /** Processes in the order of their start. */
  processes: ChildProcess[];
  /** What was told of processes that died. */
  faults: string[];
  run: RunCode;
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
    run: runIn(sandbox),
    async close() {
      await sandbox.close();
      spy.mockRestore();
    },
  };
}
