/** What is kept for callers, within bounds. */
import { createHash } from 'node:crypto';

/** A key made of values that may be secret. */
export const hashedKey = (...values: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(values)).digest('base64');

/** A map of bounded size: what was not used for longest goes first. */
export class RecentlyUsed<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #most: number;

  /** @param most Entries that are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The value of the key, made where there is none. What `make` throws is not kept. */
  get(key: string, make: () => Value): Value {
    const value = this.#entries.get(key) ?? make();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) break;
      this.#entries.delete(oldest);
    }
    return value;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

/** Characters, as JSON, of the largest answer that is kept: the answers are of services that callers name, of any size. */
const MAX_KEPT_CHARACTERS = 64 * 1024;

/** Asynchronous values that are kept for a while, one call however many ask; failures are not kept, nor are large ones, which are asked for again. */
export class KeptAnswers<Value> {
  readonly #answers: RecentlyUsed<{ until: number; value: Promise<Value>; isLarge?: boolean }>;
  readonly #milliseconds: number;
  readonly #now: () => number;

  constructor(options: { most: number; milliseconds: number; now: () => number }) {
    this.#answers = new RecentlyUsed(options.most);
    this.#milliseconds = options.milliseconds;
    this.#now = options.now;
  }

  async get(key: string, ask: () => Promise<Value>): Promise<Value> {
    const asked = (): { until: number; value: Promise<Value>; isLarge?: boolean } => ({
      until: this.#now() + this.#milliseconds,
      value: ask(),
    });
    let answer = this.#answers.get(key, asked);
    if (answer.until <= this.#now()) {
      this.#answers.delete(key);
      answer = this.#answers.get(key, asked);
    }
    try {
      const value = await answer.value;
      answer.isLarge ??= (JSON.stringify(value) ?? '').length > MAX_KEPT_CHARACTERS;
      if (answer.isLarge) this.#answers.delete(key);
      return value;
    } catch (error) {
      this.#answers.delete(key);
      throw error;
    }
  }
}
