/** Processes under measurement. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Of the compiled files. */
export const DIST = join(__dirname, '..', '..');
export const ROOT = join(DIST, '..');

export interface StartedProcess {
  /** What `pattern` has found in the output. */
  found: string;
  pid: number;
  stop: () => Promise<void>;
}

export interface ProcessOptions {
  script: string;
  /** The first group of its first match in a line of the output. */
  pattern: RegExp;
  env?: Record<string, string>;
  args?: string[];
  /** Of Node itself. */
  execArgv?: string[];
  cwd?: string;
}

/** Starts a Node program; resolves when it has printed what `pattern` looks for. */
export async function startProcess({
  script,
  pattern,
  env = {},
  args = [],
  execArgv = [],
  cwd = ROOT,
}: ProcessOptions): Promise<StartedProcess> {
  const child = spawn(process.execPath, [...execArgv, script, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const found = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = pattern.exec(line)?.[1];
      if (match) resolve(match);
    });
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}.`)));
  });
  return {
    found,
    pid: child.pid ?? 0,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Largest resident memory of a process so far, in MB. */
export const peakMemory = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** Lets the peak begin anew at what is used now. */
export const resetPeakMemory = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

/** Seconds of processor time of a process so far, all threads. */
export function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
