/**
 * Preloaded into a host under measurement: counts what the host asks its two storage threads to do. At SIGUSR2 it writes the counts to the file
 * that BENCH_COUNTS names.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

export interface StorageCounts {
  /** Atomic writes of records. */
  recordWrites: number;
  /** Atomic writes of the durable history. */
  historyWrites: number;
  /** Events that were added to the histories of runs' orchestrations. */
  historyEvents: number;
}

const counts: StorageCounts = { recordWrites: 0, historyWrites: 0, historyEvents: 0 };

/** What the records' thread (`op`) and the history's (`write`) are asked. */
interface Asked {
  op?: string;
  write?: unknown[][];
}

function count({ op, write }: Asked): void {
  if (op === 'write') counts.recordWrites += 1;
  if (!write) return;
  counts.historyWrites += 1;
  for (const [statement, instance, , events] of write)
    if (statement === 'addHistory' && String(instance).startsWith('run_'))
      counts.historyEvents += (JSON.parse(String(events)) as unknown[]).length;
}

const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (this: Worker, message: unknown, ...rest) {
  if (Array.isArray(message)) for (const asked of message as Asked[]) count(asked);
  post.call(this, message, ...rest);
};

const file = process.env.BENCH_COUNTS;
process.on('SIGUSR2', () => {
  if (!file) return;
  // Whole or not at all: the other side waits for the file.
  writeFileSync(`${file}.new`, JSON.stringify(counts));
  renameSync(`${file}.new`, file);
});
