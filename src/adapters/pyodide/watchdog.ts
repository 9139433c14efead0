/**
 * A thread of the sandbox's process, for what the main thread cannot do while code runs: it tells the parent how much memory the process takes, and ends the
 * process when there is no parent any more.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { WATCHDOG_FD } from './descriptors';

const BUSY_INTERVAL_MS = 50;
const IDLE_INTERVAL_MS = 1000;

/** Shared with the main thread: [whether code runs, never changed]. */
const state: unknown = workerData;
if (!(state instanceof Int32Array)) throw new TypeError('The watchdog is handed the state of the main thread.');

for (;;) {
  if (Atomics.load(state, 0) === 0) Atomics.wait(state, 0, 0, IDLE_INTERVAL_MS);
  else Atomics.wait(state, 1, 0, BUSY_INTERVAL_MS);
  try {
    writeSync(WATCHDOG_FD, `${process.memoryUsage.rss()}\n`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EAGAIN') process.kill(process.pid, 'SIGKILL'); // the parent is gone
  }
}
