/**
 * The end of the process: what it drives stops where it stands and lets its leases go, so that another owner goes on at once, and nothing that ends with the process
 * becomes the outcome of its work.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** How long work gets to let go; what does not loses its lease by time. */
const LET_GO_MILLISECONDS = 3_000;

export class HandOver {
  readonly #ending = new AbortController();
  readonly #atWork = new Set<Promise<unknown>>();

  /** Aborts when the process ends; for the ports of those who take leases. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** The work, which the end waits for. */
  async track<T>(work: Promise<T>): Promise<T> {
    const done = work.catch(() => undefined).finally(() => this.#atWork.delete(done));
    this.#atWork.add(done);
    return work;
  }

  /** Ends what is at work, and waits until it has let go, three seconds at most. */
  async end(): Promise<void> {
    this.#ending.abort();
    const late = new AbortController();
    const waited = sleep(LET_GO_MILLISECONDS, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#atWork), waited]);
    late.abort();
  }
}
