/** The runs that this process drives: when it ends it hands them over, so that another owner goes on at once and nothing that ends with the process ends a run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { advanceRun, type RunState } from './advanceRun';
import type { AssistantsPorts } from './ports';
import type { RunSink } from './runSink';
import type { RunReference } from './threadRecords';

/** How long a run gets to let go; one that does not loses its lease by time. */
const LET_GO_MILLISECONDS = 3_000;

export interface RunsAtWork {
  /** {@link advanceRun}, until the runs are handed over. */
  advance(reference: RunReference, sink?: RunSink, owner?: string): Promise<RunState | undefined>;
  /** Stops every run where it stands, releases its lease, and has the sweep look at it; takes no other from then on. */
  handOver(): Promise<void>;
}

export function createRunsAtWork(given: AssistantsPorts): RunsAtWork {
  const ending = new AbortController();
  const ports = { ...given, ending: ending.signal };
  const atWork = new Set<Promise<unknown>>();
  return {
    async advance(reference, sink, owner) {
      const work = advanceRun(ports, reference, sink, owner);
      const done = work.catch(() => undefined).finally(() => atWork.delete(done));
      atWork.add(done);
      return work;
    },
    async handOver() {
      ending.abort();
      const late = new AbortController();
      await Promise.race([
        Promise.all(atWork),
        sleep(LET_GO_MILLISECONDS, undefined, { signal: late.signal }).catch(() => undefined),
      ]);
      late.abort();
    },
  };
}
